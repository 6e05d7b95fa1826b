"""Text to speech: characters are read, and frames of a spectrogram are written, a few at a step."""

import keras
from keras import ops

from zoo.checks import check_choice, check_integers, check_rates
from zoo.layers.attention_decoder import AttentionDecoder
from zoo.layers.constant_feature import ConstantFeature
from zoo.layers.lecture_layer import CELLS
from zoo.layers.location_attention import LocationSensitiveAttention
from zoo.layers.sentence_encoder import SentenceEncoder
from zoo.model import Model

PAD = 0
END_CELLS = 3  # the last characters, in which the speech may end
GUIDE_WIDTH = 0.2  # g of the guided attention
STOP_WEIGHT = 5.0  # of the one step that is the last, beside those that are not
FILTERS, KERNEL = 8, 15  # of the location-sensitive attention
POSTNET_KERNEL = 5  # frames


@keras.saving.register_keras_serializable(package="unfold")
class Synthesizer(Model):
    """Characters and a voice -> mel frames, linear frames, and when to stop.

        m_j   = [LN([h→_j, h←_j]), V_v]         encoder: LSTMs over [E x_j, 1] in both directions
        p_t   = ReLU(W_2 [ReLU(W_1 [y_t, 1]), 1])      prenet of the last frame that was written
        h¹_t  = LSTM¹([p_t, 1])
        c_t   = Σ_j α_tj m_j                    location-sensitive attention with the query h¹_t
        h²_t  = LSTM²([h¹_t, c_t, 1])
        frames of step t: W_o [h²_t, c_t, 1];  P(this step is the last) = σ(W_s [h²_t, c_t, 1])
        linear = W_l ReLU(K² * ReLU(K¹ * mel))         convolutions over 5 frames each

    V_v is a row for each voice, so that recordings of several voices train one model. A frame holds
    numbers from 0 (silence) to about 1; before the first step stands silence, and so does behind
    the last frame. An `AttentionDecoder` gives h¹, c and h².

    Inputs of `call` (teacher forcing), a dict:
        characters: `<int32>[batch, cells]`; 0 is padding, on the right.
        voice: `<int32>[batch]`, from 0.
        mel: `<float>[batch, time, mels]`, the true frames, time a multiple of `frames`; 0 behind
            the end.
        lengths: `<int32>[batch]`, frames of each row, multiples of `frames`.

    Returns a dict: mel `<float32>[batch, time, mels]`, linear `<float32>[batch, time, bins]`, stop
    `<float32>[batch, steps]` (logits) and alignment α `<float32>[batch, steps, cells]`.

    Sources: Wang et al. (2017, Tacotron: several frames a step, prenet, mel to linear), Shen et al.
    (2018, Tacotron 2: location-sensitive attention, stop), Tachibana, Uenoyama and Aihara (2018,
    guided attention, equation 4).

    Args:
        characters: of the alphabet, padding 0 among them.
        voices: how many.
        mels, bins: features of a mel frame and of a linear one.
        frames: that one step writes.
        units: size of the decoder's h.
        encoder_units: size of h in each direction.
        embedding_units: size of E's rows.
        voice_units: size of V's rows.
        attention_units: size of the attention's hidden layer.
        prenet_units: size of both layers of the prenet.
        postnet_filters: of each convolution.
        advance: characters that the attention goes on by in one step, at most; 0: no such bound.
        cell: "lstm" (the lecture's), "lstm_tanh" (the usual candidate) or "simple_rnn".
        dropout: share of embeddings and states dropped in training, the same at all steps.
        prenet_dropout: share of the prenet's features dropped in training, others at each step.
        frame_dropout: share of the frames before that are dropped whole in training. Both keep the
            decoder from leaning on the frame before, which is its own, and worse, once it speaks.
        guidance: weight of the guided attention in the loss.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        characters: int,
        voices: int = 1,
        mels: int = 40,
        bins: int = 257,
        frames: int = 4,
        units: int = 192,
        encoder_units: int = 96,
        embedding_units: int = 96,
        voice_units: int = 16,
        attention_units: int = 64,
        prenet_units: int = 64,
        postnet_filters: int = 128,
        advance: int = 2,
        cell: str = "lstm",
        dropout: float = 0.0,
        prenet_dropout: float = 0.5,
        frame_dropout: float = 0.5,
        guidance: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_integers(2, characters=characters)
        check_integers(voices=voices, mels=mels, bins=bins, frames=frames, units=units)
        check_integers(encoder_units=encoder_units, embedding_units=embedding_units)
        check_integers(voice_units=voice_units, attention_units=attention_units)
        check_integers(prenet_units=prenet_units, postnet_filters=postnet_filters)
        check_rates(dropout=dropout, prenet_dropout=prenet_dropout, frame_dropout=frame_dropout)
        check_choice("cell", cell, CELLS)
        self.mels, self.bins, self.frames, self.guidance = mels, bins, frames, guidance
        self.widths = (embedding_units, 2 * encoder_units, voice_units, prenet_units, units)
        self.filters = postnet_filters
        self.constant = ConstantFeature(name="constant")
        self.embedding = keras.layers.Embedding(characters, embedding_units, name="embedding")
        self.voice = keras.layers.Embedding(voices, voice_units, name="voice")
        self.encoder = SentenceEncoder(encoder_units, 1, cell, dropout, name="encoder")
        self.memory_norm = keras.layers.LayerNormalization(name="memory_norm")
        looks = LocationSensitiveAttention(
            attention_units, FILTERS, KERNEL, advance, name="attention"
        )
        self.decoder = AttentionDecoder(units, looks, cell, dropout, True, name="decoder")
        self.prenet = [
            keras.layers.Dense(prenet_units, "relu", use_bias=False, name=f"prenet_{i}")
            for i in range(2)
        ]
        self.readout = keras.layers.Dense(frames * mels, use_bias=False, name="readout")
        self.stop = keras.layers.Dense(1, use_bias=False, name="stop")
        self.convolutions = [
            keras.layers.Conv1D(
                postnet_filters, POSTNET_KERNEL, padding="same", activation="relu", name=f"post_{i}"
            )
            for i in range(2)
        ]
        self.linear = keras.layers.Dense(bins, name="linear")
        self.drop = keras.layers.Dropout(dropout, (None, 1, None), name="dropout")
        self.drop_frames = keras.layers.Dropout(
            frame_dropout, (None, None, 1), name="frame_dropout"
        )
        self.drop_prenet = keras.layers.Dropout(prenet_dropout, name="prenet_dropout")

    def build(self, inputs_shape=None):
        embedding, memory, voice, prenet, units = self.widths
        self.embedding.build((None, None))
        self.voice.build((None,))
        self.encoder.build((None, None, embedding))
        self.memory_norm.build((None, None, memory))
        context = memory + voice
        self.decoder.build((None, None, None, prenet), {"cells": (None, None, context)})
        for layer, width in zip(self.prenet, (self.mels, prenet), strict=True):
            layer.build((None, None, width + 1))
        self.readout.build((None, None, units + context + 1))
        self.stop.build((None, None, units + context + 1))
        for layer, width in zip(self.convolutions, (self.mels, self.filters), strict=True):
            layer.build((None, None, width))
        self.linear.build((None, None, self.filters))
        self.built = True

    # Teacher forcing: all steps at once, but for the attention.

    def call(self, inputs, training=False):
        memory = self.read(inputs["characters"], inputs["voice"], training)
        last = inputs["mel"][:, self.frames - 1 :: self.frames]
        before = ops.pad(last[:, :-1], ((0, 0), (1, 0), (0, 0)))
        steps = self._prenet(before, training)[:, None]
        hidden, context, weights = self.decoder(steps, memory, training=training)
        frames, stop = self._write(self.drop(hidden[:, 0], training=training), context[:, 0])
        mel = ops.reshape(frames, (ops.shape(frames)[0], -1, self.mels))
        return {
            "mel": ops.cast(mel, "float32"),
            "linear": self.to_linear(mel, inputs["lengths"]),
            "stop": stop,
            "alignment": ops.cast(weights[:, 0], "float32"),
        }

    def read(self, characters, voice, training=False):
        """The decoder's memory of a text: cells m, keys and mask."""
        mask = ops.not_equal(characters, PAD)
        cells = self.drop(self.embedding(characters), training=training)
        cells, _ = self.encoder(cells, mask=mask, training=training)
        cells = self.drop(self.memory_norm(cells), training=training)
        voices = ops.broadcast_to(
            self.voice(voice)[:, None], (*ops.shape(cells)[:2], self.voice.output_dim)
        )
        return self.decoder.remember(ops.concatenate([cells, voices], axis=-1), mask)

    def to_linear(self, mel, lengths):
        """Linear frames of mel frames; what stands behind a row's end is silence to it, and in it.

        `<float>[batch, time, mels]`, `<int32>[batch]` -> `<float32>[batch, time, bins]`.
        """
        within = ops.arange(ops.shape(mel)[1], dtype="int32") < ops.cast(lengths, "int32")[:, None]
        x = ops.where(within[..., None], mel, 0.0)
        for convolution in self.convolutions:
            x = ops.where(within[..., None], convolution(x), 0.0)
        return ops.where(within[..., None], ops.cast(self.linear(x), "float32"), 0.0)

    def _prenet(self, frames, training=False):
        frames = self.drop_frames(frames, training=training)
        for layer in self.prenet:
            frames = self.drop_prenet(layer(self.constant(frames)), training=training)
        return frames

    def _write(self, hidden, context):
        """Frames of each step `<float>[..., frames * mels]` and stop logits `<float32>[...]`."""
        rows = self.constant(ops.concatenate([hidden, context], axis=-1))
        return self.readout(rows), ops.cast(self.stop(rows)[..., 0], "float32")

    # Free running.

    def speak(self, characters, voice, limits):
        """Frames for texts, until each says that it ends or has as many steps as its limit.

        A row ends with the first step that is more likely the last than not, while its attention is
        on one of the last three characters. Rows do not depend on each other.

        Args:
            characters: `<int32>[batch, cells]`, as `call`'s.
            voice: `<int32>[batch]`.
            limits: `<int32>[batch]`, steps of each row, at most.

        Returns:
            A dict: mel `<float32>[batch, time, mels]` (0 behind the end), lengths `<int32>[batch]`
            in frames, alignment `<float32>[batch, steps, cells]` (0 behind the end) and ended
            `<bool>[batch]`, False where the limit did it.
        """
        memory = self.read(characters, voice)
        batch, cells = ops.shape(characters)[:2]
        limits = ops.cast(limits, "int32")
        most = ops.max(ops.concatenate([limits, ops.zeros((1,), "int32")]))
        ends = ops.sum(ops.cast(characters != PAD, "int32"), axis=1) - END_CELLS
        places = ops.arange(most, dtype="int32")[None, :, None]

        def going_on(step, rows, *_):
            return ops.logical_and(step < most, ops.any(rows["running"]))

        def body(step, rows, frames, alignment, state):
            hidden, context, weights, state = self.decoder.step(
                self._prenet(rows["frame"][:, None]), state, memory
            )
            written, stop = self._write(hidden[:, 0], context[:, 0])
            running = ops.logical_and(rows["running"], step < limits)
            here = ops.logical_and(places == step, running[:, None, None])
            frames = ops.where(here, ops.cast(written, "float32")[:, None], frames)
            alignment = ops.where(here, ops.cast(weights, "float32"), alignment)
            late = ops.cast(ops.argmax(weights[:, 0], axis=-1), "int32") >= ends
            stops = ops.logical_and(running, ops.logical_and(stop > 0, late))
            rows = {
                "frame": written[:, -self.mels :],
                "running": ops.logical_and(running, ops.logical_not(stops)),
                "steps": rows["steps"] + ops.cast(running, "int32"),
                "ended": ops.logical_or(rows["ended"], stops),
            }
            return step + 1, rows, frames, alignment, state

        rows = {
            "frame": ops.zeros((batch, self.mels), self.compute_dtype),
            "running": limits > 0,
            "steps": ops.zeros_like(limits),
            "ended": limits < 0,
        }
        frames = ops.zeros((batch, most, self.frames * self.mels))
        alignment = ops.zeros((batch, most, cells))
        loop = (ops.zeros((), "int32"), rows, frames, alignment, self.decoder.begin(memory))
        _, rows, frames, alignment, _ = ops.while_loop(going_on, body, loop)
        longest = ops.max(ops.concatenate([rows["steps"], ops.zeros((1,), "int32")]))
        return {
            "mel": ops.reshape(frames, (batch, -1, self.mels))[:, : longest * self.frames],
            "lengths": rows["steps"] * self.frames,
            "alignment": alignment[:, :longest],
            "ended": rows["ended"],
        }

    # Training.

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """L1 of mel and of linear, the cross-entropy of the stop, and the guided attention.

        Each is a mean over the real frames (or steps) of a batch. y: linear
        `<float>[batch, time, bins]`, 0 behind the end. The guided attention is
        Σ_j α_tj (1 - exp(-(j / N - t / T)² / 2g²)) of step t of T and character j of N, g = 0.2.
        """
        lengths = ops.cast(x["lengths"], "int32")
        weight = ops.ones_like(lengths) if sample_weight is None else sample_weight
        weight = ops.cast(weight, "float32")[:, None]
        time = ops.arange(ops.shape(x["mel"])[1], dtype="int32")
        real = ops.cast(time < lengths[:, None], "float32") * weight
        step_weight = real[:, :: self.frames]

        def mean(values, weights):
            return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)

        losses = [
            mean(ops.mean(ops.abs(y_pred[name] - ops.cast(truth, "float32")), axis=-1), real)
            for name, truth in (("mel", x["mel"]), ("linear", y))
        ]
        steps = lengths // self.frames
        count = ops.arange(ops.shape(step_weight)[1], dtype="int32")
        last = ops.cast(count == steps[:, None] - 1, "float32")
        entropy = ops.maximum(y_pred["stop"], 0) - y_pred["stop"] * last
        entropy += ops.log1p(ops.exp(-ops.abs(y_pred["stop"])))
        losses.append(mean(entropy, step_weight * (1 + (STOP_WEIGHT - 1) * last)))
        astray = self._astray(x["characters"], steps, y_pred["alignment"])
        losses.append(self.guidance * mean(astray, step_weight))
        return sum(self.losses, sum(losses))

    def _astray(self, characters, steps, alignment):
        """How far from the diagonal each step looks, `<float32>[batch, steps]`."""
        cells = ops.sum(ops.cast(characters != PAD, "float32"), axis=1)
        j = ops.arange(ops.shape(alignment)[2], dtype="float32") / ops.maximum(cells, 1.0)[:, None]
        steps = ops.maximum(ops.cast(steps, "float32"), 1.0)
        t = ops.arange(ops.shape(alignment)[1], dtype="float32") / steps[:, None]
        distance = (j[:, None] - t[:, :, None]) / GUIDE_WIDTH
        return ops.sum(alignment * (1 - ops.exp(-0.5 * ops.square(distance))), axis=-1)
