"""Other names, other digits, lower case: on both sides alike, and nowhere else."""

import pytest
import tensorflow as tf

from pipelines.translation.subwords import split_words
from pipelines.translation.variations import Variations

PAIRS = [
    ("We saw the hand of a man.", "Wir sahen die Hand eines Mannes."),
    ("I met Tom in Boston.", "Ich traf Tom in Boston."),
    ("Maria and Tom left.", "Maria und Tom gingen."),
    ("Hand it to Ken.", "Hand es Ken."),
]


def words(text):
    return split_words(tf.constant([text])).to_list()[0]


def text(side):
    return b"".join(side).decode().replace("▁", " ").strip()


def varied(variations, *pairs):
    return [tuple(map(text, variations.vary(*map(words, pair)))) for pair in pairs]


def test_names_are_exchanged_on_both_sides_alike():
    found = varied(Variations(1.0, 0.0, seed=3), *PAIRS * 20)
    assert len({source for source, _ in found}) > 20
    for source, target in found:
        if source.startswith("I met "):
            names = source.removeprefix("I met ").removesuffix(".").split(" in ")
            assert target == f"Ich traf {names[0]} in {names[1]}."
            assert all(name.istitle() for name in names)
    # "Hand" is a word, as "hand" was met in lower case.
    assert {source[:8] for source, target in found if target.startswith("Hand")} == {"Hand it "}


def test_a_name_that_is_inflected_stays():
    pair = ("Tom lost his hat, but Tom laughed.", "Tom verlor Toms Hut, aber Tom lachte.")
    assert varied(Variations(1.0, 0.0, seed=0), *PAIRS, *[pair] * 5)[-5:] == [pair] * 5


def test_digits_are_exchanged_where_both_sides_have_the_same():
    pair = ("In 1987 I paid 250 euros.", "1987 zahlte ich 250 Euro.")
    other = ("It is 2:30.", "Es ist 14.30 Uhr.")
    found = varied(Variations(1.0, 0.0, seed=1), pair, pair, other)
    for source, target in found[:2]:
        digits = "".join(filter(str.isdigit, source))
        assert digits == "".join(filter(str.isdigit, target))
        assert (digits[0], digits[-1]) == ("1", "0")
    assert found[0] != pair
    assert found[2] == other


def test_only_the_source_is_lower_cased():
    (found,) = varied(Variations(0.0, 1.0, seed=0), ("Where is ÖBB, Tom?", "Wo ist die ÖBB, Tom?"))
    assert found == ("where is öbb, tom?", "Wo ist die ÖBB, Tom?")


@pytest.mark.parametrize("shares", [(0.3, 0.2), (0.0, 0.0)])
@pytest.mark.slow
def test_shares_are_kept_and_draws_follow_from_the_seed(shares):
    pairs = [("Tom saw Ken.", "Tom sah Ken.")] * 2000
    found = varied(Variations(*shares, seed=5), *PAIRS, *pairs)[len(PAIRS) :]
    assert found == varied(Variations(*shares, seed=5), *PAIRS, *pairs)[len(PAIRS) :]
    lower = sum(source.islower() for source, _ in found) / len(found)
    others = sum(target != "Tom sah Ken." for _, target in found) / len(found)
    assert lower == pytest.approx(shares[1], abs=0.04)
    assert others == pytest.approx(shares[0], abs=0.06)
