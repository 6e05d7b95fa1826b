"""Quick calls of a command line in one process."""

import gc

import pytest


@pytest.fixture(autouse=True, scope="package")
def _modules_are_no_garbage():
    """A command line ends with a collection, which need not walk all that is imported."""
    gc.freeze()
    yield
    gc.unfreeze()
