"""The report of a captioning run: confidence, captions beside people's, copying, attention.

The attention of a word is a map over the grid of the encoder's features; it is shown as heat over
the photograph, each word's map scaled to its own largest weight, so that even attention is an even
glow. The grid is taken to cover the whole photograph.
"""

import functools
import io
import itertools
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from pipelines.captioning import data
from pipelines.captioning.calibration import borne_out
from pipelines.captioning.ciderd import cider_d, document_frequencies, prepare_references
from pipelines.captioning.confidence import auroc, risk_coverage
from pipelines.captioning.evaluation import REPORTED, Answers
from pipelines.captioning.flags import Train
from pipelines.captioning.metrics import metrics_notes, tokenize_for_metrics
from pipelines.contract import Evaluation
from pipelines.report import (
    COLORS,
    Html,
    Section,
    data_address,
    escape,
    figure,
    image,
    image_address,
    plot_lines,
    read_image,
    table,
)

SHOWN = 6  # examples in each of the groups best, worst and random

_STYLE = """
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  overflow: hidden; }
.card > img { width: 100%; height: 12rem; object-fit: contain; background: #0001; }
.card > div { padding: .7rem .9rem .9rem; font-size: .9rem; }
.caption { font-size: 1.02rem; font-weight: 600; line-height: 1.35; margin: 0 0 .3rem; }
.soft { color: var(--soft); font-size: .82rem; margin: .35rem 0 .1rem; }
.card ul { margin: 0; padding-left: 1.1rem; }
.copied { color: #b3261e; font-weight: 600; }
@media (prefers-color-scheme: dark) { .copied { color: #ff8a80; } }
.words { display: flex; flex-wrap: wrap; gap: .5rem; margin: .4rem 0 1.6rem; }
.words figure { margin: 0; width: 6.6rem; text-align: center; font-size: .85rem; }
.photo { position: relative; width: 6.6rem; aspect-ratio: var(--aspect); border-radius: 4px;
  overflow: hidden; }
.photo::before { content: ""; position: absolute; inset: 0;
  background: var(--photo) center / 100% 100%; }
.photo:has(img)::before { filter: grayscale(.75); }
.photo img { position: absolute; inset: 0; width: 100%; height: 100%; }
"""


class Example(NamedTuple):
    """One image of the split and the model's caption of it.

    number: of the image in its split.
    caption: the model's.
    references: what people wrote.
    score: CIDEr-D of the caption against the references, 0..10.
    attention: `<float>[words, rows, columns]`, one map for each word of the caption; None without.
    nearest_training_caption: see `nearest_captions`.
    log_probability: of the caption as the search scores it.
    """

    number: int
    caption: str
    references: Sequence[str]
    score: float
    attention: np.ndarray | None
    nearest_training_caption: str
    log_probability: float


def report_sections(flags: Train, evaluation: Evaluation) -> Iterator[Section]:
    """The sections that captioning has of its own: confidence, captions beside people's, maps."""
    answers: Answers = evaluation.details
    yield Section("How captions are measured", metrics_notes())
    if answers.confidences:
        yield confidence_section(answers)
    records = functools.partial(data.read_split, flags, "train")
    training = data.caption_store(flags, "train", data.data_key(flags), records)
    texts = [text for image in data.all_texts(training) for text in image]
    yield from example_sections(examples_of(answers, texts), answers.images)


def confidence_section(answers: Answers) -> Section:
    """How far the confidence is to be believed: risk and coverage, and each kind from elsewhere."""
    threshold = answers.thresholds[0]
    head = ["images from elsewhere", "AUROC by confidence", "AUROC by score", "called unsure"]
    return Section(
        "What the model does not know",
        [
            figure(risk_coverage_figure(answers), "risk by coverage"),
            "Coverage is the share of captions that are given out when those of low confidence are "
            "held back; risk is the share of these that the references do not bear out (El-Yaniv "
            f"and Wiener 2010). Below a confidence of {threshold:.3f} a caption is called unsure.",
            table(head, _kinds(answers)),
        ],
    )


def _kinds(answers: Answers) -> Iterator[list]:
    """A row for each kind of images from elsewhere."""
    outside = {name: np.array(values) for name, values in answers.outside.items()}
    for kind in dict.fromkeys(answers.outside["kind"]):
        of_kind = outside["kind"] == kind
        confidence, score = outside["confidence"][of_kind], outside["score"][of_kind]
        yield [
            kind,
            auroc(np.array(answers.confidences), confidence),
            auroc(np.array(answers.scores), score),
            float((confidence < answers.thresholds[0]).mean()),
        ]


def risk_coverage_figure(answers: Answers) -> Figure:
    """Risk by coverage, where the confidence orders the captions and where the score does."""
    truths = borne_out(answers.captions, answers.references)
    confidences = np.array(answers.confidences)
    coverage, risk = risk_coverage(confidences, truths)
    lines = {"by confidence": risk, "by score": risk_coverage(np.array(answers.scores), truths)[1]}
    kept = float((confidences >= answers.thresholds[0]).mean())
    drawing = Figure(figsize=(4.8, 3.4), layout="constrained")
    panel = drawing.subplots()
    panel.axvline(kept, color=COLORS[-1], linestyle="--", linewidth=1, label="the threshold")
    plot_lines(panel, lines, coverage, xlabel="coverage", ylabel="risk", xlim=(0, 1), ylim=(0, 1))
    return drawing


def examples_of(answers: Answers, training: Sequence[str]) -> list[Example]:
    """The answers on the first `REPORTED` images, with their own CIDEr-D."""
    count = min(REPORTED, len(answers.captions))
    references = [list(map(tokenize_for_metrics, image)) for image in answers.references]
    frequencies = document_frequencies(references)
    captions = answers.captions[:count]
    scores = cider_d(
        list(map(tokenize_for_metrics, captions)),
        prepare_references(references[:count], frequencies),
        frequencies,
    )
    nearest = nearest_captions(captions, training)
    return [
        Example(
            number=i,
            # Word by word as the model wrote it, so that each word has its map.
            caption=" ".join(answers.words[i]) if answers.words else captions[i],
            references=answers.references[i],
            score=float(scores[i]),
            attention=answers.attention[i] if answers.attention else None,
            nearest_training_caption=nearest[i][0],
            log_probability=math.log(max(answers.scores[i], 1e-30)),
        )
        for i in range(count)
    ]


def example_sections(
    examples: Sequence[Example],
    images: Callable[[Collection[int]], Mapping[int, bytes]],
    shown: int = SHOWN,
) -> Iterator[Section]:
    """Examples in groups, and where their words looked.

    Args:
        examples: captions of one split; the more, the more the best and the worst say.
        images: gives the files of some images, by number.
        shown: at most so many examples in each group; a short list is shared out evenly.
    """
    groups = choose_examples(examples, shown)
    chosen = [example for group in groups.values() for example in group]
    files = images({example.number for example in chosen})
    if examples:
        yield Section("Copying", [_copying(examples)])
    for heading, group in groups.items():
        if group:
            yield Section(f"{heading} captions", [_grid(group, files)], _STYLE)
    with_maps = [e for e in chosen if e.attention is not None and e.caption]
    if with_maps:
        panels = [_attention(example, files[example.number]) for example in with_maps]
        yield Section("Attention, word by word", panels, _STYLE)


def choose_examples(examples: Sequence[Example], shown: int = SHOWN) -> dict[str, list[Example]]:
    """Best and worst by score, and random ones of the rest: none twice, the same every time."""
    each = min(shown, -(-len(examples) // 3))
    ordered = sorted(examples, key=lambda example: -example.score)
    best, rest = ordered[:each], ordered[each:]
    split = max(0, len(rest) - each)
    rest, worst = rest[:split], rest[split:][::-1]
    sample = random.Random(0).sample(rest, min(each, len(rest)))
    return {"Best": best, "Worst": worst, "Random": sample}


def nearest_captions(candidates: Sequence[str], training: Sequence[str]) -> list[tuple[str, float]]:
    """The training caption nearest to each candidate, so that copying shows.

    Similarity is the Jaccard overlap |A ∩ B| / |A ∪ B| of two captions' words, pairs of
    neighbouring words (a repeated one counts each time) and the whole sentence: 1.0 exactly
    where the words are the same in the same order, 0.0 where no word is shared.

    Args:
        candidates: captions.
        training: captions seen in training; of equally near ones the first is named.

    Returns:
        For each candidate (training caption, similarity); ("", 0.0) where nothing is shared.

    Raises:
        ValueError: no training captions.
    """
    if not len(training):
        raise ValueError("`training` must hold at least one caption. Got none.")
    postings, sizes = defaultdict(list), np.zeros(len(training), np.int64)
    for index, text in enumerate(training):
        parts = _parts(text)
        sizes[index] = len(parts)
        for part in parts:
            postings[part].append(index)
    index_of = {part: np.array(found) for part, found in postings.items()}
    nearest = []
    for text in candidates:
        parts = _parts(text)
        lists = [index_of[part] for part in parts if part in index_of]
        if not lists:
            nearest.append(("", 0.0))
            continue
        common = np.bincount(np.concatenate(lists), minlength=len(training))
        similarity = common / (sizes + len(parts) - common)
        best = int(similarity.argmax())
        nearest.append((training[best], float(similarity[best])))
    return nearest


def _parts(text: str) -> set[tuple]:
    """Words, pairs and the whole sentence, each with the number of its earlier occurrences."""
    words = tuple(tokenize_for_metrics(text))
    seen, parts = Counter(), set()
    for gram in [*((word,) for word in words), *itertools.pairwise(words)]:
        parts.add((gram, seen[gram]))
        seen[gram] += 1
    return parts | {("sentence", words)}


def _is_copied(example: Example) -> bool:
    words = tokenize_for_metrics(example.caption)
    return bool(words) and words == tokenize_for_metrics(example.nearest_training_caption)


def _copying(examples: Sequence[Example]) -> str:
    copied = sum(map(_is_copied, examples))
    return (
        f"{copied} of these {len(examples)} captions ({100 * copied / len(examples):.0f}%) are in "
        "the training captions word by word. Each example names the nearest training caption."
    )


def _grid(examples: Iterable[Example], files: Mapping[int, bytes]) -> Html:
    cards = (_card(example, files[example.number]) for example in examples)
    return Html(f'<div class="grid">{"".join(cards)}</div>')


def _card(example: Example, file: bytes) -> str:
    references = "".join(f"<li>{escape(text)}</li>" for text in example.references)
    mark = ' <span class="copied">(copied)</span>' if _is_copied(example) else ""
    return (
        f'<article class="card">{image(file, example.caption)}<div>'
        f'<p class="caption">{escape(example.caption or "(no words)")}</p>'
        f'<p class="soft">CIDEr-D {example.score:.2f}, log-probability '
        f"{example.log_probability:.2f}</p>"
        f'<p class="soft">what people wrote</p><ul>{references}</ul>'
        f'<p class="soft">nearest training caption{mark}</p>'
        f"{escape(example.nearest_training_caption)}</div></article>"
    )


def _attention(example: Example, file: bytes) -> Html:
    """One panel a word; the photograph stands once in the page, each map as a tiny image on it."""
    words = example.caption.split()
    maps = _check_maps(words, example.attention)
    try:
        photo, address = read_image(file, 224), image_address(file, 224)
    except ValueError:
        return Html("")
    panels = "".join(
        f'<figure><div class="photo"><img src="{_heat_address(weights)}" alt=""></div>'
        f"<figcaption>{escape(word)}</figcaption></figure>"
        for word, weights in zip(words, maps, strict=True)
    )
    panels = '<figure><div class="photo"></div></figure>' + panels
    return Html(
        f'<div class="words" style="--photo: url({address}); '
        f'--aspect: {photo.width} / {photo.height}">{panels}</div>'
    )


def _check_maps(words: Sequence[str], attention: np.ndarray) -> np.ndarray:
    maps = np.asarray(attention, np.float64)
    if maps.ndim != 3 or len(maps) != len(words):
        raise ValueError(
            "`attention` must have shape [words, rows, columns], one map for each of the "
            f"{len(words)} words. Got {maps.shape}."
        )
    return maps


def _heat(weights: np.ndarray) -> np.ndarray:
    """A map as `<uint8>[rows, columns, 4]`: dark where the model did not look, bright where."""
    scaled = weights / max(weights.max(), 1e-12)
    colors = matplotlib.colormaps["inferno"](scaled)
    colors[..., 3] = 0.35 + 0.3 * scaled  # little where cold, so that a dark photograph still shows
    return np.round(255 * colors).astype(np.uint8)


def _heat_address(weights: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(_heat(weights)).save(buffer, "PNG")
    return data_address(buffer.getvalue(), "image/png")
