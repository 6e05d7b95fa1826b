"""Whole applications on the layers of zoo/. The machine's settings come before TensorFlow."""

from typing import Any

from pipelines import machine

machine.apply()

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    if name == "load":  # here and not above, so that other imports do without TensorFlow
        from pipelines.loading import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
