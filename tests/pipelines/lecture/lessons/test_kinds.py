"""Each application's model sees what its drawing has a path from, and no more."""

import numpy as np
import pytest

from pipelines.lecture.drawing import Step
from pipelines.lecture.lessons import kinds


def test_a_path_leads_to_the_same_step_and_later_ones():
    steps = (Step("a", None), Step("b", "x"), Step(None, "y"), Step("c", "z"))
    expected = [[True, True, False], [True, True, False], [True, True, True]]
    assert kinds.paths(steps).tolist() == expected


@pytest.mark.parametrize("kind", kinds.TYPES, ids=lambda kind: kind.name)
def test_outputs_depend_on_the_inputs_that_the_drawing_says(kind):
    expected = kinds.paths(kind.steps)
    depends = kinds.dependence(kind.build(4), expected.shape[1])
    np.testing.assert_array_equal(depends, expected)


def test_a_network_that_looks_ahead_would_be_found_out():
    network = kinds.language_model(4)
    backwards = network._replace(answers=lambda symbols: network.answers(symbols[::-1])[::-1])
    expected = kinds.paths(kinds.TYPES[-1].steps)
    assert not np.array_equal(kinds.dependence(backwards, 4), expected)


def test_the_lesson_draws_all_types():
    result = kinds.run(kinds.Flags(units=4))
    assert [finding.holds for finding in result.findings] == [True]
    page = "".join(result.blocks)
    assert page.count("<svg") == len(kinds.TYPES) == 4
    for application in ("captioning", "sentiment", "translation", "language model"):
        assert application in page


def test_units_below_one_are_an_error():
    with pytest.raises(ValueError, match=r"`units` must be at least 1. Got 0."):
        kinds.run(kinds.Flags(units=0))
