"""The action recogniser against its equations in NumPy; padding, beliefs, pieces."""

import itertools

import keras
import numpy as np
import pytest

from zoo.layers.lecture_layer import CELLS
from zoo.models.action_recognizer import ActionRecognizer

UNITS, CLASSES, SIZE, JOINTS, FEATURES = 3, 4, 16, 5, 6
LENGTHS = np.array([7, 4, 1])
RNG = np.random.default_rng(0)
KINDS = {"frames": {}, "joints": {"joints": JOINTS}, "features": {"features": FEATURES}}
INPUTS = {
    "frames": RNG.integers(0, 256, (3, 7, SIZE, SIZE, 3)).astype("uint8"),
    "joints": RNG.normal(2, 1, (3, 7, JOINTS, 3)).astype("float32"),
    "features": RNG.normal(size=(3, 7, FEATURES)).astype("float32"),
}
INPUTS = {kind: {kind: clips, "lengths": LENGTHS} for kind, clips in INPUTS.items()}


def build(kind, **options):
    """A recogniser whose weights all differ from each other."""
    options |= KINDS[kind]
    model = ActionRecognizer(CLASSES, size=SIZE, filters=2, units=UNITS, **options)
    model.build()
    rng = np.random.default_rng(5)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.7, size=weight.shape))
    return model


# The equations, one clip and one step at a time, in float64.


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def value(weights, path):
    (found,) = [v for name, v in weights.items() if name.endswith(path)]
    return found


def normed(x, weights, name, axis=-1):
    centred = x - x.mean(axis=axis, keepdims=True)
    x = centred / np.sqrt((centred**2).mean(axis=axis, keepdims=True) + 1e-3)
    return x * value(weights, f"{name}/gamma") + value(weights, f"{name}/beta")


def convolved(image, kernel):
    """A convolution of 4x4 with stride 2 over an image of an even side, padded by 1."""
    side = len(image) // 2
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    out = np.zeros((side, side, kernel.shape[-1]))
    for row, column in itertools.product(range(side), repeat=2):
        patch = padded[2 * row : 2 * row + 4, 2 * column : 2 * column + 4]
        out[row, column] = np.einsum("ijc,ijco->o", patch, kernel)
    return out


def features(weights, clip, kind):
    a = clip = clip.astype("float64")
    if kind == "joints":
        centre = clip[0].mean(axis=0)
        scale = np.sqrt(((clip[0] - centre) ** 2).sum(axis=-1).mean())
        a = (clip - centre) / scale
    elif kind == "frames":
        a = clip / 127.5 - 1
    motion = 8 * np.diff(a, axis=0, prepend=a[:1])
    rows = []
    for frame in np.concatenate([a, motion], axis=-1):
        x = frame
        for stage in range(3 if kind == "frames" else 0):
            x = convolved(x, value(weights, f"convolution_{stage}/kernel"))
            x = np.maximum(normed(x, weights, f"convolution_norm_{stage}", None), 0)
        rows.append(x.ravel() @ value(weights, "projection/kernel"))
    return np.maximum(normed(np.array(rows), weights, "projection_norm"), 0)


def steps(x, weights, name, cell, constant):
    kernel = value(weights, f"{name}/cell/kernel")
    recurrent = value(weights, f"{name}/cell/recurrent_kernel")
    h, C, outputs = np.zeros(UNITS), np.zeros(UNITS), []
    for row in x:
        z = (np.append(row, 1) if constant else row) @ kernel + h @ recurrent
        if cell == "simple_rnn":
            h = np.maximum(z, 0)
        else:
            f, i, c, o = np.split(z, 4)
            C = sigmoid(f) * C + sigmoid(i) * (np.tanh(c) if cell == "lstm_tanh" else sigmoid(c))
            h = sigmoid(o) * np.tanh(C)
        outputs.append(h)
    return np.array(outputs)


def numpy_logits(model, clip, kind, both, cell, layers, pooling, constant):
    weights = {w.path: w.numpy().astype("float64") for w in model.weights}
    x = features(weights, clip, kind)
    for layer in range(layers):
        h = steps(x, weights, f"forwards_{layer}", cell, constant)
        if both:
            back = steps(x[::-1], weights, f"backwards_{layer}", cell, constant)[::-1]
            h = np.concatenate([h, back], axis=1)
        x = normed(h, weights, f"/norm_{layer}")
    p = x.mean(axis=0)
    if pooling == "last":
        p = np.concatenate([x[-1, :UNITS], x[0, UNITS:]])
    return (np.append(p, 1) if constant else p) @ value(weights, "readout/kernel")


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize(
    ("cell", "both", "layers", "pooling", "constant"),
    [
        ("lstm", True, 2, "mean", True),
        ("lstm", False, 2, "last", True),
        ("lstm_tanh", True, 1, "last", False),
        ("simple_rnn", False, 1, "mean", True),
    ],
)
def test_equals_the_equations_and_padding_has_no_part(kind, cell, both, layers, pooling, constant):
    options = {"bidirectional": both, "layers": layers, "constant_feature": constant}
    model = build(kind, cell=cell, pooling=pooling, **options)
    inputs = INPUTS[kind]
    logits = np.asarray(model(inputs))
    beliefs = np.asarray(model.belief(inputs))
    assert logits.shape == (3, CLASSES)
    assert beliefs.shape == (3, 7, CLASSES)
    clips = inputs[kind]
    arguments = (kind, both, cell, layers, pooling, constant)
    for row, length in enumerate(LENGTHS):
        expected = [
            numpy_logits(model, clips[row, : min(seen, length)], *arguments) for seen in range(1, 8)
        ]
        np.testing.assert_allclose(beliefs[row], expected, rtol=1e-3, atol=2e-4)
        np.testing.assert_allclose(logits[row], expected[-1], rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("kind", INPUTS)
def test_a_row_without_frames_is_finite_and_leaves_the_others_alone(kind):
    for both in (True, False):
        model = build(kind, bidirectional=both)
        inputs = INPUTS[kind]
        empty = {**inputs, "lengths": np.array([7, 0, 1])}
        logits = np.asarray(model(empty))
        assert np.isfinite(logits).all()
        np.testing.assert_allclose(logits[[0, 2]], np.asarray(model(inputs))[[0, 2]], atol=1e-5)


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("cuts", [(0, 7), (0, 1, 2, 3, 4, 5, 6, 7), (0, 4, 7)])
def test_pieces_equal_the_beliefs(kind, cell, cuts):
    model = build(kind, cell=cell, bidirectional=False, layers=2)
    clips = INPUTS[kind][kind]
    whole = np.asarray(model.belief({kind: clips, "lengths": np.full(3, 7)}))
    states, pieces = model.start(3), []
    assert [tuple(state.shape[1:]) for state in states] == model.state_sizes()
    for start, end in itertools.pairwise(cuts):
        piece, states = model.stream(clips[:, start:end], states)
        pieces.append(np.asarray(piece))
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, rtol=1e-4, atol=1e-5)


def test_neither_the_place_nor_the_size_of_a_body_counts():
    model = build("joints")
    inputs = INPUTS["joints"]
    moved = {**inputs, "joints": inputs["joints"] * 3 + np.array([5.0, -1.0, 2.0], "float32")}
    np.testing.assert_allclose(model(moved), model(inputs), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("both", [True, False])
def test_learns_an_order_that_no_bag_of_frames_tells(both):
    """The same five poses, forwards or backwards."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(1)
    poses = rng.normal(size=(5, JOINTS, 3))
    joints = np.stack([poses[::step] for step in (1, -1) * 8]).astype("float32")
    joints += 0.05 * rng.normal(size=joints.shape).astype("float32")
    model = ActionRecognizer(2, JOINTS, units=8, bidirectional=both)
    model.build()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss)
    inputs, labels = {"joints": joints, "lengths": np.full(16, 5)}, np.arange(16) % 2
    model.fit(inputs, labels, epochs=40, batch_size=16, verbose=0)
    assert (np.asarray(model(inputs)).argmax(axis=1) == labels).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 1}, "`classes` must be an integer of 2 or more. Got 1"),
        ({"joints": -1}, "`joints` must be an integer of 0 or more. Got -1"),
        ({"joints": 5, "features": 4}, "`features` must be None for joints. Got 4"),
        ({"size": 8}, "`size` must be an integer of 16 or more. Got 8"),
        ({"pooling": "max"}, "`pooling` must be one of"),
        ({"cell": "gru"}, "`cell` must be one of"),
        ({"dropout": 1.0}, "`dropout` must be a number in"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        ActionRecognizer(**{"classes": 3, **options})
