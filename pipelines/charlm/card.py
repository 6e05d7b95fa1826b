"""The model card beside an exported character model."""

from collections.abc import Mapping
from typing import Any

from datasets.text import unit_of
from pipelines.card import CELLS, made, metrics_table
from pipelines.charlm.flags import WITHOUT_TEST, Train

TEMPLATE = """# Character language model

It reads text {unit} by {unit} and says which comes next. {model}

## Signatures

| name | in | out |
| --- | --- | --- |
| serving_default | `prompt`, `length`, `temperature`, `seed` | `text` |
| score | `text` | `bits_per_char: float32[batch]`, `characters: int32[batch]` |
| step | `character`, `state` | `probabilities: float32[batch, symbols + 1]`, `state` |
| read | `text`, `state` | `nats: float32[batch]`, `hits`, `characters`, `state` |
| write | `state`, `length`, `temperature`, `top_k`, `top_p`, `seed`, `place` | `text`, `state` |

`prompt`, `text` and `character` are `string[batch]`; `hits` (how many were the likeliest) and
`characters` are `int32[batch]`.
`length` (0 to 10,000), `seed`, `top_k` and `place` are `int32[]`, `temperature` and `top_p` are
`float32[]`; a number out of its range is an error. `state` is `float32[batch, {state}]`; before a
text it is what `step` gives for the character "" and zeros. `text` is what was written, without
the prompt. The same seed gives the same text, and temperature 0 the likeliest {unit} each time.
Rows are independent of each other. Entry n of `probabilities` belongs to symbol n - 1 of
`assets/vocabulary.json`, entry 0 to all that the model does not know.

A {unit} that the model does not know is read as the unknown one, costs what the model finds that
to cost, and is never written.{broken} The score of an empty text is 0.

## Data

{data}

## Measured

{table}

The whole split read once from start to end, the state carried, through this SavedModel. {made}

## Limits

It imitates its training text and knows nothing else; what it writes is not true but likely. The
symbols it knows are those of its training text.
"""
DATA = {
    "demo": (
        "The topics of Python's language reference, as the standard library carries them in "
        "`pydoc_data.topics` (PSF licence): the first 80% in alphabetical order to train on, then "
        "10% dev and 10% test."
    ),
    "file": "Text of the person who trained the model.",
    "tiny_shakespeare": (
        "Tiny Shakespeare (Karpathy 2015), public domain, 1,115,394 characters: the first 90% to "
        "train on, the last 10% dev."
    ),
    "war_and_peace": (
        "Tolstoy, War and Peace, in English (Project Gutenberg 2600, public domain), without "
        "preface and licence: 80% train, 10% dev, 10% test."
    ),
    "ptb": (
        "Penn Treebank in Mikolov's version (Marcus et al. 1993; Mikolov et al. 2012), 50 symbols; "
        "for research only."
    ),
    "text8": "text8 (Mahoney 2006), 90, 5 and 5 million characters of Wikipedia, CC BY-SA.",
    "enwik8": "enwik8 (Hutter 2006), 90, 5 and 5 million bytes of Wikipedia, CC BY-SA.",
}


def split_measured(flags: Train) -> str:
    """The split that `train` measures at its end."""
    return "dev" if flags.dataset in WITHOUT_TEST else "test"


def model_card(flags: Train, measured: Mapping[str, Any]) -> str:
    """Markdown: what the model is, made of what, how well it does, and what it cannot do.

    Args:
        flags: of the run.
        measured: as in a run's metrics.json; without `metrics` before it is measured.
    """
    unit = unit_of(flags.dataset, flags.unit)
    each = 1 if flags.cell == "simple_rnn" else 2
    return TEMPLATE.format(
        unit=unit,
        model=_model(flags),
        state=each * flags.layers * flags.units,
        broken="" if unit == "byte" else " So is each piece of a string that is not UTF-8.",
        data=DATA[flags.dataset],
        table=metrics_table(measured, f"{split_measured(flags)} split"),
        made=made(measured, flags.seed),
    )


def _model(flags: Train) -> str:
    layers = "One layer" if flags.layers == 1 else f"{flags.layers} layers"
    entry = f"an embedding of {flags.embedding_units}" if flags.embedding_units else "one-hot input"
    begun = "" if flags.pretrained is None else ", begun with the weights of another run"
    return f"{layers} of {CELLS[flags.cell]}, {flags.units} units each, on {entry}{begun}."
