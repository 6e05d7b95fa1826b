"""The Python examples of the READMEs, run on the shipped models."""

import doctest
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READMES = sorted(path.relative_to(ROOT) for path in (ROOT / "pipelines").glob("*/README.md"))


@pytest.mark.slow
@pytest.mark.parametrize("readme", READMES, ids=str)
def test_examples_are_right(readme, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = (ROOT / readme).read_text(encoding="utf-8")
    example = doctest.DocTestParser().get_doctest(text, {}, str(readme), str(readme), 0)
    if not example.examples:
        pytest.skip("no examples")
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example)
    assert results.failed == 0


def test_every_task_has_an_example():
    tasks = {"captioning", "charlm", "sentiment", "translation"}
    with_examples = {path.parent.name for path in READMES if ">>> " in (ROOT / path).read_text()}
    assert tasks <= with_examples
