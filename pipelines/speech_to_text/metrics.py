"""How wrong transcripts are: error rates of words and characters, and what is heard for what."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import jiwer


def error_rates(references: Sequence[str], texts: Sequence[str]) -> dict[str, float]:
    """`wer` and `cer`: (substituted + deleted + inserted) / of the references, over all together.

    An error rate is 0 at best and has no upper bound: there may be more insertions than words.

    Args:
        references: the true transcripts, none of them empty.
        texts: what was recognised, in the same order.
    """
    return {
        "wer": float(jiwer.wer(list(references), list(texts))),
        "cer": float(jiwer.cer(list(references), list(texts))),
    }


def by_group(
    references: Sequence[str], texts: Sequence[str], groups: Sequence[Any]
) -> dict[Any, dict[str, float]]:
    """`count`, `wer` and `cer` of each group, in the order of the groups."""
    rows: dict[Any, list[int]] = {}
    for row, group in enumerate(groups):
        rows.setdefault(group, []).append(row)
    return {
        group: {
            "count": len(chosen),
            **error_rates([references[i] for i in chosen], [texts[i] for i in chosen]),
        }
        for group, chosen in sorted(rows.items())
    }


def confusions(references: Sequence[str], texts: Sequence[str]) -> Counter[tuple[str, str]]:
    """(true word, recognised word) -> how often; "" stands for no word."""
    output = jiwer.process_words(list(references), list(texts))
    counts: Counter[tuple[str, str]] = Counter()
    words = zip(output.references, output.hypotheses, output.alignments, strict=True)
    for reference, text, chunks in words:
        for chunk in chunks:
            true = reference[chunk.ref_start_idx : chunk.ref_end_idx]
            heard = text[chunk.hyp_start_idx : chunk.hyp_end_idx]
            if chunk.type == "substitute":
                counts.update(zip(true, heard, strict=True))
            elif chunk.type == "delete":
                counts.update((word, "") for word in true)
            elif chunk.type == "insert":
                counts.update(("", word) for word in heard)
    return counts
