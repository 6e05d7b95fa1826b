"""The steps that are compared are the tasks' own, and their products are those of their weights."""

import importlib.util
from collections import Counter

import keras
import numpy as np
import pytest

from benchmarks import step_profile, training
from benchmarks.steps import STEPS_OF, Product, keras_twin, on_keras_layers, ours
from pipelines.flags import arguments_of

SMALL = {"sentiment": {"time": 3}, "translation": {"time": 3}, "captioning": {"time": 3}}


def model_of(step) -> keras.Model:
    model_class, sizes = step.model
    model = model_class(**arguments_of(model_class, step.flags, **sizes))
    inputs = step.batch[0]
    model.build({k: v.shape for k, v in inputs.items()} if isinstance(inputs, dict) else None)
    return model


@pytest.mark.parametrize("task", STEPS_OF)
def test_each_kernel_has_its_product(task):
    step = STEPS_OF[task]()
    shapes = Counter(tuple(sorted(p[1:3])) for p in step.products)
    weights = [w for w in model_of(step).trainable_weights if len(w.shape) == 2]
    kernels = Counter(
        tuple(sorted(w.shape))
        for w in weights
        if "embedding" not in w.path and w.name != "positions"
    )
    if task in ("translation", "captioning"):  # the embedding's rows are the readout, too
        kernels[tuple(sorted((step.flags.embedding_units, step.model[1]["vocabulary_size"])))] += 1
    assert shapes == kernels


@pytest.mark.slow
@pytest.mark.parametrize("task", SMALL)
def test_all_twins_have_the_loss_of_a_model_that_knows_nothing(task):
    step = STEPS_OF[task](**SMALL[task])
    classes = step.model[1].get("classes") or step.model[1]["vocabulary_size"]
    for run in twins(step):
        assert float(run()) == pytest.approx(np.log(classes), rel=0.2)


def twins(step):
    yield from (ours(step), keras_twin(step))
    if importlib.util.find_spec("torch"):
        from benchmarks.torch_twins import torch_twin

        yield torch_twin(step)


def test_the_twin_is_over_keras_own_layer():
    step = STEPS_OF["translation"](time=3)
    with on_keras_layers():
        twin = model_of(step)
    layers = {type(layer) for layer in twin._flatten_layers() if "LSTM" in type(layer).__name__}
    assert layers == {keras.layers.LSTM, keras.layers.LSTMCell}


def test_products_run_as_often_as_they_say():
    products = (Product(2, 3, 12, 4), Product(8, 5, 6))
    results = training.tensorflow_products(products)()
    assert len(results) == 6  # of each its result and both gradients


def test_the_row_has_the_faster_products_as_its_measure():
    step = STEPS_OF["sentiment"](time=3)
    medians = {training.BARE[0]: 0.2, training.BARE[1]: 0.1, "ours": 0.3}
    row = training.row(step, {**medians, training.KERAS: 0.6, training.TORCH: 0.25})
    assert row.split(" | ")[1:8] == ["100 (torch)", "300", "600", "250", "3.00", "2.00", "1.20"]


def test_a_profile_names_the_operations_of_the_step():
    times = step_profile.operation_times(ours(STEPS_OF["sentiment"](time=3)))
    assert {"Tanh", "Sigmoid"} <= set(times)
    assert all(milliseconds > 0 and calls >= 1 for milliseconds, calls in times.values())
