"""The loss of models with a vocabulary: by blocks as in the plain way, whatever is compiled."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import zoo.model
from zoo.losses import SmoothedCrossentropy
from zoo.models.captioner import Captioner
from zoo.models.char_lm import CharLM
from zoo.models.translator import Translator

WORDS, BATCH, TIME = 17, 3, 4
RNG = np.random.default_rng(0)
TOKENS = RNG.integers(1, WORDS, (BATCH, TIME)).astype("int32")


def captioner():
    model = Captioner(WORDS, units=5, embedding_units=6, attention_units=4, dropout=0.0)
    features = RNG.normal(size=(BATCH, 2, 7)).astype("float32")
    return model, {"features": features, "tokens": TOKENS[:, None]}


def translator():
    model = Translator(WORDS, units=5, encoder_units=4, embedding_units=6, attention_units=3)
    return model, {"source": TOKENS[:, ::-1].copy(), "tokens": TOKENS}


def char_lm():
    return CharLM(WORDS, units=5, embedding_units=4, batch_size=BATCH), TOKENS


def build(make):
    keras.utils.set_random_seed(1)
    model, inputs = make()
    model(inputs)
    for weight in model.trainable_weights:  # offsets begin at zero, where an error does not show
        weight.assign(weight + 0.1 * RNG.normal(size=weight.shape))
    answers = inputs["tokens"] if isinstance(inputs, dict) else inputs
    weights = RNG.uniform(size=answers.shape).astype("float32")
    weights[0] = 0
    return model, inputs, answers, weights


def loss_and_gradients(model, inputs, answers, weights):
    with tf.GradientTape() as tape:
        rows = model(inputs, training=True)
        loss = model.compute_loss(inputs, answers, rows, weights)
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    return float(loss), [ops.convert_to_numpy(gradient) for gradient in gradients]


@pytest.mark.parametrize("make", [captioner, translator, char_lm])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight"])
@pytest.mark.parametrize("weighted", [True, False])
def test_blocks_equal_the_plain_way(monkeypatch, make, reduction, weighted):
    model, inputs, answers, weights = build(make)
    weights = weights if weighted else None
    model.compile("adam", SmoothedCrossentropy(0.1, reduction=reduction))
    model.optimizer.build(model.trainable_variables)
    results, calls = [], []
    blocks = zoo.model.readout_crossentropy
    monkeypatch.setattr(
        zoo.model, "readout_crossentropy", lambda *args: calls.append(1) or blocks(*args)
    )
    for least in (WORDS + 1, WORDS):
        monkeypatch.setattr(zoo.model, "LARGE", least)
        if make is char_lm:  # what is carried from one call to the next
            for state in model.carried:
                state.assign(ops.zeros_like(state))
        results.append(loss_and_gradients(model, inputs, answers, weights))
    assert len(calls) == 1  # the second way alone
    (plain, expected), (loss, gradients) = results
    assert loss == pytest.approx(plain, rel=1e-5)
    for gradient, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, other, rtol=1e-4, atol=1e-6)


def test_a_sum_is_no_mean(monkeypatch):
    model, inputs, answers, weights = build(translator)
    loss = SmoothedCrossentropy(0.1, reduction="sum")
    model.compile(keras.optimizers.SGD(0.0), loss)
    monkeypatch.setattr(zoo.model, "LARGE", WORDS)
    total = loss_and_gradients(model, inputs, answers, weights)[0]
    assert total == pytest.approx(float(loss(answers, model(inputs), weights)), rel=1e-5)


@pytest.mark.parametrize("large", [True, False])
def test_any_loss_and_metric_of_keras_sees_logits(monkeypatch, large):
    monkeypatch.setattr(zoo.model, "LARGE", WORDS if large else WORDS + 1)
    model, inputs, answers, _ = build(translator)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=["accuracy"])
    logits = model(inputs)
    trained = model.train_on_batch(inputs, answers, return_dict=True)
    assert trained["loss"] == pytest.approx(float(loss(answers, logits)), rel=1e-5)
    assert trained["accuracy"] == pytest.approx(np.mean(np.argmax(logits, -1) == answers))
    tested = model.test_on_batch(inputs, answers, return_dict=True)
    assert tested["loss"] == pytest.approx(trained["loss"], rel=1e-5)


def test_losses_of_layers_are_added(monkeypatch):
    monkeypatch.setattr(zoo.model, "LARGE", WORDS)
    model, inputs, answers, weights = build(translator)
    model.compile("adam", SmoothedCrossentropy())
    without = loss_and_gradients(model, inputs, answers, weights)[0]
    model.readout.kernel.regularizer = keras.regularizers.L2(0.5)
    penalty = 0.5 * float(ops.sum(model.readout.kernel**2))
    with_penalty = loss_and_gradients(model, inputs, answers, weights)[0]
    assert with_penalty - without == pytest.approx(penalty, rel=1e-3)


def test_a_compiled_step_forms_no_logits(monkeypatch):
    """All rows of the batch times the vocabulary: nothing that the step needs has that shape."""
    monkeypatch.setattr(zoo.model, "LARGE", WORDS)
    model, inputs, answers, weights = build(translator)
    model.compile("adam", SmoothedCrossentropy(0.1), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    step = tf.function(model.train_step).get_concrete_function((inputs, answers, weights))
    needed, new = set(), {*(out.op for out in step.outputs), *step.graph.control_outputs}
    while new:
        needed |= new
        before = {op for one in new for op in (*(x.op for x in one.inputs), *one.control_inputs)}
        new = before - needed
    shapes = {tuple(op.outputs[0].shape) for op in needed if op.outputs}
    assert (BATCH, TIME, 6) in shapes  # the rows are
    assert (BATCH, TIME, WORDS) not in shapes
