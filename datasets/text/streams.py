"""One long text as a batch of contiguous streams: truncated backpropagation wants them so."""

from collections.abc import Iterator

import numpy as np


def streams(
    symbols: np.ndarray, batch_size: int, time: int, offset: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cuts a text into `batch_size` streams, and these into windows of `time` symbols.

    Row b of every window is the next piece of stream b, so that the state which a row ended with
    is right for the row that follows. What is left over at the end is not used.

    Example, the text 0 1 2 3 4 5 6 7 8 with 2 streams of windows of 2:

        inputs [[0, 1], [4, 5]] then [[2, 3], [6, 7]];  targets [[1, 2], [5, 6]] then
        [[3, 4], [7, 8]].

    Args:
        symbols: `<int32>[symbols]`.
        batch_size: streams.
        time: symbols of each in a window.
        offset: symbols to leave out at the start, so that the cuts fall elsewhere.

    Yields:
        inputs and targets, `<int32>[batch_size, time]` each; targets are one symbol ahead.

    Raises:
        ValueError: the text is too short for one window.
    """
    symbols = symbols[offset:]
    check_streams(len(symbols), batch_size, time)
    length = (len(symbols) - 1) // batch_size // time * time
    inputs = symbols[: batch_size * length].reshape(batch_size, length)
    targets = symbols[1 : batch_size * length + 1].reshape(batch_size, length)
    for start in range(0, length, time):
        yield inputs[:, start : start + time], targets[:, start : start + time]


def check_streams(symbols: int, batch_size: int, time: int) -> None:
    """Raises ValueError where `symbols` symbols do not make one window of every stream."""
    for name, value in (("batch_size", batch_size), ("time", time)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"`{name}` must be a positive integer. Got {value!r}.")
    if symbols <= batch_size * time:
        raise ValueError(
            f"The text must have more than `batch_size` x `time` = {batch_size * time:,} symbols. "
            f"Got {symbols:,}: take a smaller `batch_size` or `time`, or a longer text."
        )
