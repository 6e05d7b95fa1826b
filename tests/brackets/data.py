"""Lines as numbers, by one TensorFlow function that training and the exported graph share."""

import tensorflow as tf

from pipelines import inspection
from pipelines.store import Store, cached_store
from tests.brackets.flags import Train
from tests.brackets.loader import load


def to_tokens(texts: tf.Tensor, max_length: int) -> tf.RaggedTensor:
    """ "(" is 1, every other sign 2: `<string>[batch]` -> `<int32>[batch, None]`."""
    signs = tf.strings.unicode_split(texts, "UTF-8", errors="replace")[:, :max_length]
    return signs.with_values(tf.where(signs.values == "(", 1, 2))


def encode_split(flags: Train, split: str) -> Store:
    """A split as numbers: columns `tokens` and `label`."""
    records = load(flags.dataset, split, flags.data_dir)
    records = records.take(flags.limit or -1).batch(256)
    key = {"kind": "brackets", "split": split, "limit": flags.limit, "dir": str(flags.data_dir)}
    return cached_store(flags.cache_dir, key, (_encoded(batch, flags) for batch in records))


def describe(flags: Train, splits) -> dict:
    """What the loader understood: sizes of the splits, examples as the model reads them."""
    texts = {}
    for split in splits:
        records = load(flags.dataset, split, flags.data_dir).take(flags.limit or -1)
        texts[split] = [record["text"].decode() for record in records.as_numpy_iterator()]
    tokens = to_tokens(tf.constant(texts["train"][:3]), flags.max_length).to_list()
    return {
        "dataset": flags.dataset,
        "splits": {split: {"lines": len(lines)} for split, lines in texts.items()},
        "examples": list(map("{} -> {}".format, texts["train"][:3], tokens)),
        "lengths": inspection.lengths_of([len(text) for text in texts["train"]], "signs"),
    }


def _encoded(batch: dict, flags: Train) -> dict:
    tokens = to_tokens(batch["text"], flags.max_length)
    rows = (tokens.values.numpy().astype("uint8"), tokens.row_lengths().numpy())
    return {"tokens": rows, "label": batch["label"].numpy()}
