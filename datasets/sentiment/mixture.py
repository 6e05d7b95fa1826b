"""The reviews of several sources as one data set: `imdb+sst2+sst2+phrases`.

The sources have their own splits, so that a text of one's dev may be in another's train: such texts
are left out of dev and test.
"""

import functools
import itertools
import logging
from collections.abc import Iterable, Mapping

import numpy as np

from datasets.sentiment.cleaning import key_of
from datasets.sentiment.reviews import Reviews

_LOG = logging.getLogger(__name__)


def joined(sources: Mapping[str, Reviews], weights: Mapping[str, int]) -> Reviews:
    """All reviews, one source after the other, each as often as it weighs; ids begin with its name.

    Raises:
      ValueError: the sources have not all the same labels.
    """
    names = same_names({name: reviews.names for name, reviews in sources.items()})
    repeated = [(name, sources[name]) for name in weights for _ in range(weights[name])]
    labels = np.concatenate([reviews.labels for _, reviews in repeated])

    def texts() -> Iterable[tuple[str, str]]:
        for name, reviews in repeated:
            for place, text in reviews.texts():
                yield f"{name}/{place}", text

    return Reviews(labels, names, texts)


def same_names(names: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The labels of all sources.

    Raises:
      ValueError: the sources have not all the same labels.
    """
    first, *others = names.values()
    if any(other != first for other in others):
        shown = "; ".join(f"{name}: {', '.join(labels)[:200]}" for name, labels in names.items())
        raise ValueError(f"The sources of a mixture must have the same labels. Got {shown}.")
    return first


def keys(sources: Iterable[Reviews]) -> np.ndarray:
    """The keys of the texts in their order: `<uint64>[reviews]`; alike texts have the same one."""
    texts = itertools.chain.from_iterable(reviews.texts() for reviews in sources)
    return np.fromiter((int.from_bytes(key_of(text)) for _, text in texts), np.uint64)


def without_training(
    held_out: Mapping[str, Reviews], training: np.ndarray, where: str
) -> tuple[dict[str, Reviews], int]:
    """The reviews whose text does not stand in training, and how many do, which is told.

    Args:
      held_out: by source.
      training: `keys` of the training texts.
      where: what was read, for the message.
    """
    new = {name: ~np.isin(keys([reviews]), training) for name, reviews in held_out.items()}
    repeated = sum(int((~kept).sum()) for kept in new.values())
    if repeated:
        _tell(f"Left out of {where}: {repeated:,} texts that stand in training, too.")
    return {name: reviews.chosen(new[name]) for name, reviews in held_out.items()}, repeated


@functools.lru_cache(maxsize=10)
def _tell(message: str) -> None:
    _LOG.warning(message)
