"""Translation data sets of tensorflow-datasets, such as TED talks (Qi et al., NAACL 2018)."""

from collections.abc import Iterator
from pathlib import Path

from datasets import tfds

_SPLITS = {"train": "train", "dev": "validation", "test": "test"}
# TED's pairs; https://www.tensorflow.org/datasets/catalog/ted_hrlr_translate
_TED = {
    "en": ("az", "az_tr", "be", "be_ru", "gl", "gl_pt", "pt", "ru", "tr"),
    "pt": ("es", "fr", "he", "it", "ru"),
}


def ted_config(source: str, target: str) -> str:
    """The name of TED's data set with both languages, in either direction.

    Raises:
        ValueError: there is none.
    """
    for language, other in ((source, target), (target, source)):
        if language in _TED.get(other, ()):
            return f"ted_hrlr_translate/{language.replace('_', '')}_to_{other}"
    pairs = "; ".join(f"{other} with {', '.join(languages)}" for other, languages in _TED.items())
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
    examples = tfds.load(name, _SPLITS[split], data_dir)
    languages = sorted(examples.element_spec)
    if not {source, target} <= set(languages):
        raise ValueError(
            f"`source` and `target` must be languages of {name} ({', '.join(languages)}). "
            f"Got {source!r} and {target!r}."
        )
    for line, example in enumerate(examples.as_numpy_iterator(), start=1):
        sentences = (example[language] for language in (source, target))
        yield f"{split}:{line}", *(text.decode("utf-8", "surrogateescape") for text in sentences)
