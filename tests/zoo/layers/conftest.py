"""Gives the tests of layers the checks that they share."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def layer_checks() -> ModuleType:
    """The module layer_checks.py beside this file."""
    path = Path(__file__).with_name("layer_checks.py")
    spec = importlib.util.spec_from_file_location("layer_checks", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
