"""`predict`: a line for each text, and which words moved its score."""

import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from pipelines.sentiment.flags import Predict
from pipelines.sentiment.measuring import encoded, explain

SHADES = (  # of the terminal's 256 colours: backgrounds from faint to strong
    (224, 217, 210, 203),  # red, against the label
    (194, 157, 120, 83),  # green, for it
)
FAINTEST = 0.1  # of the strongest word: less is not shown
LEAST = 0.05  # nats: in a text where no word does more, none is shown


def predict(model, flags: Predict) -> Iterable[str]:
    """`label<TAB>score<TAB>text` for each text, in the order given; with `words`, a heat map too.

    Raises:
        ValueError: no texts at all, texts from two sides, or a file that is not there.
    """
    if flags.batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Got {flags.batch_size}.")
    answer = model.signatures["serving_default"]
    texts = read_texts(flags)
    while part := list(itertools.islice(texts, flags.batch_size)):
        found = answer(text=encoded(part))
        labels, scores = found["label"].numpy(), found["score"].numpy()
        for text, label, score in zip(part, labels, scores, strict=True):
            shown = " ".join(text.split()).encode("utf-8", "replace").decode()
            yield f"{label.decode()}\t{score:.4f}\t{shown}"
            if flags.words and label:
                yield "  " + heat_line(*explain(model, [text])[0], colours=_coloured())


def read_texts(flags: Predict) -> Iterator[str]:
    """The texts to answer, one by one: arguments, a file's lines or standard input's."""
    if flags.file is not None and flags.inputs:
        raise ValueError("`inputs` must be empty where `--file` is given. Got both.")
    if flags.file is not None:
        if not flags.file.is_file():
            raise ValueError(
                f"`file` must be a file with one text a line. Not found: {flags.file}."
            )
        return _lines_of(flags.file)
    if flags.inputs and flags.inputs != ("-",):
        return iter(flags.inputs)
    if not flags.inputs and sys.stdin.isatty():
        raise ValueError(
            "`inputs` must be texts, or `-` for the lines of standard input, or `--file` must name "
            "a file. Got none."
        )
    return (line.rstrip("\r\n") for line in sys.stdin)


def _lines_of(file) -> Iterator[str]:
    with open(file, encoding="utf-8-sig", errors="replace", newline="\n") as lines:
        for line in lines:
            yield line.rstrip("\r\n")


def heat_line(words: Sequence[str], contributions: np.ndarray, colours: bool) -> str:
    """The words on a line, coloured by what they contributed, or with the numbers in brackets.

    "not[-1.2] bad[+2.1] at all": what moved the log-odds by less than a tenth of the strongest
    word is left plain.
    """
    strongest = float(np.abs(contributions).max(initial=0.0))
    shown = []
    for word, value in zip(words, contributions, strict=True):
        share = abs(float(value)) / strongest if strongest >= LEAST else 0.0
        if share < FAINTEST:
            shown.append(word)
        elif colours:
            shades = SHADES[int(value > 0)]
            shade = shades[min(int(share * len(shades)), len(shades) - 1)]
            shown.append(f"\x1b[30;48;5;{shade}m{word}\x1b[0m")
        else:
            shown.append(f"{word}[{value:+.1f}]")
    return " ".join(shown)


def _coloured() -> bool:
    """Whether colours show: in a terminal, unless NO_COLOR (no-color.org) is set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
