"""Text to speech, many to many: the whole story of the task, from recordings to a SavedModel."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import tensorflow as tf

from pipelines import runs, training
from pipelines.contract import Export, Pipeline
from pipelines.flags import arguments_of
from pipelines.text_to_speech import data, evaluation, signatures, sources
from pipelines.text_to_speech.card import measured_split, model_card
from pipelines.text_to_speech.characters import ALPHABET, NUMBERS
from pipelines.text_to_speech.flags import PRESETS, Evaluate, Predict, Train
from pipelines.text_to_speech.report import report_sections
from pipelines.text_to_speech.spelling import spelt
from pipelines.text_to_speech.trainer import Trainer
from pipelines.text_to_speech.vocoder import HOP
from zoo.models.synthesizer import Synthesizer

# Data and model.


def synthesizer(flags: Train) -> Synthesizer:
    """The model of a run, built.

    Raises:
        ValueError: the model does not take a flag's value.
    """
    sizes = {"characters": NUMBERS, "voices": len(sources.weights(flags))}
    sizes |= {"bins": data.front_of(flags).bins}
    model = Synthesizer(**arguments_of(Synthesizer, flags, **sizes, name="voice"))
    model.build()
    return model


def trainer(flags: Train, run: Path) -> Trainer:
    """Reads the data, builds the model, and says how it is trained.

    Raises:
        ValueError: the data cannot be used, or are not those that the run was begun with; dev has
            no text of the voice that the model is to speak with.
    """
    train, dev = (data.encode_split(flags, split)[0] for split in ("train", "dev"))
    runs.keep(run, "characters", list(ALPHABET))
    runs.keep(run, "data", {"train": train.digest, "dev": dev.digest})
    name, voice = sources.voice_of(flags)
    if voice not in dev.columns["voice"].values:
        raise ValueError(f"`voice` must have usable recordings in dev. {name} has none.")
    model = synthesizer(flags)
    hours = train.lengths("mel").sum() * HOP / 3600
    print(
        f"{len(train):,} training recordings ({hours:.2f} hours), {len(dev):,} dev recordings, "
        f"{model.count_params():,} parameters.",
        flush=True,
    )
    return Trainer(flags, model, data.front_of(flags), voice, train, dev)


def check(flags: Train) -> None:
    """Makes the model of the flags, and leaves it, before any data are read.

    Raises:
        ValueError: a source or the voice is unknown, or the model does not take a flag's value.
    """
    sources.voice_of(flags)
    synthesizer(flags)


# Export.


def export(flags: Train, run: Path) -> Export:
    """The run's best weights as signatures.

    Raises:
        ValueError: the run has no checkpoint, was made for other characters, or a file of it is
            altered.
    """
    if runs.kept(run, "characters") != list(ALPHABET):
        raise ValueError(f"{run} must be a run for the characters {ALPHABET!r}. It is not.")
    model = synthesizer(flags)
    training.load_best(model, run)
    front, (name, voice) = data.front_of(flags), sources.voice_of(flags)
    about = {"dataset": flags.dataset, "voice": name, "rate": front.rate, "front": list(front)}
    runs.write_json(run / "about.json", about)
    return signatures.speech_export(model, front, voice, {"about": run / "about.json"})


# Prediction.


def predict(model, flags: Predict) -> Iterator[str]:
    """`file<TAB>score<TAB>text` for each text, in the order given; the files are written.

    What is said in place of numbers, dates and abbreviations, and what is left out, is told on
    standard error.

    Raises:
        ValueError: no text, no place for the sound, or a text with a date of two readings.
    """
    pairs = list(zip(flags.inputs, _files(flags), strict=True))
    speed = tf.constant(flags.speed, tf.float32)
    for first in range(0, len(pairs), flags.batch_size):
        rows = pairs[first : first + flags.batch_size]
        words = [_spelt(text) for text, _ in rows]
        answer = model.signatures["speak"](text=tf.constant(words), speed=speed)
        columns = (answer[name].numpy() for name in ("audio_bytes", "score", "unread"))
        for (text, file), wav, score, unread in zip(rows, *columns, strict=True):
            if unread:
                _tell(f"Left out of {text!r}: {unread.decode('utf-8', 'replace')}")
            if wav:
                file.write_bytes(wav)
            yield f"{file if wav else '(nothing to say)'}\t{score:.4f}\t{text}"


def _files(flags: Predict) -> Sequence[Path]:
    """Where the sound of each text goes."""
    if not flags.inputs or flags.wav is None:
        raise ValueError(
            "`inputs` must be texts, and `wav` the file, or the folder of several, to write. Got "
            f"{len(flags.inputs)} texts and {flags.wav}."
        )
    if len(flags.inputs) == 1 and not flags.wav.is_dir():
        flags.wav.parent.mkdir(parents=True, exist_ok=True)
        return [flags.wav]
    if flags.wav.suffix:
        raise ValueError(f"`wav` must be a folder for several texts. Got {flags.wav}.")
    flags.wav.mkdir(parents=True, exist_ok=True)
    return [flags.wav / f"{number}.wav" for number in range(1, len(flags.inputs) + 1)]


def _spelt(text: str) -> str:
    """The text in words; where that is another text, it is told."""
    words = spelt(text)
    if words != text.strip():
        _tell(f"Said for {text!r}: {words}")
    return words


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


PIPELINE = Pipeline(
    name="text_to_speech",
    summary="Text to speech: the lecture's LSTM reads characters and writes frames of sound.",
    train_flags=Train,
    train_presets=PRESETS,
    describe=data.describe,
    trainer=trainer,
    export=export,
    evaluate=evaluation.evaluate,
    predict=predict,
    report=report_sections,
    card=model_card,
    test_split=measured_split,
    check=check,
    evaluate_flags=Evaluate,
    predict_flags=Predict,
)
