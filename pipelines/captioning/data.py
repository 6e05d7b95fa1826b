"""Captions as numbers and back, and how both lie on the disk: read one image at a time."""

import functools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf

from datasets.captioning import load, raw_files
from pipelines.cache import cached, digest_of, with_progress
from pipelines.captioning.flags import Evaluate, Train
from pipelines.captioning.metrics import tokenize_for_metrics
from pipelines.inspection import lengths_of
from pipelines.runs import json_digest, read_json, write_json
from pipelines.store import Store, cached_store

PAD, START, END, UNKNOWN = range(4)
SPECIAL = ("<padding>", "<start>", "<end>", "<unknown>")  # never part of an answer
CHUNK = 1000  # images whose captions are written at a time
VERSION = 1  # of how records are read and kept: another one makes caches anew

Records = Callable[[], tf.data.Dataset]  # called only where a cache does not hold the answer


# From raw files to stores.


def read_split(flags: Train | Evaluate, split: str) -> tf.data.Dataset:
    """The records of a split: `image_id`, `image_bytes`, `captions`."""
    return load(flags.dataset, split, flags.data_dir, limit=flags.limit)


def data_key(flags: Train) -> dict[str, Any]:
    """All that the records of a run's splits depend on."""
    files = digest_of(raw_files(flags.dataset, flags.data_dir))
    return {"version": VERSION, "files": files, "dataset": flags.dataset, "limit": flags.limit}


def describe(flags: Train, splits: Sequence[str]) -> dict[str, Any]:
    """What the loader understands of images and captions; captions as the model reads them.

    Raises:
        ValueError: a split cannot be read.
    """
    key = data_key(flags)
    stores = {
        split: caption_store(flags, split, key, functools.partial(read_split, flags, split))
        for split in splits
    }
    sizes = {
        split: {"images": len(store), "captions": sum(map(len, all_texts(store)))}
        for split, store in stores.items()
    }
    train = stores["train"]
    words = [
        [tokenize_for_metrics(text) for text in texts] for texts in islice(all_texts(train), CHUNK)
    ]
    lengths = lengths_of([len(caption) for image in words for caption in image], "words")
    return {
        "dataset": flags.dataset,
        "files": [str(path) for path in raw_files(flags.dataset, flags.data_dir)],
        "splits": sizes,
        "examples": [" ".join(captions[0]) for captions in words[:3]],
        "lengths": lengths,
    }


def caption_store(flags: Train, split: str, key: Mapping[str, Any], records: Records) -> Store:
    """What people wrote about each image of a split: column `text`, a JSON list in UTF-8."""
    kind = {"kind": "captions", "split": split}
    return cached_store(flags.cache_dir, {**key, **kind}, _texts(records))


def _texts(records: Records) -> Iterator[dict]:
    captions = records().map(lambda record: record["captions"]).as_numpy_iterator()
    for chunk in with_progress(_chunks(captions), len, "images read for their captions"):
        rows = [json.dumps([text.decode() for text in image]).encode() for image in chunk]
        yield {"text": (np.frombuffer(b"".join(rows), np.uint8), [len(row) for row in rows])}


def texts_of(captions: Store, image: int) -> list[str]:
    """The captions of one image, from a `caption_store`."""
    return json.loads(captions.row("text", image).tobytes())


def all_texts(captions: Store) -> Iterator[list[str]]:
    """The captions of each image in turn."""
    return (texts_of(captions, image) for image in range(len(captions)))


def build_vocabulary(flags: Train, captions: Store, key: Mapping[str, Any]) -> list[str]:
    """The words of the training captions, from the cache or one pass over them.

    Raises:
        ValueError: `min_count` leaves no word.
    """

    def write(folder):
        texts = (text for image in all_texts(captions) for text in image)
        counts = Counter(word for text in texts for word in tokenize_for_metrics(text))
        write_json(folder / "vocabulary.json", frequent_words(counts, flags.min_count))

    kind = {"kind": "captioning vocabulary", "min_count": flags.min_count}
    return read_json(cached(flags.cache_dir, {**key, **kind}, write) / "vocabulary.json")


def frequent_words(counts: Mapping[str, int], min_count: int) -> list[str]:
    """Words seen at least `min_count` times, most frequent first, after the four special ones.

    Equal counts are in alphabetical order, so that the same captions give the same numbers.
    """
    words = [word for word, count in counts.items() if count >= min_count]
    if not words:
        raise ValueError(
            f"`min_count` must leave at least one word. Got {min_count} for {len(counts)} words."
        )
    return [*SPECIAL, *sorted(words, key=lambda word: (-counts[word], word))]


def word_store(
    flags: Train, captions: Store, vocabulary: Sequence[str], key: Mapping[str, Any]
) -> Store:
    """The training captions as numbers: columns `words` and `longest`.

    `words` has the numbers of an image's captions one after the other, each with the end token;
    `longest`, `<int32>`, says how long the longest of them is with it.
    """
    kind = {"kind": "captioning words", "vocabulary": json_digest(list(vocabulary))}
    return cached_store(flags.cache_dir, {**key, **kind}, _numbered(captions, vocabulary))


def _numbered(captions: Store, vocabulary: Sequence[str]) -> Iterator[dict]:
    numbers = {word: index for index, word in enumerate(vocabulary)}
    dtype = np.uint16 if len(vocabulary) <= 2**16 else np.int32
    for chunk in _chunks(all_texts(captions)):
        images = [[encode(text, numbers) for text in image] for image in chunk]
        rows = [[number for caption in image for number in caption] for image in images]
        longest = [max(map(len, image), default=0) for image in images]
        values = np.array([number for row in rows for number in row], dtype)
        yield {
            "words": (values, [len(row) for row in rows]),
            "longest": np.array(longest, np.int32),
        }


def _chunks(rows: Iterator) -> Iterator[list]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


# From text to numbers and back.


def encode(caption: str, numbers: Mapping[str, int]) -> list[int]:
    """A caption's words as numbers, and the end: with "a" = 4, "dog" = 5, "A dog." -> [4, 5, 2]."""
    return [*(numbers.get(word, UNKNOWN) for word in tokenize_for_metrics(caption)), END]


def numbers_of(words: Store, image: int) -> list[list[int]]:
    """The captions of one image, from a `word_store`, each with its end token."""
    captions, caption = [], []
    for number in words.row("words", image).tolist():
        caption.append(number)
        if number == END:
            captions.append(caption)
            caption = []
    return captions


def cut(caption: Sequence[int], max_length: int) -> Sequence[int]:
    """At most `max_length` words and the end; a caption that is cut has no end: it did not end."""
    return caption if len(caption) <= max_length + 1 else caption[:max_length]


def decode_tokens(tokens: np.ndarray, vocabulary: Sequence[str]) -> str:
    """Word numbers up to the end token as text: [4, 5, 2, 0] -> "a dog"."""
    words = []
    for token in tokens:
        if token in (END, PAD):
            break
        words.append(vocabulary[token])
    return " ".join(words)


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


def search_rules(flags: Train) -> dict[str, Any]:
    """What a caption may be, for every search (see `zoo.decoding.Rules`)."""
    return {
        "start_token": START,
        "end_token": END,
        "pad_token": PAD,
        "forbidden_tokens": (UNKNOWN,),
        "max_length": flags.max_length,
        "min_length": 1,
        "length_penalty": flags.length_penalty,
    }
