"""Caption metrics of free-running output, as the captioning literature reports them.

| key | what | scale |
| --- | --- | --- |
| bleu_1 .. bleu_4 | corpus BLEU of Papineni et al., ACL 2002, uniform weights (nltk) | 0..100 |
| cider_d | mean CIDEr-D, document frequencies of the references given (`ciderd.py`) | 0..10 |
| rouge_l | mean ROUGE-L of Lin, ACL 2004, with coco-caption's choices | 0..1 |
| meteor | mean METEOR (nltk), only where NLTK's WordNet data is installed | 0..1 |
| mean_length | words in a candidate, after tokenization | words |
| distinct | different candidates / candidates | 0..1 |

cider_d has the factor 10 of the paper and of coco-caption inside: 0.50 here is a published 0.50.

Checked once against the coco-caption code with its Java tokenizer (package pycocoevalcap 1.2), on
the 1,000 dev images of Flickr8k with reference 0 as the candidate and the other four as references.
Both gave BLEU 62.75, 44.34, 30.71, 21.16, CIDEr-D 0.8037 and ROUGE-L 0.4917 (equal to all digits,
save BLEU-3 and BLEU-4 in the fourth: see `caption_metrics`). That row is how well people agree with
each other, and so a yardstick for a model. `tokenize_for_metrics` gave the same words as the Java
tokenizer for all but 9 of Flickr8k's 35,000 train and dev captions, and all but 34 of Multi30k's
29,000 English ones, which are raw text: it keeps a single quote that opens a quotation on its word
('thriller), splits &amp; and drops the full stop of an abbreviation that ends a caption (d.c.), and
keeps the full stop of a sentence that another one follows.
"""

import functools
import statistics
import warnings
from collections.abc import Sequence

from pipelines.captioning.ciderd import cider_d, document_frequencies, prepare_references

ROUGE_BETA = 1.2  # weight of recall over precision in coco-caption's ROUGE-L

_BLEU_WEIGHTS = [(1.0,), (1 / 2,) * 2, (1 / 3,) * 3, (1 / 4,) * 4]
_BLEU_ZERO = 1e-70  # nltk answers about 1e-77 or less where no n-gram of some order matches
_PUNCTUATION = frozenset(
    ("''", "'", "``", "`", '"', ".", "..", "...", "?", "!", ",", ":", ";", "-", "--")
)
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}


def tokenize_for_metrics(text: str) -> list[str]:
    """Words of a caption, lower case, split as in the Penn Treebank, punctuation dropped.

    >>> tokenize_for_metrics("The dog's ball, a red one, isn't here.")
    ['the', 'dog', "'s", 'ball', 'a', 'red', 'one', 'is', "n't", 'here']
    """
    return list(_tokenize(text))


@functools.lru_cache(maxsize=2**17)  # the same references are read at every validation
def _tokenize(text: str) -> tuple[str, ...]:
    tokens = _treebank().tokenize(text.lower())
    return tuple(_BRACKETS.get(token, token) for token in tokens if token not in _PUNCTUATION)


def caption_metrics(
    candidates: Sequence[str], references: Sequence[Sequence[str]]
) -> dict[str, float]:
    """All metrics of a table's row; keys and scales are in the module's docstring.

    BLEU is not smoothed: it is 0 where no n-gram of some order matches in the whole corpus. A
    candidate shorter than n words adds 1 to nltk's count of n-grams of order n, and 0 to
    coco-caption's; captions of four words or more are not touched by this.

    Args:
        candidates: one caption an image; an empty one scores 0 and counts in every mean.
        references: for each image, one or more captions; their number may differ.

    Raises:
        ValueError: no candidates, lengths differ, or an image without references.
    """
    _check(candidates, references)
    words = [tokenize_for_metrics(text) for text in candidates]
    truths = [[tokenize_for_metrics(text) for text in texts] for texts in references]
    metrics = {f"bleu_{n}": score for n, score in enumerate(_bleu(words, truths), start=1)}
    frequencies = document_frequencies(truths)
    prepared = prepare_references(truths, frequencies)
    metrics["cider_d"] = float(cider_d(words, prepared, frequencies).mean())
    metrics["rouge_l"] = statistics.fmean(map(rouge_l, words, truths))
    if _wordnet_is_installed():
        from nltk.corpus import wordnet
        from nltk.translate.meteor_score import meteor_score

        metrics["meteor"] = statistics.fmean(
            meteor_score(truth, candidate, wordnet=wordnet) if candidate else 0.0
            for candidate, truth in zip(words, truths, strict=True)
        )
    metrics["mean_length"] = statistics.fmean(map(len, words))
    metrics["distinct"] = len(set(map(tuple, words))) / len(words)
    return metrics


def metrics_notes() -> list[str]:
    """What a table of these metrics must say about itself: one sentence a note."""
    notes = [
        "BLEU (0 to 100) is corpus BLEU without smoothing; CIDEr-D is on the published scale "
        "(0 to 10, document frequencies of the split's references); ROUGE-L is 0 to 1."
    ]
    if _wordnet_is_installed():
        notes.append("METEOR (0 to 1) is NLTK's, not the Java METEOR 1.5 of coco-caption.")
    else:
        notes.append("METEOR is left out: NLTK's WordNet data is not installed.")
    return notes


def rouge_l(candidate: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """ROUGE-L of one caption as coco-caption counts it.

        P = max_r LCS(c, r) / |c|,  R = max_r LCS(c, r) / |r|,  F = (1 + β²) P R / (R + β² P)

    with β = 1.2. P and R may come from different references; Lin's paper takes the best F instead.

    Args:
        candidate: words.
        references: one or more sequences of words.
    """
    common = [_longest_common_subsequence(candidate, words) for words in references]
    if not any(common):
        return 0.0
    precision = max(common) / len(candidate)
    recall = max(n / len(words) for n, words in zip(common, references, strict=True) if words)
    square = ROUGE_BETA**2
    return (1 + square) * precision * recall / (recall + square * precision)


@functools.cache
def _treebank():
    # nltk is imported where it is needed: it takes half a second, and `predict` does without.
    from nltk.tokenize import TreebankWordTokenizer

    return TreebankWordTokenizer()


def _check(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    if not len(candidates):
        raise ValueError("`candidates` must hold at least one caption. Got none.")
    if len(candidates) != len(references):
        raise ValueError(
            "`candidates` and `references` must have the same length. "
            f"Got {len(candidates)} and {len(references)}."
        )
    for index, texts in enumerate(references):
        if isinstance(texts, str):
            raise ValueError(
                f"`references` must be a list of captions for each image. Image {index} has "
                f"the string {texts!r}."
            )
        if not len(texts):
            raise ValueError(
                f"`references` must give each image a caption. Image {index} has none."
            )


def _bleu(
    candidates: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]
) -> list[float]:
    """BLEU-1 to BLEU-4, 0..100."""
    from nltk.translate.bleu_score import corpus_bleu

    with warnings.catch_warnings():
        # nltk warns that a score without matches is 0: that is the answer wanted here.
        warnings.filterwarnings("ignore", message=r"\s*The hypothesis contains 0 counts")
        scores = corpus_bleu(references, candidates, weights=_BLEU_WEIGHTS)
    return [100.0 * score if score > _BLEU_ZERO else 0.0 for score in scores]


def _longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, by the textbook table kept to one row."""
    row = [0] * (len(second) + 1)
    for word in first:
        diagonal = 0
        for j, other in enumerate(second, start=1):
            above = row[j]
            row[j] = diagonal + 1 if word == other else max(above, row[j - 1])
            diagonal = above
    return row[-1]


def _wordnet_is_installed() -> bool:
    from nltk.corpus import wordnet

    try:
        wordnet.ensure_loaded()
    except LookupError:
        return False
    return True
