"""The model card beside an exported translator."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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

## For and not for

It is for sentences like those it was trained on: {world}. Of others it will leave out, repeat or
invent parts; names and rare words suffer first. It knows nothing of the sentences around. It
repeats what the people who wrote its data assumed, also about men and women. Nobody should sign,
take or publish anything on its word alone.
{examples}
## Data

{data}

## Measured

{table}

Beam search of width {beam}, length penalty {penalty}, from text through this SavedModel, against
one reference. `bleu` and `chrf` are sacreBLEU's on cased, detokenised text (tokens: {tokens});
`bleu_lower` is BLEU of lower-cased tokens, near what older papers report. {made}
"""
ATTENTION = (
    "| attention | `text` | `translation`, `score`, `source_pieces`, `target_pieces`, "
    "`attention` |\n"
)
PIECES = """ `source_pieces` and `target_pieces` are the subwords of
both sides, and `attention`, `float32[batch, target, source]`, says where each one looked."""


class Source(NamedTuple):
    """What a card says of a data set.

    data: its size, origin and citation.
    terms: under which it is given out, and what that means for weights that learnt from it.
    world: what its sentences are like.
    examples: by language, two sentences that the model is for, and two that it is not for.
    """

    data: str
    terms: str
    world: str
    examples: Mapping[str, tuple[str, ...]] = {}


EVERYDAY = {
    "en": (
        "Where is the nearest train station?",
        "I bought two tickets for Friday.",
        "The lessee shall indemnify the lessor against all claims arising from the use.",
        "Shall I compare thee to a summer's day?",
    ),
    "de": (
        "Wo ist der nächste Bahnhof?",
        "Ich habe zwei Karten für Freitag gekauft.",
        "Der Mieter stellt den Vermieter von allen Ansprüchen aus der Nutzung frei.",
        "Wer reitet so spät durch Nacht und Wind?",
    ),
}
CAPTIONS = {
    "en": (
        "A man in a red shirt is riding a bicycle.",
        "Two dogs are playing in the snow.",
        *EVERYDAY["en"][:2],
    ),
    "de": (
        "Ein Mann in einem roten Hemd fährt Fahrrad.",
        "Zwei Hunde spielen im Schnee.",
        *EVERYDAY["de"][:2],
    ),
}
SOURCES = {
    "demo": Source(
        "Dates, times, numbers, amounts and measures of Unicode's CLDR, written in both languages "
        "by Babel (`datasets/translation/demo.py`).",
        "The Unicode licence; free for any use.",
        "dates, times, numbers and amounts as CLDR writes them",
    ),
    "multi30k": Source(
        "Multi30k task 1 (Elliott, Frank, Sima'an and Specia 2016), official splits: 29,000 "
        "training, 1,014 validation and 1,000 test pairs (test_2016_flickr).",
        "For non-commercial research and education, as the captions of Flickr30k that it "
        "translates; weights that learnt from it are best used so, too.",
        "one-sentence descriptions of photographs, mostly of people outdoors",
        CAPTIONS,
    ),
    "tatoeba": Source(
        "Tatoeba's English-German pairs as manythings.org/anki gives them out, split by a hash of "
        "the source sentence: 98 of 100 for training, 1 for dev and 1 for test.",
        'CC BY 2.0; name "www.manythings.org/anki and tatoeba.org" where the weights are used.',
        "short sentences of everyday life, as learners of a language read them",
        EVERYDAY,
    ),
    "bcontrast": Source(
        "BConTrasT (Farajian, Lopes, Martins, Maruf and Haffari 2020): chats of customers and "
        "agents about pizzas, cars, rides, cinemas, coffee and restaurants; 13,845 training and "
        "1,902 dev turns; where its test is not at hand, 5 of 100 training sentences are test.",
        "CC BY-SA 4.0: who gives out weights that learnt from it names it, under like terms.",
        "chats with customer service",
        EVERYDAY,
    ),
    "ted_hrlr_translate": Source(
        "TED talks (Qi et al., NAACL 2018).",
        "CC BY-NC-ND 4.0: weights that learnt from it are not for commercial use.",
        "subtitles of talks",
    ),
    "pairs": Source(
        "Sentence pairs of the person who trained the model.",
        "That person's to say.",
        "those of its training data",
    ),
}


def source_of(name: str) -> Source:
    """What the card says of a data set; of one of tensorflow-datasets its name."""
    other = Source(f"{name} of tensorflow-datasets.", "As its page says.", "its training data")
    return SOURCES.get(name, other)


def model_card(flags: Train, measured: Mapping[str, Any]) -> str:
    """Markdown: what the model is, made of what, how well it does, and what it cannot do.

    Args:
        flags: of the run.
        measured: as in a run's metrics.json; without `metrics` before it is measured.
    """
    has_attention = flags.attention != "none"
    weights = Counter(flags.dataset.split("+"))
    return TEMPLATE.format(
        source=flags.source,
        target=flags.target,
        model=_model(flags),
        attention=ATTENTION if has_attention else "",
        pieces=PIECES if has_attention else "",
        longest=flags.max_length - 1,
        data=_data(weights),
        table=metrics_table(measured, "test split, free-running"),
        beam=flags.beam_size,
        penalty=flags.length_penalty,
        tokens=bleu_tokens(flags.target),
        made=made(measured, flags.seed),
        world="; ".join(source_of(name).world for name in weights),
        examples=_examples(flags, source_of(next(iter(weights))).examples.get(flags.source, ())),
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


def _data(weights: Mapping[str, int]) -> str:
    """A paragraph of one source; of several an item each."""
    texts = {name: "{0.data} Terms: {0.terms}".format(source_of(name)) for name in weights}
    if len(texts) == 1:
        return next(iter(texts.values()))
    items = [f"* {text}" for text in texts.values()]
    twice = [f"{name} {weight} times" for name, weight in weights.items() if weight > 1]
    head = (
        "Several sources, each with its own splits; sentences of dev and test that are in the "
        "training of any are left out of both."
    )
    if twice:
        head += f" In an epoch come the pairs of {', '.join(twice)}."
    return "\n".join([head, "", *items])


def _examples(flags: Train, examples: Sequence[str]) -> str:
    """Commands that show what the model is for, and not for."""
    if not examples:
        return ""
    languages = f"--source {flags.source} --target {flags.target}"
    lines = [f'    python -m pipelines.translation predict {languages} "{x}"' for x in examples]
    return "\n".join(["", "For:", "", *lines[:2], "", "Not for:", "", *lines[2:], ""])
