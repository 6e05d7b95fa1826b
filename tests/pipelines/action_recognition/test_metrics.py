"""Metrics of answers, against numbers worked out by hand."""

import numpy as np
import pytest

from pipelines import classification
from pipelines.action_recognition import metrics

P = np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.3, 0.3, 0.4], [0.1, 0.6, 0.3]])
LABELS = np.array([0, 0, 2, 2])


def test_accuracy_and_those_among_the_likeliest():
    assert classification.accuracy(P, LABELS) == 0.75 - 0.25
    assert [metrics.top(P, LABELS, count) for count in (1, 2, 3)] == [0.5, 1.0, 1.0]
    alike = np.full((2, 4), 0.25)
    assert metrics.top(alike, np.array([0, 3]), 3) == 0.0  # a guess is no answer


def test_confusion_and_f1():
    assert classification.confusion(P, LABELS).tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 1]]
    assert classification.macro_f1(P, LABELS) == pytest.approx((2 / 3 + 0 + 2 / 3) / 3)


def test_the_temperature_is_found_that_answers_were_made_with():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 4))
    draws = rng.random((len(logits), 1))
    labels = (classification.softmax(logits).cumsum(axis=1) < draws).sum(axis=1)
    assert metrics.fit_temperature(3 * logits, labels) == pytest.approx(3.0, rel=0.05)
    measured = metrics.classification_metrics(classification.softmax(logits), labels, 3.0)
    assert measured["ece"] < 0.02 < measured["ece_uncalibrated"]


def test_accuracy_by_the_share_that_was_seen():
    right, wrong = np.array([0.9, 0.1]), np.array([0.2, 0.8])
    beliefs = [np.array([wrong, wrong, right, right]), np.array([wrong, right])]
    found = metrics.by_share(beliefs, np.array([0, 0]), (0.25, 0.5, 0.75, 1.0))
    assert found == {0.25: 0.0, 0.5: 0.0, 0.75: 1.0, 1.0: 1.0}


def test_groups_have_their_names_order():
    assert metrics.by_group(P, LABELS, ["b", "a", "b", "a"]) == {"a": (2, 0.0), "b": (2, 1.0)}
