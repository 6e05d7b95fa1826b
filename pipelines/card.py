"""What all model cards say in the same words."""

from collections.abc import Mapping
from typing import Any

CELLS = {
    "lstm": "the lecture's bias-free LSTM with the sigmoid candidate",
    "lstm_tanh": "the bias-free LSTM with the tanh candidate",
    "simple_rnn": "the lecture's ReLU SimpleRNN",
}


def metrics_table(measured: Mapping[str, Any], split: str) -> str:
    """The metrics as a Markdown table, or that there are none yet.

    Args:
        measured: as in a run's metrics.json; without `metrics` before it is measured.
        split: how the table's head names what was measured.
    """
    rows = [f"| {name} | {value:.4f} |" for name, value in measured.get("metrics", {}).items()]
    head = [f"| metric ({split}) | value |", "| --- | --- |"]
    return "\n".join([*head, *rows]) if rows else "Not measured."


def made(measured: Mapping[str, Any], seed: int, without: str = "") -> str:
    """How long it was trained on which machine; nothing before it is measured.

    Args:
        measured: as in a run's metrics.json.
        seed: of the run.
        without: what the time leaves out.
    """
    if "metrics" not in measured or "train_seconds" not in measured:
        return ""
    return (
        f"Trained in {measured['train_seconds'] / 60:.0f} minutes{without} on "
        f"{measured['machine']}, seed {seed}."
    )
