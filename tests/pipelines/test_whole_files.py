"""Whole files: every format, bad rows, order, resumption, and memory."""

import csv
import fcntl
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow
import pytest
import tensorflow as tf
from PIL import Image
from pyarrow import parquet

from pipelines import cli, whole_files
from pipelines.loading import load
from pipelines.sentiment.pipeline import PIPELINE
from pipelines.whole_files import answer_file
from tests.pipelines.server import conftest as tiny
from tests.pipelines.test_loading import More

ROOT = Path(__file__).parents[2]
TEXTS = ["a", 'say "hi", x', "two\nlines", "é;", "back\\slash", " \t", "b"]


class Sounds(tf.Module):
    """Text in; bytes, an array and a scalar of all rows out."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serving_default(self, text):
        halves = tf.fill(tf.concat([tf.shape(text), [2]], 0), 0.1)
        sound = tf.strings.join([text, tf.constant(b"\xff\0")])
        return {"audio_bytes": sound, "halves": halves, "rate": tf.constant(8000)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("exported")
    for number in (1, 2):
        tiny.save(root / "tiny", number)
    for name, module in {"images": More(), "sounds": Sounds()}.items():
        signatures = {"serving_default": module.serving_default}
        tf.saved_model.save(module, str(root / name / "1"), signatures)
    return root


@pytest.fixture(scope="module")
def model(folder):
    return load(folder / "tiny")


def write_table(path, rows, delimiter=","):
    open_file = gzip.open if path.suffix == ".gz" else open
    with open_file(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def read(path):
    """The rows of an output of any format, nothing as None."""
    if path.suffix == ".jsonl":
        lines = path.read_text(encoding="utf-8").split("\n")  # and not at U+2028 within one
        return [json.loads(line) for line in lines[:-1]]
    if path.suffix == ".parquet":
        return parquet.read_table(path).to_pylist()
    with path.open(encoding="utf-8", newline="") as file:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        rows = list(csv.DictReader(file, delimiter=delimiter))
    return [{name: value or None for name, value in row.items()} for row in rows]


def answered(model, source, *arguments, ending=".jsonl", **options):
    output = source.with_name(f"out{ending}")
    output.unlink(missing_ok=True)
    answer_file(model, source, output, *arguments, **options)
    assert not list(output.parent.glob("*.part"))
    return read(output)


@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.tsv", "semicolons.csv"])
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_all_columns_and_the_answers_in_order(model, tmp_path, name, ending):
    delimiter = {"in.tsv": "\t", "semicolons.csv": ";"}.get(name, ",")
    rows = [("id", "text"), *((f"n{i}", text) for i, text in enumerate(TEXTS))]
    source = write_table(tmp_path / name, rows, delimiter)
    rows = answered(model, source, ending=ending, batch_size=3)
    assert list(rows[0]) == ["id", "text", "length", "upper", "version", "error"]
    assert [row["text"] for row in rows] == TEXTS
    assert [row["id"] for row in rows] == [f"n{i}" for i in range(len(TEXTS))]
    assert [row["upper"] for row in rows] == [tf.strings.upper(t).numpy().decode() for t in TEXTS]
    assert [int(row["length"]) for row in rows] == [len(text.encode()) for text in TEXTS]
    assert {row["error"] for row in rows} == {None}


@pytest.mark.parametrize(
    "content",
    ["text\na\nb\n", 'text\n"a, b"\n"c; d"\n', "sep=;\nid;text\n1;a\n2;b\n", '"text"\n"x\ny"\n'],
)
def test_tables_of_one_column_and_with_a_named_delimiter(model, tmp_path, content):
    source = tmp_path / "in.csv"
    source.write_text(content)
    rows = answered(model, source)
    assert [row["upper"] for row in rows] == [row["text"].upper() for row in rows]
    assert len(rows) == (1 if "x\ny" in content else 2)


def test_json_lines_keep_their_values(model, tmp_path):
    lines = [
        {"text": "a", "n": [1, {"b": 2}]},
        {"text": "b", "n": None},
        {"text": "c", "m": 0.5, "l": 2**70},
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("\n\n".join(map(json.dumps, lines)) + "\n")
    rows = answered(model, source)
    answers = {"length": 1, "version": 2, "error": None}
    assert rows == [{**line, "upper": line["text"].upper(), **answers} for line in lines]
    table = answered(model, source, ending=".csv")
    assert [row["n"] for row in table] == ['[1, {"b": 2}]', None, None]
    assert [row["m"] for row in table] == [None, None, "0.5"]
    typed = answered(model, source, ending=".parquet")
    assert [row["m"] for row in typed] == [None, None, 0.5]
    assert typed[2]["l"] == str(2**70)
    assert [row["n"] for row in typed] == ['[1, {"b": 2}]', None, None]


def test_lines_of_a_text_file_are_rows_empty_ones_too(model, tmp_path):
    source = tmp_path / "in.txt"
    source.write_bytes("\ufeffa\r\n\r\nb,\u2028 c".encode())
    assert [row["text"] for row in answered(model, source)] == ["a", "", "b,\u2028 c"]
    source.write_bytes(b"caf\xe9 au lait\n")  # cp1252, which is told
    assert answered(model, source)[0]["text"] == "café au lait"


def test_parquet_keeps_its_types(model, tmp_path):
    table = pyarrow.table(
        {
            "n": pyarrow.array([1, None, 3], pyarrow.int16()),
            "text": ["a", None, "c"],
            "raw": [b"\xff", b"", None],
            "day": pyarrow.array([0, 1, 2], pyarrow.date32()),
        }
    )
    parquet.write_table(table, tmp_path / "in.parquet")
    rows = answered(model, tmp_path / "in.parquet", ending=".parquet")
    assert [row["upper"] for row in rows] == ["A", None, "C"]
    assert rows[1]["error"] == "in.parquet, row 2: nothing to read"
    written = parquet.read_table(tmp_path / "out.parquet")
    assert written.select(table.column_names).equals(table)
    assert written.schema.field("length").type == pyarrow.int32()
    as_text = answered(model, tmp_path / "in.parquet", ending=".csv")
    assert [row["raw"] for row in as_text] == ["/w==", None, None]
    assert as_text[1]["day"] == "1970-01-02"


def test_parquet_without_its_library_says_so(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "in.parquet").write_bytes(b"PAR1")
    with pytest.raises(ImportError, match="Parquet needs pyarrow"):
        answer_file(model, tmp_path / "in.parquet", tmp_path / "out.csv")


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_bytes_arrays_and_scalars_of_answers(folder, tmp_path, ending):
    source = tmp_path / "in.txt"
    source.write_text("a\nb\n")
    row = answered(load(folder / "sounds"), source, ending=ending)[1]
    assert row["audio_bytes"] == (b"b\xff\0" if ending == ".parquet" else "Yv8A")
    if ending == ".csv":
        assert row["halves"] == "[0.1, 0.1]"
    else:
        np.testing.assert_allclose(row["halves"], [0.1, 0.1])
    assert int(row["rate"]) == 8000


@pytest.fixture
def images(tmp_path):
    root = tmp_path / "images"
    (root / "more").mkdir(parents=True)
    for name, size in (("b.png", (7, 5)), ("a.tiff", (3, 4)), ("more/d.jpg", (64, 64))):
        Image.effect_noise(size, 90).save(root / name)
    (root / "c.webp").write_bytes(b"no image")
    (root / "cut.png").write_bytes((root / "b.png").read_bytes()[:60])
    (root / "notes.txt").write_text("x")
    (root / ".hidden.png").write_bytes(b"")
    return root


def test_a_folder_of_images(folder, images, tmp_path, capsys):
    answer_file(load(folder / "images"), images, tmp_path / "out.csv", batch_size=2)
    rows = {row["file"]: row for row in read(tmp_path / "out.csv")}
    assert list(rows) == ["a.tiff", "b.png", "c.webp", "cut.png", "more/d.jpg"]
    sizes = ["[4, 3]", "[5, 7]", None, None, "[64, 64]"]
    assert [row["size"] for row in rows.values()] == sizes
    assert rows["c.webp"]["error"] == "c.webp: not an image that can be read"
    assert rows["cut.png"]["error"] == "cut.png: truncated"
    told = capsys.readouterr().out
    assert "out.csv: 5 rows.\n  without an answer: 2 (c.webp: not an image" in told
    with pytest.raises(ValueError, match="`output` must be outside of the folder `input`"):
        answer_file(load(folder / "images"), images, images / "out.csv")


def test_a_column_of_image_files_or_of_their_bytes(folder, images, tmp_path):
    model = load(folder / "images")
    source = write_table(tmp_path / "in.csv", [("photo",), ["images/b.png"], ["images/no.png"]])
    rows = answered(model, source)
    assert rows[0]["size"] == [5, 7]
    assert rows[1]["error"].startswith("in.csv:3: ")
    content = pyarrow.table({"image_bytes": [(images / "b.png").read_bytes()], "n": [1]})
    parquet.write_table(content, tmp_path / "in.parquet")
    assert answered(model, tmp_path / "in.parquet")[0]["size"] == [5, 7]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_bad_rows_of_a_table_are_kept_and_told(model, tmp_path, capsys, ending):
    source = tmp_path / "in.csv"
    good = b"".join(b'%d,"fine, too"\n' % i for i in range(6, 16))
    source.write_bytes(b'id,text\n1,a\n2\n3,b,c\n4,b\xff\n"5"x,e\n' + good + "é,é\n".encode() * 3)
    rows = answered(model, source, ending=ending, encoding="utf-8")
    assert [row["upper"] for row in rows[:6]] == ["A", None, None, None, None, "FINE, TOO"]
    assert [row["error"] for row in rows[:6]] == [
        None,
        "in.csv:3: 1 fields in place of 2",
        "in.csv:4: 3 fields in place of 2",
        "in.csv:5: not in the file's encoding",
        "in.csv:6: not in the file's quoting",
        None,
    ]
    assert [row["id"] for row in rows[:6]] == ["1", "2", "3", "4", None, "6"]
    assert rows[3]["text"] == "b\ufffd"
    assert len(rows) == 18
    assert "without an answer: 4 (in.csv:3: 1 fields" in capsys.readouterr().out


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_bad_json_lines_are_kept_and_told(model, tmp_path, ending):
    source = tmp_path / "in.jsonl"
    source.write_bytes(
        b'{"text": "a"}\n{"text": 3}\n{"x": 1}\n[1]\n{\n{"text": "\\ud800"}\n{"text": "\xff"}\n'
    )
    rows = answered(model, source, ending=ending, encoding="utf-8")
    reasons = [row["error"] and row["error"].partition(": ")[2] for row in rows]
    assert reasons[:1] == [None]
    assert reasons[1].startswith("`text` must be text")
    assert reasons[2] == "nothing to read"
    assert reasons[3] == "no JSON object: [1]"
    assert reasons[4].startswith("no JSON: ")
    assert reasons[5:] == ["not in the file's encoding"] * 2


# Interrupted, and given again.


def interrupt(monkeypatch, after):
    """Ends the work, as a kill would, while a batch is answered."""
    whole, calls = whole_files._answers, []

    def answers(*arguments):
        calls.append(1)
        if len(calls) > after:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(whole_files, "_answers", answers)


@pytest.fixture
def begun(model, tmp_path, monkeypatch):
    """A table of a hundred rows of which eighty are answered, and its output."""
    texts = [f"text {i}" for i in range(100)]
    source = write_table(tmp_path / "in.csv", [("text", "n"), *((t, 1) for t in texts)])
    output = tmp_path / "out.csv"
    with monkeypatch.context() as patch:
        interrupt(patch, after=2)
        with pytest.raises(KeyboardInterrupt):
            answer_file(model, source, output, batch_size=10)
    assert not output.exists()
    return source, output


def test_the_same_command_goes_on(model, begun, tmp_path, monkeypatch, capsys):
    source, output = begun
    with (tmp_path / "out.csv.part").open("ab") as part:
        part.write(b'[1, "HALF A')  # of a line that was being written
    batches = []
    whole = whole_files._answers
    monkeypatch.setattr(whole_files, "_answers", lambda *a: batches.append(len(a[1])) or whole(*a))
    answer_file(model, source, output, batch_size=10)
    assert batches == [20]
    assert "80 rows are answered already; the rest follows." in capsys.readouterr().out
    answer_file(model, source, tmp_path / "unbroken.csv", batch_size=10)
    assert output.read_bytes() == (tmp_path / "unbroken.csv").read_bytes()
    assert [row["upper"] for row in read(output)] == [f"TEXT {i}" for i in range(100)]


def test_whatever_is_broken_at_the_end_of_a_part_is_answered_anew(model, begun, tmp_path):
    source, output = begun
    part = tmp_path / "out.csv.part"
    part.write_bytes(part.read_bytes()[:-30] + b"\0" * 30)  # after a power cut
    answer_file(model, source, output, batch_size=10)
    assert [row["upper"] for row in read(output)] == [f"TEXT {i}" for i in range(100)]


@pytest.mark.parametrize(
    ("change", "options", "named"),
    [
        (lambda source: source.write_text("text,n\nother,1\n"), {}, "input"),
        (lambda source: None, {"column": "n"}, "column"),
        (lambda source: None, {"batch_size": 20}, "batch_size"),
    ],
)
def test_a_part_of_other_work_is_refused(model, begun, change, options, named):
    source, output = begun
    change(source)
    with pytest.raises(ValueError, match=f"`output` was begun with another {named}. .*delete"):
        answer_file(model, source, output, **{"batch_size": 10, **options})


def test_a_part_of_another_model_is_refused(folder, begun):
    with pytest.raises(ValueError, match="`output` was begun with another model"):
        answer_file(load(folder / "tiny" / "1"), *begun, batch_size=10)


def test_a_part_that_another_process_writes_or_that_is_none_is_left_alone(model, begun, tmp_path):
    part = tmp_path / "out.csv.part"
    with part.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ValueError, match="`output` must have one writer"):
            answer_file(model, *begun, batch_size=10)
    part.write_text("my own notes\n")
    with pytest.raises(ValueError, match="which another file has: move that"):
        answer_file(model, *begun, batch_size=10)
    assert part.read_text() == "my own notes\n"


def test_a_file_that_changes_meanwhile_is_an_error(model, begun, monkeypatch):
    source, output = begun
    whole = whole_files._answers

    def change(*arguments):
        source.write_text(source.read_text().replace("text 7,", "text 8,"))
        return whole(*arguments)

    monkeypatch.setattr(whole_files, "_answers", change)
    with pytest.raises(ValueError, match="`input` must not change while it is answered"):
        answer_file(model, source, output, batch_size=10)
    assert not output.exists()


# What is wrong.


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("id,text\n1,a\n", {"column": "txt"}, r"`column` must be one of id, text.*mean 'text'"),
        ("a,b\n1,2\n", {}, "`column` must be one of a, b. Got none"),
        ("text,upper\na,b\n", {}, "no column with an answer's name: rename upper"),
        ("text,error\na,b\n", {}, "no column with an answer's name: rename error"),
        ("text,text\na,b\n", {}, "must begin with a header that names each column once"),
        ("", {}, "must begin with a header"),
        ("text\na, b\nc, d\n", {}, "as many fields in a row as in its header, 1. Most rows have 2"),
    ],
)
def test_what_is_wrong_with_the_input_is_named(model, tmp_path, content, options, message):
    source = tmp_path / "in.csv"
    source.write_text(content)
    with pytest.raises(ValueError, match=message):
        answer_file(model, source, tmp_path / "out.csv", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_what_is_wrong_with_the_files_is_named(model, tmp_path):
    source = write_table(tmp_path / "in.csv", [("text",), ["a"]])
    with pytest.raises(ValueError, match=r"`output` must end in \.csv, "):
        answer_file(model, source, tmp_path / "out.xlsx")
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(ValueError, match="`output` must be a new file"):
        answer_file(model, source, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "mine"
    with pytest.raises(ValueError, match="`input` must be a file or a folder"):
        answer_file(model, tmp_path / "none.csv", tmp_path / "new.csv")
    (tmp_path / "in.doc").write_text("a")
    with pytest.raises(ValueError, match=r"`input` must be a folder or end in \.csv"):
        answer_file(model, tmp_path / "in.doc", tmp_path / "new.csv")
    (tmp_path / "in.parquet").write_text("a")
    with pytest.raises(ValueError, match=r"in.parquet must be Parquet"):
        answer_file(model, tmp_path / "in.parquet", tmp_path / "new.csv")
    with pytest.raises(ValueError, match=r"needs a signature with one row of strings. Got `two`"):
        answer_file(model.using("two"), source, tmp_path / "new.csv")


def test_the_model_says_what_is_wrong_with_its_other_inputs(model, tmp_path):
    source = write_table(tmp_path / "in.csv", [("prompt",), ["abc"]])
    with pytest.raises(ValueError, match="`length` must be given"):
        answer_file(model.using("cut"), source, tmp_path / "out.csv")
    answer_file(model.using("cut"), source, tmp_path / "out.csv", length=2)
    assert read(tmp_path / "out.csv")[0]["text"] == "ab"


# The command.


def predict(folder, *arguments):
    return cli.main(PIPELINE, ["predict", "--model", *map(str, (folder / "tiny", *arguments))])


def test_the_command_answers_a_file(folder, tmp_path):
    source = write_table(tmp_path / "in.csv", [("id", "said"), [1, "a"]])
    files = ("--input", source, "--output", tmp_path / "new" / "out.csv")
    assert predict(folder, *files, "--column", "said", "--batch-size", 2) == 0
    assert read(tmp_path / "new" / "out.csv")[0]["upper"] == "A"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "in.csv"], "`input` and `output` must be given together. Got input"),
        (["--output", "out.csv"], "`input` and `output` must be given together. Got output"),
        (["a", "--encoding", "utf-8"], "`input` and `output` must be given together"),
        (["a", "--input", "in.csv", "--output", "out.csv"], "`inputs` must be left out with"),
        (["--words", "--input", "in.csv", "--output", "out.csv"], "`words` must be left out"),
        (["--file", "x", "--input", "in.csv", "--output", "out.csv"], "`file` must be left out"),
    ],
)
def test_flags_that_contradict_each_other_are_named(folder, capsys, arguments, message):
    assert predict(folder, *arguments) == 2
    assert message in capsys.readouterr().err


# Minutes.


@pytest.mark.slow
def test_a_killed_command_goes_on_to_the_same_end(folder, tmp_path):
    source, output = tmp_path / "in.txt", tmp_path / "out.csv"
    source.write_text("".join(f"line {i}\n" for i in range(20_000)))
    arguments = ["--model", folder / "tiny", "--input", source, "--output"]
    command = [sys.executable, "-m", "pipelines.sentiment", "predict", *map(str, arguments)]
    part = tmp_path / "out.csv.part"
    with subprocess.Popen([*command, str(output)], cwd=ROOT) as process:
        try:
            while not part.exists() or part.stat().st_size < 10_000:
                assert process.poll() is None
                time.sleep(0.01)
        finally:
            os.kill(process.pid, signal.SIGKILL)
    assert not output.exists()
    kept = part.stat().st_size
    assert predict(folder, *arguments[2:], output) == 0
    assert predict(folder, *arguments[2:], tmp_path / "unbroken.csv") == 0
    assert output.read_bytes() == (tmp_path / "unbroken.csv").read_bytes()
    assert kept > 0


def resident() -> int:
    """Bytes of this process in memory (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_memory_stays(model, tmp_path, monkeypatch, ending):
    """Over 300,000 rows: a third of them needs as much as all."""
    source = tmp_path / "in.txt"
    source.write_text("".join(f"line {i}\n" for i in range(300_000)))
    sizes, whole = [], whole_files._answers

    def answers(*arguments):
        sizes.append(resident())
        return whole(*arguments)

    monkeypatch.setattr(whole_files, "_answers", answers)
    answer_file(model, source, tmp_path / f"out{ending}", batch_size=500)
    assert len(sizes) == 150
    grown = {"answering": max(sizes[50:]) - max(sizes[:50]), "writing": resident() - sizes[-1]}
    print(grown)
    assert max(grown.values()) < 30e6
