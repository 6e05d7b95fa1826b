"""The report of a captioning run: curves, metrics, captions beside what people wrote, attention.

The attention of a word is a map over the grid of the encoder's features; it is shown as heat over
the photograph, each word's map scaled to its own largest weight, so that even attention is an even
glow. The grid is taken to cover the whole photograph.
"""

import io
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from pipelines.captioning.metrics import tokenize_for_metrics
from pipelines.report import (
    Html,
    Section,
    curves_figure,
    data_address,
    escape,
    fields_table,
    figure,
    image,
    image_address,
    metrics_table,
    read_image,
    write_report,
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
    """One image of the split and what the model said about it.

    image_bytes: the image's file.
    caption: the model's.
    references: what people wrote.
    score: CIDEr-D of the caption against the references, 0..10.
    attention: `<float>[words, rows, columns]`, one map for each word of the caption; None without.
    nearest_training_caption: see `nearest_captions`.
    log_probability: of the caption as the search scores it.
    """

    image_bytes: bytes
    caption: str
    references: Sequence[str]
    score: float
    attention: np.ndarray | None
    nearest_training_caption: str
    log_probability: float


def write_caption_report(
    path: Path,
    *,
    title: str,
    config: Mapping[str, Any],
    history: Mapping[str, Sequence[float]],
    metrics: Mapping[str, Mapping[str, float]],
    examples: Sequence[Example],
    notes: Sequence[str] = (),
    shown: int = SHOWN,
) -> None:
    """Writes the report of a run as one HTML file without outside links.

    Args:
        path: the .html file.
        title: of the page.
        config: the run's flags.
        history: numbers by epoch, `val_` for validation.
        metrics: for each way of decoding or split (a row), its metrics (the columns).
        examples: captions of one split; the more, the more the best and the worst say.
        notes: what the table of metrics must say about itself.
        shown: at most so many examples in each group; a short list is shared out evenly.
    """
    groups = choose_examples(examples, shown)
    sections = [Section("Metrics", [metrics_table(metrics), *notes])]
    if history:
        sections.append(Section("Curves", [figure(curves_figure(history), "curves by epoch")]))
    if examples:
        sections.append(Section("Copying", [_copying(examples)]))
    for heading, group in groups.items():
        if group:
            sections.append(Section(f"{heading} captions", [_grid(group)]))
    chosen = [example for group in groups.values() for example in group]
    with_maps = [e for e in chosen if e.attention is not None and e.caption]
    if with_maps:
        sections.append(Section("Attention, word by word", list(map(_attention, with_maps))))
    sections.append(Section("Configuration", [fields_table(config)]))
    write_report(path, title, sections, _STYLE)


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


def attention_figure(image_bytes: bytes, words: Sequence[str], attention: np.ndarray) -> bytes:
    """The photograph, then where the model looked for each word, as one PNG on white.

    Args:
        image_bytes: the image's file.
        words: of the caption.
        attention: `<float>[words, rows, columns]`.

    Raises:
        ValueError: words and maps differ in number, or the bytes are no image.
    """
    maps = _check_maps(words, attention)
    photo = read_image(image_bytes, 448)
    columns = min(6, len(words) + 1)
    rows = -(-(len(words) + 1) // columns)
    size = (1.7 * columns, (1.7 * photo.height / photo.width + 0.3) * rows)
    drawing = Figure(figsize=size, layout="constrained", facecolor="white")
    panels = drawing.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    extent = (0, photo.width, photo.height, 0)
    panels[0].imshow(photo, extent=extent)
    grey = np.asarray(_greyish(photo))
    for panel, word, weights in zip(panels[1:], words, maps, strict=False):
        panel.imshow(grey, extent=extent)
        panel.imshow(_heat(weights), extent=extent, interpolation="bilinear")
        panel.set_title(word, fontsize=11, color="black", parse_math=False)
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


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


def _grid(examples: Iterable[Example]) -> Html:
    return Html(f'<div class="grid">{"".join(map(_card, examples))}</div>')


def _card(example: Example) -> str:
    references = "".join(f"<li>{escape(text)}</li>" for text in example.references)
    mark = ' <span class="copied">(copied)</span>' if _is_copied(example) else ""
    return (
        f'<article class="card">{image(example.image_bytes, example.caption)}<div>'
        f'<p class="caption">{escape(example.caption or "(no words)")}</p>'
        f'<p class="soft">CIDEr-D {example.score:.2f}, log-probability '
        f"{example.log_probability:.2f}</p>"
        f'<p class="soft">what people wrote</p><ul>{references}</ul>'
        f'<p class="soft">nearest training caption{mark}</p>'
        f"{escape(example.nearest_training_caption)}</div></article>"
    )


def _attention(example: Example) -> Html:
    """One panel a word; the photograph stands once in the page, each map as a tiny image on it."""
    words = example.caption.split()
    maps = _check_maps(words, example.attention)
    try:
        photo = read_image(example.image_bytes, 224)
        address = image_address(example.image_bytes, 224)
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


def _greyish(photo: Image.Image) -> Image.Image:
    """A quarter of the colour, so that heat is not taken for the photograph's own colours."""
    return Image.blend(photo, photo.convert("L").convert("RGB"), 0.75)
