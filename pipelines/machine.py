"""What is known of the machine: its precision, its memory, its name beside a number."""

import os
import platform
import resource
from pathlib import Path

import keras


def set_precision(mixed: bool) -> None:
    """float32, or the 16 bits that the device at hand is fast at."""
    if mixed:
        import tensorflow as tf

        gpu = bool(tf.config.list_physical_devices("GPU"))
        keras.config.set_dtype_policy("mixed_float16" if gpu else "mixed_bfloat16")


def peak_memory() -> int:
    """The most that this process has held at once, in bytes (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def machine() -> str:
    """One line on what made a number: processor, cores, GPU, library versions."""
    import tensorflow as tf

    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    gpus = [device.name for device in tf.config.list_physical_devices("GPU")]
    return (
        f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, "
        f"GPU: {', '.join(gpus) or 'none'}, TensorFlow {tf.__version__}, Keras {keras.__version__}"
    )
