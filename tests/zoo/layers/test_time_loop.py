"""The loop over time and the function with its own gradient, on this backend and on others."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from zoo.layers import LSTM, SimpleRNN
from zoo.layers.time_loop import scan, with_gradient


def running_sum(carry, x):
    """The sum so far goes on; the sum before this step is given out."""
    return (carry[0] + x[0],), (carry[0],)


@pytest.mark.parametrize(
    "wrap", [lambda f: f, tf.function, lambda f: tf.function(f, jit_compile=True)]
)
def test_scan_walks_both_ways(wrap):
    x = tf.constant([[[1.0]], [[2.0]], [[3.0]]])
    zero = tf.zeros((1, 1))
    for reverse, expected in ((False, [0, 1, 3]), (True, [5, 3, 0])):
        walk = wrap(lambda zero, x, r=reverse: scan(running_sum, (zero,), (x,), (1,), reverse=r))
        (total,), (sums,) = walk(zero, x)
        np.testing.assert_array_equal(total, [[6]])
        np.testing.assert_array_equal(np.ravel(sums), expected)


def test_scan_may_give_nothing_out():
    carry, ys = scan(
        lambda c, x: ((c[0] + x[0],), ()), (tf.zeros((1, 2)),), (tf.ones((4, 1, 2)),), ()
    )
    np.testing.assert_array_equal(carry[0], [[4, 4]])
    assert ys == ()


def test_gradient_is_the_one_that_is_given():
    double = with_gradient(
        lambda x, y: ((2 * x, y), (y,)), lambda saved, g: (g[0] * saved[0], None)
    )
    x, y = tf.constant(3.0), tf.constant(7.0)
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        outputs = double(x, y)
    assert [float(o) for o in outputs] == [6, 7]
    gradient_x, gradient_y = tape.gradient(outputs[0], [x, y])
    assert float(gradient_x) == 7  # not 2: the given one
    assert gradient_y is None or float(gradient_y) == 0


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(5)
    sizes = {"x": (3, 6, 4), "h": (3, 5), "C": (3, 5)}
    for name, gates in (("LSTM", 4), ("SimpleRNN", 1)):
        sizes |= {
            f"{name}_kernel": (4, 5 * gates),
            f"{name}_recurrent_kernel": (5, 5 * gates),
            f"{name}_bias": (5 * gates,),
        }
    arrays = {name: rng.normal(size=size).astype("float32") for name, size in sizes.items()}
    # Walked backwards, so each row ends on its first step; none begins with padding (see
    # RecurrentLayer: there Keras' own loop on JAX gives the initial state, not zero).
    mask = np.array([[1, 1, 1, 1, 1, 1], [0, 1, 0, 1, 1, 1], [0, 0, 1, 0, 0, 1]], bool)
    return {**arrays, "mask": mask}


def answers_here(problem, layer_class):
    names = ("x", "h", "C") if layer_class is LSTM else ("x", "h")
    options = {"return_sequences": True, "return_state": True, "go_backwards": True}
    layer = layer_class(5, use_bias=True, **options)
    layer.build(problem["x"].shape)
    weights = ("kernel", "recurrent_kernel", "bias")
    layer.set_weights([problem[f"{layer_class.__name__}_{name}"] for name in weights])
    tensors = [tf.constant(problem[name]) for name in names]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        outputs = layer(tensors[0], mask=problem["mask"], initial_state=tensors[1:], training=True)
        waves = [np.cos(np.arange(np.prod(o.shape))).reshape(o.shape) for o in outputs]
        loss = sum(tf.reduce_sum(o * w) for o, w in zip(outputs, waves, strict=True))
    return [*outputs, *tape.gradient(loss, [*tensors, *(w.value for w in layer.weights)])]


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_give_the_same_answers(problem, tmp_path, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed: the layers were not run on it")
    np.savez(tmp_path / "problem.npz", **problem)
    script = Path(__file__).with_name("other_backend.py")
    root = Path(__file__).parents[3]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "problem.npz"), str(tmp_path / "answers.npz")],
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    answers = np.load(tmp_path / "answers.npz")
    for layer_class in (LSTM, SimpleRNN):
        for fast in (True, False):
            for index, expected in enumerate(answers_here(problem, layer_class)):
                found = answers[f"{layer_class.__name__}_{fast}_{index}"]
                np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)
