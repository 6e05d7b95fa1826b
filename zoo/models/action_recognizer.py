"""Many to one over time: a clip is watched frame by frame, and one action comes out."""

import math

import keras
from keras import ops

from zoo.checks import check, check_choice, check_integers
from zoo.layers.constant_feature import ConstantFeature
from zoo.layers.recurrent_stack import RecurrentStack
from zoo.model import Model

POOLINGS = ("mean", "last")
STAGES = (1, 2, 4)  # filters of the three convolutions, in multiples of `filters`
KERNEL, STRIDE = 4, 2
PACE = 8.0  # factor of the motion, which is small beside the places and the light


@keras.saving.register_keras_serializable(package="unfold")
class ActionRecognizer(Model):
    """A clip of frames, of their features, or of a body's joints -> logits of the actions.

        frames:    a_t = frame_t / 127.5 - 1,  x_t = ReLU(LN(K CNN([a_t, 8 (a_t - a_{t-1})])))
        features:  a_t = features_t,           x_t = ReLU(LN(K [a_t, 8 (a_t - a_{t-1})]))
        joints:    a_t = (joints_t - c) / s,   x_t = ReLU(LN(K [a_t, 8 (a_t - a_{t-1})]))
        h_t  = LSTM→([x_t, 1]),  h'_t = LSTM←([x_t, 1]),  x_t ← LN([h_t, h'_t])     each layer
        p    = (1/length) Σ_t x_t    or    [h_length, h'_1]
        ŷ    = softmax(W_o [p, 1])                       the call gives W_o [p, 1]

    with a_0 = a_1, so that the first frame has no motion; c, the mean of the first frame's joints,
    and s, their root mean square distance to it, so that neither the place nor the size of a body
    counts, and its way through the room does; LN layer normalisation (Ba et al. 2016); CNN three
    convolutions of 4x4 with stride 2, each with LN over all filters and places of the frame, so
    that a strong motion stays stronger than a weak one, and ReLU.

    `belief` gives the answers for the first 1, 2, ... frames of each clip: what the model believes
    as the clip goes on. Of `bidirectional=False` they come from one pass, and `stream` gives them
    piece by piece.

    Args:
        classes: actions.
        joints: of a body; 0: the model watches frames, or their features.
        size: pixels of a frame's side; without a meaning for joints and features.
        filters: of the first convolution; without a meaning for joints and features.
        units: size of h in each direction, and of x.
        layers: recurrent layers.
        bidirectional: whether each layer reads backwards, too.
        pooling: "mean" over time, or "last": the states after the whole clip.
        cell: "lstm" (the lecture's), "lstm_tanh" (the usual candidate) or "simple_rnn".
        constant_feature: whether the constant 1 ends the input of each recurrent layer and of the
            readout.
        gate_offsets: whether it starts the gates of an LSTM at an offset: see `lecture_layer`.
        dropout: share of the features dropped on the way to each recurrent layer and to the
            readout, the same at all steps.
        features: of a frame, from an image encoder outside of the model; None: the model has
            convolutions of its own.

    Call arguments:
        inputs: under `input_name` one of `frames` `<uint8>[batch, time, size, size, 3]`, `features`
            `<float>[batch, time, features]` and `joints` `<float>[batch, time, joints, 3]`; and
            `lengths` `<int32>[batch]`, the frames of each row, which stand on the left.
        training: whether dropout is on.

    Returns:
        logits `<float32>[batch, classes]`; of a row of no frames, those of p = 0.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        classes: int,
        joints: int = 0,
        size: int = 64,
        filters: int = 16,
        units: int = 96,
        layers: int = 1,
        bidirectional: bool = True,
        pooling: str = "mean",
        cell: str = "lstm",
        constant_feature: bool = True,
        gate_offsets: bool = True,
        dropout: float = 0.0,
        features: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_integers(2, classes=classes)
        check_integers(0, joints=joints)
        if features is not None:
            check_integers(features=features)
            check("features", "be None for joints", features, not joints)
        check_integers(16, size=size)
        check_integers(filters=filters, units=units)
        check_choice("pooling", pooling, POOLINGS)
        self.classes, self.joints, self.size, self.units = classes, joints, size, units
        self.bidirectional, self.pooling = bidirectional, pooling
        self.input_name, self.place = "frames", (size, size, 3)  # shape of a frame
        if joints:
            self.input_name, self.place = "joints", (joints, 3)
        if features:
            self.input_name, self.place = "features", (features,)
        norm = keras.layers.LayerNormalization
        stages = () if joints or features else tuple(filters * factor for factor in STAGES)
        self.convolutions = [
            keras.layers.Conv2D(
                count,
                KERNEL,
                STRIDE,
                "same",
                data_format="channels_last",
                use_bias=False,
                name=f"convolution_{i}",
            )
            for i, count in enumerate(stages)
        ]
        self.convolution_norms = [
            keras.layers.GroupNormalization(1, name=f"convolution_norm_{i}")
            for i in range(len(stages))
        ]
        self.stages = stages
        self.projection = keras.layers.Dense(units, use_bias=False, name="projection")
        self.projection_norm = norm(name="projection_norm")
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
        side, channels = self.size, 6
        for convolution, norm, count in zip(
            self.convolutions, self.convolution_norms, self.stages, strict=True
        ):
            convolution.build((None, side, side, channels))
            side, channels = -(-side // STRIDE), count
            norm.build((None, side, side, channels))
        if not self.stages:
            side, channels = 1, 2 * math.prod(self.place)
        self.projection.build((None, None, side * side * channels))
        self.projection_norm.build((None, None, self.units))
        self.stack.build((None, None, self.units))
        self.readout.build((None, self.stack.width + self.extra))
        self.built = True

    def call(self, inputs, training=False):
        x, lengths = self._watch(inputs)
        return self._read(x, lengths, training)

    def belief(self, inputs):
        """The answers for the first 1, 2, ... frames: logits `<float32>[batch, time, classes]`.

        Behind a row's length stands its last answer.
        """
        x, lengths = self._watch(inputs)
        time = ops.shape(x)[1]
        if not self.bidirectional:
            states = self.start(ops.shape(x)[0])[self._own_states :]
            logits, _ = self._stream(x, states)
            return _at(logits, ops.minimum(ops.arange(time)[None], lengths[:, None] - 1))
        # Backwards a clip is read from its end, so each beginning of it is read for itself.
        seen = ops.minimum(ops.arange(1, time + 1)[None], lengths[:, None])
        logits = self._read(ops.repeat(x, time, axis=0), ops.reshape(seen, (-1,)), False)
        return ops.reshape(logits, (-1, time, self.classes))

    # A frame's features.

    def _watch(self, inputs):
        """x `<float>[batch, time, units]` and lengths."""
        lengths = ops.cast(inputs["lengths"], "int32")
        frames = inputs[self.input_name]
        x, _ = self._features(frames, self.start(ops.shape(frames)[0])[: self._own_states])
        return x, lengths

    @property
    def _own_states(self) -> int:
        """How many of the stream's states are of the frames: the count, the last, c and s."""
        return 4 if self.joints else 2

    def _features(self, frames, states):
        """x of frames that follow on `states`, and the states after them."""
        frames = ops.cast(frames, "float32")
        first = states[0] == 0  # [batch, 1]: no frame was before
        states = [*states]
        if self.joints:
            states[2], states[3] = self._anchor(frames[:, 0], first, *states[2:])
            a = (frames - states[2][:, None, None]) / states[3][:, None, None]
        else:
            a = frames / 127.5 - 1 if self.stages else frames
        before = ops.where(_like(first, a[:, 0]), a[:, 0], states[1])
        motion = PACE * (a - ops.concatenate([before[:, None], a[:, :-1]], axis=1))
        states[0], states[1] = states[0] + ops.cast(ops.shape(a)[1], "float32"), a[:, -1]
        x = ops.cast(ops.concatenate([a, motion], axis=-1), self.compute_dtype)
        return ops.relu(self.projection_norm(self.projection(self._flat(x)))), states

    def _anchor(self, joints, first, centre, scale):
        """c `[batch, 3]` and s `[batch, 1]`: of the first frame ever, and kept from then on."""
        mean = ops.mean(joints, axis=1)
        squares = ops.sum(ops.square(joints - mean[:, None]), axis=-1)
        distance = ops.sqrt(ops.mean(squares, axis=1, keepdims=True))
        centre = ops.where(first, mean, centre)
        # A body of no extent, such as padding, stays where it is.
        return centre, ops.where(first, ops.where(distance > 1e-6, distance, 1.0), scale)

    def _flat(self, x):
        """`[batch, time, ...]` -> `[batch, time, features]`, frames through the convolutions."""
        time = ops.shape(x)[1]
        if self.stages:
            x = ops.reshape(x, (-1, self.size, self.size, 6))
            for convolution, norm in zip(self.convolutions, self.convolution_norms, strict=True):
                x = ops.relu(norm(convolution(x)))
        return ops.reshape(x, (-1, time, self.projection.kernel.shape[0]))

    # Over time.

    def _read(self, x, lengths, training):
        """logits `<float32>[batch, classes]` of the first `lengths` steps of x."""
        places = ops.arange(ops.shape(x)[1], dtype="int32")
        mask = places < lengths[:, None]
        x = self.stack(x, mask=mask, training=training)
        p = self.drop(self._pooled(x, mask, lengths)[:, None], training=training)[:, 0]
        return ops.cast(self.readout(self.constant(p)), "float32")

    def _pooled(self, x, mask, lengths):
        some = ops.cast(lengths[:, None] > 0, x.dtype)
        if self.pooling == "mean":
            weights = ops.cast(mask, x.dtype)[..., None]
            return ops.sum(x * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1)
        last = _at(x, ops.maximum(lengths[:, None] - 1, 0))[:, 0]
        if self.bidirectional:
            last = ops.concatenate([last[:, : self.units], x[:, 0, self.units :]], axis=-1)
        return last * some

    # Piece by piece.

    def state_sizes(self) -> list[tuple[int, ...]]:
        """The shapes of the states of `stream`, without the batch."""
        anchor = [(3,), (1,)] if self.joints else []
        return [(1,), self.place, *anchor, (self.units,), (1,), *self.stack.state_sizes]

    def start(self, batch) -> list:
        """The states before the first frame: zeros."""
        return [ops.zeros((batch, *size)) for size in self.state_sizes()]

    def stream(self, frames, states):
        """Goes on from where the piece before ended; `bidirectional=False` only.

        Args:
            frames: as the model is called with, at least one.
            states: from `start`, or from the piece before.

        Returns:
            logits `<float32>[batch, time, classes]` of all frames up to each, and the states.
        """
        own = self._own_states
        x, before = self._features(frames, states[:own])
        logits, after = self._stream(x, states[own:])
        return logits, [*before, *after]

    def _stream(self, x, states):
        sums, count, *states = states
        x, after = self.stack.stream(x, states)
        counts = count[:, None] + ops.arange(1, ops.shape(x)[1] + 1, dtype="float32")[None, :, None]
        sums = sums[:, None] + ops.cumsum(ops.cast(x, "float32"), axis=1)
        p = sums / counts if self.pooling == "mean" else x
        logits = ops.cast(self.readout(self.constant(p)), "float32")
        return logits, [sums[:, -1], counts[:, -1], *after]


def _like(mask, values):
    """A mask `[batch, 1]` with as many dimensions as `values`."""
    return ops.reshape(mask, (-1,) + (1,) * (len(values.shape) - 1))


def _at(values, places):
    """values `[batch, time, features]` at places `<int32>[batch, places]`."""
    return ops.take_along_axis(values, ops.maximum(places, 0)[..., None], axis=1)
