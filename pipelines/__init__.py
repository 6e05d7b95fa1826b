"""Whole applications on the layers of zoo/. The machine's settings come before TensorFlow."""

from pipelines import machine

machine.apply()
