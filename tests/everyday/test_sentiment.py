"""Sentences that a person may type: the share that the shipped classifier gets right."""

import csv
from collections import Counter
from pathlib import Path

import pytest
import tensorflow as tf

from pipelines.exporting import load_saved_model

SHIPPED = Path(__file__).parents[2] / "saved_models" / "sentiment"
# By the model's version, the least share of a group. Version 1 had read film reviews alone: plain
# 77%, negated 52%, reported none. Of version 2, 75% of the negated were hoped for.
ASKED = {"2": {"plain": 0.85, "negated": 0.5, "reported": 0.8}}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with Path(__file__).with_name("sentiment.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_groups_are_balanced_and_no_sentence_stands_twice(rows):
    counts = Counter((row["group"], row["label"]) for row in rows)
    for group in ("negated", "plain"):
        assert counts[group, "positive"] == counts[group, "negative"] == 30
    assert (counts["reported", "positive"], counts["reported", "negative"]) == (4, 2)
    assert len({row["sentence"] for row in rows}) == len(rows) == 126


def test_the_shipped_model_gets_as_many_right_as_its_version_promises(rows):
    model, folder = load_saved_model(SHIPPED)
    texts = tf.constant([row["sentence"] for row in rows])
    labels = model.signatures["serving_default"](text=texts)["label"].numpy()
    right: dict[str, list[bool]] = {}
    for row, label in zip(rows, labels, strict=True):
        right.setdefault(row["group"], []).append(row["label"] == label.decode())
    shares = {group: sum(answers) / len(answers) for group, answers in right.items()}
    shown = ", ".join(f"{group} {share:.1%}" for group, share in shares.items())
    print(f"\nsentiment/{folder.name}: right {shown}")
    for group, least in ASKED[folder.name].items():
        assert shares[group] >= least, (group, shares[group])
