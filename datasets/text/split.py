"""Cutting one text into train, dev and test, one after the other."""

from collections.abc import Sequence

SPLITS = ("train", "dev", "test")


def cut(content: str | bytes, split: str, shares: Sequence[int], dataset: str) -> str | bytes:
    """The part of `content` that is `split`: the shares, per cent, lie one after the other.

    Example: "abcdefghij" with shares (80, 10, 10) has the dev part "i"; of a set with shares
    (90, 10) the last tenth is dev, and there is no test.

    Raises:
        ValueError: the set has no such split.
    """
    names = SPLITS[: len(shares)]
    if split not in names:
        raise ValueError(
            f"`split` of `{dataset}` must be one of {', '.join(names)}. Got {split!r}, which its "
            "literature does not have."
        )
    before = sum(shares[: names.index(split)])
    start = len(content) * before // 100
    end = len(content) * (before + shares[names.index(split)]) // 100
    return content[start:end]
