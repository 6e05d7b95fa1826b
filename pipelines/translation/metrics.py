"""Translation metrics of free-running output, by sacreBLEU (Post 2018).

| key | what | scale |
| --- | --- | --- |
| bleu | corpus BLEU, cased, detokenised text in, sacreBLEU's own tokens | 0..100 |
| chrf | chrF2 (Popovic 2015): characters, so kinder to German compounds | 0..100 |
| bleu_lower | BLEU of lower-cased tokens, to compare with older papers | 0..100 |
| length_ratio | words of the answers / words of the references, as BLEU counts them | |

Older papers lower-case and count the tokens of Moses' scripts; `bleu_lower` counts sacreBLEU's 13a
tokens, which are nearly but not quite the same. A score without its signature says little: see
`Measured.signatures`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sacrebleu.metrics import BLEU, CHRF

# Languages written without spaces between words: BLEU of characters, or of sacreBLEU's own tokens.
_TOKENS = {"zh": "zh", "ja": "char", "th": "char", "ko": "char", "km": "char", "lo": "char"}


class Measured(NamedTuple):
    """Numbers, and how sacreBLEU counted each of them."""

    metrics: dict[str, float]
    signatures: dict[str, str]


def translation_metrics(
    candidates: Sequence[str], references: Sequence[str], language: str
) -> Measured:
    """All metrics of a table's row.

    Args:
        candidates: one translation a sentence.
        references: one reference each.
        language: of both; decides how BLEU finds words.

    Raises:
        ValueError: no candidates, or lengths differ.
    """
    if not candidates or len(candidates) != len(references):
        raise ValueError(
            "`candidates` and `references` must have the same length, at least 1. "
            f"Got {len(candidates)} and {len(references)}."
        )
    tokens = bleu_tokens(language)
    scorers = {
        "bleu": BLEU(tokenize=tokens),
        "chrf": CHRF(),
        "bleu_lower": BLEU(tokenize=tokens, lowercase=True),
    }
    found = {
        name: scorer.corpus_score(candidates, [references]) for name, scorer in scorers.items()
    }
    metrics = {name: score.score for name, score in found.items()}
    metrics["length_ratio"] = found["bleu"].sys_len / max(1, found["bleu"].ref_len)
    return Measured(metrics, {name: str(s.get_signature()) for name, s in scorers.items()})


def bleu_tokens(language: str) -> str:
    """The name of sacreBLEU's tokenizer for a language such as "de" or "zh-TW"."""
    return _TOKENS.get(language.replace("_", "-").partition("-")[0].lower(), "13a")


def bleu(candidates: Sequence[str], references: Sequence[str], language: str) -> float:
    """Corpus BLEU as `translation_metrics` has it, 0..100."""
    scorer = BLEU(tokenize=bleu_tokens(language))
    return scorer.corpus_score(candidates, [references]).score


def sentence_scores(candidates: Sequence[str], references: Sequence[str]) -> list[float]:
    """chrF2 of each sentence alone, 0..100: BLEU of one sentence is mostly 0."""
    scorer = CHRF()
    pairs = zip(candidates, references, strict=True)
    return [scorer.sentence_score(one, [other]).score for one, other in pairs]
