"""Layers over time against equations in NumPy, and piece by piece against the whole."""

import numpy as np
import pytest

from zoo.layers.recurrent_stack import RecurrentStack

BATCH, TIME, FEATURES, UNITS = 2, 6, 3, 4


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(BATCH, TIME, FEATURES)).astype("float32")


def numbers(stack):
    """The same weights at every run, none of them at its start."""
    rng = np.random.default_rng(1)
    stack.set_weights([rng.normal(size=value.shape) / 2 for value in stack.get_weights()])
    return {weight.path.split("/", 1)[-1]: weight.numpy() for weight in stack.weights}


def relu_layer(x, kernel, recurrent_kernel):
    """h_t = ReLU(W_i [x_t, 1] + W_r h_{t-1}) of one sequence."""
    h, states = np.zeros(UNITS), []
    for step in x:
        h = np.maximum(np.append(step, 1) @ kernel + h @ recurrent_kernel, 0)
        states.append(h)
    return np.array(states)


def normalised(x, gamma, beta):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-3) * gamma + beta


def test_two_layers_in_both_directions_follow_the_equations(x):
    stack = RecurrentStack(UNITS, 2, cell="simple_rnn")
    stack(x, mask=np.ones((BATCH, TIME), bool))
    weights = numbers(stack)
    lengths = (TIME, 4)
    mask = np.arange(TIME) < np.array(lengths)[:, None]
    output = stack(x, mask=mask).numpy()
    for row, length in enumerate(lengths):
        h = x[row, :length]
        for layer in range(2):
            there, back = (
                [value for name, value in weights.items() if f"{way}_{layer}" in name]
                for way in ("forwards", "backwards")
            )
            both = [relu_layer(h, *there), relu_layer(h[::-1], *back)[::-1]]
            norm = [value for name, value in weights.items() if f"norm_{layer}" in name]
            h = normalised(np.concatenate(both, axis=-1), *norm)
        np.testing.assert_allclose(output[row, :length], h, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "simple_rnn"])
def test_pieces_give_what_the_whole_gives(x, cell):
    stack = RecurrentStack(UNITS, 2, bidirectional=False, cell=cell)
    stack(x)
    numbers(stack)
    states = [np.zeros((BATCH, *size), "float32") for size in stack.state_sizes]
    pieces = []
    for piece in (x[:, :1], x[:, 1:4], x[:, 4:]):
        output, states = stack.stream(piece, states)
        pieces.append(output.numpy())
    assert [tuple(state.shape[1:]) for state in states] == stack.state_sizes
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), stack(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("argument", "value"), [("units", 0), ("layers", 0), ("cell", "gru"), ("dropout", 1.0)]
)
def test_an_argument_out_of_its_range_is_named(argument, value):
    with pytest.raises(ValueError, match=f"`{argument}`"):
        RecurrentStack(**{"units": UNITS, argument: value})
