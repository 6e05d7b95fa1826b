"""The usage examples in docstrings are complete, and give what they say."""

import doctest

import pytest

from tests.zoo.public_classes import public_classes
from zoo import decoding

LAYERS = public_classes("zoo.layers")


def run(examples: str) -> doctest.TestResults:
    """Runs the examples of a docstring as a reader would: with nothing imported before."""
    test = doctest.DocTestParser().get_doctest(examples, {}, "example", None, 0)
    return doctest.DocTestRunner().run(test)


def test_the_walk_sees_the_lectures_layers_and_the_run_sees_a_wrong_answer(capsys):
    assert {"LSTM", "LSTMCell", "SimpleRNN", "SimpleRNNCell"} <= {each.__name__ for each in LAYERS}
    assert run(">>> 1 + 1\n3").failed == 1
    assert "Expected:\n    3" in capsys.readouterr().out


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_a_public_layer_has_an_example_that_holds(layer):
    results = run(layer.__doc__)
    assert results.attempted > 0
    assert f"{layer.__name__}(" in layer.__doc__.partition(">>>")[2]
    assert results.failed == 0


def test_the_example_of_the_searches_holds():
    results = run(decoding.__doc__)
    assert results.attempted > 5
    assert results.failed == 0
