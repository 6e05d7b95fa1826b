"""The checks of arguments that all data sets share."""

import pytest

from datasets.arguments import check_choice


def test_a_choice_passes_and_another_names_the_nearest():
    check_choice("split", "dev", ("train", "dev"))
    with pytest.raises(
        ValueError, match=r"`split` must be one of train, dev. Got 'trian'. Did you mean 'train'\?$"
    ):
        check_choice("split", "trian", ("train", "dev"))


def test_what_is_near_to_nothing_gets_no_hint():
    with pytest.raises(ValueError, match=r"Got 7\.$"):
        check_choice("split", 7, ("train", "dev"))
