"""RE2's patterns, which the graphs' text functions have, as patterns of Python's `re`.

Python has no `\\p{L}`, and takes `\\d`, `\\s`, `\\b` and `$` for more than RE2 does.
"""

import functools
import re
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

_PART = re.compile(r"\\x\{(?P<code>\w+)\}|\\p\{(?P<kind>\w+)\}|\\.|\[\^?|.", re.DOTALL)
_SETS = {r"\d": "0-9", r"\s": r"\t\n\f\r "}
_OUTSIDE = {"$": r"\Z", r"\b": r"(?a:\b)"}


def python_pattern(pattern: str) -> str:
    """An RE2 pattern for `re.compile`, but for `\\p{...}`: each still stands, inside brackets.

    `[^\\p{L}\\d]$` -> `[^\\p{L}0-9]\\Z`, `\\p{Han}` -> `[\\p{Han}]`. A program puts the ranges of
    `kinds_of` in their places.
    """
    parts, inside = [], False
    for match in _PART.finditer(pattern):
        part = match[0]
        members = _SETS.get(part) or (part if match["kind"] else None)
        if match["code"]:
            part = rf"\U{int(match['code'], 16):08x}"
        elif members:
            part = members if inside else f"[{members}]"
        elif not inside:
            inside = part in ("[", "[^")
            part = _OUTSIDE.get(part, part)
        else:
            inside = part != "]"
        parts.append(part)
    return "".join(parts)


def kinds_of(patterns: Iterable[str]) -> dict[str, str]:
    """Of each kind of characters that patterns name, its ranges: {"Thai": "ก-ฺเ-๛"}."""
    kinds = {kind for pattern in patterns for kind in re.findall(r"\\p\{(\w+)\}", pattern)}
    return {kind: ranges(kind) for kind in sorted(kinds)}


@functools.cache
def ranges(kind: str) -> str:
    """The characters of a kind as RE2 knows them, as it stands between brackets."""
    codes = np.array([code for code in range(0x110000) if not 0xD800 <= code < 0xE000], np.int32)
    characters = tf.strings.unicode_encode(codes[:, None], "UTF-8")
    members = codes[tf.strings.regex_full_match(characters, rf"\p{{{kind}}}").numpy()]
    breaks = np.flatnonzero(np.diff(members) != 1)
    firsts, lasts = members[np.r_[0, breaks + 1]], members[np.r_[breaks, len(members) - 1]]
    pairs = zip(firsts.tolist(), lasts.tolist(), strict=True)
    return "".join(
        chr(first) if first == last else f"{chr(first)}-{chr(last)}" for first, last in pairs
    )
