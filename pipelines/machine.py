"""The machine: what it has, what is switched on for it, its name beside a number.

`apply` sets what TensorFlow reads when it is imported. The package `pipelines` calls it, so that
every entry point has it: tasks, server, benchmarks, tests. A variable that the user set in the
environment stays as it is. Nothing here imports TensorFlow or Keras before it is needed.
"""

import contextlib
import math
import os
import platform
import resource
import sys
from pathlib import Path

from pipelines.quiet_import import GRADIENTS, QuietImport, has_nvidia, leave_out

CONTROL_GROUP = Path("/sys/fs/cgroup")


def apply() -> None:
    """Sets the environment of TensorFlow, and keeps its import from filling standard error."""
    for name, value in environment().items():
        os.environ.setdefault(name, value)
    leave_out(GRADIENTS)
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, QuietImport())


def environment() -> dict[str, str]:
    """The variables that this machine wants, and why.

    * oneDNN: TensorFlow switches it on by itself only where the processor has AVX-512 or AMX, and a
      training step takes half the time with it on AVX2, too.
    * Threads: TensorFlow knows the process's affinity, and not a container's quota.
    * Log level: without an NVIDIA device nothing of TensorFlow's own library, as whatever fails is
      an exception, too; with one, errors, which tell why it is not used.
    """
    variables = {"TF_CPP_MIN_LOG_LEVEL": "2" if has_nvidia() else "3"}
    if "avx2" in cpu_flags():
        variables["TF_ENABLE_ONEDNN_OPTS"] = "1"
    if usable_cores() < len(os.sched_getaffinity(0)):
        variables["TF_NUM_INTRAOP_THREADS"] = str(usable_cores())
        variables["TF_NUM_INTEROP_THREADS"] = str(usable_cores())
    return variables


def cpu_flags() -> set[str]:
    """Instruction sets of the processor, as Linux names them; none where it does not tell."""
    return set(_cpuinfo("flags").split())


def _cpuinfo(name: str) -> str:
    """A line of /proc/cpuinfo; empty where there is none."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    return ""


def usable_cores() -> int:
    """Cores that this process may use: by its affinity, and by its container's quota."""
    cores = len(os.sched_getaffinity(0))
    quota = _quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _quota() -> float | None:
    """Cores that the control group allows, version 2 or 1; None without a limit."""
    group = CONTROL_GROUP
    with contextlib.suppress(OSError, ValueError):
        limit, period = (group / "cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    with contextlib.suppress(OSError, ValueError):
        limit = int((group / "cpu" / "cpu.cfs_quota_us").read_text())
        period = int((group / "cpu" / "cpu.cfs_period_us").read_text())
        return None if limit < 0 else limit / period
    return None


def peak_memory() -> int:
    """The most that this process has held at once, in bytes (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def processor() -> str:
    """The processor's name, and its widest vectors where it is an x86."""
    flags = cpu_flags()
    vectors = ", AVX-512" if "avx512f" in flags else ", AVX2" if "avx2" in flags else ""
    return (_cpuinfo("model name") or platform.processor()) + vectors


def about() -> str:
    """What this machine has, what is switched on for it, and why: a paragraph."""
    import keras

    threads = os.environ.get("TF_NUM_INTRAOP_THREADS", "one for each core")
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1":
        onednn = "oneDNN is on: with it, a training step takes half the time on AVX2"
    else:
        onednn = "oneDNN is as TensorFlow finds it (TF_ENABLE_ONEDNN_OPTS is not 1)"
    return (
        f"{machine()}. Backend: {keras.backend.backend()}. {onednn}. Threads of an operation: "
        f"{threads}. Precision: 32 bits; `train --precision auto` measures whether 16 are faster. "
        "What the environment sets already stays as it is."
    )


def machine() -> str:
    """One line on what made a number: processor, cores, GPU, library versions."""
    import keras
    import tensorflow as tf

    gpus = [device.name for device in tf.config.list_physical_devices("GPU")]
    return (
        f"{processor()}, {usable_cores()} cores, "
        f"GPU: {', '.join(gpus) or 'none'}, TensorFlow {tf.__version__}, Keras {keras.__version__}"
    )
