"""A sentence in both directions, layer by layer; its equations in test_translator, its example in
its docstring."""

import numpy as np
import pytest

from zoo.layers.sentence_encoder import SentenceEncoder

UNITS, FEATURES, TIME = 3, 4, 5
LENGTHS = (5, 2, 1)
MASK = np.arange(TIME) < np.array(LENGTHS)[:, None]


@pytest.fixture
def inputs():
    return np.random.default_rng(2).normal(size=(len(LENGTHS), TIME, FEATURES)).astype("float32")


@pytest.mark.parametrize("cell", ["lstm", "simple_rnn"])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_padded_batch_is_each_sentence_alone(inputs, layers, cell):
    encoder = SentenceEncoder(UNITS, layers, cell)
    cells, ends = encoder(inputs, mask=MASK)
    assert cells.shape == (len(LENGTHS), TIME, 2 * UNITS)
    for row, length in enumerate(LENGTHS):
        alone, its_ends = encoder(inputs[row : row + 1, :length])
        np.testing.assert_allclose(cells[row, :length], alone[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(ends[row], its_ends[0], rtol=1e-5, atol=1e-6)
        # The ends are the last state from the left and the first from the right.
        np.testing.assert_allclose(ends[row, :UNITS], cells[row, length - 1, :UNITS], atol=1e-6)
        np.testing.assert_allclose(ends[row, UNITS:], cells[row, 0, UNITS:], atol=1e-6)


def test_between_layers_the_same_features_are_dropped_at_all_steps(inputs):
    encoder = SentenceEncoder(8, layers=2, dropout=0.5)
    encoder(inputs)
    dropped = np.asarray(encoder.drop(np.ones((2, TIME, 16), "float32"), training=True)) == 0
    assert 0 < dropped.mean() < 1
    assert np.all(dropped == dropped[:, :1])
    np.testing.assert_array_equal(encoder(inputs)[0], encoder(inputs)[0])
    assert np.abs(encoder(inputs, training=True)[0] - encoder(inputs)[0]).max() > 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "`units` must be a positive integer. Got 0."),
        ({"layers": 1.5}, "`layers` must be a positive integer. Got 1.5."),
        ({"cell": "gru"}, "`cell` must be one of .* Got 'gru'."),
        ({"dropout": 1}, r"`dropout` must be a number in \[0, 1\). Got 1."),
    ],
    ids=str,
)
def test_arguments_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        SentenceEncoder(**{"units": UNITS, **options})
