"""Image captioning, one to many: the whole story of the task, from photographs to a SavedModel."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from datasets.captioning import demo
from pipelines import runs, training
from pipelines.captioning import data, inputs, measuring, serving
from pipelines.captioning.card import model_card
from pipelines.captioning.flags import PRESETS, Evaluate, Predict, Train, check
from pipelines.captioning.flags import Export as ExportFlags
from pipelines.captioning.trainer import Trainer
from pipelines.verbs import Export, Pipeline
from zoo.models.captioner import Captioner

# Data and model.


def build_captioner(
    flags: Train,
    vocabulary: Sequence[str],
    shape: Mapping[str, tuple],
    encoder: keras.Model | None,
) -> Captioner:
    """The model of a run, built for image inputs of `shape` (see `inputs.Inputs`)."""
    model = Captioner(
        len(vocabulary),
        units=flags.units,
        embedding_units=flags.embedding_units,
        attention_units=flags.attention_units,
        attention=flags.attention,
        cell=flags.cell,
        dropout=flags.dropout,
        encoder=encoder,
        name="captioner",
    )
    image = {name: (None, *sizes) for name, sizes in shape.items()}
    model.build({**image, "tokens": (None, None, None)})
    return model


def search_rules(flags: Train) -> dict[str, Any]:
    """What a caption may be, for every search (see `zoo.decoding.Rules`)."""
    return {
        "start_token": data.START,
        "end_token": data.END,
        "pad_token": data.PAD,
        "forbidden_tokens": (data.UNKNOWN,),
        "max_length": flags.max_length,
        "min_length": 1,
        "length_penalty": flags.length_penalty,
    }


def prepare(flags: Train, run: Path) -> training.Task:
    """Loads the data, builds the model, and says what an epoch is."""
    check(flags)
    train, dev = inputs.read_split(flags, "train"), inputs.read_split(flags, "dev")
    vocabulary = data.build_vocabulary(
        (caption for image in train.captions for caption in image), flags.min_count
    )
    runs.write_json(run / "vocabulary.json", vocabulary)
    encoders = inputs.build_encoders(flags)
    train_inputs = inputs.open_inputs(flags, train, encoders, flip=flags.flip)
    dev_inputs = inputs.open_inputs(flags, dev, encoders)
    runs.write_json(run / "input_shape.json", train_inputs.shape)
    print(
        f"{len(train.ids)} training images, {len(dev.ids)} dev images, {len(vocabulary)} words, "
        f"{sum(map(len, train.captions))} captions.",
        flush=True,
    )
    model = build_captioner(flags, vocabulary, train_inputs.shape, encoders.learnt)
    rules = search_rules(flags)
    trainer = Trainer(flags, model, train_inputs, train.captions, vocabulary, rules)
    validate = measuring.validator(model, dev_inputs, dev.captions, vocabulary, rules, flags)
    return training.Task(
        model=model,
        epochs=trainer.epochs,
        begin=trainer.begin,
        train_epoch=trainer.epoch,
        validate=validate,
        monitor="cider_d",
        keep=flags.keep,
    )


# Export and prediction.


def export(flags: Train, run: Path) -> Export:
    """The run's best weights as signatures."""
    vocabulary = runs.read_json(run / "vocabulary.json")
    words = run / "vocabulary.txt"
    runs.write_atomically(words, lambda file: file.write("\n".join(vocabulary).encode() + b"\n"))
    encoders = inputs.build_encoders(flags)
    shape = runs.read_json(run / "input_shape.json")
    captioner = build_captioner(flags, vocabulary, shape, encoders.learnt)
    training.load_best(captioner, run)
    return serving.caption_export(
        captioner,
        encoders.whole(),
        vocabulary,
        words,
        image_size=flags.image_size,
        beam_size=flags.beam_size,
        rules=search_rules(flags),
        example=demo.draw(demo.compose(np.random.default_rng(0)), np.random.default_rng(0)),
    )


def predict(model, flags: Predict) -> Iterable[str]:
    """`file<TAB>caption` for each image file, in the order given."""
    files = [Path(name) for name in flags.inputs]
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise ValueError(f"`inputs` must be image files. Not found: {', '.join(missing)}.")
    answer = model.signatures["serving_default"]
    for start in range(0, len(files), inputs.BATCH):
        part = files[start : start + inputs.BATCH]
        found = answer(image_bytes=tf.constant([file.read_bytes() for file in part]))
        for file, caption, score in zip(
            part, found["caption"].numpy(), found["score"].numpy(), strict=True
        ):
            text = caption.decode() if score > 0 else "(not a JPEG or PNG image that can be read)"
            yield f"{file}\t{text}"


PIPELINE = Pipeline(
    name="captioning",
    summary="Image captioning: a CNN reads the image, the lecture's LSTM writes the words.",
    train_flags=Train,
    train_presets=PRESETS,
    prepare=prepare,
    export=export,
    evaluate=measuring.evaluate,
    predict=predict,
    report=measuring.report,
    card=model_card,
    test_split=lambda flags: "dev" if flags.dataset == "flickr8k" else "test",
    evaluate_flags=Evaluate,
    predict_flags=Predict,
    export_flags=ExportFlags,
)
