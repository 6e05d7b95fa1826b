"""CIDEr-D: how much a caption says what people said about the image, fast enough to be a reward.

Vedantam, Zitnick, Parikh, "CIDEr: Consensus-based Image Description Evaluation", CVPR 2015,
equations 1-3 and section 8 (the -D variant). With h_k(s) the number of times that n-gram k occurs
in sentence s, I the images of the corpus, and df_k the number of images of which some reference
holds k,

    g_k(s)           = h_k(s) (log |I| - log max(1, df_k))                              (TF-IDF)
    sim_n(c, r)      = exp(-(|c| - |r|)² / 2σ²) Σ_k min(g_k(c), g_k(r)) g_k(r) / (‖g(c)‖ ‖g(r)‖)
    CIDEr-D(c, refs) = 10 mean_n mean_r sim_n(c, r)                     n = 1..4, σ = 6 words

The sum and norms run over the n-grams of order n; a quotient with a zero norm is 0. The factor 10
is the paper's and coco-caption's: a published "CIDEr 0.415" is on this scale, where a caption that
equals all of its references scores 10. As in coco-caption, h_k is the plain count (the paper's
equation 1 divides it by the sentence's, which the clipping by min would feel), and an n-gram that
no reference holds has the largest weight, log |I|. Where the corpus is one image, every weight is
log 1 = 0 and so is every score.

Work that does not depend on the candidates is done once, by `document_frequencies` and
`prepare_references`; a reward then costs about 50 microseconds a caption.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

ORDERS = 4  # n-grams of 1..4 words
SIGMA = 6.0  # words; the width of the length penalty
SCALE = 10.0

Words = Sequence[Hashable]  # one sentence: strings or token ids
Gram = tuple[Hashable, ...]


class Frequencies(NamedTuple):
    """The weights of n-grams in a corpus of references.

    idf: log |I| - log df_k of each n-gram k that some reference holds.
    unseen: log |I|, the weight of all others.
    """

    idf: dict[Gram, float]
    unseen: float


class ImageReferences(NamedTuple):
    """The references of one image, ready for comparison.

    occurrences: for each n-gram, (which reference, how many times there) pairs.
    inverse_norms: 1 / ‖g(r)‖ for each order and reference, [ORDERS][references]; 0 for a zero norm.
    lengths: words in each reference.
    """

    occurrences: dict[Gram, tuple[tuple[int, int], ...]]
    inverse_norms: tuple[tuple[float, ...], ...]
    lengths: tuple[int, ...]


def document_frequencies(references: Iterable[Sequence[Words]]) -> Frequencies:
    """Weights of all n-grams of a corpus: the references of each image in turn.

    An n-gram counts once for an image, in however many of its references it stands.

    Raises:
        ValueError: no images, or a sentence that is a string instead of a sequence of words.
    """
    images, count = Counter(), 0
    for count, sentences in enumerate(references, start=1):  # noqa: B007
        images.update({gram for words in sentences for gram in _ngrams(words)})
    if not count:
        raise ValueError("`references` must hold at least one image. Got none.")
    largest = math.log(count)
    return Frequencies({gram: largest - math.log(n) for gram, n in images.items()}, largest)


def prepare_references(
    references: Sequence[Sequence[Words]], frequencies: Frequencies
) -> list[ImageReferences]:
    """The references of each image with their TF-IDF norms, for `cider_d`.

    Raises:
        ValueError: an image without references, or a sentence that is a string.
    """
    shared: dict = {}  # one object for equal n-grams and for equal counts: 0.4 of the memory
    return [_prepare_image(i, image, frequencies, shared) for i, image in enumerate(references)]


def cider_d(
    candidates: Sequence[Words], references: Sequence[ImageReferences], frequencies: Frequencies
) -> np.ndarray:
    """CIDEr-D of each candidate against the references of its own image.

    Args:
        candidates: n sentences, as sequences of the same kind of words as the references have.
        references: n prepared images; an image may stand here many times.
        frequencies: the weights that `references` were prepared with.

    Returns:
        `<float64>[n]` in 0..10. A candidate without words scores 0.

    Raises:
        ValueError: lengths differ, or a candidate is a string.

    >>> corpus = [[["a", "red", "dog"]], [["two", "cats"]]]
    >>> weights = document_frequencies(corpus)
    >>> images = prepare_references(corpus, weights)
    >>> cider_d([["a", "red", "dog"], ["a", "dog"]], images, weights).round(2).tolist()
    [7.5, 0.0]

    (Three orders of four match; the fourth has no n-grams in a sentence of three words.)
    """
    if len(candidates) != len(references):
        raise ValueError(
            "`candidates` and `references` must have the same length. "
            f"Got {len(candidates)} and {len(references)}."
        )
    scores = [
        _score(words, image, frequencies)
        for words, image in zip(candidates, references, strict=True)
    ]
    return np.array(scores, np.float64)


def _ngrams(words: Words) -> list[Gram]:
    if isinstance(words, str):
        raise ValueError(f"A sentence must be a sequence of words, not a string. Got {words!r}.")
    words = tuple(words)
    length = len(words)
    return [words[i : i + n] for n in range(1, ORDERS + 1) for i in range(length - n + 1)]


def _prepare_image(
    index: int, sentences: Sequence[Words], frequencies: Frequencies, shared: dict
) -> ImageReferences:
    if not len(sentences):
        raise ValueError(f"`references` must give each image a reference. Image {index} has none.")
    occurrences: dict[Gram, list[tuple[int, int]]] = {}
    squares = [[0.0] * len(sentences) for _ in range(ORDERS)]
    for reference, words in enumerate(sentences):
        for gram, count in Counter(_ngrams(words)).items():
            weight = count * frequencies.idf.get(gram, frequencies.unseen)
            squares[len(gram) - 1][reference] += weight * weight
            occurrences.setdefault(shared.setdefault(gram, gram), []).append((reference, count))
    packed = {gram: tuple(found) for gram, found in occurrences.items()}
    return ImageReferences(
        {gram: shared.setdefault(found, found) for gram, found in packed.items()},
        tuple(tuple(map(_inverse_root, row)) for row in squares),
        tuple(len(words) for words in sentences),
    )


def _score(words: Words, image: ImageReferences, frequencies: Frequencies) -> float:
    """Equation 3 of the paper for one candidate, its three loops in one pass over its n-grams."""
    idf, unseen = frequencies
    references = range(len(image.lengths))
    products = [[0.0] * len(references) for _ in range(ORDERS)]  # Σ_k min(g(c), g(r)) g(r)
    squares = [0.0] * ORDERS
    for gram, count in Counter(_ngrams(words)).items():
        order = len(gram) - 1
        weight = idf.get(gram, unseen)
        weight *= weight
        squares[order] += count * count * weight
        for reference, times in image.occurrences.get(gram, ()):
            products[order][reference] += min(count, times) * times * weight
    penalties = [math.exp(-((len(words) - n) ** 2) / (2 * SIGMA**2)) for n in image.lengths]
    total = 0.0
    for row, norms, square in zip(products, image.inverse_norms, squares, strict=True):
        inverse = _inverse_root(square)
        total += inverse * sum(row[r] * norms[r] * penalties[r] for r in references)
    return SCALE * total / (ORDERS * len(references))


def _inverse_root(square: float) -> float:
    return 1.0 / math.sqrt(square) if square > 0.0 else 0.0
