"""COCO Captions 2014 with the splits of Karpathy and Li, through tensorflow-datasets.

Lin et al., "Microsoft COCO", ECCV 2014; Karpathy and Li, CVPR 2015.
"""

from collections.abc import Iterator
from pathlib import Path

from datasets import tfds
from datasets.captioning.faults import Examples, clean_captions
from datasets.faults import Faults

# `restval` is what is left of COCO's validation images; common practice trains on it as well.
_SPLITS = {"train": "train+restval", "dev": "val", "test": "test"}


def examples(
    split: str, *, data_dir: Path | str | None = None, limit: int | None = None
) -> Examples:
    """`(count, generate)` of one split: train 113,287 images, dev 5,000, test 5,000.

    tensorflow-datasets downloads and prepares what `data_dir` does not hold yet (some 37 GiB),
    comparing checksums, so that images are not checked again here; captions are stripped and NFC.

    Args:
      data_dir: tensorflow-datasets' own folder; None for its usual place, ~/tensorflow_datasets.

    Raises:
      ImportError: tensorflow-datasets, or a package that it needs, is not installed.
    """
    dataset = tfds.load("coco_captions", _SPLITS[split], data_dir, undecoded=["image"])
    dataset = dataset.take(-1 if limit is None else limit)

    def generate() -> Iterator[tuple[str, bytes, list[str]]]:
        for example in dataset.as_numpy_iterator():
            name = example["image/filename"].decode()
            pairs = ((name, text.decode()) for text in example["captions"]["text"])
            yield name, example["image"], clean_captions(pairs, Faults())[name]

    return int(dataset.cardinality()), generate
