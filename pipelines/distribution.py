"""One training on several devices or machines: Keras' own distribution, on JAX.

Every process reads its own rows of each batch and gives them to its devices; each holds all
weights, and JAX takes the gradient's mean over all rows. So a step is that of one process with the
whole batch, up to the order of sums, dropout and carried states included. `tf.distribute` is not
used: with several workers Keras' own steps fail there.
"""

import contextlib
import os
import re
from collections.abc import Iterator

import keras

STRATEGIES = ("none", "data_parallel")
PROCESSES = "KERAS_DISTRIBUTION_NUM_PROCESSES"
# What the messages of a failed computation begin with in JAX, and no message of ours.
STATUS = re.compile(r"(UNKNOWN|INTERNAL|UNAVAILABLE|ABORTED|CANCELLED|DEADLINE_EXCEEDED): ")


def start(strategy: str) -> None:
    """Joins the other processes, if there are any; before anything is computed.

    Keras reads where they are from KERAS_DISTRIBUTION_JOB_ADDRESSES (the first process's host and
    port), KERAS_DISTRIBUTION_NUM_PROCESSES and KERAS_DISTRIBUTION_PROCESS_ID. Without these it is
    this process alone, with all of its devices.

    Raises:
        ValueError: the strategy is unknown, or Keras' backend is not JAX.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"`strategy` must be one of {STRATEGIES}. Got {strategy!r}.")
    if strategy == "none":
        return
    if keras.backend.backend() != "jax":
        raise ValueError(
            f"`strategy` {strategy!r} needs KERAS_BACKEND=jax. Got {keras.backend.backend()!r}."
        )
    if PROCESSES in os.environ:
        keras.distribution.initialize()
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))


def process() -> tuple[int, int]:
    """This process's number, from 0, and how many train together."""
    if keras.distribution.distribution() is None:
        return 0, 1
    import jax

    return jax.process_index(), jax.process_count()


def is_chief() -> bool:
    """Whether this process is the one that writes."""
    return process()[0] == 0


def rows(batch_size: int) -> slice:
    """Which rows of each batch this process trains on: all, or its share of them.

    Raises:
        ValueError: the batch cannot be shared out evenly over all devices.
    """
    if keras.distribution.distribution() is None:
        return slice(0, batch_size)
    number, count = process()
    devices = len(keras.distribution.list_devices())
    if batch_size % devices:
        raise ValueError(f"`batch_size` must be a multiple of {devices} devices. Got {batch_size}.")
    return slice(number * batch_size // count, (number + 1) * batch_size // count)


@contextlib.contextmanager
def others_may_end() -> Iterator[None]:
    """Where a computation fails that several processes share, says what to do."""
    try:
        yield
    except (RuntimeError, ValueError) as error:  # JAX raises both
        if process()[1] == 1 or not STATUS.match(str(error)):
            raise
        raise ConnectionError(
            "The training stopped, most likely because another process of it ended. Stop all of "
            "them, and give the same commands again: they go on from the last checkpoint. "
            f"({error})"
        ) from error
