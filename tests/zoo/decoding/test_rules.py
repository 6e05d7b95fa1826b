"""What is checked before a search starts, and what a step may not give."""

import numpy as np
import pytest
from keras import ops

from zoo.decoding import Rules, beam_search, greedy


@pytest.mark.parametrize(
    ("argument", "value", "rule"),
    [
        ("max_length", 0, "be a positive integer"),
        ("min_length", 6, "be from 0 to 5"),
        ("min_length", -1, "be from 0 to 5"),
        ("length_penalty", -0.1, "be 0 or more"),
        ("forbidden_tokens", (3, 2), "leave out the end token"),
    ],
)
def test_bad_rules_are_named(rules, argument, value, rule):
    with pytest.raises(ValueError, match=f"`{argument}` must {rule}. Got ") as error:
        Rules(**{**rules, argument: value})
    assert str(value) in str(error.value)


def test_a_misspelt_rule_is_an_error(make_toy, rules):
    toy = make_toy(seed=0)
    with pytest.raises(TypeError, match="max_lenght"):
        greedy(toy.step, toy.state(), max_lenght=3, **rules)


@pytest.mark.parametrize(("field", "value"), [("end_token", 17), ("forbidden_tokens", (3, 17))])
def test_tokens_must_be_in_the_vocabulary(make_toy, rules, field, value):
    toy = make_toy(seed=0)
    with pytest.raises(ValueError, match=f"`{field}` must be below the vocabulary's 6"):
        greedy(toy.step, toy.state(), **{**rules, field: value})


def test_a_word_must_be_left(make_toy, rules):
    toy = make_toy(seed=0)
    with pytest.raises(ValueError, match="`forbidden_tokens` must leave a word to choose"):
        greedy(toy.step, toy.state(), forbidden_tokens=(3, 4, 5), **rules)


def test_the_state_must_hold_a_tensor(make_toy, rules):
    with pytest.raises(ValueError, match="`state` must hold a tensor"):
        greedy(make_toy(seed=0).step, {}, **rules)


def test_logits_must_have_a_beams_axis(rules):
    with pytest.raises(ValueError, match="`step` must give logits"):
        greedy(lambda t, s: (ops.zeros((1, 6)), s), ops.zeros((1, 1)), **rules)


def test_probabilities_sum_to_one_over_the_allowed_tokens(rules):
    logits = np.random.default_rng(0).normal(size=(2, 3, 6)).astype("float32")
    probs = np.exp(Rules(**rules, forbidden_tokens=(4,)).log_probs(logits, 0))
    np.testing.assert_allclose(probs.sum(-1), 1, rtol=1e-5)
    assert (probs[..., [0, 1, 4]] == 0).all()
    np.testing.assert_allclose(
        probs[..., 3] / probs[..., 5], np.exp(logits[..., 3] - logits[..., 5]), rtol=1e-4
    )


def test_a_model_that_masks_with_infinity_keeps_everything_finite(rules):
    logits = np.full((1, 1, 6), -np.inf, "float32")
    logits[..., 5] = 0
    log_probs = np.array(Rules(**rules).log_probs(logits, 0))
    assert np.isfinite(log_probs).all()
    assert log_probs.argmax() == 5
    # What the model rules out is still better than what the search forbids.
    assert log_probs[..., 2:].min() > log_probs[..., :2].max()


@pytest.mark.parametrize(
    ("period", "most", "repeats"), [(1, 2, 4), (2, 2, 2), (3, 3, 3), (4, 1, 1), (2, 0, 6)]
)
def test_a_passage_is_repeated_so_often_and_no_more(period, most, repeats):
    """The model says words 3, 4, ... in a circle, and 9 where the next of them is forbidden."""

    def step(tokens, state):
        following = ops.where(tokens - 2 < period, tokens + 1, 3)
        following = ops.where(tokens < 3, 3, following)
        logits = 5.0 * ops.one_hot(following, 10) + 4.0 * ops.one_hot(tokens * 0 + 9, 10)
        return logits, state

    rules = {"start_token": 1, "end_token": 2, "max_length": 12, "max_repeats": most}
    for search, options in ((greedy, {}), (beam_search, {"beam_size": 2, "length_penalty": 0.0})):
        found = search(step, [np.zeros((1, 1, 1), "float32")], **options, **rules)
        words = np.asarray(found.tokens)[0, 0].tolist()
        circle = list(range(3, 3 + period))
        assert words[: period * repeats] == (circle * repeats)[:12]
        if most:
            assert words[period * repeats] != 3
