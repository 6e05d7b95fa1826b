"""What the tests of hostile input share."""

import pytest


@pytest.fixture(autouse=True)
def _seed():
    """Nothing here is drawn at random, and a new seed makes TensorFlow build each graph anew."""
