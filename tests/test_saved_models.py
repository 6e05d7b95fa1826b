"""The models that are shipped: small, and from flags that this version knows.

test_exports.py loads them and has them answer.
"""

import importlib
from pathlib import Path

import pytest

from pipelines import exporting, runs, verbs

ROOT = Path(__file__).parents[1] / "saved_models"
MODELS = sorted(path.parent for path in ROOT.glob("*/*/saved_model.pb"))
LARGEST = 40e6  # bytes


def name(path):
    return path.relative_to(ROOT).as_posix()


def test_there_are_some():
    folders = {folder.parent.name for folder in MODELS}
    assert {"captioning", "sentiment", "charlm_shakespeare"} <= folders


@pytest.mark.parametrize("folder", MODELS, ids=name)
def test_shipped_model_is_small_and_has_a_card_with_what_was_measured(folder):
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < LARGEST
    card = (folder.parent / "README.md").read_text()
    assert "## Measured" in card
    assert "Not measured" not in card


@pytest.mark.parametrize("folder", MODELS, ids=name)
def test_shipped_model_names_its_task_and_flags(folder):
    made = runs.read_json(folder / exporting.RUN)
    pipeline = importlib.import_module(f"pipelines.{made['task']}.pipeline").PIPELINE
    flags = verbs.from_json(pipeline, made["flags"])
    assert pipeline.model_folder(flags) == folder.parent.name
    assert flags.cell == "lstm"  # the lecture's
    assert made["train_seconds"] > 0


@pytest.mark.parametrize("folder", MODELS, ids=name)
def test_shipped_model_holds_no_path_of_the_machine_that_made_it(folder):
    for part in ("saved_model.pb", "assets.extra/run.json"):
        content = (folder / part).read_bytes()
        assert not any(root in content for root in (b"/home/", b"/root/", b"/tmp/", b"/Users/"))
