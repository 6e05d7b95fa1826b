"""Computing in a bounded number of threads, for a bounded number of requests that wait."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pipelines.server.batching import Batcher, BatchingParameters
from pipelines.server.errors import Code, RequestError
from pipelines.server.servable import Servable


class Engine:
    """Where requests wait and are computed; TensorFlow never runs on the event loop.

    Args:
        threads: requests, or batches of them, that are computed at once.
        max_waiting: further requests that may be inside; all others are refused at once.
        timeout: seconds that a request may take, reading and waiting included; an attribute, too.
        batching: how to batch; None does not.
    """

    def __init__(
        self,
        threads: int,
        max_waiting: int,
        timeout: float,
        batching: BatchingParameters | None = None,
    ):
        self._most = threads + max_waiting
        self._inside = 0
        self.timeout = timeout
        self._free = asyncio.Semaphore(threads)
        self._pool = ThreadPoolExecutor(threads, "tensorflow")
        self._batcher = Batcher(batching, self._compute) if batching else None

    @contextlib.asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """A place for one request, for as long as requests may take.

        Raises:
            RequestError: all places are taken, or the time is over.
        """
        if self._inside >= self._most:
            raise RequestError(
                Code.UNAVAILABLE, f"{self._inside} requests are being served: try again later"
            )
        self._inside += 1
        try:
            async with asyncio.timeout(self.timeout):
                yield
        except TimeoutError:
            raise RequestError(
                Code.DEADLINE_EXCEEDED, f"The request took more than {self.timeout:g} s"
            ) from None
        finally:
            self._inside -= 1

    async def predict(
        self, servable: Servable, name: str, inputs: Mapping[str, np.ndarray]
    ) -> Mapping[str, np.ndarray]:
        """Calls a signature, in a batch with other requests where batching is on and possible.

        Raises:
            RequestError: TensorFlow's own error, or too many batches wait.
        """
        if self._batcher is not None and servable.signatures[name].batchable:
            return await self._batcher.predict(servable, name, inputs)
        return await self._compute(servable.run, name, inputs)

    def close(self) -> None:
        """Ends the threads that wait."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _compute(self, function: Callable, *arguments):
        """Calls a function in a thread as soon as a thread is free.

        TensorFlow cannot be stopped in its work, so the thread of a request whose time is over
        stays taken until the work is done. The next requests wait here and not in the pool, which
        would go on holding their inputs when their time, too, is over.
        """
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, function, *arguments)
        future.add_done_callback(lambda _: self._free.release())
        return await asyncio.shield(future)
