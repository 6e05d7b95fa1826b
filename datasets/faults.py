"""What is wrong with raw data: collected while it is read, told once, an error if too much."""

import logging
from collections import Counter
from collections.abc import Mapping

_EXAMPLES = 3  # named for each kind of fault
_LOG = logging.getLogger(__name__)


class Faults:
    """Records that are left out, by kind: how many, and the names of the first.

    Attributes:
        counts: by kind, in the order in which the kinds were met.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def add(self, kind: str, name: str, count: int = 1) -> None:
        self.counts[kind] += count
        examples = self._examples.setdefault(kind, [])
        if len(examples) < _EXAMPLES:
            examples.append(printable(name))

    def count(self, *kinds: str) -> int:
        return sum(self.counts[kind] for kind in kinds)

    def summary(self) -> str:
        """One line per kind: its count and up to three examples; empty if nothing was wrong."""
        lines = []
        for kind, examples in self._examples.items():
            count = self.counts[kind]
            more = "; ..." if count > len(examples) else ""
            lines.append(f"  {kind}: {count:,} ({'; '.join(examples)}{more})")
        return "\n".join(lines)

    def settle(
        self, where: str, shares: Mapping[str, tuple[int, int]], limit: float, remedy: str
    ) -> None:
        """Logs one summary at WARNING level if there were faults; raises if there were too many.

        Args:
            where: what was read, for the message, such as "/data, split `train`".
            shares: `{"images": (bad, all)}`: how many cannot be used, and of how many.
            limit: the largest share that may be bad, of each.
            remedy: what the user can do.

        Raises:
            ValueError: a share above `limit`, or nothing is left.
        """
        for what, (bad, total) in shares.items():
            if bad > limit * total or bad == total:
                raise ValueError(
                    f"{bad:,} of {total:,} {what} in {where} cannot be used "
                    f"({bad / max(total, 1):.1%}; the limit is {limit:.1%}: {remedy}).\n"
                    f"{self.summary()}".rstrip()
                )
        self.tell(where)

    def tell(self, where: str) -> None:
        """Logs one summary at WARNING level if there were faults."""
        if self.counts:
            _LOG.warning("Left out of %s:\n%s", where, self.summary())


def printable(name: str, limit: int = 100) -> str:
    """`name` for a message: broken bytes escaped, long ones cut."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return (text if len(text) <= limit else text[: limit - 3] + "...") or "(no name)"
