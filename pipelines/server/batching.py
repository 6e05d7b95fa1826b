"""Requests that come at about the same time share one call of a signature.

The parameters are those of TF Serving's `--batching_parameters_file`, so that the same file does
for both servers. See also `Signature.batchable`.
"""

import asyncio
import contextlib
import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

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


@dataclass(frozen=True)
class BatchingParameters:
    """As in TF Serving, with its defaults."""

    max_batch_size: int = 1000
    """Rows of a batch."""
    batch_timeout_micros: int = 0
    """How long a batch waits for more, in millionths of a second."""
    max_enqueued_batches: int = 10
    """Batches that may wait for a thread; a request for a further batch is refused."""
    num_batch_threads: int = os.cpu_count() or 1
    """Batches computed at once (and never more than the server has threads)."""


def read_parameters(path: Path) -> BatchingParameters:
    """Reads `max_batch_size { value: 32 }` and the like; `#` begins a comment.

    Raises:
        ValueError: a line is of another form, a name unknown, or a value out of its range.
    """
    text = re.sub("#.*", "", path.read_text())
    other = ENTRY.sub("", text).strip()
    if other:
        line = other.splitlines()[0]
        raise ValueError(f"{path} must hold lines like max_batch_size {{ value: 32 }}. Got {line}.")
    known = BatchingParameters.__dataclass_fields__
    parameters = {}
    for name, in_braces, bare in ENTRY.findall(text):
        value = in_braces or bare
        if name in IGNORED:
            continue
        if name not in known:
            raise ValueError(f"{path} must hold {', '.join([*known, *IGNORED])}. Got {name}.")
        least = 0 if name == "batch_timeout_micros" else 1
        if not re.fullmatch("[0-9]{1,12}", value) or int(value) < least:
            raise ValueError(f"`{name}` must be an integer of at least {least}. Got {value}.")
        parameters[name] = int(value)
    return BatchingParameters(**parameters)


@dataclass
class _Request:
    inputs: Mapping[str, np.ndarray]
    answer: asyncio.Future

    @property
    def rows(self) -> int:
        return len(next(iter(self.inputs.values())))


@dataclass
class _Batch:
    servable: Servable
    name: str
    requests: list[_Request] = field(default_factory=list)
    full: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def rows(self) -> int:
        return sum(request.rows for request in self.requests)


class Batcher:
    """Collects requests of one signature, and of one shape but for the rows, into batches.

    A batch is closed when it is full, or when it is old enough and a thread is free for it.

    Args:
        parameters: sizes and times.
        compute: runs a function in a thread.
    """

    def __init__(self, parameters: BatchingParameters, compute: Callable[..., Awaitable]):
        self._parameters = parameters
        self._compute = compute
        self._threads = asyncio.Semaphore(parameters.num_batch_threads)
        self._open: dict[tuple, _Batch] = {}
        self._tasks: set[asyncio.Task] = set()
        self._waiting = 0

    async def predict(
        self, servable: Servable, name: str, inputs: Mapping[str, np.ndarray]
    ) -> Mapping[str, np.ndarray]:
        """The request's own part of a batch's answer.

        Raises:
            RequestError: the inputs differ in their numbers of rows, too many batches wait, or
                TensorFlow refuses this request alone.
        """
        sizes = {key: len(value) for key, value in inputs.items()}
        if len(set(sizes.values())) > 1:
            raise invalid(f"Batching input tensors must have equal 0th-dimension size: {sizes}")
        request = _Request(inputs, asyncio.get_running_loop().create_future())
        key = (id(servable), name, *((k, v.shape[1:]) for k, v in sorted(inputs.items())))
        batch = self._open.get(key)
        if batch is not None and batch.rows + request.rows > self._parameters.max_batch_size:
            self._close(key, batch)
            batch = None
        if batch is None:
            batch = self._begin(key, servable, name)
        batch.requests.append(request)
        if batch.rows >= self._parameters.max_batch_size:
            self._close(key, batch)
        return await request.answer

    def _begin(self, key: tuple, servable: Servable, name: str) -> _Batch:
        if self._waiting >= self._parameters.max_enqueued_batches:
            raise RequestError(
                Code.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full",
            )
        batch = self._open[key] = _Batch(servable, name)
        self._waiting += 1
        task = asyncio.create_task(self._run(key, batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return batch

    def _close(self, key: tuple, batch: _Batch) -> None:
        if self._open.get(key) is batch:
            del self._open[key]
        batch.full.set()

    async def _run(self, key: tuple, batch: _Batch) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._parameters.batch_timeout_micros / 1e6):
                await batch.full.wait()
        async with self._threads:
            self._close(key, batch)
            self._waiting -= 1
            requests = [request for request in batch.requests if not request.answer.done()]
            await self._answer(batch.servable, batch.name, requests)

    async def _answer(self, servable: Servable, name: str, requests: Sequence[_Request]) -> None:
        """Computes requests together; after a failure, each alone: a neighbour may be wrong."""
        try:
            parts = await self._compute(_together, servable, name, requests) if requests else []
        except Exception as error:
            if len(requests) > 1:
                for request in requests:
                    await self._answer(servable, name, [request])
                return
            parts = [error]
        for request, part in zip(requests, parts, strict=True):
            if request.answer.done():  # its time is over
                continue
            if isinstance(part, Exception):
                request.answer.set_exception(part)
            else:
                request.answer.set_result(part)


def _together(
    servable: Servable, name: str, requests: Sequence[_Request]
) -> list[dict[str, np.ndarray]]:
    """One call for all requests; its answer, cut into theirs."""
    if len(requests) == 1:
        return [servable.run(name, requests[0].inputs)]
    joined = {
        key: np.concatenate([request.inputs[key] for request in requests])
        for key in requests[0].inputs
    }
    ends = np.cumsum([request.rows for request in requests])
    outputs = servable.run(name, joined)
    for key, value in outputs.items():
        if len(value) != ends[-1]:
            raise invalid(f"Batched output tensor {key} has {len(value)} rows, not {ends[-1]}")
    cut = {key: np.split(value, ends[:-1]) for key, value in outputs.items()}
    return [{key: cut[key][index] for key in outputs} for index in range(len(requests))]
