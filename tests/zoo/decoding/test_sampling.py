"""Greedy search against a plain loop, and samples against the distribution they come from."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.decoding import greedy, sample

P = np.array([0.0, 0.0, 0.05, 0.4, 0.3, 0.15, 0.1])  # 0 pads, 1 starts, 2 ends
ONE_WORD = {"start_token": 1, "end_token": 2, "max_length": 1}
DRAWS = 20_000


def test_greedy_is_the_plain_loop(make_toy, rules):
    toy = make_toy(seed=3, batch=8)
    found = greedy(toy.step, toy.state(), **rules)
    for row in range(8):
        words, total, token = (), 0.0, None
        while len(words) < 5 and token != 2:
            log_probs = toy.log_probs(row, words)
            token = int(log_probs.argmax())
            total += log_probs[token]
            words += (token,) if token != 2 else ()
        assert found.tokens[row, 0].numpy().tolist() == [*words] + [0] * (5 - len(words))
        assert found.lengths[row, 0] == len(words)
        counted = len(words) + (token == 2)
        np.testing.assert_allclose(found.log_probs[row, 0], total, atol=1e-4)
        np.testing.assert_allclose(
            found.scores[row, 0], total / ((5 + counted) / 6) ** 0.6, atol=1e-4
        )
    assert {0, 5} < set(np.array(found.lengths).ravel().tolist())  # some end at once, some are cut


def test_greedy_stops_when_all_rows_have_ended(markov):
    calls = []
    step, state = markov(np.eye(6)[[0, 3, 0, 4, 2, 0]], batch=2)  # 1 -> 3 -> 4 -> 2, for certain
    found = greedy(
        lambda t, s: calls.append(1) or step(t, s), state, **{**ONE_WORD, "max_length": 9}
    )
    assert len(calls) == 3
    assert np.array(found.lengths).tolist() == [[2], [2]]
    np.testing.assert_allclose(found.log_probs, 0, atol=1e-6)


def test_min_length_holds_the_end_back(make_toy, rules):
    toy = make_toy(seed=3, batch=8)
    assert np.min(greedy(toy.step, toy.state(), **rules).lengths) == 0
    found = greedy(toy.step, toy.state(), min_length=3, **rules)
    assert np.min(found.lengths) == 3
    tokens, length = np.array(found.tokens)[0, 0], int(found.lengths[0, 0])
    expected = toy.total(0, tuple(tokens[:length]), length < 5, min_length=3)
    np.testing.assert_allclose(found.log_probs[0, 0], expected, atol=1e-4)


def draw(markov, probs=P, draws=DRAWS, seed=1, **kwargs):
    """How often each token is drawn first; 2 stands for the end."""
    step, state = markov(np.tile(probs, (len(probs), 1)), beams=draws)
    found = sample(step, state, seed=seed, **{**ONE_WORD, **kwargs})
    tokens = np.where(np.array(found.lengths) == 0, 2, np.array(found.tokens)[:, :, 0])
    return np.bincount(tokens.ravel(), minlength=len(probs))


def agrees(counts, probs):
    """Pearson's chi-square of draws that may have come from `probs` (9 in 10,000 are larger)."""
    drawn = probs > 0
    assert (counts[~drawn] == 0).all()
    expected = probs[drawn] / probs[drawn].sum() * counts.sum()
    chi_square = ((counts[drawn] - expected) ** 2 / expected).sum()
    return chi_square < {0: 1e-6, 1: 11.0, 2: 14.0, 3: 16.5, 4: 18.7, 24: 51.4}[drawn.sum() - 1]


def test_frequencies_are_the_probabilities(markov):
    assert agrees(draw(markov), P)


def test_the_chi_square_bound_tells_a_wrong_distribution(markov):
    wrong = P + np.array([0, 0, 0, 0.02, -0.02, 0, 0])
    assert not agrees(draw(markov), wrong)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_temperature(markov, temperature):
    assert agrees(draw(markov, temperature=temperature), P ** (1 / temperature) * (P > 0))


def test_top_k_leaves_the_k_most_probable(markov):
    assert agrees(draw(markov, top_k=3), np.where(P >= 0.15, P, 0))


@pytest.mark.parametrize(("top_p", "smallest"), [(0.3, 0.4), (0.69, 0.3), (0.72, 0.15), (0.9, 0.1)])
def test_top_p_leaves_the_fewest_that_hold_it(markov, top_p, smallest):
    counts = draw(markov, top_p=top_p)
    kept = np.where(smallest <= P, P, 0)
    assert (counts > 0).tolist() == (kept > 0).tolist()
    assert agrees(counts, kept)


def test_top_p_counts_within_top_k(markov):
    # Of the two most probable, 0.4 and 0.3, the first alone holds 0.57.
    assert (draw(markov, top_k=2, top_p=0.5) > 0).tolist() == (P == 0.4).tolist()


def test_places_and_samples_are_independent(markov):
    step, state = markov(np.tile(P[:7], (7, 1)), batch=4, beams=DRAWS // 4)
    rules = {**ONE_WORD, "end_token": -1, "max_length": 2}
    tokens = np.array(sample(step, state, seed=5, **rules).tokens).reshape(-1, 2)
    joint = np.outer(P, P)
    pairs = np.bincount(tokens[:, 0] * 7 + tokens[:, 1], minlength=49)
    assert agrees(pairs, joint.ravel())
    neighbours = np.bincount(tokens[::2, 0] * 7 + tokens[1::2, 0], minlength=49)
    assert agrees(neighbours, joint.ravel())


def test_samples_carry_the_models_own_log_probs(make_toy, rules):
    toy = make_toy(seed=2)
    found = sample(toy.step, toy.state(beams=4), seed=3, temperature=3.0, top_k=3, **rules)
    for row in range(3):
        for tokens, length, total in zip(*(np.array(x)[row] for x in found[:3]), strict=True):
            expected = toy.total(row, tuple(tokens[:length]), length < 5)
            np.testing.assert_allclose(total, expected, atol=1e-4)


def test_the_seed_names_the_samples(make_toy, rules):
    toy = make_toy(seed=2)

    def tokens(seed):
        return np.array(sample(toy.step, toy.state(beams=6), seed=seed, **rules).tokens).tolist()

    as_tensor = ops.convert_to_tensor(np.array([7, 0], "int32"))
    assert tokens(7) == tokens(7) == tokens(ops.cast(7, "int32")) == tokens(as_tensor)
    assert tokens(7) != tokens(8)
    generators = keras.random.SeedGenerator(7), keras.random.SeedGenerator(7)
    first, second = tokens(generators[0]), tokens(generators[0])
    assert first != second
    assert [first, second] == [tokens(generators[1]), tokens(generators[1])]


def test_calls_of_one_generator_share_no_numbers(markov):
    # Were keys counted up from the generator's own, call 2 would repeat call 1 a step earlier.
    step, state = markov(np.tile(P, (7, 1)), beams=200)
    generator = keras.random.SeedGenerator(3)
    rules = {**ONE_WORD, "end_token": -1, "max_length": 6}
    calls = [np.array(sample(step, state, seed=generator, **rules).tokens)[0] for _ in range(2)]
    alike = (calls[0][:, None, :, None] == calls[1][:, None, None, :]).mean(axis=(0, 1))
    assert alike.shape == (6, 6)
    assert alike.max() < 0.5  # by chance, sum(P**2) = 0.285


def test_a_row_does_not_depend_on_its_neighbours(make_toy, rules):
    toy = make_toy(seed=5, batch=4)
    searches = (greedy, lambda *args, **kwargs: sample(*args, seed=11, **kwargs))
    for search in searches:
        together = search(toy.step, toy.state(beams=2), **rules)
        toy_2 = make_toy(seed=5, batch=4)
        toy_2.start_state[1:], toy_2.memory[1:] = -toy.start_state[1:], 0
        other = search(toy_2.step, toy_2.state(beams=2), **rules)
        np.testing.assert_array_equal(together.tokens[0], other.tokens[0])
        assert not np.array_equal(together.tokens[1:], other.tokens[1:])
        alone = toy.row(0)
        alone = search(alone.step, alone.state(beams=2), **rules)
        np.testing.assert_array_equal(alone.tokens[0], together.tokens[0])


@pytest.mark.parametrize("temperature", [1e-9, 1.0, 1e9])
def test_forbidden_tokens_are_never_drawn_whatever_their_logits(markov, temperature):
    loud = np.where(np.arange(7) < 2, 1.0, P) + 100 * (np.arange(7) == 5)
    counts = draw(markov, loud, temperature=temperature, forbidden_tokens=(5,))
    assert counts[[0, 1, 5]].sum() == 0
    assert counts.sum() == DRAWS


def test_towards_zero_temperature_samples_are_greedy(make_toy, rules):
    toy = make_toy(seed=2, batch=8)
    cold = sample(toy.step, toy.state(), seed=3, temperature=1e-6, **rules)
    np.testing.assert_array_equal(cold.tokens, greedy(toy.step, toy.state(), **rules).tokens)


def test_each_row_may_start_with_its_own_token(markov):
    step, state = markov(np.roll(np.eye(6), 1, axis=1), batch=3)  # i -> i + 1, for certain
    rules = {"end_token": -1, "pad_token": -1, "max_length": 2}
    found = greedy(step, state, start_token=np.array([0, 2, 3], "int32"), **rules)
    assert np.array(found.tokens)[:, 0].tolist() == [[1, 2], [3, 4], [4, 5]]
    assert np.array(found.lengths).tolist() == [[2]] * 3


@pytest.mark.parametrize(
    ("argument", "value", "rule"),
    [
        ("temperature", 0.0, "be above 0"),
        ("top_p", 0.0, "be above 0 and at most 1"),
        ("top_p", 1.5, "be above 0 and at most 1"),
        ("top_k", -1, "be an integer of 0 or more"),
        ("seed", -1, r"be from 0 to 2\*\*31 - 1"),
    ],
)
def test_bad_settings_are_named(make_toy, rules, argument, value, rule):
    toy = make_toy(seed=0)
    with pytest.raises(ValueError, match=f"`{argument}` must {rule}. Got {value}"):
        sample(toy.step, toy.state(), **{"seed": 0, **rules, argument: value})
