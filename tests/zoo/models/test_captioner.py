"""The captioner against its equations in NumPy, and its two ways of running against each other."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.models.captioner import ATTENTIONS, CELLS, Captioner

BATCH, CAPTIONS, TIME, GRID, CHANNELS = 3, 2, 5, 4, 7  # as in conftest.py
WORDS, UNITS, WIDTH = 9, 6, 8
PAD, START, END, UNKNOWN = range(4)

every_kind = pytest.mark.parametrize("attention", ATTENTIONS)


def every_model(test):
    return every_kind(pytest.mark.parametrize("cell", CELLS)(test))


# The equations, one image, one caption and one step at a time, in float64.


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(e):
    return np.exp(e - e.max()) / np.exp(e - e.max()).sum()


def numpy_cell(cell, weights):
    """One step of a layer without a bias: x, state -> h, state."""
    kernel, recurrent = weights
    candidate = np.tanh if cell == "lstm_tanh" else sigmoid

    def lstm(x, state):
        h, C = state
        f, i, c, o = np.split(x @ kernel + h @ recurrent, 4)
        C = sigmoid(f) * C + sigmoid(i) * candidate(c)
        h = sigmoid(o) * np.tanh(C)
        return h, (h, C)

    def simple_rnn(x, state):
        h = np.maximum(x @ kernel + state[0] @ recurrent, 0)
        return h, (h, None)

    return simple_rnn if cell == "simple_rnn" else lstm


def numpy_logits(model, features, words):
    """`[cells, channels]` and one caption's words -> logits [time, WORDS], weights."""
    options = model.get_config()
    named = {weight.path: weight.numpy().astype("float64") for weight in model.weights}

    def value(path):
        (found,) = [v for name, v in named.items() if name.endswith(path)]
        return found

    v = features @ value("cells/kernel") + value("positions")
    v = (v - v.mean(-1, keepdims=True)) / np.sqrt(v.var(-1, keepdims=True) + 1e-3)
    v = v * value("cells_norm/gamma") + value("cells_norm/beta")
    E = value("embedding/embeddings")
    sequence = [v.mean(axis=0) @ value("image/kernel"), *(np.sqrt(WIDTH) * E[w] for w in words)]
    steps = [
        numpy_cell(
            options["cell"], [value(f"{n}/cell/kernel"), value(f"{n}/cell/recurrent_kernel")]
        )
        for n in ("first", "second")
    ]
    first = second = (np.zeros(UNITS), np.zeros(UNITS))
    logits, looks = [], []
    for t, x in enumerate(sequence):
        h1, first = steps[0](np.append(x, 1), first)
        if t == 0:
            continue
        c = sequence[0]
        if options["attention"] == "additive":
            q = h1 @ value("query/kernel")
            e = np.array(
                [value("score_vector") @ np.tanh(q + v_j @ value("key/kernel")) for v_j in v]
            )
            looks.append(softmax(e))
            c = looks[-1] @ v
        h2, second = steps[1](np.concatenate([h1, c, [1]]), second)
        logits.append(E @ (np.concatenate([h2, c]) @ value("readout/kernel")))
    return np.array(logits), np.array(looks)


@every_model
def test_equals_the_equations(build, inputs, cell, attention):
    model = build(cell, attention)
    logits, weights = model.logits_and_attention(inputs)
    assert logits.shape == (BATCH, CAPTIONS, TIME, WORDS)
    np.testing.assert_array_equal(model(inputs), logits)
    for b in range(BATCH):
        for k in range(CAPTIONS):
            expected, looks = numpy_logits(model, inputs["features"][b], inputs["tokens"][b, k])
            np.testing.assert_allclose(logits[b, k], expected, rtol=1e-4, atol=1e-4)
            if attention == "additive":
                np.testing.assert_allclose(weights[b, k], looks, rtol=1e-4, atol=1e-5)
    assert attention == "additive" or weights is None


# Both ways of running, and what may touch what.


@every_model
def test_steps_equal_teacher_forcing(build, inputs, cell, attention):
    model = build(cell, attention)
    expected = model(inputs)
    memory = model.read_image(inputs)
    state = [ops.repeat(value, CAPTIONS, axis=1) for value in model.begin(memory)]
    for t in range(TIME):
        logits, state = model.step(inputs["tokens"][:, :, t], state, memory)
        np.testing.assert_allclose(logits, expected[:, :, t], rtol=1e-5, atol=1e-5)
        assert [value.shape for value in state] == [(BATCH, CAPTIONS, UNITS)] * len(state)


@every_model
def test_images_and_captions_do_not_touch_each_other(build, inputs, cell, attention):
    model = build(cell, attention)
    whole = model(inputs)
    for b in range(BATCH):
        for k in range(CAPTIONS):
            alone = {
                "features": inputs["features"][b : b + 1],
                "tokens": inputs["tokens"][b : b + 1, k : k + 1],
            }
            np.testing.assert_allclose(model(alone)[0, 0], whole[b, k], rtol=1e-5, atol=1e-5)


@every_model
def test_padding_and_later_words_change_nothing_before(build, inputs, cell, attention):
    model = build(cell, attention)
    tokens = inputs["tokens"]
    padded = np.pad(tokens, ((0, 0), (0, 0), (0, 3)))
    whole = model({**inputs, "tokens": padded})
    np.testing.assert_allclose(whole[:, :, :TIME], model(inputs), rtol=1e-5, atol=1e-5)
    other = tokens.copy()
    other[:, :, 3:] = 4
    found, before = model({**inputs, "tokens": other}), model(inputs)
    np.testing.assert_allclose(found[:, :, :3], before[:, :, :3], rtol=1e-5, atol=1e-5)
    assert np.abs(found[:, :, 3:] - before[:, :, 3:]).max() > 1e-2


@every_model
def test_every_word_knows_the_image(build, inputs, cell, attention):
    model = build(cell, attention)
    other = {**inputs, "features": inputs["features"][::-1].copy()}
    changes = np.abs(model(other) - model(inputs))[[0, 2]].max(axis=-1)
    assert (changes > 1e-3).all()


# Free running.


def log_prob_of(model, features, tokens):
    """log P of found words and their end, by teacher forcing: `<float64>[batch, beams]`."""
    before = np.concatenate([np.full_like(tokens[..., :1], START), tokens[..., :-1]], axis=-1)
    logits = np.array(model({"features": features, "tokens": before}), "float64")
    logits[..., [PAD, START, UNKNOWN]] = -np.inf
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    answers = np.where(tokens == PAD, END, tokens)
    chosen = np.take_along_axis(log_probs, answers[..., None], axis=-1)[..., 0]
    counted = np.arange(tokens.shape[-1]) <= (tokens != PAD).sum(-1, keepdims=True)
    return np.where(counted, chosen, 0).sum(-1)


@every_model
@pytest.mark.parametrize(
    ("method", "beams", "options"),
    [
        ("greedy", 1, {}),
        ("beam", 3, {"beam_size": 3}),
        ("sample", 4, {"samples": 4, "seed": 3}),
    ],
)
def test_found_captions_have_the_probability_that_is_stated(
    build, rules, inputs, cell, attention, method, beams, options
):
    model = build(cell, attention, spread=0.4)
    features = inputs["features"]
    found = model.caption({"features": features}, method=method, **options, **rules)
    tokens = np.asarray(found.tokens)
    assert tokens.shape == (BATCH, beams, rules["max_length"])
    assert not np.isin(tokens, [START, END, UNKNOWN]).any()
    expected = log_prob_of(model, features, tokens)
    np.testing.assert_allclose(found.log_probs, expected, rtol=1e-4, atol=1e-4)


@every_kind
def test_greedy_takes_the_best_word_and_beam_search_of_one_is_greedy(
    build, rules, inputs, attention
):
    model = build("lstm", attention)
    image = {"features": inputs["features"]}
    greedy = model.caption(image, method="greedy", **rules)
    beam = model.caption(image, method="beam", beam_size=1, length_penalty=0.0, **rules)
    np.testing.assert_array_equal(greedy.tokens, beam.tokens)
    tokens = np.asarray(greedy.tokens)
    before = np.concatenate([np.full_like(tokens[..., :1], START), tokens[..., :-1]], axis=-1)
    logits = np.array(model({**image, "tokens": before}))
    logits[..., [PAD, START, UNKNOWN]] = -np.inf
    places = np.arange(tokens.shape[-1]) <= (tokens != PAD).sum(-1, keepdims=True)
    answers = np.where(tokens == PAD, END, tokens)
    np.testing.assert_array_equal(logits.argmax(-1)[places], answers[places])


def test_samples_are_independent_and_the_seed_decides(build, rules, inputs):
    model = build(spread=0.2)
    options = {"method": "sample", "samples": 5, **rules}
    image = {"features": inputs["features"]}
    first, again, other = (model.caption(image, seed=s, **options).tokens for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (np.asarray(first) != np.asarray(other)).any()
    assert len(np.unique(first[0], axis=0)) > 1


@every_kind
def test_beam_search_of_an_image_does_not_depend_on_the_batch(build, rules, inputs, attention):
    model = build("lstm", attention, spread=0.4)
    whole = model.caption({"features": inputs["features"]}, beam_size=3, **rules)
    for b in range(BATCH):
        alone = model.caption({"features": inputs["features"][b : b + 1]}, beam_size=3, **rules)
        np.testing.assert_array_equal(alone.tokens[0], whole.tokens[b])
        np.testing.assert_allclose(alone.scores[0], whole.scores[b], rtol=1e-5, atol=1e-5)


# Learning.


@pytest.mark.parametrize(
    ("cell", "attention"), [("lstm", "additive"), ("lstm", "none"), ("simple_rnn", "additive")]
)
def test_learns_a_caption_for_each_of_two_images(rules, cell, attention):
    keras.utils.set_random_seed(1)
    model = Captioner(WORDS, 16, 16, 8, attention=attention, cell=cell, dropout=0.0)
    features = np.random.default_rng(0).normal(size=(2, GRID, CHANNELS)).astype("float32")
    answers = np.array([[[4, 5, 6, END]], [[7, 5, END, PAD]]], "int32")
    tokens = np.array([[[START, 4, 5, 6]], [[START, 7, 5, PAD]]], "int32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, jit_compile=False)
    inputs = {"features": features, "tokens": tokens}
    weights = (answers != PAD).astype("float32")
    steps = (float(model.train_on_batch(inputs, answers, weights)) for _ in range(250))
    assert any(loss < 0.02 for loss in steps)  # and no more steps than that takes
    found = model.caption({"features": features}, method="greedy", **rules)
    np.testing.assert_array_equal(found.tokens[:, 0, :4], [[4, 5, 6, 0], [7, 5, 0, 0]])
