"""The model card beside an exported translator."""

from collections.abc import Mapping
from typing import Any

from pipelines.card import CELLS, made, metrics_table
from pipelines.translation.flags import Train
from pipelines.translation.metrics import bleu_tokens

TEMPLATE = """# Translation model, {source} to {target}

A sentence in `{source}` in, a sentence in `{target}` out. {model}

## Signatures

| name | in | out |
| --- | --- | --- |
| serving_default | `text` | `translation: string[batch]`, `score: float32[batch]`, `cut` |
| greedy | `text` | the same, by greedy search: faster, a little worse |
| score | `text`, `translation` | `score` of a translation that is given |
| languages | | `source: string[]`, `target: string[]` |
{attention}
`text` and `translation` are `string[batch]`, UTF-8, as written: cased, not tokenised. A letter and
its marks are read alike in either form of Unicode (NFC, NFD), Korean in NFC alone. The first two
signatures translate each sentence of a text; the others take a text as one. A sentence in capitals
is read as lower case, and answered in capitals. `score` is the
geometric mean of the probabilities of the translation's subwords and its end, 0 to 1.{pieces}

A text without words gets the translation "" and score 0. A sentence is read up to its first
{longest} subwords, and `cut: bool[batch]` says whether it, or its translation, was longer; bytes
that are not UTF-8 are read as U+FFFD; characters that training never saw are read byte by byte. No
text touches the answers of the others.

## Data

{data}

## Measured

{table}

Beam search of width {beam}, length penalty {penalty}, from text through this SavedModel, against
one reference. `bleu` and `chrf` are sacreBLEU's on cased, detokenised text (tokens: {tokens});
`bleu_lower` is BLEU of lower-cased tokens, near what older papers report. {made}

## Limits

It translates sentences like those it was trained on: {world}.
Of others it will leave out, repeat or invent parts; names and rare words suffer first. It knows
nothing of the sentences around. It repeats what the people who wrote its data assumed, also about
men and women.
"""
ATTENTION = (
    "| attention | `text` | `translation`, `score`, `source_pieces`, `target_pieces`, "
    "`attention` |\n"
)
PIECES = """ `source_pieces` and `target_pieces` are the subwords of
both sides, and `attention`, `float32[batch, target, source]`, says where each one looked."""
WORLD = {
    "demo": "dates, times, numbers and amounts as CLDR writes them",
    "multi30k": "one-sentence descriptions of photographs, mostly of people outdoors",
    "ted_hrlr_translate": "subtitles of talks",
}
DATA = {
    "demo": (
        "Dates, times, numbers, amounts and measures of Unicode's CLDR, written in both languages "
        "by Babel (`datasets/translation/demo.py`); CLDR is under the Unicode licence."
    ),
    "multi30k": (
        "Multi30k task 1 (Elliott, Frank, Sima'an and Specia 2016), official splits: 29,000 "
        "training and 1,014 validation pairs, measured on test_2016_flickr. For non-commercial "
        "research and education, as the captions of Flickr30k that it translates."
    ),
    "ted_hrlr_translate": "TED talks (Qi et al., NAACL 2018), CC BY-NC-ND 4.0.",
    "pairs": "Sentence pairs of the person who trained the model.",
}


def model_card(flags: Train, measured: Mapping[str, Any]) -> str:
    """Markdown: what the model is, made of what, how well it does, and what it cannot do.

    Args:
        flags: of the run.
        measured: as in a run's metrics.json; without `metrics` before it is measured.
    """
    has_attention = flags.attention != "none"
    return TEMPLATE.format(
        source=flags.source,
        target=flags.target,
        model=_model(flags),
        attention=ATTENTION if has_attention else "",
        pieces=PIECES if has_attention else "",
        longest=flags.max_length - 1,
        data=DATA.get(flags.dataset, f"{flags.dataset} of tensorflow-datasets."),
        table=metrics_table(measured, "test split, free-running"),
        beam=flags.beam_size,
        penalty=flags.length_penalty,
        tokens=bleu_tokens(flags.target),
        made=made(measured, flags.seed),
        world=WORLD.get(flags.dataset, "those of its training data"),
    )


def _model(flags: Train) -> str:
    looking = {"none": "no attention", "additive": "additive attention"}
    looking["multiplicative"] = "multiplicative attention"
    layers = "one layer" if flags.encoder_layers == 1 else f"{flags.encoder_layers} layers"
    return (
        f"Encoder: {layers} of {CELLS[flags.cell]} in both directions, {flags.encoder_units} units "
        f"each. Decoder: two layers of {flags.units} units, {looking[flags.attention]}. "
        f"{flags.vocabulary_size} subwords of both languages."
    )
