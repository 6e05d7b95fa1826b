"""SST-2: sentences of film reviews, each negative or positive.

Socher, Perelygin, Wu, Chuang, Manning, Ng and Potts, "Recursive deep models for semantic
compositionality over a sentiment treebank", EMNLP 2013; with two labels also in GLUE (Wang et al.,
ICLR 2019), whose train.tsv has the phrases of the sentences as well, and whose test has no labels.

    train.tsv  dev.tsv  test.tsv      sentence<TAB>0 or 1; GLUE's begin with sentence<TAB>label
"""

from pathlib import Path

from datasets.files import find_all, read_lines
from datasets.sentiment.imdb import NAMES
from datasets.sentiment.reviews import Reviews, as_reviews

SPLITS = ("train", "dev", "test")
_HEADER = "sentence\tlabel"
_HINT = "the folder that holds SST-2's train.tsv and dev.tsv (and test.tsv), packed or not"


def read(split: str, data_dir: Path | str | None) -> Reviews:
    """One split; ids are "train:12": the line. Sentences are as in the file: lower case, in tokens.

    Raises:
      ValueError: the split's file is not there, or a line of it is not of the layout.
    """
    paths = files(data_dir)
    if split not in paths:
        raise ValueError(
            f"Split `{split}` of SST-2 is not in {data_dir}: it has no {split}.tsv with labels "
            "(GLUE's test has none). Measure on dev."
        )
    rows = []
    for number, line in enumerate(read_lines(paths[split]), 1):
        sentence, _, label = line.rpartition("\t")
        if (number == 1 and line == _HEADER) or not line.strip():
            continue
        if label not in ("0", "1") or not sentence.strip():
            raise ValueError(
                f"{paths[split]} must have lines of a sentence, a tab and 0 or 1. Got line "
                f"{number}: {line[:100]!r}."
            )
        rows.append((f"{split}:{number}", sentence.strip(), int(label)))
    if not rows:
        raise ValueError(f"{paths[split]} must have lines. It has none.")
    return as_reviews(rows, NAMES)


def files(data_dir: Path | str | None) -> dict[str, Path]:
    """Split -> its file; `test` only where it is there with labels.

    Raises:
      ValueError: train or dev is not there.
    """
    there = find_all(data_dir, _HINT, ("train.tsv", "dev.tsv"))
    found = {split: there[f"{split}.tsv"] for split in SPLITS if f"{split}.tsv" in there}
    if "test" in found and next(read_lines(found["test"]), "").startswith("index\t"):
        del found["test"]  # GLUE's
    return found
