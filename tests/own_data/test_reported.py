"""The files of docs/own-data.md, made by `reported`: read right, or refused by name."""

import re
from pathlib import Path

import numpy as np
import pytest

from datasets import captioning, translation
from datasets.images import decode_image
from pipelines.captioning.pipeline import PIPELINE as CAPTIONING
from pipelines.charlm.pipeline import PIPELINE as CHARLM
from pipelines.sentiment.pipeline import PIPELINE as SENTIMENT
from pipelines.translation.pipeline import PIPELINE as TRANSLATION
from tests.own_data import reported
from tests.own_data.inspecting import inspected
from tests.own_data.test_sentiment import columns, labels

DATASETS = {"sentiment": "csv", "translation": "pairs", "charlm": "file", "captioning": "folder"}


@pytest.fixture
def inspect(tmp_path, capsys):
    def call(pipeline, case, *flags):
        (tmp_path / "data").mkdir()
        place = getattr(reported, case)(tmp_path / "data")
        data = ("--dataset", DATASETS[pipeline.name], "--data-dir", place)
        return inspected(pipeline, tmp_path, capsys, *data, *flags)

    return call


def test_the_document_lists_all_cases():
    text = (Path(__file__).parents[2] / "docs/own-data.md").read_text()
    cases = re.findall(r"\(`(\w+)`\) \|", text)
    assert len(cases) >= 20
    assert all(callable(getattr(reported, case)) for case in cases)
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [case for case in cases if f'"{case}"' not in tests] == []


@pytest.mark.parametrize(
    ("pipeline", "case", "cause"),
    [
        (SENTIMENT, "git_lfs", "must be text. It is a pointer of Git LFS"),
        (SENTIMENT, "workbook", "It is a zip archive, or an Excel workbook"),
        (SENTIMENT, "web_page", "must be a table: a row a line. Got a web page, '<!DOCTYPE html>"),
        (SENTIMENT, "gzip_twice", "packed with gzip, and named otherwise or packed twice"),
        (SENTIMENT, "tar_gz", "It is a tar archive"),
        (SENTIMENT, "index", "2 columns could be the label. Got 2 ('day', 3 values: 0, 1, 2); 3 ("),
        (SENTIMENT, "json_lines", 'must be a table: a row a line. Got JSON, \'{"text"'),
        (SENTIMENT, "read_as_western", "'Ã© du 0 Ã©tait trÃ¨s mau' stands for 'é du 0 était trè"),
        (TRANSLATION, "empty_lines", "must have the same number of lines. Got 40 in "),
        (TRANSLATION, "utf16_without_mark", "`encoding` must be named: perhaps utf-16-le"),
        (CHARLM, "pdf", "must be text. It is a PDF."),
        (CAPTIONING, "heic", "1.jpg: not an image that can be read: HEIC or AVIF (save it as JPEG"),
        (CAPTIONING, "empty_images", "corrupt image: 22 (1.jpg: not an image that can be read: em"),
        (CAPTIONING, "paths_of_another_machine", "leads out of the folder: 26 (E:\\data\\train20"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_refused_by_name(inspect, pipeline, case, cause):
    assert cause in inspect(pipeline, case)


@pytest.mark.parametrize(
    ("case", "places", "counts", "left_out"),
    [
        ("zip_of_a_mac", ("text", "label"), {"nnn": 20, "ppp": 20}, {}),
        ("lone_mark", (1, 2), {"n": 30, "p": 30}, {}),
        ("last_delimiter", ("text", "label"), {"nnn": 20, "ppp": 20}, {}),
        ("row_names", ("text", "label"), {"nnn": 20, "ppp": 20}, {}),
        ("mark_within", ("text", "label"), {"nnn": 20, "ppp": 20}, {"header, met again": 1}),
        ("header_within", (1, 0), {"nnn": 20, "ppp": 20}, {"header, met again": 1}),
    ],
)
def test_tables(inspect, case, places, counts, left_out):
    description = inspect(SENTIMENT, case)
    assert columns(description) == places
    assert labels(description) == counts
    assert description["files"][0]["left_out"] == left_out


def test_a_named_encoding_reads_the_text_as_it_stands(inspect):
    description = inspect(SENTIMENT, "read_as_western", "--encoding=utf-8")
    assert labels(description) == {"n": 20, "p": 20}


@pytest.mark.parametrize("case", ["pairs_of_a_mac", "line_ends_within"])
def test_pairs_stay_aligned(inspect, tmp_path, case):
    splits = inspect(TRANSLATION, case)["splits"]
    assert sum(size["pairs"] for size in splits.values()) == 40
    (place,) = [*(tmp_path / "data").glob("*.tsv")] or [tmp_path / "data"]
    found = {
        (pair["source"].decode(), pair["target"].decode())
        for split in translation.SPLITS
        for pair in translation.load("pairs", split, place).as_numpy_iterator()
    }
    assert found == set(reported.PAIRS)


def test_copies_of_the_source_are_told(inspect, caplog):
    copies = inspect(TRANSLATION, "untranslated")["copies_of_their_source"]
    assert sum(copies.values()) == 15
    assert f"{copies['train']} of 35 targets are copies of their source." in caplog.text


def test_a_text_whose_lines_end_with_cr_has_lines(inspect):
    description = inspect(CHARLM, "text_of_a_mac")
    assert description["examples"][0].startswith("'It was a dark night.\\nIt was")
    assert sum(size["characters"] for size in description["splits"].values()) == 6300


@pytest.mark.parametrize("case", ["cmyk", "names_without_endings"])
def test_images_and_their_captions(inspect, tmp_path, case):
    splits = inspect(CAPTIONING, case)["splits"]
    assert sum(size["captions"] for size in splits.values()) == 30
    first = next(iter(captioning.load("folder", "train", tmp_path / "data")))
    name = first["image_id"].numpy().decode()
    assert first["captions"].numpy().tolist() == [f"a dog number {name.split('.')[0]}".encode()]
    if case == "cmyk":
        assert np.allclose(decode_image(first["image_bytes"]), [255, 0, 0], atol=12)
