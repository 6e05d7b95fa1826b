"""The searches in a traced graph, under XLA, in a SavedModel and on JAX: the same answers."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from zoo.decoding import beam_search, greedy, sample

tf = pytest.importorskip("tensorflow")
ROOT = Path(__file__).parents[3]
RULES = {"start_token": 1, "end_token": 2, "max_length": 6, "forbidden_tokens": (5,)}


class Net:
    """A recurrent step of fixed numbers, which a fresh process can write down again."""

    def __init__(self, vocabulary=9, units=4):
        grid = lambda *shape: np.sin(np.arange(np.prod(shape)) * 1.7 + len(shape)).reshape(shape)  # noqa: E731
        self.recurrent, self.embedding = grid(units, units), grid(vocabulary, units)
        self.output = 3 * grid(units, vocabulary)

    def step(self, tokens, h):
        recurrent, embedding, output = (
            w.astype("float32") for w in (self.recurrent, self.embedding, self.output)
        )
        h = ops.tanh(ops.matmul(h, recurrent) + ops.take(embedding, tokens, axis=0))
        return ops.matmul(h, output), h


STATE = np.cos(np.arange(12)).reshape(3, 1, 4).astype("float32")


def search_all(state):
    """Each search on one state, as a dict of the fields that a graph can return."""
    step = Net().step
    found = {
        "greedy": greedy(step, state, **RULES),
        "beam": beam_search(step, state, beam_size=3, **RULES),
        "sample": sample(step, state, seed=ops.cast(3, "int32"), top_p=0.9, **RULES),
    }
    return {f"{name}_{key}": x for name, one in found.items() for key, x in one._asdict().items()}


def same(one, other, names=("greedy", "beam", "sample")):
    for key, value in one.items():
        if key.startswith(names):
            np.testing.assert_allclose(value, other[key], rtol=1e-5, err_msg=key)


def run(code, **env):
    """The last line that a fresh process prints, read as JSON."""
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **env}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_graph_with_an_unknown_batch():
    spec = tf.TensorSpec([None, 1, 4], tf.float32)
    graph = tf.function(search_all, input_signature=[spec])
    same(graph(STATE), search_all(STATE))
    same(graph(STATE[:1]), search_all(STATE[:1]))
    assert graph(STATE[:0])["beam_tokens"].shape == (0, 3, 6)
    shapes = graph.get_concrete_function().structured_outputs
    assert shapes["beam_tokens"].shape[1:] == (3, 6)
    assert shapes["greedy_lengths"].shape[1:] == (1,)


def test_xla():
    compiled = tf.function(search_all, jit_compile=True)
    one, again, eager = compiled(STATE), compiled(STATE), search_all(STATE)
    same(one, eager, names=("greedy", "beam"))
    same(one, again)  # the seed names the samples, though not the ones without XLA
    assert not np.isin(one["sample_tokens"], (1, 5)).any()


@pytest.mark.parametrize("lost", ["logits", "state"])
def test_a_model_that_loses_static_shapes(lost):
    hide = tf.compat.v1.placeholder_with_default  # the same tensor, of which less is known

    def step(tokens, h):
        logits, h = Net().step(tokens, h)
        return (
            (hide(logits, [None, None, 9]), h)
            if lost == "logits"
            else (logits, hide(h, [None] * 3))
        )

    @tf.function
    def search(state):
        return {
            "beam_tokens": beam_search(step, state, beam_size=3, **RULES).tokens,
            "greedy_tokens": greedy(step, state, **RULES).tokens,
        }

    same(search(STATE), search_all(STATE))


def test_length_known_only_to_the_graph():
    spec = (tf.TensorSpec([None, 1, 4], tf.float32), tf.TensorSpec([], tf.int32))

    @tf.function(input_signature=spec)
    def search(state, length):
        rules = {**RULES, "end_token": -1, "max_length": length}
        beam = beam_search(Net().step, state, beam_size=2, **rules).tokens
        return sample(Net().step, state, seed=4, **rules).tokens, beam

    short, beam = search(STATE, 4)
    long, _ = search(STATE, 7)
    assert short.shape == (3, 1, 4)
    assert beam.shape == (3, 2, 4)
    np.testing.assert_array_equal(long[:, :, :4], short)


def test_saved_model_in_a_process_that_imports_only_tensorflow(tmp_path):
    module = tf.Module()
    module.search = tf.function(
        search_all, input_signature=[tf.TensorSpec([None, 1, 4], tf.float32, name="state")]
    )
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.search})
    code = f"""
import json, sys
import tensorflow as tf
served = tf.saved_model.load({str(tmp_path)!r}).signatures["serving_default"]
state = tf.constant({STATE.tolist()})
found = [{{k: v.numpy().tolist() for k, v in served(state=s).items()}} for s in (state, state[1:2])]
assert not any(name.split(".")[0] == "zoo" for name in sys.modules)
print(json.dumps(found))
"""
    whole, one = run(code)
    same(whole, search_all(STATE))
    same(one, search_all(STATE[1:2]))


@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="jax is not installed")
def test_jax():
    code = f"""
import importlib.util, json, sys
sys.path.insert(0, {str(ROOT)!r})
spec = importlib.util.spec_from_file_location("here", {__file__!r})
here = importlib.util.module_from_spec(spec)
spec.loader.exec_module(here)
import jax, keras
assert keras.config.backend() == "jax"
found = jax.jit(here.search_all)(here.STATE)
print(json.dumps({{k: v.tolist() for k, v in found.items()}}))
"""
    found = run(code, KERAS_BACKEND="jax")
    same(found, search_all(STATE), names=("greedy", "beam"))
    assert not np.isin(found["sample_tokens"], (1, 5)).any()


@pytest.mark.parametrize("floatx", ["float16", "bfloat16", "float64"])
def test_scores_are_float32_whatever_the_models_precision(floatx):
    def half(tokens, h):
        logits, h = Net().step(tokens, ops.cast(h, "float32"))
        return ops.cast(logits, floatx), ops.cast(h, floatx)

    before = keras.config.floatx()
    keras.config.set_floatx(floatx)
    try:
        state = ops.cast(STATE, floatx)
        found = beam_search(half, state, beam_size=3, **RULES)
        drawn = sample(half, state, seed=1, top_p=0.5, **RULES)
    finally:
        keras.config.set_floatx(before)
    assert {x.dtype for one in (found, drawn) for x in one[2:]} == {tf.float32}
    same({"beam_tokens": found.tokens}, search_all(STATE))
