"""The recogniser against its equations in NumPy; padding, pieces, and the loss."""

import itertools

import keras
import numpy as np
import pytest

from zoo.layers.lecture_layer import CELLS
from zoo.models.recognizer import REDUCTION, Recognizer

MELS, FILTERS, UNITS, CLASSES = 5, 4, 3, 4
LENGTHS = np.array([23, 12, 9, 3])
FEATURES = np.random.default_rng(0).normal(-3, 2, (4, 23, MELS)).astype("float32")
INPUTS = {"features": FEATURES, "lengths": LENGTHS}


def build(spread=0.7, **options):
    """A recogniser whose weights all differ from each other."""
    model = Recognizer(CLASSES, MELS, FILTERS, UNITS, **options)
    model.build()
    rng = np.random.default_rng(5)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=spread, size=weight.shape))
    model.centre.set_statistics(rng.normal(size=MELS), np.exp(rng.normal(size=MELS)))
    return model


# The equations, one recording and one step at a time, in float64.


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def named(model):
    return {weight.path: weight.numpy().astype("float64") for weight in model.weights}


def value(weights, path):
    (found,) = [v for name, v in weights.items() if name.endswith(f"{path}")]
    return found


def normed(x, weights, name):
    centred = x - x.mean(axis=-1, keepdims=True)
    x = centred / np.sqrt(centred.var(axis=-1, keepdims=True) + 1e-3)
    return x * value(weights, f"{name}/gamma") + value(weights, f"{name}/beta")


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
    return np.array(outputs).reshape(-1, UNITS)


def numpy_logits(model, x, both, cell, layers, constant):
    weights = named(model)
    x = x.astype("float64")
    mean, scale = value(weights, "centre/mean"), value(weights, "centre/scale")
    counts = np.arange(1, len(x) + 1)[:, None]
    sums = x.cumsum(axis=0)
    if both:
        counts, sums = np.full_like(counts, len(x)), np.broadcast_to(x.sum(axis=0), x.shape)
    x = (x - (100 * mean + sums) / (100 + counts)) / scale
    for layer in range(2):
        kernel = value(weights, f"convolution_{layer}/kernel")  # [5, in, filters]
        padded = np.pad(x, ((1, 2) if both else (3, 0), (0, 0)))
        x = np.array(
            [
                np.einsum("ti,tio->o", padded[start : start + 5], kernel)
                for start in range(0, 2 * (len(x) // 2), 2)
            ]
        ).reshape(-1, FILTERS)
        x = np.maximum(normed(x, weights, f"convolution_norm_{layer}"), 0)
    for layer in range(layers):
        h = steps(x, weights, f"forwards_{layer}", cell, constant)
        if both:
            back = steps(x[::-1], weights, f"backwards_{layer}", cell, constant)[::-1]
            h = np.concatenate([h, back], axis=1)
        x = normed(h, weights, f"/norm_{layer}")
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1) if constant else x
    return x @ value(weights, "readout/kernel")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("both", "layers", "constant"), [(True, 2, True), (False, 2, True), (True, 1, False)]
)
def test_equals_the_equations_and_padding_has_no_part(cell, both, layers, constant):
    options = {"bidirectional": both, "layers": layers, "constant_feature": constant}
    model = build(cell=cell, **options)
    logits = np.asarray(model(INPUTS))
    assert logits.shape == (4, 23 // REDUCTION, CLASSES)
    for row, length in enumerate(LENGTHS):
        expected = numpy_logits(model, FEATURES[row, :length], both, cell, layers, constant)
        assert len(expected) == length // REDUCTION
        np.testing.assert_allclose(logits[row, : len(expected)], expected, rtol=1e-3, atol=1e-4)


# Piece by piece.


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("cuts", [(0, 20), (0, 4, 8, 12, 16, 20), (0, 12, 20)])
def test_pieces_equal_the_whole(cell, cuts):
    model = build(bidirectional=False, cell=cell)
    whole = np.asarray(model({"features": FEATURES[:, :20], "lengths": np.full(4, 20)}))
    states, pieces = model.start(4), []
    assert [tuple(state.shape[1:]) for state in states] == model.state_sizes()
    for start, end in itertools.pairwise(cuts):
        piece, states = model.stream(FEATURES[:, start:end], states)
        pieces.append(np.asarray(piece))
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, rtol=1e-4, atol=1e-5)


def test_one_direction_does_not_look_ahead():
    model = build(bidirectional=False)
    changed = FEATURES.copy()
    changed[:, 12:] = 0
    before, after = (np.asarray(model({**INPUTS, "features": x})) for x in (FEATURES, changed))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert np.abs(before[:, 3:] - after[:, 3:]).max() > 1e-3
    both = build()
    before, after = (np.asarray(both({**INPUTS, "features": x})) for x in (FEATURES, changed))
    assert np.abs(before[:, :2] - after[:, :2]).max() > 1e-3


# The loss.


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def numpy_ctc(logits, labels):
    """-log of the sum over all paths that spell the labels."""
    log_p = log_softmax(logits.astype("float64"))
    total = -np.inf
    for path in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        spelt = [label for label, _ in itertools.groupby(path) if label]
        if spelt == labels:
            total = np.logaddexp(total, sum(log_p[t, label] for t, label in enumerate(path)))
    return -total


def test_the_loss_is_ctcs_a_character():
    model = build()
    logits = np.asarray(model(INPUTS))
    labels = np.array([[1, 1, 2], [3, 0, 0], [2, 1, 0], [0, 0, 0]])
    weights = np.array([1.0, 1.0, 1.0, 0.0], "float32")
    loss = model.compute_loss(INPUTS, labels, keras.ops.convert_to_tensor(logits), weights)
    total = 0.0
    for row, (length, count) in enumerate(zip(LENGTHS[:3], (3, 1, 2), strict=True)):
        total += numpy_ctc(logits[row, : length // REDUCTION], labels[row, :count].tolist())
    assert float(loss) == pytest.approx(total / 6, rel=1e-4)


def test_a_blank_row_leaves_the_gradient_alone():
    tf = pytest.importorskip("tensorflow")
    model = build()
    labels = np.array([[1, 2], [3, 1], [2, 0], [0, 0]])

    def gradients(rows, weights):
        inputs = {"features": FEATURES[:rows], "lengths": np.where(weights, LENGTHS[:rows], 0)}
        with tf.GradientTape() as tape:
            logits = model(inputs, training=True)
            loss = model.compute_loss(inputs, labels[:rows], logits, weights.astype("float32"))
        return tape.gradient(loss, model.trainable_variables)

    three, four = gradients(3, np.ones(3, bool)), gradients(4, np.array([1, 1, 1, 0], bool))
    for one, other in zip(three, four, strict=True):
        assert np.isfinite(other).all()
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_learns_tones_by_heart():
    """Each character is a bump in a band of its own; the frames do not say where."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(1)
    labels = rng.integers(1, CLASSES, (16, 3))
    features = 0.1 * rng.normal(size=(16, 40, MELS)).astype("float32")
    for row, characters in enumerate(labels):
        for place, label in enumerate(characters):
            features[row, 12 * place + 4 : 12 * place + 10, label] += 3
    model = Recognizer(CLASSES, MELS, filters=16, units=16, layers=1)
    model.build()
    model.compile(keras.optimizers.Adam(2e-2))
    inputs = {"features": features, "lengths": np.full(16, 40)}
    losses = model.fit(inputs, labels, epochs=60, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.1 < losses[0] / 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 1}, "`classes` must be an integer of 2 or more. Got 1"),
        ({"units": 0}, "`units` must be a positive integer. Got 0"),
        ({"dropout": 1.0}, "`dropout` must be a number in"),
        ({"cell": "gru"}, "`cell` must be one of"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        Recognizer(**{"classes": 3, **options})
