"""A captioner's captions against people's: during training, and of an exported model."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from datasets.captioning.demo import is_exact
from pipelines.captioning import data
from pipelines.captioning.ciderd import cider_d, document_frequencies, prepare_references
from pipelines.captioning.flags import Evaluate, Train
from pipelines.captioning.inputs import BATCH, Inputs, Split, read_split
from pipelines.captioning.metrics import caption_metrics, metrics_notes, tokenize_for_metrics
from pipelines.captioning.report import Example, nearest_captions, write_caption_report
from pipelines.runs import flags_to_json
from pipelines.training import as_graph
from pipelines.verbs import Evaluation
from zoo.models.captioner import Captioner

REPORTED = 1000  # images that the report chooses its examples from


def validator(
    model: Captioner,
    dev: Inputs,
    references: Sequence[Sequence[str]],
    vocabulary: Sequence[str],
    rules: Mapping[str, Any],
    flags: Train,
) -> Callable[[], dict[str, float]]:
    """A function that captions the dev images with the exported model's search, and scores them."""

    @as_graph
    def search(image):
        return model.caption(image, method="beam", beam_size=flags.beam_size, **rules).tokens

    def validate() -> dict[str, float]:
        captions = []
        for start in range(0, len(references), BATCH):
            # The last batch is filled up: a size of its own would be traced anew.
            rows = np.arange(start, start + BATCH) % len(references)
            tokens = keras.ops.convert_to_numpy(search(dev.read(rows, None)))[:, 0]
            captions += [data.decode_tokens(row, vocabulary) for row in tokens]
        found = caption_metrics(captions[: len(references)], references)
        return {name: found[name] for name in ("cider_d", "bleu_4", "rouge_l")}

    return validate


class Answers(NamedTuple):
    """What an exported model said about a split: one entry an image in each list."""

    split: Split
    captions: list[str]
    words: list[list[str]]
    scores: list[float]
    attention: list[np.ndarray]


def evaluate(model, flags: Evaluate) -> Evaluation:
    """Captions of an exported model for a split's images, as a server would give them."""
    if flags.batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Got {flags.batch_size}.")
    split = read_split(flags, flags.split)
    # The same captions as serving_default's, and where each word looked, for the report.
    has_attention = "attention" in model.signatures
    answer = model.signatures["attention" if has_attention else "serving_default"]
    found = Answers(split, [], [], [], [])
    progress = keras.utils.Progbar(len(split.ids), unit_name="image")
    batches = split.images.map(lambda element: element["image_bytes"]).batch(flags.batch_size)
    for image_bytes in batches.prefetch(1):
        said = {name: value.numpy() for name, value in answer(image_bytes=image_bytes).items()}
        found.captions.extend(caption.decode() for caption in said["caption"])
        found.scores.extend(said["score"].tolist())
        if has_attention:
            words = [[word.decode() for word in row if word] for row in said["words"]]
            found.words.extend(words)
            maps = zip(words, said["attention"], strict=True)
            found.attention.extend(map_[: len(row)] for row, map_ in maps)
        progress.update(len(found.captions))
    metrics = caption_metrics(found.captions, split.captions)
    if flags.dataset == "demo":
        # A caption is exact when all it claims of the scene is true, and nothing is left out.
        exact = [is_exact(*pair) for pair in zip(found.captions, split.captions, strict=True)]
        metrics = {"exact": float(np.mean(exact)), **metrics}
    return Evaluation(metrics, found)


def report(run: Path, flags: Train, history: Mapping, evaluation: Evaluation) -> None:
    """Writes the run's report: curves, metrics, examples, where the words looked."""
    found: Answers = evaluation.details
    training = read_split(flags, "train").captions
    write_caption_report(
        run / "report.html",
        title=f"Captioning: {flags.dataset}",
        config=flags_to_json(flags),
        history=history,
        metrics={"measured split": evaluation.metrics},
        examples=_examples(found, [caption for image in training for caption in image]),
        notes=metrics_notes(),
    )


def _examples(found: Answers, training: Sequence[str]) -> list[Example]:
    """The answers for the report, at most REPORTED of them, with their own CIDEr-D."""
    count = min(REPORTED, len(found.captions))
    references = [list(map(tokenize_for_metrics, image)) for image in found.split.captions]
    frequencies = document_frequencies(references)
    scores = cider_d(
        [tokenize_for_metrics(caption) for caption in found.captions[:count]],
        prepare_references(references[:count], frequencies),
        frequencies,
    )
    images = found.split.images.take(count).as_numpy_iterator()
    nearest = nearest_captions(found.captions[:count], training)
    return [
        Example(
            image_bytes=image["image_bytes"],
            # Word by word as the model wrote it, so that each word has its map.
            caption=" ".join(found.words[i]) if found.words else found.captions[i],
            references=found.split.captions[i],
            score=float(scores[i]),
            attention=found.attention[i] if found.attention else None,
            nearest_training_caption=nearest[i][0],
            log_probability=math.log(max(found.scores[i], 1e-30)),
        )
        for i, image in enumerate(images)
    ]
