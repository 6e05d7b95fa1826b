"""The fit of a captioner's confidence: made when a run is exported, and kept with the run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from datasets.captioning import elsewhere
from pipelines.cache import cached, with_progress
from pipelines.captioning import data
from pipelines.captioning.ciderd import document_frequencies
from pipelines.captioning.confidence import INPUTS, Calibration, bank_of, calibrate, is_borne_out
from pipelines.captioning.flags import Train
from pipelines.captioning.image_inputs import BATCH, ImageInputs
from pipelines.captioning.metrics import tokenize_for_metrics
from pipelines.captioning.signatures import Signatures
from pipelines.runs import read_json, write_json
from pipelines.store import Store

VERSION = 1  # of the fit: another one is made anew
BANKED = 1000  # training images of the bank, at most
EACH = 40  # images of each kind from elsewhere
PHOTOGRAPHS = 100  # of a split, of which some images from elsewhere are made

Splits = Callable[[str], tuple[Store, ImageInputs]]  # captions and images of a split, by its name


def kept_confidence(
    flags: Train, run: Path, weights: str, parts: Signatures, splits: Splits
) -> tuple[np.ndarray, Calibration]:
    """Bank and calibration of a run's weights and search: from the run, or fitted on its data now.

    Args:
        flags: of the run; `beam_size` and `length_penalty` of the export.
        run: its folder.
        weights: sha256 of their checkpoint.
        parts: the signatures, without a confidence.
        splits: opens train or dev; called only where the fit was not made before.

    Raises:
        ValueError: the fit was not made before, and the data cannot be read.
    """

    def write(folder):
        bank, calibration = fit_confidence(flags, parts, splits)
        np.save(folder / "bank.npy", bank)
        write_json(folder / "calibration.json", calibration._asdict())

    search = {"beam_size": flags.beam_size, "length_penalty": flags.length_penalty}
    folder = cached(run / "confidence", {"version": VERSION, "weights": weights, **search}, write)
    bank = np.load(folder / "bank.npy", allow_pickle=False)
    values = read_json(folder / "calibration.json")
    return bank, Calibration(tuple(values["weights"]), values["bias"], values["threshold"])


def fit_confidence(
    flags: Train, parts: Signatures, splits: Splits
) -> tuple[np.ndarray, Calibration]:
    """The bank of training images, and the calibration on dev and on images from elsewhere."""
    bank = training_bank(parts, splits("train")[1])
    dev_captions, dev_images = splits("dev")
    few = replace(flags, limit=min(PHOTOGRAPHS, flags.limit or PHOTOGRAPHS))
    photographs = photographs_of(data.read_split(few, "dev"))
    made = [file for _, file in elsewhere.examples("fitting", EACH, photographs, seed=flags.seed)]
    captions, inputs = evidence_of(parts, bank, dev_images, made)
    references = list(data.all_texts(dev_captions))
    truths, here = borne_out(captions, references), len(references)
    calibration = calibrate(inputs, truths, np.arange(len(captions)) < here)
    print(
        f"Confidence, fitted on {here:,} dev captions ({truths[:here].mean():.0%} borne out) and "
        f"{len(made)} images from elsewhere: unsure below {calibration.threshold:.3f}.",
        flush=True,
    )
    return bank, calibration


def training_bank(parts: Signatures, images: ImageInputs) -> np.ndarray:
    """Every n-th training image, so that there are at most `BANKED`."""
    stride = -(-len(images.store) // BANKED)
    pool = tf.function(lambda grid: tf.reduce_mean(grid, axis=1), reduce_retracing=True)
    grids = _grids(parts, images, np.arange(0, len(images.store), stride))
    pooled = [pool(grid).numpy() for grid in with_progress(grids, len, "training images banked")]
    return bank_of(np.concatenate(pooled))


def evidence_of(
    parts: Signatures, bank: np.ndarray, images: ImageInputs, files: Sequence[bytes]
) -> tuple[list[str], np.ndarray]:
    """Captions of images, then of files, and their confidences' inputs `<float32>[n, inputs]`."""
    ask = tf.function(lambda grid: parts.evidence(grid, bank), reduce_retracing=True)
    look = tf.function(parts.look, input_signature=[tf.TensorSpec([None], tf.string)])
    captions, inputs = [], [np.zeros([0, len(INPUTS)], np.float32)]

    def take(grids):
        for grid in with_progress(grids, len, "images captioned"):
            words, rows = ask(grid)
            captions.extend(caption.decode() for caption in words.numpy())
            inputs.append(rows.numpy())

    take(_grids(parts, images, np.arange(len(images.store))))
    take(look(tf.constant(files[i : i + BATCH])) for i in range(0, len(files), BATCH))
    return captions, np.concatenate(inputs)


def _grids(parts: Signatures, images: ImageInputs, numbers: np.ndarray) -> Iterator[tf.Tensor]:
    """The encoder's grids of some images of a split, a batch at a time."""
    spec = {images.name: tf.TensorSpec([None, *images.shape], tf.float32)}
    encode = tf.function(parts.encode, input_signature=[spec])
    for start in range(0, len(numbers), BATCH):
        yield encode(images.read(numbers[start : start + BATCH]))


def borne_out(captions: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """`<bool>[captions]`: `is_borne_out` of each; images behind the references are from elsewhere.

    Captions of images that are changed photographs count as not borne out, too.
    """
    frequencies = document_frequencies(
        [[tokenize_for_metrics(text) for text in texts] for texts in references]
    )
    beyond = [()] * (len(captions) - len(references))
    pairs = zip(captions, [*references, *beyond], strict=True)
    return np.array([is_borne_out(*pair, frequencies) for pair in pairs])


def photographs_of(records: tf.data.Dataset) -> list[bytes]:
    """The files of a split's first images."""
    files = records.take(PHOTOGRAPHS).map(lambda record: record["image_bytes"])
    return list(files.as_numpy_iterator())


def outside_answers(model: Any, photographs: Sequence[bytes]) -> Mapping[str, list]:
    """What an exported model says of images from elsewhere of the kinds that no fit has seen.

    Returns:
        `kind`, `score` and `confidence` of each.
    """
    answers: dict[str, list] = {"kind": [], "score": [], "confidence": []}
    made = list(elsewhere.examples("measuring", EACH, photographs))
    for start in range(0, len(made), BATCH):
        kinds, files = zip(*made[start : start + BATCH], strict=True)
        answer = model.signatures["serving_default"](image_bytes=tf.constant(files))
        answers["kind"].extend(kinds)
        for name in ("score", "confidence"):
            answers[name].extend(answer[name].numpy().tolist())
    return answers
