"""Translation metrics of free-running output, by sacreBLEU (Post 2018).

| key | what | scale |
| --- | --- | --- |
| bleu | corpus BLEU, cased, detokenised text in, sacreBLEU's own tokens | 0..100 |
| chrf | chrF2 (Popovic 2015): characters, so kinder to German compounds | 0..100 |
| bleu_lower | BLEU of lower-cased tokens, to compare with older papers | 0..100 |
| length_ratio | words of the answers / words of the references, as BLEU counts them | |

Older papers lower-case and count the tokens of Moses' scripts; `bleu_lower` counts sacreBLEU's 13a
tokens, which are nearly but not quite the same. A score without its signature says little: see
`Counts.signatures`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

# Languages written without spaces between words: BLEU of characters, or of sacreBLEU's own tokens.
_TOKENS = {"zh": "zh", "ja": "char", "th": "char", "ko": "char", "km": "char", "lo": "char"}


class Counts:
    """What sacreBLEU counts in each sentence: all that a score of many sentences is made of.

    The sentences themselves need not be held.

    Args:
        language: of the sentences; decides how BLEU finds words.
    """

    def __init__(self, language: str):
        tokens = bleu_tokens(language)
        self.scorers = {
            "bleu": BLEU(tokenize=tokens),
            "chrf": CHRF(),
            "bleu_lower": BLEU(tokenize=tokens, lowercase=True),
        }
        self._counts: dict[str, list[np.ndarray]] = {name: [] for name in self.scorers}

    def add(self, candidates: Sequence[str], references: Sequence[str]) -> None:
        """Counts more sentences.

        Args:
            candidates: one translation a sentence.
            references: one reference each.

        Raises:
            ValueError: no candidates, or lengths differ.
        """
        if not candidates or len(candidates) != len(references):
            raise ValueError(
                "`candidates` and `references` must have the same length, at least 1. "
                f"Got {len(candidates)} and {len(references)}."
            )
        for name, scorer in self.scorers.items():
            counts = scorer._extract_corpus_statistics(candidates, [references])
            self._counts[name].append(np.array(counts, np.int32))

    def score(self, name: str, rows: Any = slice(None)) -> Any:
        """sacreBLEU's score of the sentences at `rows`, in the order in which they were added."""
        counts = np.concatenate(self._counts[name])[rows].sum(axis=0, dtype=np.int64)
        return self.scorers[name]._compute_score_from_stats(counts.tolist())

    def metrics(self) -> dict[str, float]:
        """All metrics of a table's row."""
        scores = {name: self.score(name) for name in self.scorers}
        metrics = {name: score.score for name, score in scores.items()}
        metrics["length_ratio"] = scores["bleu"].sys_len / max(1, scores["bleu"].ref_len)
        return metrics

    def signatures(self) -> dict[str, str]:
        """How sacreBLEU counted each metric."""
        return {name: str(scorer.get_signature()) for name, scorer in self.scorers.items()}


def bleu_tokens(language: str) -> str:
    """The name of sacreBLEU's tokenizer for a language such as "de" or "zh-TW"."""
    return _TOKENS.get(language.replace("_", "-").partition("-")[0].lower(), "13a")


def bleu(candidates: Sequence[str], references: Sequence[str], language: str) -> float:
    """Corpus BLEU as `Counts` has it, 0..100."""
    scorer = BLEU(tokenize=bleu_tokens(language))
    return scorer.corpus_score(candidates, [references]).score
