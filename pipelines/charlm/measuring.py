"""What an exported model makes of a split, read once from start to end."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from datasets import text as texts
from pipelines.charlm import exported
from pipelines.charlm.activity import Unit, telling_units
from pipelines.charlm.flags import Evaluate, Train
from pipelines.charlm.report import write_text_report
from pipelines.runs import flags_to_json, read_json
from pipelines.verbs import Evaluation

LOOKED_AT = 3000  # characters that single units are looked at over


class Reading(NamedTuple):
    """What the report shows of a split.

    bits: bits per character of each chunk of `exported.CHUNK` characters.
    units: computes which single units tell what.
    """

    bits: list[float]
    units: Callable[[], list[Unit]]


def read_split(flags: Train | Evaluate, split: str, unit: str) -> texts.Text:
    """A split of the run's data set."""
    options = {"encoding": flags.encoding, "unit": unit} if flags.dataset == "file" else {}
    return texts.read(flags.dataset, split, flags.data_dir, limit=flags.limit, **options)


def evaluate(model: Any, flags: Evaluate) -> Evaluation:
    """Bits per character over the whole split, the state carried from its start to its end."""
    text = read_split(flags, flags.split, exported.unit_of(model))
    progress = keras.utils.Progbar(len(text.content), unit_name="character")
    costs = []
    for cost in exported.read(model, exported.chunks_of(text.content)):
        costs.append(cost)
        progress.add(cost.characters)
    bits = [cost.nats / np.log(2) / cost.characters for cost in costs]
    start = text.content[:LOOKED_AT]
    return Evaluation(
        exported.total(costs),
        Reading(bits, lambda: telling_units(start, exported.states_along(model, start))),
    )


def report(run: Path, flags: Train, history: Mapping, evaluation: Evaluation) -> None:
    """Writes the run's report."""
    found: Reading = evaluation.details
    write_text_report(
        run / "report.html",
        title=f"Character language model: {flags.dataset}",
        config=flags_to_json(flags),
        history={name: values for name, values in history.items() if "likelihood" not in name},
        metrics=evaluation.metrics,
        bits=found.bits,
        chunk=exported.CHUNK,
        samples={path.stem: read_json(path) for path in sorted((run / "samples").glob("*.json"))},
        units=found.units(),
    )
