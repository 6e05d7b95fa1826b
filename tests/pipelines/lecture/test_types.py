"""Each type of network sees what its drawing has a path from, and no more."""

import numpy as np
import pytest

from pipelines.lecture import types as kinds


@pytest.mark.parametrize("kind", kinds.TYPES, ids=lambda kind: kind.name)
def test_outputs_depend_on_the_inputs_that_the_drawing_says(kind):
    seen = kinds.dependence(kind.build(4), kind.inputs, seed=0)
    np.testing.assert_array_equal(seen, kind.expected)


def test_a_network_that_reads_backwards_would_be_found_out():
    model = kinds.step_by_step(4)
    model.layers[-2].go_backwards = True
    assert not np.array_equal(kinds.dependence(model, 4, seed=0), np.tril(np.ones((4, 4), bool)))


def test_the_lesson_draws_all_types():
    result = kinds.run(kinds.Flags(units=4))
    assert [finding.holds for finding in result.findings] == [True]
    drawn = "".join(result.blocks)
    assert drawn.count("<svg") == len(kinds.TYPES) == 4
    for application in ("captioning", "sentiment", "translation", "language model"):
        assert application in drawn


def test_units_below_one_are_an_error():
    with pytest.raises(ValueError, match=r"`units` must be at least 1. Got 0."):
        kinds.run(kinds.Flags(units=0))
