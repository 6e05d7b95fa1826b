"""Translation data sets of tensorflow-datasets, such as TED talks (Qi et al., NAACL 2018)."""

import os
from collections.abc import Iterator
from pathlib import Path

_SPLITS = {"train": "train", "dev": "validation", "test": "test"}
# TED's pairs; https://www.tensorflow.org/datasets/catalog/ted_hrlr_translate
_TED = {
    "en": ("az", "az_tr", "be", "be_ru", "gl", "gl_pt", "pt", "ru", "tr"),
    "pt": ("es", "fr", "he", "it", "ru"),
}


def ted_config(source: str, target: str) -> str:
    """The name of TED's data set with both languages, in either direction."""
    for one, other in ((source, target), (target, source)):
        if one in _TED.get(other, ()):
            return f"ted_hrlr_translate/{one.replace('_', '')}_to_{other}"
    pairs = "; ".join(f"{other} with {', '.join(ones)}" for other, ones in _TED.items())
    raise ValueError(
        "`source` and `target` must be a pair of ted_hrlr_translate, in either direction "
        f"({pairs}). Got {source!r} and {target!r}."
    )


def raw_pairs(
    name: str, split: str, data_dir: Path | str | None, *, source: str, target: str
) -> Iterator[tuple[str, str, str]]:
    """(id, source, target) of a split of any data set that has the two languages as features.

    tensorflow-datasets downloads and prepares what `data_dir` (None: its usual place,
    ~/tensorflow_datasets) does not hold yet, comparing checksums.

    Raises:
        ImportError: tensorflow-datasets, or a package that it needs, is not installed.
        ValueError: the data set has no such languages.
    """
    try:
        import tensorflow_datasets as tfds

        examples = tfds.load(
            name,
            split=_SPLITS[split],
            data_dir=os.fspath(data_dir) if data_dir is not None else None,
            shuffle_files=False,  # the same order each time
        )
    except ImportError as error:
        raise ImportError(
            f"`{name}` needs tensorflow-datasets and what that imports only then: pip install "
            f"tensorflow-datasets importlib_resources ({error})."
        ) from error
    languages = sorted(examples.element_spec)
    if not {source, target} <= set(languages):
        raise ValueError(
            f"`source` and `target` must be languages of {name} ({', '.join(languages)}). "
            f"Got {source!r} and {target!r}."
        )
    for line, example in enumerate(tfds.as_numpy(examples), start=1):
        sentences = (example[language] for language in (source, target))
        yield f"{split}:{line}", *(text.decode("utf-8", "surrogateescape") for text in sentences)
