"""Whole files: every format, bad rows, order, resumption, and memory."""

import csv
import gzip
import json

import psutil
import pytest
import tensorflow as tf
from PIL import Image

from pipelines import whole_files
from pipelines.loading import load
from pipelines.whole_files import answer_file
from tests.pipelines.server import conftest as tiny
from tests.pipelines.test_loading import Shapes

TEXTS = ["a", 'say "hi", x', "two\nlines", "é;"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("exported")
    tiny.save(root / "tiny", 1)
    module = Shapes()
    signatures = {"serving_default": module.serving_default}
    tf.saved_model.save(module, str(root / "shapes" / "1"), signatures)
    return root


@pytest.fixture(scope="module")
def model(folder):
    return load(folder / "tiny")


def write_table(path, rows, delimiter=","):
    open_file = gzip.open if path.suffix == ".gz" else open
    with open_file(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def read_table(path):
    with path.open(encoding="utf-8", newline="") as file:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        return list(csv.DictReader(file, delimiter=delimiter))


@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.tsv", "semicolons.csv"])
@pytest.mark.parametrize("output", ["out.csv", "out.tsv", "out.jsonl"])
def test_all_columns_and_the_answers_in_order(model, tmp_path, name, output):
    delimiter = {"in.tsv": "\t", "semicolons.csv": ";"}.get(name, ",")
    rows = [("id", "text"), *((f"n{i}", text) for i, text in enumerate(TEXTS))]
    source = write_table(tmp_path / name, rows, delimiter)
    target = tmp_path / output
    answer_file(model, source, target, batch_size=3)
    if output.endswith(".jsonl"):
        found = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    else:
        found = read_table(target)
    assert [row["text"] for row in found] == TEXTS
    assert [row["id"] for row in found] == ["n0", "n1", "n2", "n3"]
    assert [row["upper"] for row in found] == ["A", 'SAY "HI", X', "TWO\nLINES", "é;"]
    assert [int(row["length"]) for row in found] == [len(text.encode()) for text in TEXTS]
    assert {row["error"] for row in found} == {""}
    assert [path.name for path in tmp_path.iterdir() if ".part" in path.name] == []


def test_json_lines_and_plain_lines(model, tmp_path):
    source = tmp_path / "in.jsonl"
    rows = [{"text": "a", "n": [1, 2]}, {"text": "b", "n": None}]
    source.write_text(
        "\n".join(map(json.dumps, rows)) + '\n{"text": 3, "n": 0}\n{"x": 1}\n[1]\n{\n'
    )
    answer_file(model, source, tmp_path / "out.jsonl")
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert found[0] == {**rows[0], "upper": "A", "length": 1, "version": 1, "error": ""}
    assert found[1]["upper"] == "B"
    assert "`text` must be text" in found[2]["error"]
    assert found[3]["error"] == "other keys than text, n"
    assert "no JSON object" in found[4]["error"]
    assert "no JSON object" in found[5]["error"]
    lines = tmp_path / "in.txt"
    lines.write_text("a\nb\n")
    answer_file(model, lines, tmp_path / "out.csv")
    assert [row["upper"] for row in read_table(tmp_path / "out.csv")] == ["A", "B"]


def test_parquet(model, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"n": [1, 2, 3], "text": ["a", None, "c"]})
    parquet.write_table(table, tmp_path / "in.parquet")
    answer_file(model, tmp_path / "in.parquet", tmp_path / "out.csv")
    found = read_table(tmp_path / "out.csv")
    assert [row["upper"] for row in found] == ["A", "", "C"]
    assert [row["error"] for row in found] == ["", "nothing to read", ""]


def test_a_folder_of_images(folder, tmp_path, capsys):
    images = tmp_path / "images"
    images.mkdir()
    for name, size in (("b.png", (7, 5)), ("a.tiff", (3, 4))):
        Image.new("RGB", size).save(images / name)
    (images / "c.webp").write_bytes(b"no image")
    (images / "notes.txt").write_text("x")
    answer_file(load(folder / "shapes"), images, tmp_path / "out.csv")
    found = read_table(tmp_path / "out.csv")
    assert [row["file"] for row in found] == ["a.tiff", "b.png", "c.webp"]
    assert [row["size"] for row in found] == ["[4, 3]", "[5, 7]", ""]
    assert "not an image that can be read" in found[2]["error"]
    assert "c.webp: not an image" in capsys.readouterr().out


def test_bad_rows_are_kept_and_told(model, tmp_path, capsys):
    source = tmp_path / "in.csv"
    source.write_text('id,text\n1,a\n2\n3,b,c\n4,"d\n5,\n6,f\n')
    answer_file(model, source, tmp_path / "out.csv")
    found = {row["id"]: row for row in read_table(tmp_path / "out.csv")}
    assert found["1"]["upper"] == "A"
    assert found["6"]["upper"] == "F"
    assert found["2"]["error"] == "1 fields, not 2"
    assert found["3"]["error"] == "3 fields, not 2"
    assert found["5"]["error"] == "the model could read nothing"
    told = capsys.readouterr().out
    assert "line 3: 1 fields, not 2" in told
    assert "of them without an answer" in told


def interrupt(monkeypatch, after):
    """Ends the work, as a kill would, while a batch is answered."""
    answered, calls = whole_files._answered, []

    def answer(*arguments):
        calls.append(1)
        if len(calls) > after:
            raise KeyboardInterrupt
        return answered(*arguments)

    monkeypatch.setattr(whole_files, "_answered", answer)


def test_the_same_command_goes_on(model, tmp_path, monkeypatch, capsys):
    texts = [f"text {i}" for i in range(100)]
    source = write_table(tmp_path / "in.csv", [("text",), *([text] for text in texts)])
    target = tmp_path / "out.csv"
    with monkeypatch.context() as patch:
        interrupt(patch, after=3)
        with pytest.raises(KeyboardInterrupt):
            answer_file(model, source, target, batch_size=10)
    assert not target.exists()
    with (tmp_path / "out.csv.part").open("a") as part:
        part.write("half a r")  # what was written after the last state
    answer_file(model, source, target, batch_size=7)
    assert "30 rows are there; going on after them." in capsys.readouterr().out
    assert [row["text"] for row in read_table(target)] == texts
    assert {row["length"] for row in read_table(target)} == {"6", "7"}


def test_a_part_of_other_work_is_refused(model, folder, tmp_path, monkeypatch):
    source = write_table(tmp_path / "in.csv", [("text",), ["a"], ["b"]])
    with monkeypatch.context() as patch:
        interrupt(patch, after=1)
        with pytest.raises(KeyboardInterrupt):
            answer_file(model, source, tmp_path / "out.csv", batch_size=1)
    source.write_text("text\nother\n")
    with pytest.raises(ValueError, match=r"`output` has a part of other work: another input\."):
        answer_file(model, source, tmp_path / "out.csv", batch_size=1)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("id,text\n1,a\n", {"column": "txt"}, r"`column` must be one of id, text.*mean 'text'"),
        ("a,b\n1,2\n", {}, "`column` must name what to read: one of a, b"),
        ("text,upper\na,b\n", {}, "no columns of the answers' names. .* has upper"),
        ("text,text\na,b\n", {}, "must name each column once"),
        ("", {}, "must begin with the names of its columns"),
    ],
)
def test_what_is_wrong_with_the_input_is_named(model, tmp_path, content, options, message):
    source = tmp_path / "in.csv"
    source.write_text(content)
    with pytest.raises(ValueError, match=message):
        answer_file(model, source, tmp_path / "out.csv", **options)
    assert not (tmp_path / "out.csv").exists()


def test_what_is_wrong_with_the_output_is_named(model, tmp_path):
    source = write_table(tmp_path / "in.csv", [("text",), ["a"]])
    with pytest.raises(ValueError, match=r"`output` must end in \.csv, "):
        answer_file(model, source, tmp_path / "out.xlsx")
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(ValueError, match="`output` must be a new file"):
        answer_file(model, source, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "mine"
    with pytest.raises(ValueError, match="`input` must be a file or a folder"):
        answer_file(model, tmp_path / "none.csv", tmp_path / "new.csv")


@pytest.mark.slow
def test_memory_stays(model, tmp_path, monkeypatch):
    """Over 300,000 rows: what a third of them needed is enough for all."""
    source = tmp_path / "in.txt"
    source.write_text("".join(f"line {i}\n" for i in range(300_000)))
    sizes = []
    batches = whole_files._batches

    def watched(rows, size):
        for batch in batches(rows, size):
            sizes.append(psutil.Process().memory_info().rss)
            yield batch

    monkeypatch.setattr(whole_files, "_batches", watched)
    answer_file(model, source, tmp_path / "out.csv", batch_size=1000)
    third = len(sizes) // 3
    assert len(sizes) == 300
    assert max(sizes[third:]) - max(sizes[:third]) < 20e6
