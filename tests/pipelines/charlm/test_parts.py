"""The parts of the task that need no training: vocabulary, single units, figures, flags, card."""

import numpy as np
import pytest

from pipelines import report as shared_report
from pipelines import runs
from pipelines.charlm import client, report, unit_activity
from pipelines.charlm.card import model_card
from pipelines.charlm.client import chunks_of, chunks_of_file, content_of
from pipelines.charlm.data import Vocabulary, frequent
from pipelines.charlm.evaluation import Reading
from pipelines.charlm.flags import PRESETS, Predict, Train
from pipelines.charlm.metrics import Cost, total
from pipelines.contract import Evaluation
from pipelines.flags import check_bounds


def code_points(text):
    return np.array([ord(character) for character in text], np.int32)


def known(text, min_count=1):
    """The symbols of a vocabulary."""
    return tuple(frequent(np.bincount(code_points(text)), min_count))


# Vocabulary.


def test_text_to_numbers_and_back():
    vocabulary = Vocabulary("character", known("bab—a"))
    assert vocabulary.symbols == (97, 98, 0x2014)
    assert len(vocabulary) == 4
    numbers = vocabulary.encode(code_points("a—xb~\n"))
    assert numbers.numpy().tolist() == [1, 3, 0, 2, 0, 0]
    assert vocabulary.decode(numbers) == "a—b"
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_rare_symbols_are_left_out():
    assert known("aabbbc", 2) == (97, 98)
    with pytest.raises(ValueError, match=r"must leave at least one symbol. Got 9 for 3 symbols"):
        known("aabbbc", 9)


def test_bytes_that_are_cut_are_shown_as_such():
    vocabulary = Vocabulary("byte", tuple(sorted("é!".encode())))
    numbers = vocabulary.encode(np.array([0xC3, 0xA9, 0xC3, ord("!")], np.int32))
    assert vocabulary.decode(numbers) == "é\ufffd!"


# Costs and chunks.


def test_total_weighs_each_piece_by_its_characters():
    metrics = total([Cost(1, 3.0, 0), Cost(3, 1.0, 2)])
    assert metrics["nats_per_char"] == 1.0
    assert metrics["bits_per_char"] == pytest.approx(1 / np.log(2))
    assert metrics["accuracy"] == 0.5
    assert metrics["characters"] == 4
    assert total([])["bits_per_char"] == 0


@pytest.mark.parametrize("size", [1, 3, 100])
def test_chunks_make_up_the_text(tmp_path, size):
    text = "é—😀\nab" * 5
    assert b"".join(chunks_of(text, size)).decode() == text
    assert b"".join(chunks_of(text.encode(), size)).decode() == text
    assert content_of(code_points(text), "character") == text
    assert content_of(np.frombuffer(text.encode(), np.uint8), "byte") == text.encode()
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() + b"\xff")
    chunks = list(chunks_of_file(path, "character", size))
    assert b"".join(chunks).decode() == text + "\ufffd"
    assert max(len(chunk.decode()) for chunk in chunks) <= size
    assert b"".join(chunks_of_file(path, "byte", size)) == path.read_bytes()


# Single units.


def test_a_unit_that_tells_quotes_is_found():
    rng = np.random.default_rng(0)
    text = 'He said "what is it" and went.\n' * 60
    states = rng.normal(size=(len(text), 9))
    inside = np.array(list(unit_activity.PROPERTIES["inside quotes"](text)))
    states[:, 4] = 0.3 * states[:, 4] - 2 * inside
    units = {unit.name: unit for unit in unit_activity.telling_units(text, states)}
    assert set(units) == {"place in the line", "place in the word", "inside quotes", "in capitals"}
    assert units["inside quotes"].number == 4
    assert units["inside quotes"].correlation < -0.9
    assert units["inside quotes"].text == text[len(text) // 2 :]
    assert abs(units["place in the word"].correlation) < 0.5  # chance does not survive the halves


def test_properties_of_a_text():
    def values(name, text):
        return list(unit_activity.PROPERTIES[name](text))

    assert values("place in the line", "ab\nc") == [1, 2, 0, 1]
    assert values("place in the word", "ab, c") == [1, 2, 0, 0, 1]
    assert values("inside quotes", 'a"b"c') == [0, 1, 1, 0, 0]
    assert values("inside quotes", "a“b“c”") == [0, 1, 1, 1, 1, 0]
    assert values("inside brackets", "(a[b])c)") == [1, 1, 1, 1, 1, 0, 0, 0]
    assert values("in capitals", "aB c") == [0, 1, 1, 0]


def test_a_unit_that_never_changes_tells_nothing():
    text = '"a" b\n' * 60
    assert all(
        unit.correlation == 0 for unit in unit_activity.telling_units(text, np.ones((360, 3)))
    )


# Report, flags, card.


def test_report_escapes_what_it_shows(tmp_path):
    unit = unit_activity.Unit("inside <quotes>", 3, 0.5, "a<b>" * 9, np.linspace(-1, 1, 36))
    samples = tmp_path / "charlm" / "demo" / "samples"
    for i in range(20):
        sample = {"temperature": 0.5, "text": f"<{i}>"}
        runs.write_json(samples / f"epoch-{i:04d}.json", [sample])
    reading = Reading([2.4, 2.6, 2.5], lambda: [unit])
    sections = report.report_sections(Train(runs_dir=tmp_path), Evaluation({}, reading))
    shared_report.write_report(tmp_path / "report.html", "A run", sections)
    page = (tmp_path / "report.html").read_text()
    assert "&lt;0&gt;" in page
    assert "&lt;19&gt;" in page
    assert page.count("temperature 0.5") == report.EPOCHS
    assert "<quotes>" not in page
    assert page.count("<mark") == 36
    assert f"{2 * client.CHUNK / 1000:.0f}" in page  # thousand characters, below the curve


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (Train(time=0), "`time` must be at least 1. Got 0."),
        (Train(learning_rate=0.0), "`learning_rate` must be above 0. Got 0.0."),
        (Train(weight_decay=-0.1), "`weight_decay` must be at least 0. Got -0.1."),
        (Train(restarts=1.1), "`restarts` must be from 0 to 1. Got 1.1."),
        (Predict(top_p=0.0), "`top_p` must be above 0 and at most 1. Got 0.0."),
        (Predict(seed=2**31), "`seed` must be an integer of 32 bits. Got 2147483648."),
    ],
)
def test_flags_out_of_range(flags, message):
    with pytest.raises(ValueError, match=message):
        check_bounds(flags)


def test_presets_name_their_data_set():
    for name, flags in PRESETS.items():
        check_bounds(flags)
        assert flags.dataset == name
        card = model_card(flags, {})
        assert "Not measured." in card
        assert f"float32[batch, {2 * flags.layers * flags.units}]" in card
