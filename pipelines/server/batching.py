"""Requests that come at about the same time share one call of a signature.

The parameters are those of TF Serving's `--batching_parameters_file`, so that the same file does
for both servers. See also `Signature.batchable`.
"""

import asyncio
import contextlib
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipelines.flags import Count, Positive, check_bounds
from pipelines.server.errors import Code, RequestError, invalid
from pipelines.server.servable import Servable

# Parameters of TF Serving's file without effect on this server.
IGNORED = (
    "allowed_batch_sizes",
    "enable_large_batch_splitting",
    "max_execution_batch_size",
    "pad_variable_length_inputs",
    "thread_pool_name",
)
ENTRY = re.compile(r"(\w+)\s*(?::?\s*\{\s*value\s*:\s*([^\s{}]+)\s*\}|:\s*([^\s{}]+))\s*")


Inputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class BatchingParameters:
    """As in TF Serving, with its defaults."""

    max_batch_size: Positive = 1000
    """Rows of a batch."""
    batch_timeout_micros: Count = 0
    """How long a batch waits for more, in millionths of a second."""
    max_enqueued_batches: Positive = 10
    """Batches that may wait for a thread; a request for a further batch is refused."""
    num_batch_threads: Positive = os.cpu_count() or 1
    """Batches computed at once (and never more than the server has threads)."""


def read_parameters(path: Path) -> BatchingParameters:
    """Reads `max_batch_size { value: 32 }` and the like; `#` begins a comment.

    Raises:
        ValueError: a line is of another form, a name unknown, or a value out of its range.
    """
    text = re.sub("#.*", "", path.read_text())
    if other := ENTRY.sub("", text).strip():
        raise ValueError(
            f"{path} must hold lines like max_batch_size {{ value: 32 }}. Got {other}."
        )
    known = BatchingParameters.__dataclass_fields__
    values = {name: braced or bare for name, braced, bare in ENTRY.findall(text)}
    for name, value in values.items():
        if name not in IGNORED and not (name in known and value.isdecimal()):
            raise ValueError(f"{path} must hold {', '.join(known)}, integers. Got {name}: {value}.")
    parameters = BatchingParameters(**{name: int(values[name]) for name in known if name in values})
    check_bounds(parameters)
    return parameters


@dataclass
class _Batch:
    """Requests of one signature, by the tasks that wait for their answers.

    Attributes:
        full: set when no request may join any more.
        answers: computes the answers by task, or None: each task is to ask alone.
    """

    requests: dict[asyncio.Task, Inputs] = field(default_factory=dict)
    full: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Task | None = None

    @property
    def rows(self) -> int:
        return sum(map(_rows, self.requests.values()))


class Batcher:
    """Collects requests of one signature, and of one shape but for the rows, into batches.

    A batch is closed when it is full, or when it is old enough and a thread is free for it.

    Args:
        parameters: sizes and times.
        compute: runs a function in a thread.
        seconds: that TensorFlow may compute for a batch.
    """

    def __init__(
        self, parameters: BatchingParameters, compute: Callable[..., Awaitable], seconds: float
    ):
        self._parameters = parameters
        self._compute = compute
        self._seconds = seconds
        self._threads = asyncio.Semaphore(parameters.num_batch_threads)
        self._open: dict[tuple, _Batch] = {}
        self._waiting = 0

    async def predict(self, servable: Servable, name: str, inputs: Inputs) -> Inputs:
        """The request's own part of a batch's answer.

        Raises:
            RequestError: the inputs differ in their numbers of rows, too many batches wait, or
                TensorFlow refuses this request alone.
        """
        sizes = {key: len(value) for key, value in inputs.items()}
        if len(set(sizes.values())) > 1:
            raise invalid(f"Batching input tensors must have equal 0th-dimension size: {sizes}")
        key = (servable, name, *((k, v.shape[1:]) for k, v in sorted(inputs.items())))
        most = self._parameters.max_batch_size
        if key in self._open and self._open[key].rows + _rows(inputs) > most:
            self._open.pop(key).full.set()
        if key not in self._open:
            self._begin(key)
        batch, waiting = self._open[key], asyncio.current_task()
        batch.requests[waiting] = inputs
        if batch.rows >= most:
            self._open.pop(key).full.set()
        try:
            answers = await asyncio.shield(batch.answers)
        finally:
            del batch.requests[waiting]  # a request whose time is over leaves its batch
        if answers is None:
            return await self._compute(servable.run, name, inputs, self._seconds)
        return answers[waiting]

    def _begin(self, key: tuple) -> None:
        if self._waiting >= self._parameters.max_enqueued_batches:
            raise RequestError(
                Code.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full",
            )
        batch = self._open[key] = _Batch()
        self._waiting += 1
        batch.answers = asyncio.create_task(self._run(key, batch))

    async def _run(self, key: tuple, batch: _Batch) -> dict[asyncio.Task, Inputs] | None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(batch.full.wait(), self._parameters.batch_timeout_micros / 1e6)
        async with self._threads:
            if self._open.get(key) is batch:
                del self._open[key]
            self._waiting -= 1
            servable, name, *_ = key
            requests = dict(batch.requests)
            try:
                return await self._compute(_together, servable, name, requests, self._seconds)
            except Exception:  # of one request or another: each asks alone, and has its own error
                if len(requests) < 2:
                    raise
                return None


def _rows(inputs: Inputs) -> int:
    return len(next(iter(inputs.values())))


def _together(
    servable: Servable, name: str, requests: Mapping[asyncio.Task, Inputs], seconds: float
) -> dict:
    """One call for all requests; its answer, cut into theirs."""
    if len(requests) < 2:
        return {task: servable.run(name, inputs, seconds) for task, inputs in requests.items()}
    parts = list(requests.values())
    ends = np.cumsum([_rows(part) for part in parts])
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    outputs = servable.run(name, joined, seconds)
    for key, value in outputs.items():
        if len(value) != ends[-1]:
            raise invalid(f"Batched output tensor {key} has {len(value)} rows, not {ends[-1]}")
    cut = {key: np.split(value, ends[:-1]) for key, value in outputs.items()}
    return {task: {key: cut[key][i] for key in cut} for i, task in enumerate(requests)}
