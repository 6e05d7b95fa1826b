"""Beam search against every hypothesis there is, and against beam search on plain lists."""

import numpy as np
import pytest
from keras import ops

from zoo.decoding import beam_search, greedy

GARDEN_PATH = np.zeros((5, 5))
GARDEN_PATH[1, 3:], GARDEN_PATH[3, 2:] = (0.6, 0.4), (0.4, 0.3, 0.3)
GARDEN_PATH[4, 2:] = (0.9, 0.05, 0.05)


def test_worked_example_of_the_docstring(markov):
    step, state = markov(GARDEN_PATH)
    rules = {"start_token": 1, "end_token": 2, "max_length": 4, "length_penalty": 0.0}
    assert np.array(greedy(step, state, **rules).tokens).tolist() == [[[3, 0, 0, 0]]]
    found = beam_search(step, state, beam_size=2, **rules)
    assert np.array(found.tokens).tolist() == [[[4, 0, 0, 0], [3, 0, 0, 0]]]
    np.testing.assert_allclose(np.exp(found.log_probs), [[0.36, 0.24]], rtol=1e-5)


@pytest.mark.parametrize("min_length", [0, 2])
@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.5])
def test_wide_beam_is_exhaustive_search(make_toy, plain, rules, alpha, min_length):
    toy = make_toy(seed=1)
    # 3 words, 5 places: at most 3**4 live ones of 4 extensions each, so 324 beams lose nothing.
    rules.update(length_penalty=alpha, min_length=min_length)
    found = beam_search(toy.step, toy.state(), beam_size=324, **rules)
    for row in range(3):
        plain.compare(found, row, plain.exhaustive(toy, row, 5, alpha, min_length)[:324])


def test_more_beams_than_hypotheses_end_in_padding(make_toy, plain, rules):
    toy = make_toy(seed=2)
    found = beam_search(toy.step, toy.state(), beam_size=20, **{**rules, "max_length": 2})
    for row in range(3):
        expected = plain.exhaustive(toy, row, 2, 0.6)
        assert len(expected) == 13  # 1 + 3 that end, 9 that are cut
        plain.compare(found, row, expected)
    assert (np.array(found.tokens)[:, 13:] == 0).all()
    assert (np.array(found.lengths)[:, 13:] == 0).all()
    assert (np.array(found.log_probs)[:, 13:] == -1e9).all()
    assert (np.array(found.scores)[:, 13:] == -1e9).all()


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("beam_size", [1, 2, 5])
def test_narrow_beam_is_beam_search_on_lists(make_toy, plain, rules, beam_size, alpha):
    # The reference never stops early: so this also holds that stopping loses nothing.
    rules.update(max_length=8, length_penalty=alpha)
    for seed in range(3):
        toy = make_toy(seed)
        found = beam_search(toy.step, toy.state(), beam_size=beam_size, **rules)
        for row in range(3):
            plain.compare(found, row, plain.beam_search(toy, row, beam_size, 8, alpha))


def test_one_beam_without_length_penalty_is_greedy_search(make_toy, rules):
    for seed in range(5):
        toy = make_toy(seed, batch=8)
        one = beam_search(toy.step, toy.state(), beam_size=1, length_penalty=0.0, **rules)
        other = greedy(toy.step, toy.state(), length_penalty=0.0, **rules)
        np.testing.assert_array_equal(one.tokens, other.tokens)
        np.testing.assert_array_equal(one.lengths, other.lengths)
        np.testing.assert_allclose(one.log_probs, other.log_probs, rtol=1e-5)


def test_length_penalty_lengthens(make_toy, rules):
    toy = make_toy(seed=4, batch=16)
    lengths = [
        np.mean(
            beam_search(toy.step, toy.state(), beam_size=50, length_penalty=a, **rules).lengths[
                :, 0
            ]
        )
        for a in (0.0, 1.0, 4.0)
    ]
    assert lengths[0] < lengths[1] < lengths[2]


def count_steps(step, state, **kwargs):
    """How often an eager search calls `step`, and what it found."""
    calls = []
    found = beam_search(lambda t, s: calls.append(1) or step(t, s), state, **kwargs)
    return len(calls), found


def test_stops_when_no_live_hypothesis_can_win(markov):
    table = np.zeros((5, 5))
    table[:, 2:] = (0.98, 0.015, 0.005)
    step, state = markov(table, batch=4)
    rules = {"start_token": 1, "end_token": 2, "max_length": 30, "length_penalty": 0.6}
    steps, found = count_steps(step, state, beam_size=2, **rules)
    assert steps < 10
    assert (np.array(found.lengths) == [0, 1]).all()


def test_goes_on_while_a_live_hypothesis_can_still_win(markov):
    # Nothing (0.4) and "5" (0.35) end first. "3 4 6 7 8" (0.25) is certain once begun; only at its
    # end is its score the best: ln 0.25 / (11 / 6) = -0.756 > ln 0.4 / 1 = -0.916.
    table = np.zeros((9, 9))
    table[1, [2, 3, 5]] = 0.4, 0.25, 0.35
    table[[3, 4, 6, 7, 8, 5], [4, 6, 7, 8, 2, 2]] = 1
    step, state = markov(table)
    rules = {"start_token": 1, "end_token": 2, "max_length": 12, "length_penalty": 1.0}
    found = beam_search(step, state, beam_size=2, **rules)
    assert np.array(found.tokens)[0, 0].tolist() == [3, 4, 6, 7, 8] + [0] * 7
    np.testing.assert_allclose(found.scores[0], [np.log(0.25) / (11 / 6), np.log(0.35) / (7 / 6)])


def test_everything_ends_at_once(markov):
    table = np.zeros((5, 5))
    table[:, 2] = 1
    step, state = markov(table, batch=3)
    rules = {"start_token": 1, "end_token": 2, "max_length": 6}
    found = beam_search(step, state, beam_size=3, **rules)
    assert (np.array(found.lengths)[:, 0] == 0).all()
    np.testing.assert_allclose(np.array(found.log_probs)[:, 0], 0, atol=1e-6)
    assert np.isfinite(found.scores).all()


def test_what_never_ends_is_cut(markov):
    table = np.zeros((5, 5))
    table[:, 3:] = (0.7, 0.3)
    step, state = markov(table)
    rules = {"start_token": 1, "end_token": 2, "max_length": 4, "length_penalty": 1.0}
    found = beam_search(step, state, beam_size=2, **rules)
    assert np.array(found.lengths).tolist() == [[4, 4]]
    assert np.array(found.tokens)[0, 0].tolist() == [3, 3, 3, 3]
    np.testing.assert_allclose(found.log_probs[0, 0], 4 * np.log(0.7), rtol=1e-5)
    np.testing.assert_allclose(found.scores[0, 0], 4 * np.log(0.7) / (9 / 6), rtol=1e-5)


def test_a_row_does_not_depend_on_its_neighbours(make_toy, rules):
    toy = make_toy(seed=5, batch=6)
    together = beam_search(toy.step, toy.state(), beam_size=3, **rules)
    for i in range(6):
        row = toy.row(i)
        alone = beam_search(row.step, row.state(), beam_size=3, **rules)
        np.testing.assert_array_equal(alone.tokens[0], together.tokens[i])
        np.testing.assert_array_equal(alone.lengths[0], together.lengths[i])
        np.testing.assert_allclose(alone.scores[0], together.scores[i], rtol=1e-5)


def test_a_row_of_nan_leaves_its_neighbours_alone(make_toy, rules):
    toy = make_toy(seed=6)
    clean = beam_search(toy.step, toy.state(), beam_size=3, **rules)
    toy.start_state[1] = np.nan
    found = beam_search(toy.step, toy.state(), beam_size=3, **rules)
    for i in (0, 2):
        np.testing.assert_array_equal(found.tokens[i], clean.tokens[i])
        np.testing.assert_array_equal(found.scores[i], clean.scores[i])
    assert (np.array(found.lengths)[1] == 0).all()


def test_state_follows_its_hypothesis(make_toy, rules):
    # The state writes down what it was fed; so must each returned hypothesis have been fed.
    toy = make_toy(seed=7)
    histories = set()

    def step(tokens, state):
        model, history, place = state
        history = ops.where(ops.arange(6) == place[..., None], tokens[..., None], history)
        for row, beams in enumerate(np.array(history)):
            histories.update((row, tuple(beam[beam > 0])) for beam in beams)
        logits, model = toy.step(tokens, model)
        return logits, (model, history, place + 1)

    state = (toy.state(), ops.zeros((3, 1, 6), "int32"), ops.zeros((3, 1), "int32"))
    found = beam_search(step, state, beam_size=4, **rules)
    checked = 0
    for row in range(3):
        for tokens, length in zip(
            np.array(found.tokens)[row], np.array(found.lengths)[row], strict=True
        ):
            if length < 5:
                assert (row, (1, *tokens[:length])) in histories
                checked += 1
    assert checked > 3


def test_forbidden_tokens_never_appear_whatever_their_logits(make_toy, rules):
    toy = make_toy(seed=8)

    def step(tokens, state):
        logits, state = toy.step(tokens, state)
        return logits + np.array([50, 50, 0, 0, 50, 0], "float32"), state

    found = beam_search(step, toy.state(), beam_size=5, forbidden_tokens=(4,), **rules)
    tokens, lengths = np.array(found.tokens), np.array(found.lengths)
    words = tokens[np.arange(5) < lengths[..., None]]
    assert len(words) > 10
    assert set(words.tolist()) <= {3, 5}
    expected = toy.total(
        0, tuple(tokens[0, 0, : lengths[0, 0]]), lengths[0, 0] < 5, barred=(0, 1, 4)
    )
    np.testing.assert_allclose(found.log_probs[0, 0], expected, atol=1e-4)


@pytest.mark.parametrize("beam_size", [0, -1, 2.5])
def test_beam_size_must_be_a_positive_integer(make_toy, rules, beam_size):
    toy = make_toy(seed=0)
    with pytest.raises(
        ValueError, match=f"`beam_size` must be a positive integer. Got {beam_size}"
    ):
        beam_search(toy.step, toy.state(), beam_size=beam_size, **rules)


def test_state_must_have_one_beam(make_toy, rules):
    toy = make_toy(seed=0)
    with pytest.raises(
        ValueError, match=r"`state` must be of shape \[batch, 1, ...\]. Got 2 beams"
    ):
        beam_search(toy.step, toy.state(beams=2), beam_size=2, **rules)
