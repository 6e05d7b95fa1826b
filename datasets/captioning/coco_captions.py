"""COCO Captions 2014 with the splits of Karpathy and Li, through tensorflow-datasets.

Lin et al., "Microsoft COCO", ECCV 2014; Karpathy and Li, CVPR 2015.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from datasets.captioning.faults import Faults, clean_captions

# `restval` is what is left of COCO's validation images; common practice trains on it as well.
_SPLITS = {"train": "train+restval", "dev": "val", "test": "test"}


def examples(
    split: str, *, data_dir: Path | str | None = None, limit: int | None = None
) -> tuple[int, Callable[[], Iterator[tuple[str, bytes, list[str]]]]]:
    """`(count, generate)` of one split: train 113,287 images, dev 5,000, test 5,000.

    tensorflow-datasets downloads and prepares what `data_dir` does not hold yet (some 37 GiB),
    comparing checksums, so that images are not checked again here; captions are stripped and NFC.

    Args:
      data_dir: tensorflow-datasets' own folder; None for its usual place, ~/tensorflow_datasets.

    Raises:
      ImportError: tensorflow-datasets, or a package that it needs, is not installed.
    """
    try:
        import tensorflow_datasets as tfds

        dataset = tfds.load(
            "coco_captions",
            split=_SPLITS[split],
            data_dir=os.fspath(data_dir) if data_dir is not None else None,
            decoders={"image": tfds.decode.SkipDecoding()},
            shuffle_files=False,  # the same order each time
        )
    except ImportError as error:
        raise ImportError(
            "`coco_captions` needs tensorflow-datasets and, to prepare the data, what that imports "
            f"only then: pip install tensorflow-datasets importlib_resources ({error})."
        ) from error
    count = int(dataset.cardinality())
    if limit is not None:
        count = min(limit, count)

    def generate() -> Iterator[tuple[str, bytes, list[str]]]:
        for example in tfds.as_numpy(dataset.take(count)):
            name = example["image/filename"].decode()
            pairs = ((name, text.decode()) for text in example["captions"]["text"])
            yield name, example["image"], clean_captions(pairs, Faults())[name]

    return count, generate
