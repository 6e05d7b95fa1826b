"""Which items of a source can be used: each is decoded once, in threads, before a pass goes on."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import islice
from typing import Any

from datasets.faults import Faults

_CHUNK = 256  # items that threads inspect at a time


class Unusable(ValueError):
    """An item that is left out; `kind` is the fault, without the item's name."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}{f' ({detail})' if detail else ''}")
        self.kind = kind


def usable(
    items: Iterable[Any], inspect: Callable[[Any], Any], faults: Faults, limit: int | None
) -> Iterator[tuple[Any, Any]]:
    """The items that can be used and what `inspect` gives of each, until there are `limit`.

    Args:
        items: each with an `id`.
        inspect: raises Unusable; runs in threads.
        faults: gets the others.
        limit: None for all.
    """

    def inspected(item: Any) -> Any:
        try:
            return inspect(item)
        except Unusable as error:
            return error

    waiting, count = iter(items), 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while limit is None or count < limit:
            wanted = _CHUNK if limit is None else min(_CHUNK, limit - count)
            if not (chunk := list(islice(waiting, wanted))):
                return
            for item, result in zip(chunk, pool.map(inspected, chunk), strict=True):
                if isinstance(result, Unusable):
                    faults.add(result.kind, item.id)
                else:
                    count += 1
                    yield item, result


def share_of(key: str) -> float:
    """A number of [0, 1) that depends on `key` alone and is the same on every machine."""
    digest = sha256(key.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
