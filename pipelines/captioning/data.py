"""Captions as numbers: the vocabulary, and batches of images with their captions."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from pipelines.captioning.metrics import tokenize_for_metrics

PAD, START, END, UNKNOWN = range(4)
SPECIAL = ("<padding>", "<start>", "<end>", "<unknown>")  # never part of an answer


def build_vocabulary(captions: Iterable[str], min_count: int) -> list[str]:
    """Words seen at least `min_count` times, most frequent first, after the four special ones.

    Equal counts are in alphabetical order, so that the same captions give the same numbers.
    """
    counts = Counter(word for caption in captions for word in tokenize_for_metrics(caption))
    words = [word for word, count in counts.items() if count >= min_count]
    if not words:
        raise ValueError(
            f"`min_count` must leave at least one word. Got {min_count} for {len(counts)} words."
        )
    return [*SPECIAL, *sorted(words, key=lambda word: (-counts[word], word))]


def encode_captions(
    captions: Sequence[Sequence[str]], vocabulary: Sequence[str], max_length: int
) -> list[list[list[int]]]:
    """Captions of each image as word numbers with the end token.

    Example, with "a" = 4 and "dog" = 5: "A dog." -> [4, 5, 2]. A caption of more than `max_length`
    words is cut there and has no end token: it did not end where it was cut.
    """
    numbers = {word: index for index, word in enumerate(vocabulary)}

    def encode(caption):
        words = [numbers.get(word, UNKNOWN) for word in tokenize_for_metrics(caption)]
        return [*words, END][: max_length + 1] if len(words) <= max_length else words[:max_length]

    return [[encode(caption) for caption in image] for image in captions]


def decode_tokens(tokens: np.ndarray, vocabulary: Sequence[str]) -> str:
    """Word numbers up to the end token as text: [4, 5, 2, 0] -> "a dog"."""
    words = []
    for token in tokens:
        if token in (END, PAD):
            break
        words.append(vocabulary[token])
    return " ".join(words)


def pad(captions: Sequence[Sequence[int]], time: int) -> np.ndarray:
    """Right padding with 0: `<int32>[captions, time]`."""
    padded = np.zeros((len(captions), time), np.int32)
    for row, caption in zip(padded, captions, strict=True):
        row[: len(caption)] = caption[:time]
    return padded


def shift_right(answers: np.ndarray) -> np.ndarray:
    """The words before each answer: [[4, 5, 2]] -> [[1, 4, 5]]; padding stays padding's input."""
    inputs = np.zeros_like(answers)
    inputs[..., 0] = START
    inputs[..., 1:] = answers[..., :-1]
    inputs[inputs == END] = PAD
    return inputs


def token_weights(answers: np.ndarray) -> np.ndarray:
    """Weight of each answer in the loss: 0 for padding, and 1 on average over all places.

    So the plain mean over places that Keras takes is the mean over real words.
    """
    mask = (answers != PAD).astype(np.float32)
    return mask / max(mask.mean(), 1e-6)


def boundaries(captions: Sequence[Sequence[Sequence[int]]]) -> list[int]:
    """Lengths in tokens to pad to, from the longest caption of each image.

    Three at most: each is a step of its own to compile.
    """
    longest = [max(map(len, image)) for image in captions]
    return sorted({int(np.quantile(longest, share)) for share in (0.35, 0.7, 1.0)})


def bucket_of(captions: Sequence[Sequence[int]], boundaries: Sequence[int]) -> int:
    """The smallest boundary that the image's longest caption fits in; the last one otherwise."""
    longest = max(len(caption) for caption in captions)
    return next((b for b in boundaries if longest <= b), boundaries[-1])


def training_batches(
    features: Callable[[np.ndarray, np.random.Generator], dict[str, np.ndarray]],
    captions: Sequence[Sequence[Sequence[int]]],
    *,
    batch_size: int,
    captions_per_image: int,
    boundaries: Sequence[int],
    word_dropout: float,
    rng: np.random.Generator,
) -> Iterator[tuple[dict, np.ndarray, np.ndarray]]:
    """One pass over the images in random order, each with some of its captions.

    Images whose captions are of similar length share a batch, so that few steps are padding; the
    last batch of a bucket is filled up with images of the same bucket, so that all have one size
    and a compiled step serves them.

    Args:
        features: rows, random generator -> the model's image inputs for those rows.
        captions: word numbers of each image's captions.
        batch_size: images a batch.
        captions_per_image: captions of each image in a batch; of more, a random choice.
        boundaries: lengths in tokens, rising, that captions are padded to.
        word_dropout: share of the words read that become the unknown word.
        rng: decides the order; the same generator state gives the same pass.

    Yields:
        inputs with `tokens <int32>[batch, captions, time]`, answers of that shape, and weights
        `<float32>` of that shape.
    """
    chosen = []
    for image in captions:
        order = rng.permutation(len(image))[:captions_per_image]
        chosen.append([image[index] for index in order])
    buckets: dict[int, list[int]] = {}
    for row in rng.permutation(len(chosen)):
        buckets.setdefault(bucket_of(chosen[row], boundaries), []).append(row)
    batches = []
    for boundary, rows in buckets.items():
        rows = np.array(rows)
        rows = np.resize(rows, -(-len(rows) // batch_size) * batch_size)
        batches += [(boundary, part) for part in rows.reshape(-1, batch_size)]
    for index in rng.permutation(len(batches)):
        time, rows = batches[index]
        answers = np.zeros((batch_size, captions_per_image, time), np.int32)
        for place, row in enumerate(rows):
            answers[place, : len(chosen[row])] = pad(chosen[row], time)
        tokens = drop_words(shift_right(answers), word_dropout, rng)
        yield {**features(rows, rng), "tokens": tokens}, answers, token_weights(answers)


def drop_words(tokens: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Replaces a random share of the words read by the unknown word.

    The model then cannot continue from the last word alone and must look at the image (word
    dropout, Bowman et al. 2016). Start, end and padding stay.
    """
    dropped = (rng.random(tokens.shape) < share) & (tokens > UNKNOWN)
    return np.where(dropped, UNKNOWN, tokens)


def batch_count(captions: Sequence[Sequence[Sequence[int]]], batch_size: int, boundaries) -> int:
    """An upper bound of the batches in one pass, for the schedule of the learning rate."""
    return len(captions) // batch_size + len(boundaries)
