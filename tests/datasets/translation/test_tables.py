"""Tables of pairs as people have them are read right, or refused by name."""

import logging

import pytest

from datasets.translation import describe, load
from datasets.translation.languages import code_of, language_of

PAIRS = [
    ("We have two dogs.", "Wir haben zwei Hunde."),
    ("Where is the station?", "Wo ist der Bahnhof?"),
    ("I would like a cup of coffee.", "Ich hätte gern eine Tasse Kaffee."),
    ("The weather is nice today.", "Das Wetter ist heute schön."),
]
REVERSED = [(german, english) for english, german in PAIRS]


def read(folder, rows, source="en", target="de"):
    """All pairs of a table, of whichever split."""
    table = folder / "pairs.tsv"
    table.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    records = []
    for split in ("train", "dev", "test"):
        try:
            records += load("pairs", split, table, source=source, target=target)
        except ValueError as error:
            if "must hold a usable pair" not in str(error):  # four pairs are few for three splits
                raise
    return {(r["source"].numpy().decode(), r["target"].numpy().decode()) for r in records}


def numbered(pairs):
    return [(str(1276 + i), s, str(5000 + i), t) for i, (s, t) in enumerate(pairs)]


@pytest.mark.parametrize(
    "rows",
    [
        PAIRS,
        REVERSED,
        numbered(PAIRS),
        [row[:2] + row[3:] for row in numbered(PAIRS)],
        numbered(REVERSED),
        [(s, t, "CC-BY 2.0 (France) Attribution: tatoeba.org #1") for s, t in PAIRS],
        [("eng", s, "deu", t) for s, t in PAIRS],
        [("German", "English"), *REVERSED],
        [("de-DE", "en-US"), *REVERSED],
        [("Deutsch", "Englisch"), *REVERSED],
        [("target", "source"), *REVERSED],
        [("id", "deu", "eng"), *((i, s, t) for i, (s, t) in zip("1234", REVERSED, strict=True))],
        [("id", "sentence", "id", "translation"), *numbered(PAIRS)],
        [(f"{s}", t, "Nous avons deux chiens, et il fait beau aujourd'hui.") for s, t in PAIRS],
    ],
    ids=lambda rows: " ".join(rows[0])[:40],
)
def test_both_columns_are_found(rows, tmp_path):
    assert read(tmp_path, rows) == set(PAIRS)


def test_the_direction_follows_the_sentences_and_not_their_order(tmp_path):
    assert read(tmp_path, REVERSED, source="de", target="en") == set(REVERSED)
    assert read(tmp_path, PAIRS, source="de", target="en") == set(REVERSED)


def test_excel_quotes_are_taken_off(tmp_path):
    quoted = [tuple(f'"{side} ""Now."""' for side in pair) for pair in PAIRS]
    assert read(tmp_path, quoted) == {tuple(f'{side} "Now."' for side in pair) for pair in PAIRS}
    everywhere = [tuple(f'"{side}"' for side in pair) for pair in PAIRS]
    assert read(tmp_path, everywhere) == set(PAIRS)


def test_a_sentence_keeps_its_own_quotes(tmp_path):
    rows = [*PAIRS, ('"Now!" she said.', '"Jetzt!" sagte sie.'), ('"Now."', '"Jetzt."')]
    assert read(tmp_path, rows) == set(rows)


def test_some_quoted_and_some_not_is_an_error(tmp_path):
    rows = [*PAIRS, ('"He said ""now""."', "Er sagte jetzt."), ('"Now!" she said.', "Jetzt!")]
    with pytest.raises(ValueError, match="must be quoted in all fields that begin with"):
        read(tmp_path, rows)


def test_a_header_against_the_sentences_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="must have the columns that its header names"):
        read(tmp_path, [("en", "de"), *REVERSED])


def test_three_columns_in_two_languages_are_an_error(tmp_path):
    rows = [(s, t, t.replace("ist", "war").replace("haben", "hatten")) for s, t in PAIRS]
    with pytest.raises(ValueError, match=r"one column in 'en' and one in 'de'.*3 \(de\)"):
        read(tmp_path, rows)


def test_one_column_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"two columns of sentences between tabs\. Got 1 among"):
        read(tmp_path, [(str(i), s) for i, (s, _) in enumerate(PAIRS)])


def test_aligned_files_with_the_other_language_are_an_error(tmp_path):
    for ending, side in (("en", 1), ("de", 0)):
        text = "".join(pair[side] + "\n" for pair in PAIRS)
        (tmp_path / f"train.{ending}").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="the languages the other way round"):
        load("pairs", "train", tmp_path)


def test_what_cannot_be_told_is_said(tmp_path, caplog):
    rows = [("ba be bi", "bo bu ba"), ("di do du", "de da du")]
    with caplog.at_level(logging.WARNING):
        assert read(tmp_path, rows, source="xx", target="yy") == set(rows)
    assert "column 1 is read as xx and column 2 as yy, by their order" in caplog.text


def test_the_description_says_which_column_is_what_and_why(tmp_path):
    table = tmp_path / "pairs.tsv"
    rows = [(f"{s} {i}", f"{t} {i}") for i in range(40) for s, t in REVERSED]
    table.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    assert describe("pairs", ("train",), table)["tables"]["train"] == {
        "source_column": 2,
        "target_column": 1,
        "columns_told_by": "the sentences' languages",
        "header": False,
        "quoted": False,
    }


def test_codes_and_names_of_languages():
    names = ("de", "de-DE", "de_AT", "deu", "ger", "German", "DEUTSCH", "allemand")
    assert {code_of(name, "de", "fr") for name in names} == {"de"}
    assert code_of("sentence") is None


def test_languages_are_identified_or_not():
    english, german = zip(*PAIRS, strict=True)
    assert language_of(english, ("en", "de")) == "en"
    assert language_of(german, ("en", "de")) == "de"
    french = ["Nous avons deux chiens, et il fait très beau temps aujourd'hui à Paris."] * 5
    assert language_of(french, ("en", "de")) == ""
    assert language_of(["12 34"], ("en", "de")) is None
    assert language_of(english, ("en", "xx")) is None
