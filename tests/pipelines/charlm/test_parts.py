"""The parts of the task that need no training: vocabulary, single units, figures, flags, card."""

import numpy as np
import pytest

from pipelines.charlm import activity, report
from pipelines.charlm.card import model_card
from pipelines.charlm.data import Vocabulary, build_vocabulary
from pipelines.charlm.exported import Cost, chunks_of, chunks_of_file, total
from pipelines.charlm.flags import PRESETS, Train, check


def code_points(text):
    return np.array([ord(character) for character in text], np.int32)


# Vocabulary.


def test_text_to_numbers_and_back():
    vocabulary = build_vocabulary("character", code_points("bab—a"), 1)
    assert vocabulary.symbols == (97, 98, 0x2014)
    assert len(vocabulary) == 4
    numbers = vocabulary.encode(code_points("a—xb~\n"))
    assert numbers.tolist() == [1, 3, 0, 2, 0, 0]
    assert vocabulary.decode(numbers) == "a—b"
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_rare_symbols_are_left_out():
    assert build_vocabulary("character", code_points("aabbbc"), 2).symbols == (97, 98)
    with pytest.raises(ValueError, match=r"`min_count` must leave at least one symbol. Got 9"):
        build_vocabulary("character", code_points("aabbbc"), 9)


def test_bytes_that_are_cut_are_shown_as_such():
    vocabulary = build_vocabulary("byte", np.frombuffer("é!".encode(), np.uint8), 1)
    numbers = vocabulary.encode(np.array([0xC3, 0xA9, 0xC3, ord("!")]))
    assert vocabulary.decode(numbers) == "é\ufffd!"


# Costs and chunks.


def test_total_weighs_each_piece_by_its_characters():
    found = total([Cost(1, 3.0, 0), Cost(3, 1.0, 2)])
    assert found["nats_per_char"] == 1.0
    assert found["bits_per_char"] == pytest.approx(1 / np.log(2))
    assert found["accuracy"] == 0.5
    assert found["characters"] == 4
    assert total([])["bits_per_char"] == 0


@pytest.mark.parametrize("size", [1, 3, 100])
def test_chunks_make_up_the_text(tmp_path, size):
    text = "é—😀\nab" * 5
    assert b"".join(chunks_of(text, size)).decode() == text
    assert b"".join(chunks_of(text.encode(), size)).decode() == text
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
    inside = np.array(list(activity.PROPERTIES["inside quotes"](text)))
    states[:, 4] = 0.3 * states[:, 4] - 2 * inside
    found = {unit.name: unit for unit in activity.telling_units(text, states)}
    assert set(found) == {"place in the line", "place in the word", "inside quotes", "in capitals"}
    assert found["inside quotes"].number == 4
    assert found["inside quotes"].correlation < -0.9
    assert found["inside quotes"].text == text[len(text) // 2 :]
    assert abs(found["place in the word"].correlation) < 0.5  # chance does not survive the halves


def test_properties_of_a_text():
    def values(name, text):
        return list(activity.PROPERTIES[name](text))

    assert values("place in the line", "ab\nc") == [1, 2, 0, 1]
    assert values("place in the word", "ab, c") == [1, 2, 0, 0, 1]
    assert values("inside quotes", 'a"b"c') == [0, 1, 1, 0, 0]
    assert values("inside quotes", "a“b“c”") == [0, 1, 1, 1, 1, 0]
    assert values("inside brackets", "(a[b])c)") == [1, 1, 1, 1, 1, 0, 0, 0]
    assert values("in capitals", "aB c") == [0, 1, 1, 0]


def test_a_unit_that_never_changes_tells_nothing():
    text = '"a" b\n' * 60
    assert all(unit.correlation == 0 for unit in activity.telling_units(text, np.ones((360, 3))))


# Report, flags, card.


def test_report_escapes_what_it_shows(tmp_path):
    unit = activity.Unit("inside <quotes>", 3, 0.5, "a<b>" * 9, np.linspace(-1, 1, 36))
    report.write_text_report(
        tmp_path / "report.html",
        title="A run",
        config={"units": 3},
        history={"loss": [3.0, 2.0], "val_loss": [3.1, 2.5]},
        metrics={"bits_per_char": 2.5},
        bits=[2.4, 2.6, 2.5],
        chunk=100,
        samples={f"epoch-{i:04d}": [{"temperature": 0.5, "text": f"<{i}>"}] for i in range(20)},
        units=[unit],
    )
    page = (tmp_path / "report.html").read_text()
    assert "&lt;0&gt;" in page
    assert "&lt;19&gt;" in page
    assert page.count("temperature 0.5") == report.EPOCHS
    assert "<quotes>" not in page
    assert page.count("<mark") == 36


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"time": 0}, "`time` must be at least 1. Got 0."),
        ({"learning_rate": 0.0}, "`learning_rate` must be above 0. Got 0.0."),
        ({"weight_decay": -0.1}, "`weight_decay` must be at least 0. Got -0.1."),
    ],
)
def test_flags_out_of_range(flags, message):
    with pytest.raises(ValueError, match=message):
        check(Train(**flags))


def test_presets_name_their_data_set():
    for name, flags in PRESETS.items():
        check(flags)
        assert flags.dataset == name
        card = model_card(flags, {})
        assert "Not measured." in card
        assert f"float32[batch, {2 * flags.layers * flags.units}]" in card
