"""Speech to characters: frames of sound are read, and at each a character or a blank comes out."""

import keras
from keras import ops

from zoo.checks import check_integers
from zoo.layers.constant_feature import ConstantFeature
from zoo.layers.mean_subtraction import MeanSubtraction
from zoo.layers.recurrent_stack import RecurrentStack
from zoo.model import Model

KERNEL, STRIDE = 5, 2  # frames of a convolution, and between two of its outputs
CONVOLUTIONS = 2
REDUCTION = STRIDE**CONVOLUTIONS  # frames of the input for one of the output


@keras.saving.register_keras_serializable(package="unfold")
class Recognizer(Model):
    """Log-mel frames -> logits of the blank and the characters, for CTC.

        x¹_t = (frame_t - mean) / s                                     MeanSubtraction
        x²   = ReLU(LN(K¹ * x¹)),  x³ = ReLU(LN(K² * x²))       convolutions of stride 2
        h_t  = LSTM→([x_t, 1]),  h'_t = LSTM←([x_t, 1]),  x_t ← LN([h_t, h'_t])    each layer
        ŷ_t  = softmax(W_o [x_t, 1])                        the call gives W_o [x_t, 1]

    with K * x the convolution over time of 5 frames, and LN layer normalisation (Ba et al. 2016).
    Of `bidirectional=False` the way back is left out, and nothing looks ahead: the mean is the
    running one, and an output of a convolution depends on its own and earlier frames. Then `stream`
    reads a recording piece by piece and gives what the call gives for the whole.

    The loss is the mean of -log P(text) over the characters of a batch, in nats a character, by
    `keras.ops.ctc_loss` (Graves et al. 2006). Of a text without a path, with fewer frames than
    characters and repeats, it is infinite: leave those out.

    Args:
        classes: the characters and the blank, which is class 0.
        mels: features of a frame.
        filters: of a convolution.
        units: size of h in each direction.
        layers: recurrent layers.
        bidirectional: whether each layer reads backwards, too.
        cell: "lstm" (the lecture's), "lstm_tanh" (the usual candidate) or "simple_rnn".
        constant_feature: whether the constant 1 ends the input of each recurrent layer and of the
            readout.
        gate_offsets: whether it starts the gates of an LSTM at an offset: see `lecture_layer`.
        dropout: share of the features dropped on the way to each recurrent layer and to the
            readout, the same at all steps.

    Call arguments:
        inputs: `features` `<float>[batch, time, mels]`, time at least 4, and `lengths`
            `<int32>[batch]`, the frames of each row.
        training: whether dropout is on.

    Returns:
        logits `<float32>[batch, time // 4, classes]`; `lengths // 4` of them are a row's.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        classes: int,
        mels: int = 80,
        filters: int = 160,
        units: int = 160,
        layers: int = 2,
        bidirectional: bool = True,
        cell: str = "lstm",
        constant_feature: bool = True,
        gate_offsets: bool = True,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_integers(2, classes=classes)
        check_integers(mels=mels, filters=filters)
        self.classes, self.mels, self.filters = classes, mels, filters
        self.bidirectional = bidirectional
        self.centre = MeanSubtraction(running=not bidirectional, name="centre")
        self.convolutions = [
            keras.layers.Conv1D(filters, KERNEL, STRIDE, use_bias=False, name=f"convolution_{i}")
            for i in range(CONVOLUTIONS)
        ]
        norm = keras.layers.LayerNormalization
        self.convolution_norms = [norm(name=f"convolution_norm_{i}") for i in range(CONVOLUTIONS)]
        self.constant = ConstantFeature() if constant_feature else keras.layers.Identity()
        self.extra = int(constant_feature)
        self.stack = RecurrentStack(
            units,
            layers,
            bidirectional,
            cell,
            constant_feature,
            gate_offsets,
            dropout,
            name="stack",
        )
        self.drop = keras.layers.Dropout(dropout, (None, 1, None), name="dropout")
        self.readout = keras.layers.Dense(classes, use_bias=False, name="readout")

    def build(self, inputs_shape=None):
        self.centre.build((None, None, self.mels))
        width = self.mels
        for convolution, norm in zip(self.convolutions, self.convolution_norms, strict=True):
            convolution.build((None, None, width))
            width = self.filters
            norm.build((None, None, width))
        self.stack.build((None, None, width))
        self.readout.build((None, None, self.stack.width + self.extra))
        self.built = True

    def call(self, inputs, training=False):
        features, lengths = inputs["features"], inputs["lengths"]
        if not self.bidirectional:
            logits, _ = self.stream(features, self.start(ops.shape(features)[0]), training)
            return logits
        lengths = ops.cast(lengths, "int32")
        x = self.centre(features, lengths)
        for convolution, norm in zip(self.convolutions, self.convolution_norms, strict=True):
            # What stands behind the end is silence to the convolution, whatever the batch holds.
            x = ops.where(_mask(x, lengths)[..., None], x, 0.0)
            before = (KERNEL - STRIDE) // 2
            x = ops.pad(x, ((0, 0), (before, KERNEL - STRIDE - before), (0, 0)))
            x = ops.relu(norm(convolution(x)))
            lengths = lengths // STRIDE
        x = self.stack(x, mask=_mask(x, lengths), training=training)
        return self._logits(x, training)

    def _logits(self, x, training):
        x = self.constant(self.drop(x, training=training))
        return ops.cast(self.readout(x), "float32")

    # Piece by piece.

    def state_sizes(self) -> list[tuple[int, ...]]:
        """The shapes of the states of `stream`, without the batch."""
        history = KERNEL - STRIDE
        widths = [self.mels] + [self.filters] * (CONVOLUTIONS - 1)
        histories = [(history, width) for width in widths]
        return [(self.mels,), (1,), *histories, *self.stack.state_sizes]

    def start(self, batch) -> list:
        """The states before the first frame: zeros."""
        return [ops.zeros((batch, *size)) for size in self.state_sizes()]

    def stream(self, features, states, training=False):
        """Goes on from where the piece before ended; `bidirectional=False` only.

        Args:
            features: `<float>[batch, time, mels]`, time a multiple of 4.
            states: from `start`, or from the piece before.

        Returns:
            logits `<float32>[batch, time // 4, classes]`, and the states after the piece.
        """
        sums, frames, *states = states
        x, centre = self.centre(features, state=(sums, frames))
        after = [*centre]
        for convolution, norm in zip(self.convolutions, self.convolution_norms, strict=True):
            x = ops.concatenate([ops.cast(states.pop(0), x.dtype), x], axis=1)
            after.append(x[:, STRIDE - KERNEL :])
            x = ops.relu(norm(convolution(x)))
        x, states = self.stack.stream(x, states, training)
        return self._logits(x, training), [*after, *states]

    # Training.

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """-log P of the characters y `<int32>[batch, characters]`, 0 behind each row's last."""
        lengths = ops.sum(ops.cast(y != 0, "int32"), axis=1)
        frames = ops.maximum(ops.cast(x["lengths"], "int32") // REDUCTION, 1)
        losses = ops.ctc_loss(y, y_pred, lengths, frames)
        characters = ops.cast(lengths, "float32")
        if sample_weight is not None:
            losses, characters = losses * sample_weight, characters * sample_weight
        return sum(self.losses, ops.sum(losses) / ops.maximum(ops.sum(characters), 1.0))


def _mask(x, lengths):
    """`<bool>[batch, time]`: whether a place of x is within its row."""
    return ops.arange(ops.shape(x)[1], dtype="int32") < lengths[:, None]
