"""The loader, as a module of datasets/: lines of brackets, drawn by code or of the user."""

from pathlib import Path

import numpy as np
import tensorflow as tf

SIZES = {"train": 600, "dev": 100, "test": 100}


def load(dataset: str, split: str, data_dir: Path | None = None) -> tf.data.Dataset:
    """Records of `text <string>[]` and `label <int32>[]`, 1 where the brackets are balanced.

    Args:
        dataset: `demo`, or `file`: data_dir/train.tsv, dev.tsv and test.tsv, "text<TAB>0 or 1".
    """
    if dataset == "file":
        if data_dir is None or not (data_dir / f"{split}.tsv").is_file():
            raise ValueError(f"`data_dir` must be a folder with {split}.tsv. Got {data_dir}.")
        lines = tf.data.TextLineDataset(str(data_dir / f"{split}.tsv"))
        return lines.map(lambda line: _record(tf.strings.split(line, "\t")))
    rng = np.random.default_rng(list(SIZES).index(split))
    texts = [_draw(rng) for _ in range(SIZES[split])]
    labels = np.array([_is_balanced(text) for text in texts], np.int32)
    return tf.data.Dataset.from_tensor_slices({"text": texts, "label": labels})


def _record(fields):
    return {"text": fields[0], "label": tf.strings.to_number(fields[1], tf.int32)}


def _draw(rng: np.random.Generator) -> str:
    half = int(rng.integers(1, 6))
    text = "".join(rng.permutation(list("()" * half)))
    while rng.random() < 0.8 and not _is_balanced(text):  # else hardly one would be
        text = "".join(rng.permutation(list("()" * half)))
    return text


def _is_balanced(text: str) -> bool:
    depths = np.cumsum([1 if sign == "(" else -1 for sign in text])
    return bool(depths.min() >= 0 and depths[-1] == 0)
