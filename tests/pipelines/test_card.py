"""What the model cards share."""

from pipelines import card
from zoo.layers.lecture_layer import CELLS

MEASURED = {"metrics": {"bleu": 24.19123}, "train_seconds": 150.0, "machine": "a machine"}


def test_every_cell_has_words():
    assert card.CELLS.keys() == set(CELLS)


def test_metrics_stand_in_a_table_under_what_was_measured():
    assert card.metrics_table(MEASURED, "dev split").splitlines() == [
        "| metric (dev split) | value |",
        "| --- | --- |",
        "| bleu | 24.1912 |",
    ]
    assert card.made(MEASURED, 7) == "Trained in 2 minutes on a machine, seed 7."
    assert "2 minutes, without naps on" in card.made(MEASURED, 7, ", without naps")


def test_nothing_is_claimed_before_it_is_measured():
    assert card.metrics_table({}, "dev split") == "Not measured."
    assert card.made({"train_seconds": 150.0}, 7) == ""
