"""How well an exported model foretells a split, read once from start to end."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from datasets import text as texts
from pipelines.charlm import client, metrics
from pipelines.charlm.data import read_split
from pipelines.charlm.flags import Evaluate
from pipelines.charlm.unit_activity import Unit, telling_units
from pipelines.contract import Evaluation

LOOKED_AT = 3000  # characters that single units are looked at over


class Reading(NamedTuple):
    """What the report shows of a split.

    bits: bits per character of each chunk of `client.CHUNK` characters.
    units: computes which single units tell what.
    """

    bits: list[float]
    units: Callable[[], list[Unit]]


def evaluate(model: Any, flags: Evaluate) -> Evaluation:
    """Bits per character over the whole split, the state carried from its start to its end."""
    unit = client.unit_of(model)
    records = read_split(flags, flags.split, unit).rebatch(client.CHUNK)
    unit = texts.unit_of(flags.dataset, unit)
    chunks = (client.content_of(record["symbols"], unit) for record in records.as_numpy_iterator())
    start = next(chunks)
    progress = keras.utils.Progbar(None, unit_name="character")
    costs = []
    for cost in client.read(model, map(client.as_bytes, itertools.chain([start], chunks))):
        costs.append(cost)
        progress.add(cost.characters)
    bits = [cost.nats / np.log(2) / cost.characters for cost in costs]
    start = start[:LOOKED_AT]
    return Evaluation(
        metrics.total(costs),
        Reading(bits, lambda: telling_units(start, client.states_along(model, start))),
    )
