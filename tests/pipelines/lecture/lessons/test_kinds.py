"""Each application's model sees what its drawing has a path from, and no more."""

import numpy as np
import pytest

from pipelines.lecture.lessons import kinds


def test_a_path_leads_to_the_same_step_and_later_ones():
    steps = (("a", None), ("b", "x"), (None, "y"), ("c", "z"))
    expected = [[True, True, False], [True, True, False], [True, True, True]]
    assert kinds.paths(steps).tolist() == expected


@pytest.mark.parametrize("name", kinds.TYPES)
def test_outputs_depend_on_the_inputs_that_the_drawing_says(name):
    kind = kinds.TYPES[name]
    expected = kinds.paths(kind["steps"])
    depends = kinds.dependence(kind["model"](), kind["inputs"], expected.shape[1])
    np.testing.assert_array_equal(depends, expected)


def test_a_network_that_looks_ahead_would_be_found_out():
    kind = kinds.TYPES["many to many, step by step"]
    model = kind["model"]()

    def backwards(symbols):
        return model(symbols[:, ::-1])[:, ::-1]

    depends = kinds.dependence(backwards, kind["inputs"], 4)
    assert not np.array_equal(depends, kinds.paths(kind["steps"]))


def test_the_lesson_draws_all_types():
    result = kinds.run(kinds.Flags())
    assert [finding.holds for finding in result.findings] == [True]
    page = "".join(result.blocks)
    assert page.count("<svg") == len(kinds.TYPES) == 4
    for application in ("captioning", "sentiment", "translation", "language model"):
        assert application in page
