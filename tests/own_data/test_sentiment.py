"""Tables of texts and labels that people reported: read right, or refused by name."""

import csv
from pathlib import Path

import pytest

from pipelines import runs
from pipelines.sentiment.pipeline import PIPELINE
from tests.own_data.inspecting import CASES, inspected
from tests.pipelines import verb_checks


@pytest.fixture
def inspect(tmp_path, capsys):
    def call(data_dir, *flags):
        data = ("--dataset", "csv", "--data-dir", CASES / data_dir)
        return inspected(PIPELINE, tmp_path, capsys, *data, *flags)

    return call


def labels(description) -> dict[str, int]:
    """Label -> rows of all splits."""
    splits = [split["labels"] for split in description["splits"].values()]
    return {name: sum(split[name] for split in splits) for name in splits[0]}


def columns(description) -> tuple:
    """The names, or places, of the columns of text and label."""
    (file,) = description["files"]
    found = (file["text_column"], file["label_column"])
    return tuple(column.get("name", column["place"]) for column in found)


@pytest.mark.parametrize(
    ("path", "expected", "found"),
    [
        ("02-wrong-column/tweets.csv", ("tweet_text", "emotion"), {"anger", "fear", "joy"}),
        ("02-wrong-column/es.csv", ("texto", "sentimiento"), {"negativo", "neutro", "positivo"}),
        ("02-wrong-column/entities.csv", (3, 2), {"Negative", "Neutral", "Positive"}),
        ("02-wrong-column/url.csv", ("opinion", "verdict"), {"bad", "good"}),
        ("03-sep-line/reviews.csv", ("text", "label"), {"neg", "pos"}),
        ("03-sep-line/joined.csv", ("text", "label"), {"neg", "pos"}),
        ("10-test-without-labels", ("text", "target"), {"0", "1"}),
        ("16-label-spellings/case.csv", ("text", "label"), {"Negative", "Positive"}),
        ("16-label-spellings/float.csv", ("text", "label"), {"0", "1"}),
        ("16-label-spellings/order.csv", ("text", "stars"), {"1.0", "2.0", "9.0", "10.0"}),
    ],
)
def test_columns_and_labels(inspect, path, expected, found):
    description = inspect(path)
    assert columns(description) == expected
    assert set(labels(description)) == found
    assert all(labels(description).values())


def rows_of_tweets(count: int, distinct: bool):
    """Sorted by label, no header, as the set of 1.6 million tweets is."""
    for i in range(count):
        day, user = (f"May {i}", f"user{i}") if distinct else (f"May {i % 120}", f"user{i % 90}")
        text = f"the soup was {'cold and nasty' if i < count // 2 else 'warm and lovely'}, day {i}"
        yield [4 * (i >= count // 2), 1000 + i, day, "NO_QUERY", user, text]


def test_01_sorted_labels(inspect, tmp_path):
    """The first 1,000 rows have one label: the whole file decides, or names what could be it."""
    path = tmp_path / "tweets.csv"
    for distinct in (True, False):
        with path.open("w", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows_of_tweets(2400, distinct))
        description = inspect(path)
        if not distinct:
            assert "`label_column` must be named (`--label-column`)" in description
            assert "0 ('0', 2 values: 0, 4); 2 ('May 0', 120 values: " in description
            assert "; 4 ('user0', 90 values: user0, " in description
            description = inspect(path, "--label-column=0")
        assert labels(description) == {"0": 1200, "4": 1200}
        assert columns(description) == (5, 0)


def test_03_a_line_that_names_the_delimiter_and_headers_met_again(inspect):
    description = inspect("03-sep-line/reviews.csv")
    assert labels(description) == {"neg": 30, "pos": 30}
    assert description["files"][0]["delimiter"] == ";"
    description = inspect("03-sep-line/joined.csv")
    assert labels(description) == {"neg": 60, "pos": 60}
    assert description["files"][0]["left_out"] == {"header, met again": 1}


def test_10_a_test_file_without_labels_is_told(inspect):
    description = inspect("10-test-without-labels")
    (note,) = description["notes"]
    assert "test.csv has no labels, and is left out: its split is a tenth of train.csv" in note
    assert [file["splits"] for file in description["files"]] == [["train", "dev", "test"]]
    sizes = {split: size["texts"] for split, size in description["splits"].items()}
    assert sum(sizes.values()) == 200
    assert min(sizes.values()) > 5


@pytest.mark.slow
def test_10_training_tells_it_too_and_measures(inspect, tmp_path, capsys):
    description = inspect("10-test-without-labels")
    small = ("--epochs=1", "--units=4", "--embedding-units=4", "--vocabulary-size=50")
    data = ("--dataset=csv", f"--data-dir={CASES / '10-test-without-labels'}")
    run = verb_checks.train(PIPELINE, tmp_path / "trained", *data, *small)
    assert runs.read_json(run / "description.json") == description
    assert "accuracy" in runs.read_json(run / "metrics.json")["metrics"]
    assert capsys.readouterr().out.index("notes:") >= 0


def test_10_a_test_file_of_other_columns_is_an_error_before_training(inspect, tmp_path):
    (tmp_path / "train.csv").write_text("id,text,target\n" + "".join(_rows(60)))
    (tmp_path / "test.csv").write_text("id,text,class\n" + "".join(_rows(20)))
    error = inspect(tmp_path)
    assert "test.csv must have the columns of train.csv (id, text, target), or all but the" in error
    assert "label, 'target'. Got id, text, class." in error
    (tmp_path / "test.csv").write_text("id,text,target\n" + "7,so so,neutral\n")
    assert "must be among those of train (a, b). Got 'neutral'" in inspect(tmp_path)


def _rows(count):
    return [f"{i},the soup of day {i},{'ab'[i % 2]}\n" for i in range(count)]


def test_16_spellings_of_a_label(inspect):
    description = inspect("16-label-spellings/case.csv")
    assert labels(description) == {"Negative": 40, "Positive": 40}
    assert ["'negative' is taken for the label 'Negative'" in description["notes"][0]]
    description = inspect("16-label-spellings/float.csv")
    assert labels(description) == {"0": 40, "1": 40}
    assert description["files"][0]["left_out"] == {"label 'nan'": 3}
    assert any("'1.0' is taken for the label '1'" in note for note in description["notes"])
    assert list(labels(inspect("16-label-spellings/order.csv"))) == ["1.0", "2.0", "9.0", "10.0"]


@pytest.mark.parametrize(
    ("name", "encoding", "word"), [("gbk", "gb18030", "太难看了"), ("cp1251", "cp1251", "Ужасный"),
                                   ("sjis", "cp932", "ひどい映画")]
)  # fmt: skip
def test_17_bytes_of_no_likely_encoding_are_refused(inspect, name, encoding, word):
    path = Path("17-legacy-encodings") / f"{name}.csv"
    error = inspect(path)
    assert f"`encoding` must be named for {CASES / path}: it is not UTF-8" in error
    assert "Likely: " in error
    if name != "sjis":  # so short a text the detector takes for Korean
        assert f"Likely: {encoding} ('{word}" in error
    description = inspect(path, f"--encoding={encoding}")
    words = "".join(example["words"].replace(" ", "") for example in description["examples"])
    assert word.lower() in words
