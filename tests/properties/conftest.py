"""Property tests: the same few examples in each run; UNFOLD_EXAMPLES asks for more."""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "unfold",
    max_examples=int(os.environ.get("UNFOLD_EXAMPLES", "30")),
    derandomize=True,
    database=None,
    deadline=None,  # TensorFlow's first call of a function takes seconds
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("unfold")


@pytest.fixture(autouse=True)
def _seed():
    """Nothing here is drawn at random, and a new seed makes TensorFlow build each graph anew."""
