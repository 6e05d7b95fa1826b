"""Files of sentence pairs that people reported: read right, or refused by name."""

import shutil

import pytest

from datasets import translation
from pipelines.charlm.client import chunks_of_file
from pipelines.sentiment import pipeline as sentiment
from pipelines.translation import pipeline
from tests.own_data.inspecting import CASES, inspected


@pytest.fixture
def inspect(tmp_path, capsys):
    def call(path, *flags):
        for split in translation.SPLITS:  # a file of so few pairs has none for dev and test
            shutil.copy(CASES / path, tmp_path / f"{split}.tsv")
        data = ("--dataset", "pairs", "--data-dir", tmp_path)
        return inspected(pipeline.PIPELINE, tmp_path, capsys, *data, *flags)

    return call


@pytest.mark.parametrize(
    ("path", "columns", "told_by", "first"),
    [
        ("04-id-columns/four.tsv", (2, 4), "the sentences' languages", "We have 2 dogs."),
        ("04-id-columns/three.tsv", (2, 3), "the sentences' languages", "We have 2 dogs."),
        ("05-utf16/pairs.tsv", (1, 2), "the sentences' languages", "We have 2 dogs."),
        ("06-tsv-header/header.tsv", (2, 1), "the header", "We have 2 dogs."),
        ("06-tsv-header/codes.tsv", (2, 1), "the header", "We have 2 dogs."),
        ("06-tsv-header/german_first.tsv", (2, 1), "the sentences' languages", "We have 2 dogs."),
        ("18-quoted-tsv/pairs.tsv", (1, 2), "the sentences' languages", 'We have 2 dogs. "Now."'),
    ],
)
def test_columns_header_and_quotes(inspect, path, columns, told_by, first):
    description = inspect(path)
    table = description["tables"]["train"]
    assert table == description["tables"]["test"]
    assert (table["source_column"], table["target_column"]) == columns
    assert table["columns_told_by"] == told_by
    assert description["left_out"] == {}
    lines = len(_text(CASES / path).splitlines()) - (told_by == "the header")
    assert {size["pairs"] for size in description["splits"].values()} == {lines}
    pair = next(iter(translation.load("pairs", "train", CASES / path).as_numpy_iterator()))
    assert pair["source"].decode() == first
    assert pair["target"].decode().startswith("Wir haben 2 Hunde.")


def _text(path):
    return path.read_bytes().decode("utf-16" if "utf16" in path.parent.name else "utf-8")


def test_06_the_other_direction(inspect):
    table = inspect("06-tsv-header/german_first.tsv", "--source=de", "--target=en")["tables"]
    assert (table["train"]["source_column"], table["train"]["target_column"]) == (1, 2)


@pytest.mark.parametrize("name", ["lines.txt", "lines8.txt"])
def test_05_predict_reads_a_marked_file_as_its_mark_says(name):
    path = CASES / "05-utf16" / name
    lines = ["A man rides a bike.", "Two dogs play in the snow."]
    assert list(sentiment.read_texts(sentiment.Predict(file=path))) == lines
    assert [line.decode() for line in pipeline._lines(pipeline.Predict(file=path))] == lines
    assert b"".join(chunks_of_file(path, "character")).decode().split("\n")[:2] == lines
