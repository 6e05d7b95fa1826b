"""Image captioning, one to many: the whole story of the task, from photographs to a SavedModel."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from datasets.captioning import demo
from datasets.image_files import read_image
from pipelines import runs, training
from pipelines.captioning import data, signatures
from pipelines.captioning.calibration import kept_confidence
from pipelines.captioning.card import model_card
from pipelines.captioning.evaluation import evaluate
from pipelines.captioning.flags import PRESETS, Evaluate, Predict, Train
from pipelines.captioning.flags import Export as ExportFlags
from pipelines.captioning.image_inputs import Encoders, ImageInputs, build_encoders, open_inputs
from pipelines.captioning.report import report_sections
from pipelines.captioning.trainer import Trainer
from pipelines.contract import Export, Pipeline
from pipelines.flags import arguments_of
from pipelines.store import Store
from zoo.models.captioner import Captioner

# Data and model.


def build_captioner(flags: Train, words: int, encoders: Encoders) -> Captioner:
    """The model of a run, built."""
    arguments = arguments_of(
        Captioner, flags, vocabulary_size=words, encoder=encoders.learnt, name="captioner"
    )
    model = Captioner(**arguments)
    image = {name: (None, *shape) for name, shape in encoders.input_shape().items()}
    model.build({**image, "tokens": (None, None, None)})
    return model


def trainer(flags: Train, run: Path) -> Trainer:
    """Reads the data, builds the model, and says how it is trained."""
    key, encoders = data.data_key(flags), build_encoders(flags)
    captions, images = open_split(flags, "train", key, encoders)
    dev_captions, dev_images = open_split(flags, "dev", key, encoders)
    vocabulary = data.build_vocabulary(flags, captions, key)
    words = data.word_store(flags, captions, vocabulary, key)
    runs.keep(run, "vocabulary", vocabulary)
    digests = {
        "train": [captions.digest, images.store.digest],
        "dev": [dev_captions.digest, dev_images.store.digest],
    }
    runs.keep(run, "data", digests)
    model = build_captioner(flags, len(vocabulary), encoders)
    print(
        f"{len(captions):,} training images, {len(dev_captions):,} dev images, "
        f"{len(vocabulary):,} words, {model.count_params():,} parameters.",
        flush=True,
    )
    return Trainer(flags, model, vocabulary, images, words, dev_images, dev_captions)


def open_split(
    flags: Train, split: str, key: Mapping[str, Any], encoders: Encoders
) -> tuple[Store, ImageInputs]:
    """Captions and images of a split, from the cache or made now: then its records are loaded."""
    records = functools.cache(functools.partial(data.read_split, flags, split))
    captions = data.caption_store(flags, split, key, records)
    return captions, open_inputs(flags, split, key, records, len(captions), encoders)


def check(flags: Train) -> None:
    """Raises ValueError where flags contradict each other."""
    fine_tunes = flags.fine_tune_epochs > 0
    if fine_tunes != (flags.fine_tune_from is not None) or (fine_tunes and flags.train_encoder):
        raise ValueError(
            "`fine_tune_epochs` above 0 and `fine_tune_from` must come together, and with "
            f"`train_encoder` off. Got {flags.fine_tune_epochs}, {flags.fine_tune_from!r} and "
            f"{flags.train_encoder}."
        )
    if flags.self_critical_epochs and flags.captions_per_image < 2:
        raise ValueError(
            "`captions_per_image` must be at least 2 for self-critical training, which compares an "
            f"image's captions with each other. Got {flags.captions_per_image}."
        )


# Export and prediction.


def export(flags: Train, run: Path) -> Export:
    """The run's best weights as signatures, with a confidence fitted on dev and elsewhere."""
    vocabulary = runs.kept(run, "vocabulary")
    words = run / "vocabulary.txt"
    runs.write_atomically(words, lambda file: file.write("\n".join(vocabulary).encode() + b"\n"))
    encoders = build_encoders(flags)
    captioner = build_captioner(flags, len(vocabulary), encoders)
    weights = training.load_best(captioner, run).best[0]["sha256"]

    def splits(name):
        return open_split(flags, name, data.data_key(flags), encoders)

    parts = signatures_of(flags, captioner, encoders, vocabulary)
    parts.know(*kept_confidence(flags, run, weights, parts, splits))
    example = demo.draw(demo.compose(np.random.default_rng(0)), np.random.default_rng(0))
    return signatures.caption_export(parts, words, example=example)


def signatures_of(
    flags: Train, captioner: Captioner, encoders: Encoders, vocabulary: Sequence[str]
) -> signatures.Signatures:
    """The signatures of a model, before they know their confidence."""
    return signatures.Signatures(
        captioner,
        encoders.whole(),
        vocabulary,
        image_size=flags.image_size,
        beam_size=flags.beam_size,
        rules=data.search_rules(flags),
    )


def predict(model, flags: Predict) -> Iterable[str]:
    """`file<TAB>caption<TAB>confidence` for each image file, in the order given.

    "(unsure)" stands behind a caption whose confidence is below the model's threshold. A model of
    version 0.1 has no confidence, and its lines have none.

    Raises:
        ValueError: an input is no file.
    """
    files = [Path(name) for name in flags.inputs]
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise ValueError(f"`inputs` must be image files. Not found: {', '.join(missing)}.")
    for start in range(0, len(files), flags.batch_size):
        yield from _lines(model, files[start : start + flags.batch_size])


def _lines(model, files: Sequence[Path]) -> Iterable[str]:
    images, faults = [], []
    for file in files:
        try:
            image, fault = read_image(file), "not an image that can be read"
        except ValueError as error:
            image, fault = b"", str(error)
        images.append(image)
        faults.append(fault)
    answer = model.signatures["serving_default"](image_bytes=tf.constant(images))
    captions, sureness = answer["caption"].numpy(), _sureness(answer)
    for file, caption, sure, fault in zip(files, captions, sureness, faults, strict=True):
        yield f"{file}\t{caption.decode()}{sure}" if caption else f"{file}\t({fault})"


def _sureness(answer: Mapping[str, tf.Tensor]) -> list[str]:
    """The end of each line: what the model thinks of its caption."""
    if "confidence" not in answer:
        return [""] * len(answer["caption"])
    pairs = zip(answer["confidence"].numpy(), answer["threshold"].numpy(), strict=True)
    return [f"{' (unsure)' if sure < least else ''}\t{sure:.2f}" for sure, least in pairs]


PIPELINE = Pipeline(
    name="captioning",
    summary="Image captioning: a CNN reads the image, the lecture's LSTM writes the words.",
    train_flags=Train,
    train_presets=PRESETS,
    describe=data.describe,
    trainer=trainer,
    export=export,
    evaluate=evaluate,
    predict=predict,
    report=report_sections,
    card=model_card,
    numeric="its images are decoded and scaled by TensorFlow's operations, which ONNX lacks",
    test_split=lambda flags: "dev" if flags.dataset == "flickr8k" else "test",
    check=check,
    evaluate_flags=Evaluate,
    predict_flags=Predict,
    export_flags=ExportFlags,
)
