"""Sentence pairs as numbers: words to subwords, and batches of pairs of similar length."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from pipelines.translation.subwords import END, PAD, START, UNKNOWN, Subwords, numbered_pieces

CHUNK = 4096  # sentences that are cut into words at a time
VARIANTS = 16  # ways to cut a word that subword dropout chooses from


class Corpus:
    """Sentences as subwords, cut anew for every epoch where subword dropout asks for it.

    Subword dropout leaves out each longest match with some probability and takes the next longest,
    so that a word is seen in several spellings (MaxMatch-Dropout: Hiraoka 2022). A word's
    variants are drawn once; an epoch chooses among them for each of its places.

    Args:
        sentences: raw text.
        vocabulary: see `subwords`.
        dropout: probability that a match is left out; 0 gives what the exported graph gives.
        seed: of the variants.
    """

    def __init__(
        self, sentences: Sequence[str], vocabulary: Sequence[str], dropout: float = 0.0, seed=0
    ):
        numbers = numbered_pieces(vocabulary)
        places: dict[bytes, int] = {}
        self.sentences = [
            [places.setdefault(word, len(places)) for word in words]
            for words in split_words(sentences, Subwords(vocabulary))
        ]
        rng = np.random.default_rng([seed, 1])
        longest = max(map(len, numbers))
        self.variants = [[longest_pieces(word, numbers, longest) for word in places]]
        if dropout:
            self.variants += [
                [longest_pieces(word, numbers, longest, dropout, rng) for word in places]
                for _ in range(VARIANTS)
            ]

    def encode(self, rng: np.random.Generator | None = None) -> list[list[int]]:
        """Tokens of each sentence and the end token; with `rng` and dropout, of random variants."""
        if rng is None or len(self.variants) == 1:
            whole = self.variants[0]
            return [[*(t for word in words for t in whole[word]), END] for words in self.sentences]
        encoded = []
        for words in self.sentences:
            chosen = rng.integers(1, len(self.variants), len(words)).tolist()
            pairs = zip(chosen, words, strict=True)
            encoded.append([*(t for v, word in pairs for t in self.variants[v][word]), END])
        return encoded


def split_words(sentences: Sequence[str], subwords: Subwords) -> Iterator[list[bytes]]:
    """The words of each sentence, as the exported graph splits them."""
    split = tf.function(subwords.words, input_signature=[tf.TensorSpec([None], tf.string)])
    for start in range(0, len(sentences), CHUNK):
        yield from split(tf.constant(sentences[start : start + CHUNK])).to_list()


def longest_pieces(
    word: bytes,
    numbers: Mapping[bytes, int],
    longest: int,
    dropout: float = 0.0,
    rng: np.random.Generator | None = None,
) -> list[int]:
    """Tokens of a word: the longest piece that it begins with, and so on with the rest.

    Every byte is a piece, so that there always is one. With dropout a piece of more than one
    character is passed over with that probability.

    Args:
        numbers: token of each piece.
        longest: bytes of the longest piece.
    """
    tokens = []
    start = 0
    while start < len(word):
        for end in range(min(len(word), start + longest), start, -1):
            token = numbers.get(word[start:end])
            if token is None:
                continue
            if dropout and not _is_character(word[start:end]) and rng.random() < dropout:
                continue
            tokens.append(token)
            start = end
            break
    return tokens


def _is_character(piece: bytes) -> bool:
    return len(piece) == 1 or len(piece.decode()) == 1


def boundaries(
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    *,
    max_length: int,
    batch_size: int,
) -> list[int]:
    """Lengths in tokens to pad to, rising, from the longer side of each pair.

    Seven at most, and no more than there are batches: each is a step of its own to trace and
    compile.
    """
    lengths = longer_sides(sources, targets)
    lengths = lengths[lengths <= max_length]
    if not len(lengths):
        raise ValueError(f"`max_length` must leave a pair to train on. Got {max_length}.")
    shares = (1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 0.95, 1)[-max(1, len(lengths) // batch_size) :]
    return sorted({int(np.quantile(lengths, share, method="higher")) for share in shares})


def longer_sides(sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> np.ndarray:
    """Tokens of the longer side of each pair."""
    return np.array([max(map(len, pair)) for pair in zip(sources, targets, strict=True)])


def buckets(
    sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]], limits: Sequence[int]
) -> list[np.ndarray]:
    """Rows whose longer side fits each limit and no smaller one; longer pairs are left out."""
    longer = longer_sides(sources, targets)
    lower = [0, *limits[:-1]]
    return [
        np.flatnonzero((longer > below) & (longer <= limit))
        for below, limit in zip(lower, limits, strict=True)
    ]


def training_batches(
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    *,
    batch_size: int,
    limits: Sequence[int],
    rng: np.random.Generator,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """One pass over the pairs in random order, pairs of similar length together.

    Both sides are padded to the bucket's limit; the last batch of a bucket is filled up with pairs
    of the same bucket: one shape a bucket.

    Args:
        sources, targets: tokens of each sentence, end token included.
        batch_size: pairs a batch.
        limits: lengths in tokens, rising, that pairs are padded to.
        rng: decides the order; the same generator state gives the same pass.

    Yields:
        sources and answers, `<int32>[batch, time]`, 0 where there is padding.
    """
    batches = []
    for limit, rows in zip(limits, buckets(sources, targets, limits), strict=True):
        rows = np.resize(rng.permutation(rows), -(-len(rows) // batch_size) * batch_size)
        batches += [(limit, part) for part in rows.reshape(-1, batch_size)]
    for index in rng.permutation(len(batches)):
        time, rows = batches[index]
        yield tuple(pad([side[row] for row in rows], time) for side in (sources, targets))


def batch_count(pairs: int, batch_size: int, limits: Sequence[int]) -> int:
    """An upper bound of the batches in one pass, for the schedule of the learning rate."""
    return pairs // batch_size + len(limits)


def pad(sentences: Sequence[Sequence[int]], time: int) -> np.ndarray:
    """Right padding with 0: `<int32>[sentences, time]`; what is longer is cut."""
    padded = np.zeros((len(sentences), time), np.int32)
    for row, sentence in zip(padded, sentences, strict=True):
        row[: len(sentence)] = sentence[:time]
    return padded


def shift_right(answers: np.ndarray) -> np.ndarray:
    """The words before each answer: [[4, 5, 2, 0]] -> [[1, 4, 5, 0]]; padding stays padding."""
    before = np.zeros_like(answers)
    before[:, 0] = START
    before[:, 1:] = answers[:, :-1]
    return np.where(before == END, PAD, before)


def token_weights(answers: np.ndarray) -> np.ndarray:
    """Weight of each answer in the loss: 0 for padding, and 1 on average over all places.

    So the plain mean over places that Keras takes is the mean over real words.
    """
    mask = (answers != PAD).astype(np.float32)
    return mask / max(mask.mean(), 1e-6)


def drop_words(tokens: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Replaces a random share of the words by the unknown word (word dropout).

    Gal and Ghahramani 2016; Bowman et al. 2016. Start, end and padding stay.
    """
    dropped = (rng.random(tokens.shape) < share) & (tokens > UNKNOWN)
    return np.where(dropped, UNKNOWN, tokens)
