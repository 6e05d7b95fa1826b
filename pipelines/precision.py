"""Whether a training computes in 16 bits: where a short probe finds that faster on this machine.

A GPU with 16-bit units is faster so by far, a CPU with AMX or AVX-512 BF16 somewhat, and another
CPU takes longer, under XLA twice as long: so it is measured, for the way that the training takes.
"""

import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from pipelines import distribution, runs
from pipelines.cache import cached
from pipelines.flags import TrainFlags
from pipelines.machine import machine
from zoo.layers import LSTM

PROBE_TIME = 32  # steps of the recurrence
PROBE_ROUNDS = 7  # of each precision, in turns
GAIN = 0.95  # of the time in 32 bits, which 16 bits must stay below


def policy_of(flags: TrainFlags, run: Path) -> str:
    """Keras' dtype policy for a run: as `--precision` says, or as the run was begun.

    With `auto` a run that goes on keeps the precision that it was begun with, on any machine.

    Raises:
        ValueError: `auto` in several processes, each of which would measure for itself.
    """
    if flags.precision == "float32":
        return "float32"
    if flags.precision == "auto" and distribution.process()[1] > 1:
        raise ValueError(
            "`precision` must be float32 or mixed where several processes train. Got 'auto'."
        )
    mixed = "mixed_float16" if _has_gpu() else "mixed_bfloat16"
    if flags.precision == "auto" and (run / "kept" / "precision.json").exists():
        return runs.kept(run, "precision")
    ratio = _probed(flags, mixed)
    policy = mixed if flags.precision == "mixed" or ratio < GAIN else "float32"
    if flags.precision == "auto":
        runs.keep(run, "precision", policy)
    if flags.precision == "auto" or ratio > 1:
        print(
            f"Precision: {policy}. A step in 16 bits takes {ratio:.2f} of one in 32 bits here.",
            flush=True,
        )
    return policy


def _has_gpu() -> bool:
    import tensorflow as tf

    if keras.backend.backend() == "tensorflow":
        return bool(tf.config.list_physical_devices("GPU"))
    return any(name.startswith(("gpu", "cuda")) for name in keras.distribution.list_devices())


def _probed(flags: TrainFlags, mixed: str) -> float:
    """Time of a step in 16 bits in parts of one in 32 bits, measured once for each machine."""
    compiled = getattr(flags, "jit_compile", False) or "auto"
    key = {
        "kind": "precision",
        "machine": machine(),
        "backend": keras.backend.backend(),
        "units": flags.units,
        "batch_size": flags.batch_size,
        "jit_compile": compiled,
    }

    def write(folder):
        steps = [_step(policy, flags, compiled) for policy in (mixed, "float32")]
        runs.write_json(folder / "ratio.json", ratio_of(*steps))

    return runs.read_json(cached(flags.cache_dir, key, write) / "ratio.json")


def _step(policy: str, flags: TrainFlags, compiled: bool | str) -> Callable[[], object]:
    """A training step of one layer of the run's size."""
    layers = [
        LSTM(flags.units, return_sequences=True, dtype=policy, name="probe"),
        keras.layers.Dense(1, name="probe_readout"),
    ]
    model = keras.Sequential(layers, name="probe_model")  # named: later names stay as they are
    model.compile("sgd", "mse", jit_compile=compiled)
    shape = (flags.batch_size, PROBE_TIME, flags.units)
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    y = np.zeros((*shape[:2], 1), np.float32)
    return lambda: model.train_on_batch(x, y)


def ratio_of(step: Callable[[], object], other: Callable[[], object]) -> float:
    """The shortest time of one step in parts of another's; they are called in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(PROBE_ROUNDS):
        for run, seconds in zip((step, other), times, strict=True):
            begun = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - begun)
    return min(times[0]) / min(times[1])
