"""Gives the tests of models a small captioner and inputs for it."""

from typing import Any

import numpy as np
import pytest

from zoo.models.captioner import Captioner

START, END, UNKNOWN = 1, 2, 3
BATCH, CAPTIONS, TIME, GRID, CHANNELS = 3, 2, 5, 4, 7


@pytest.fixture(scope="session")
def rules() -> dict[str, Any]:
    """What a caption may be: see `zoo.decoding.Rules`."""
    return {"start_token": START, "end_token": END, "forbidden_tokens": (UNKNOWN,), "max_length": 6}


@pytest.fixture
def inputs() -> dict[str, np.ndarray]:
    """Features and words of `BATCH` images."""
    rng = np.random.default_rng(6)
    tokens = rng.integers(3, 9, (BATCH, CAPTIONS, TIME)).astype("int32")
    tokens[..., 0] = START
    tokens[0, 1, 3:] = 0
    features = rng.normal(size=(BATCH, GRID, CHANNELS)).astype("float32")
    return {"features": features, "tokens": tokens}


@pytest.fixture(scope="session")
def build():
    """A function that builds a captioner of 9 words whose weights all differ from each other."""

    def build(cell="lstm", attention="additive", encoder=None, spread=0.7, **options) -> Captioner:
        sizes = {"units": 6, "embedding_units": 8, "attention_units": 5}
        model = Captioner(9, attention=attention, cell=cell, encoder=encoder, **sizes, **options)
        image = {"features": (None, GRID, CHANNELS)}
        if encoder is not None:
            image = {"images": (None, 16, 16, 3)}
        model.build({**image, "tokens": (None, None, None)})
        rng = np.random.default_rng(5)
        for weight in model.trainable_weights:
            weight.assign(rng.normal(scale=spread, size=weight.shape))
        return model

    return build
