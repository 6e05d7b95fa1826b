"""The command line: lessons, flags, errors that a person can act on, one report of all lessons."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelines import runs
from pipelines.flags import Positive
from pipelines.lecture import pipeline
from pipelines.lecture.lesson import Finding, LessonFlags, Result

NAMES = ["mlp_vs_rnn", "unfold", "sum", "compare", "types", "bptt", "long_term", "gates"]
NAMES += ["cells"]


@dataclass(frozen=True)
class Flags(LessonFlags):
    """A quick lesson."""

    size: Positive = 2
    """A size."""


def teach(flags):
    finding = Finding("It is <so>.", f"It is {flags.size}.", flags.size == 2)
    return Result([finding], {"size": flags.size}, [f"drawn at {flags.size}"], ["a note"])


@pytest.fixture
def quick(monkeypatch):
    """Two lessons that take no time."""
    lesson = SimpleNamespace(Flags=Flags, run=teach)
    monkeypatch.setattr(pipeline, "LESSONS", {"first": lesson, "second": lesson})


def test_all_lessons_are_in_the_table_in_the_lectures_order():
    assert list(pipeline.LESSONS) == NAMES
    for lesson in pipeline.LESSONS.values():
        assert lesson.Flags().seed == 0
        assert lesson.Flags.__doc__.endswith(".")


def test_every_file_of_lessons_is_in_the_table():
    modules = {lesson.__name__ for lesson in pipeline.LESSONS.values()}
    folder = Path(pipeline.__file__).parent / "lessons"
    assert modules == {f"pipelines.lecture.lessons.{path.stem}" for path in folder.glob("*.py")}


def test_a_lesson_prints_claim_and_measurement_and_writes_its_section(quick, tmp_path, capsys):
    assert pipeline.main(["first", "--folder", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    for line in ("lecture   It is <so>.", "measured  It is 2.", "holds", "note      a note"):
        assert line in out
    record = runs.read_json(tmp_path / "lessons" / "first.json")
    assert record["numbers"] == {"size": 2}
    assert record["findings"] == [{"claim": "It is <so>.", "measured": "It is 2.", "holds": True}]
    assert record["flags"] == {"seed": 0, "folder": str(tmp_path), "size": 2}
    page = (tmp_path / "report.html").read_text()
    assert "It is &lt;so&gt;." in page
    assert "first: A quick lesson" in page
    assert "second: A quick lesson" not in page


def test_running_one_lesson_again_changes_its_section_alone(quick, tmp_path, capsys):
    assert pipeline.main(["all", "--folder", str(tmp_path), "--seed", "3"]) == 0
    assert runs.read_json(tmp_path / "lessons" / "second.json")["flags"]["seed"] == 3
    first = (tmp_path / "lessons" / "first.html").read_text()
    assert pipeline.main(["second", "--folder", str(tmp_path), "--size", "5"]) == 0
    assert "DOES NOT HOLD" in capsys.readouterr().out
    assert (tmp_path / "lessons" / "first.html").read_text() == first
    page = (tmp_path / "report.html").read_text()
    assert page.index("first: A quick") < page.index("second: A quick")
    assert "drawn at 2" in page
    assert "drawn at 5" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["long_tern"], "Got 'long_tern'. Did you mean 'long_term'?"),
        (["sum", "--steps", "0"], "error: `steps` must be at least 1. Got 0."),
        (["unfold", "--lengths", "3", "0"], "error: `lengths` must be at least 1. Got (3, 0)."),
        (["types", "--seed", "-1"], "error: `seed` must be from 0 to 2147483647. Got -1."),
        (["all", "--seed", "-1"], "error: `seed` must be from 0 to 2147483647. Got -1."),
        (["compare", "--lengths", "-2"], "error: `lengths` must be at least 1. Got (-2,)."),
        (["sum", "--train-length", "0"], "error: `train_length` must be at least 1. Got 0."),
        (["bptt", "--length", "2"], "error: `length` must be at least 3. Got 2."),
        (["mlp_vs_rnn", "--symbols", "1"], "error: `symbols` must be at least 2. Got 1."),
        (["mlp_vs_rnn", "--lag", "0"], "error: `lag` must be at least 1. Got 0."),
        (["mlp_vs_rnn", "--length", "2"], "error: `length` must be at least 3. Got 2."),
        (["long_term", "--gaps", "5", "0"], "error: `gaps` must be at least 1. Got (5, 0)."),
        (["long_term", "--seeds", "0"], "error: `seeds` must be at least 1. Got 0."),
        (
            ["long_term", "--adding-lengths", "1"],
            "error: `adding_lengths` must be at least 2. Got (1,).",
        ),
        (["gates", "--text", "oh no"], "error: `text` must be made of these words"),
        (["gates", "--run", "nowhere"], "error: `run` must be the folder of a run"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(arguments, message, tmp_path, capsys):
    assert pipeline.main([*arguments, "--folder", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert not (tmp_path / "report.html").exists()


def test_an_unknown_flag_ends_with_status_two(capsys):
    with pytest.raises(SystemExit) as stopped:
        pipeline.main(["sum", "--stepz", "3"])
    assert stopped.value.code == 2
    assert "--steps" in capsys.readouterr().err


def test_help_lists_the_lessons(capsys):
    assert pipeline.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in [*NAMES, "all"])
    assert pipeline.main([]) == 2


def test_interrupting_keeps_what_was_done(quick, monkeypatch, tmp_path, capsys):
    def stop(flags):
        raise KeyboardInterrupt

    monkeypatch.setitem(pipeline.LESSONS, "second", SimpleNamespace(Flags=Flags, run=stop))
    assert pipeline.main(["all", "--folder", str(tmp_path)]) == 130
    assert "first: A quick lesson" in (tmp_path / "report.html").read_text()
    assert "Stopped" in capsys.readouterr().err
