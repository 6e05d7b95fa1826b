"""The grammar's sentences, and what decides their labels."""

import numpy as np

from pipelines.lecture import sentences


def test_labels_follow_the_last_but():
    rng = np.random.default_rng(0)
    for _ in range(200):
        text, positive = sentences.sentence(rng)
        counted = text.rpartition("but")[2].split()
        balance = sum((word in sentences.GOOD) - (word in sentences.BAD) for word in counted)
        assert (balance > 0) == positive
        assert balance
        assert len(text.split()) <= sentences.LONGEST
