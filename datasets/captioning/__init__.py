"""Image captioning data: `load("demo", "train")` and its likes; README.md has a card for each.

A source is one file here with a function `examples(split, ...) -> (count, generate)`: how many
images there are, and a function that starts one pass over them, one image in the memory at a time.
"""

from pathlib import Path

import tensorflow as tf

from datasets.arguments import check_choice, check_limit, check_no_folder
from datasets.captioning import coco_captions, demo, flickr8k, folder

DATASETS = ("demo", "flickr8k", "coco_captions", "folder")
SPLITS = ("train", "dev", "test")

_ELEMENT = {
    "image_id": tf.TensorSpec([], tf.string),
    "image_bytes": tf.TensorSpec([], tf.string),
    "captions": tf.TensorSpec([None], tf.string),
}


def load(
    dataset: str,
    split: str,
    data_dir: Path | str | None = None,
    *,
    seed: int = 0,
    limit: int | None = None,
    max_bad_share: float = 0.05,
) -> tf.data.Dataset:
    """One element per image, in an order that is always the same, with known cardinality.

    An element is `{"image_id": <string>[], "image_bytes": <string>[], "captions":
    <string>[references]}`. `image_bytes` is a JPEG or PNG file as it lies in the source, not
    decoded; captions are the source's own words (stripped, Unicode NFC), not tokenised.

    Images and captions of `flickr8k` and `folder` are checked before this returns, each image by
    decoding it once. What is wrong is left out and named in one log message at WARNING level.

    Args:
      dataset: `demo`, `flickr8k`, `coco_captions` or `folder`.
      split: `train`, `dev` or `test`.
      data_dir: the folder that holds the source's files; `demo` needs none.
      seed: which scenes `demo` draws; the other sources do not use it.
      limit: at most this many images, the first ones; None for all (for `demo`, 6,000 for training
        and 500 for each of the others). `demo` draws exactly as many as asked for.
      max_bad_share: the largest share, 0 to 1, of images (and of captions) that may be unusable.

    Raises:
      ValueError: unknown `dataset` or `split`; files that are not there or not in the layout
        expected; more than `max_bad_share` unusable.
    """
    check_choice("dataset", dataset, DATASETS)
    check_choice("split", split, SPLITS)
    check_limit(limit)
    if not 0 <= max_bad_share <= 1:
        raise ValueError(f"`max_bad_share` must be between 0 and 1. Got {max_bad_share!r}.")
    if dataset == "demo":
        check_no_folder(data_dir, "folder")
        return _as_dataset(*demo.examples(split, seed=seed, limit=limit))
    if dataset == "coco_captions":
        return _as_dataset(*coco_captions.examples(split, data_dir=data_dir, limit=limit))
    source = flickr8k if dataset == "flickr8k" else folder
    return _as_dataset(
        *source.examples(split, data_dir=data_dir, limit=limit, max_bad_share=max_bad_share)
    )


def raw_files(dataset: str, data_dir: Path | str | None = None) -> list[Path]:
    """The files that a source reads: what a digest of the data is made of.

    Of `demo` the program that draws it; of `coco_captions`, whose files tensorflow-datasets
    compares with its checksums, none.
    """
    check_choice("dataset", dataset, DATASETS)
    if dataset == "demo":
        return [Path(demo.__file__)]
    sources = {"flickr8k": flickr8k, "folder": folder}
    return sources[dataset].raw_files(data_dir) if dataset in sources else []


def _as_dataset(count: int, generate) -> tf.data.Dataset:
    """`Examples` of a source as a `tf.data.Dataset` of named dicts."""

    def named():
        for example in generate():
            yield dict(zip(_ELEMENT, example, strict=True))

    dataset = tf.data.Dataset.from_generator(named, output_signature=_ELEMENT)
    return dataset.apply(tf.data.experimental.assert_cardinality(count))
