"""The model card beside an exported classifier."""

from collections.abc import Mapping
from typing import Any

from pipelines.card import CELLS, made, metrics_table
from pipelines.sentiment.flags import Train

TEMPLATE = """# Sentiment model

A text in, a label and a score out. {model}

## Signatures

| name | in | out |
| --- | --- | --- |
| serving_default | `text: string[batch]` | `label: string[batch]`, `score: float32[batch]`, \
`probabilities: float32[batch, labels]` |
| words | `text: string[batch]` | `words: string[batch, time]`, \
`contributions: float32[batch, time]`, `label`, `score` |

`score` is P(positive) where the labels are negative and positive, else P(label);
`assets/about.json` lists the labels in the order of `probabilities`. `contributions` are
the losses of the log-odds of the score's label, in nats, when that word becomes the unknown word.

A text is read up to {max_length} words and signs{cut}. A text without words gets the label "" and
score 0, bytes that are not UTF-8 become signs, and neither touches the others of its batch. A
letter and its marks are read alike in either form of Unicode (NFC, NFD), Korean in NFC alone.

{uses}## Data

{data}

## Measured

{table}

Through this SavedModel, from raw text. Probabilities are calibrated by a temperature that depends
on the number of words, fitted on dev; `ece_uncalibrated` is without it. {made}

## Limits

It has read {world}, in the language of those alone. It takes irony at its word, misses what only
knowledge of the world tells, and a text of another kind gets an answer all the same. Do not decide
about people by it.
"""
USES = """## For and not for

For opinions in English, short ones and whole reviews, to sort or to count them where a person
looks at what matters:

    python -m pipelines.sentiment predict "You won't regret booking this hotel."
    python -m pipelines.sentiment predict "It isn't cheap, but it is worth every penny."

Not for irony, not for sentences without an opinion, which get a label all the same, and not for
other languages; it answers these wrongly, and without a sign of doubt:

    python -m pipelines.sentiment predict "What a great way to ruin an evening."
    python -m pipelines.sentiment predict "The train leaves at nine."

"""
DATA = {
    "demo": "Reviews composed by code (`datasets/sentiment/demo.py`); no terms.",
    "imdb": (
        "Large Movie Review Dataset v1.0 (Maas et al., ACL 2011): the labelled training reviews "
        "but for those held out for dev, by film. No licence text; the reviews are "
        "their authors', so weights that learnt from them are best kept to research."
    ),
    "sst2": (
        "SST-2 (Socher et al., EMNLP 2013): sentences of film critics, the published training "
        "sentences. No licence text; weights are best kept to research."
    ),
    "phrases": (
        "Opinions of a few words on films, products, places, services, people and meals, composed "
        "by code (`datasets/sentiment/phrases.py`); no terms."
    ),
    "csv": "Texts and labels of the person who trained the model.",
}
WORLD = {
    "demo": "composed sentences about films",
    "sst2": "sentences of film critics",
    "phrases": "composed opinions of a few words",
    "csv": "the texts of its training",
}
CUTS = {
    "head": "; of a longer one, the head",
    "tail": "; of a longer one, the tail",
    "both": "; of a longer one, a quarter of these from the head and the rest from the tail",
}


def model_card(flags: Train, measured: Mapping[str, Any]) -> str:
    """Markdown: the model, its data, its metrics and its limits.

    Args:
        flags: of the run.
        measured: as in a run's metrics.json; without `metrics` before it is measured.
    """
    # Each once, in their order; the two IMDBs are the same reviews.
    sources = list(dict.fromkeys(flags.dataset.replace("imdb_reviews", "imdb").split("+")))
    split = "test" if {"demo", "phrases", "csv"}.issuperset(sources) else "dev"
    return TEMPLATE.format(
        model=_model(flags),
        max_length=flags.max_length,
        cut=CUTS[flags.cut],
        uses=USES if {"imdb", "phrases"} <= set(sources) else "",
        data="\n\n".join(DATA[source] for source in sources),
        table=metrics_table(measured, f"{split} split"),
        made=made(measured, flags.seed),
        world=", ".join(WORLD.get(source, "film reviews") for source in sources),
    )


def _model(flags: Train) -> str:
    both = ", forwards and backwards" if flags.bidirectional else ""
    return (
        f"{flags.layers} layer{'s' * (flags.layers > 1)} of {CELLS[flags.cell]}{both}, "
        f"{flags.units} units, at most {flags.vocabulary_size} words, pooled over time "
        f"by {flags.pooling}."
    )
