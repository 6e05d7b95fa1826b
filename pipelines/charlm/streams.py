"""One long text as a batch of contiguous streams: truncated backpropagation wants them so."""

from typing import NamedTuple

import numpy as np

from pipelines.epochs import draws


class Window(NamedTuple):
    """What one step reads.

    inputs, targets: `<int32>[rows, time]`; targets are one symbol ahead.
    begins: `<bool>[rows]`, True for the streams that begin anew.
    """

    inputs: np.ndarray
    targets: np.ndarray
    begins: np.ndarray


class Streams:
    """A text cut into `batch_size` streams, and these into windows of `time` symbols, one a step.

    Row b of every window is the next piece of stream b, so that the state which a row ended with
    is right for the row that follows. Symbols left over at the end are not used.

    Example, the text 0 1 2 3 4 5 6 7 8 with 2 streams of windows of 2:

        inputs [[0, 1], [4, 5]] then [[2, 3], [6, 7]];  targets [[1, 2], [5, 6]] then
        [[3, 4], [7, 8]].

    An epoch leaves out a random number of symbols at the start, so that the cuts between streams
    and between steps fall elsewhere each time. Now and then a stream begins anew: from carried
    states alone the model would not learn to read a text from its start, and its cells could count
    up all along a stream. Both follow from the seed, the epoch and the step alone.

    Args:
        numbers: `<int>[symbols]`, such as a memory map.
        batch_size: streams.
        time: symbols of each in a window.
        seed: of offsets and restarts.
        restarts: share of the streams that begin anew at a step; at the first all of them do.

    Raises:
        ValueError: the text is too short for one window of every stream.
    """

    def __init__(
        self,
        numbers: np.ndarray,
        batch_size: int,
        time: int,
        seed: int = 0,
        restarts: float = 0.0,
    ):
        if len(numbers) <= batch_size * time:
            raise ValueError(
                f"The text must have more than `batch_size` x `time` = {batch_size * time:,} "
                f"symbols. Got {len(numbers):,}: take a smaller `batch_size` or `time`, or a "
                "longer text."
            )
        self.numbers, self.batch_size, self.time = numbers, batch_size, time
        self.seed, self.restarts = seed, restarts
        self.steps, self.spare = divmod(len(numbers) - 1, batch_size * time)

    def offset(self, epoch: int) -> int:
        """Symbols that an epoch leaves out at the start."""
        return int(np.random.default_rng([self.seed, epoch]).integers(0, self.spare + 1))

    def window(self, epoch: int, step: int, rows: slice = slice(None)) -> Window:
        """The window of a step; of several processes each reads its own rows."""
        starts = self.offset(epoch) + np.arange(self.batch_size) * self.steps * self.time
        places = starts[rows, None] + step * self.time + np.arange(self.time + 1)
        symbols = self.numbers[places].astype(np.int32)
        chances = draws(self.seed, epoch, step).random(self.batch_size)
        begins = (chances < self.restarts) | (step == 0)
        return Window(symbols[:, :-1], symbols[:, 1:], begins[rows])
