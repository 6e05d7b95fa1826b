"""TensorFlow's import without the lines that it writes on every machine and nobody can act on.

Log levels do not reach these lines: they are written while the libraries load, and, of CUDA, when
devices are listed for the first time. So both happen here with standard error held back, and every
other line is passed on.
"""

import contextlib
import importlib.abc
import importlib.machinery
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

CHATTER = (
    "All log messages before absl::InitializeLog",
    "oneDNN custom operations are on",
    "This TensorFlow binary is optimized to use",
    "To enable the following instructions",
)
# Of a SavedModel with a gradient of its own, whether or not anybody asks for the gradient.
GRADIENTS = "with ops with unsaved custom gradients"
# Of a machine that has no NVIDIA device, where it is no error that none is used.
WITHOUT_NVIDIA = ("Could not find cuda drivers", "failed call to cuInit", "cuda_platform.cc")


class QuietImport(importlib.abc.MetaPathFinder):
    """Imports TensorFlow, once, with standard error held back; then it is gone."""

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: _quietly(load, module)
        return spec


def _quietly(load, module) -> None:
    with held_back_errors() as lines:
        load(module)
        gpus = module.config.list_physical_devices("GPU")
    for line in lines:
        if not _is_chatter(line):
            print(line, file=sys.stderr)
    if has_nvidia() and not gpus:
        print(
            "An NVIDIA device is here, and TensorFlow does not use it: install "
            "'tensorflow[and-cuda]' of the same version, or see the driver's version "
            "(nvidia-smi).",
            file=sys.stderr,
        )


def _is_chatter(line: str) -> bool:
    known = CHATTER if has_nvidia() else CHATTER + WITHOUT_NVIDIA
    return not line.strip() or any(pattern in line for pattern in known)


@contextlib.contextmanager
def held_back_errors() -> Iterator[list[str]]:
    """Collects what this process's libraries write to standard error; all of it is shown, if an
    error ends the block."""
    lines: list[str] = []
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        except BaseException:
            os.dup2(kept, 2)
            file.seek(0)
            os.write(2, file.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            lines += file.read().decode(errors="replace").splitlines()


def leave_out(pattern: str) -> None:
    """Keeps absl's lines that have `pattern` in them from being written."""
    logging.getLogger("absl").addFilter(lambda record: pattern not in record.getMessage())


def has_nvidia() -> bool:
    """Whether an NVIDIA device is there, used or not."""
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/proc/driver/nvidia/version").exists()
