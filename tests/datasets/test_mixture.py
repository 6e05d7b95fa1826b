"""Names joined by +, and the folder of each source."""

import pytest

from datasets.mixture import folders, parts


def test_a_name_weighs_as_often_as_it_stands():
    assert list(parts("b+a+b", ("a", "b")).items()) == [("b", 2), ("a", 1)]
    assert parts("a", ("a", "b")) == {"a": 1}


@pytest.mark.parametrize("dataset", ["a+c", "a+", "+", ""])
def test_a_name_that_there_is_not_is_an_error_with_the_choices(dataset):
    with pytest.raises(ValueError, match=r"`dataset` must be one of a, b\. Got '"):
        parts(dataset, ("a", "b"))


def test_each_source_is_in_a_folder_of_its_name(tmp_path):
    (tmp_path / "a").mkdir()
    assert folders(["a", "demo"], tmp_path) == {"a": tmp_path / "a", "demo": None}
    assert folders(["demo", "b"], None, without=("demo", "b")) == {"demo": None, "b": None}
    with pytest.raises(ValueError, match=r"one for each source, b/ among them\. .* is no folder"):
        folders(["a", "b"], tmp_path)
    with pytest.raises(ValueError, match=r"one for each source, a/ among them\. Got None"):
        folders(["a"], None)
