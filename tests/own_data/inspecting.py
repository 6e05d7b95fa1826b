"""Calls `inspect --output`, as a user would, on the inputs that people reported.

Each input of `cases/` is a small copy of a file that was once read wrong without a word. A test
says what is right: a value of the description, or an error that names what the user must say.
"""

from pathlib import Path

from pipelines import runs
from tests.pipelines import verb_checks

CASES = Path(__file__).parent / "cases"


def inspected(pipeline, tmp_path, capsys, *flags) -> dict | str:
    """The description that `inspect` writes; or the error, where it ends with one."""
    output = tmp_path / "inspected.json"
    output.unlink(missing_ok=True)
    arguments = ("--cache-dir", tmp_path / "cache", "--output", output, *flags)
    status = verb_checks.main(pipeline, "inspect", *arguments)
    error = capsys.readouterr().err
    assert status == (0 if output.exists() else 2), error
    return runs.read_json(output) if output.exists() else error
