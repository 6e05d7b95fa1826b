"""Computing for one model: in a bounded number of threads, for a bounded number of requests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pipelines.server.batching import Batcher, BatchingParameters
from pipelines.server.errors import Code, RequestError
from pipelines.server.servable import Servable


class Threads:
    """A bounded number of threads, and the calls that wait for one."""

    def __init__(self, number: int, name: str):
        self._free = asyncio.Semaphore(number)
        self._pool = ThreadPoolExecutor(number, name)

    async def call(self, function: Callable, *arguments):
        """Calls a function in a thread as soon as a thread is free.

        A function cannot be stopped from outside, so the thread of a request whose time is over
        stays taken until the function ends. The next requests wait here and not in the pool, which
        would go on holding their inputs when their time, too, is over.
        """
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, function, *arguments)
        future.add_done_callback(lambda _: self._free.release())
        return await asyncio.shield(future)

    def close(self) -> None:
        """Ends the threads that wait."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Engine:
    """Where the requests of one model wait and are computed; never on the event loop.

    Each model has its own engine: no model takes the threads or the places of another.

    Args:
        threads: requests, or batches of them, that are computed at once.
        max_waiting: further requests that may be inside; all others are refused at once.
        timeout: seconds that a request may take, waiting included, and that TensorFlow may compute
            before it is stopped; an attribute, too.
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
        self._tensorflow = Threads(threads, "tensorflow")
        self._python = Threads(threads, "python")
        self._batcher = Batcher(batching, self._tensorflow.call, timeout) if batching else None

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

    async def convert(self, function: Callable, *arguments):
        """Calls a function of Python, such as one that reads JSON, beside those of TensorFlow."""
        return await self._python.call(function, *arguments)

    async def predict(
        self, servable: Servable, name: str, inputs: Mapping[str, np.ndarray]
    ) -> Mapping[str, np.ndarray]:
        """Calls a signature, in a batch with other requests where batching is on and possible.

        Raises:
            RequestError: TensorFlow's own error, or too many batches wait.
        """
        if self._batcher is not None and servable.signatures[name].batchable:
            return await self._batcher.predict(servable, name, inputs)
        return await self._tensorflow.call(servable.run, name, inputs, self.timeout)

    def close(self) -> None:
        """Ends the threads that wait."""
        self._tensorflow.close()
        self._python.close()
