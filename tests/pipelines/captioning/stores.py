"""Small stores of captions and of their words, made by hand."""

import json

import numpy as np

from pipelines.store import Column, Store


def ragged(rows, dtype):
    """Rows as a ragged column."""
    offsets = np.cumsum([0, *map(len, rows)])
    return Column(np.array([value for row in rows for value in row], dtype), offsets)


def captions_of(images):
    """Captions of images -> a store like that of `data.caption_store`."""
    return Store({"text": ragged([json.dumps(image).encode() for image in images], np.uint8)})


def words_of(images):
    """Captions of images, as numbers with their end -> a store like that of `data.word_store`."""
    rows = [[number for caption in image for number in caption] for image in images]
    longest = np.array([max(map(len, image)) for image in images])
    return Store({"words": ragged(rows, np.uint16), "longest": Column(longest, None)})
