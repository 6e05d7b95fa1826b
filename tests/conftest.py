"""What all tests share: a quiet TensorFlow, fixed seeds, and where the real data is."""

import os
from pathlib import Path

import pipelines  # noqa: F401  (the machine's settings, before TensorFlow)

# isort: split
import keras
import pytest


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets, named by UNFOLD_DATA; the test skips where there is none."""
    folder = os.environ.get("UNFOLD_DATA")
    if not folder:
        pytest.skip("UNFOLD_DATA is not set: no real data sets here")
    return Path(folder)
