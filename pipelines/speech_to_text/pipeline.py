"""Speech to text, many to many: the whole story of the task, from recordings to a SavedModel."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines import runs, training
from pipelines.contract import Export, Pipeline
from pipelines.flags import arguments_of
from pipelines.speech_to_text import data, evaluation, signatures, sources
from pipelines.speech_to_text.card import measured_split, model_card
from pipelines.speech_to_text.characters import CHARACTERS
from pipelines.speech_to_text.flags import PRESETS, Evaluate, Predict, Train
from pipelines.speech_to_text.recordings import Recording, Word, read_inputs, subtitles, words_of
from pipelines.speech_to_text.report import report_sections
from pipelines.speech_to_text.rescoring import Score, best, language_model
from pipelines.speech_to_text.trainer import Trainer
from zoo.models.recognizer import Recognizer

# WAV files -> text, score and words of each.
Answer = Callable[[Sequence[bytes]], Iterable[tuple[str, float, list[Word]]]]

# Data and model.


def recognizer(flags: Train) -> Recognizer:
    """The model of a run, built.

    Raises:
        ValueError: the model does not take a flag's value.
    """
    model = Recognizer(**arguments_of(Recognizer, flags, classes=len(CHARACTERS) + 1, name="ear"))
    model.build()
    return model


def trainer(flags: Train, run: Path) -> Trainer:
    """Reads the data, builds the model, and says how it is trained.

    Raises:
        ValueError: the data cannot be used, or are not those that the run was begun with.
    """
    train, dev = (data.encode_split(flags, split)[0] for split in ("train", "dev"))
    runs.keep(run, "characters", list(CHARACTERS))
    runs.keep(run, "data", {"train": train.digest, "dev": dev.digest})
    model = recognizer(flags)
    model.centre.set_statistics(*data.statistics(train))
    hours = train.lengths("features").sum() / 360_000
    print(
        f"{len(train):,} training recordings ({hours:.2f} hours), {len(dev):,} dev recordings, "
        f"{model.count_params():,} parameters.",
        flush=True,
    )
    return Trainer(flags, model, train, dev)


def check(flags: Train) -> None:
    """Makes the model of the flags, and leaves it, before any data are read.

    Raises:
        ValueError: the data set is unknown, or the model does not take a flag's value.
    """
    sources.weights(flags)
    recognizer(flags)


# Export.


def export(flags: Train, run: Path) -> Export:
    """The run's best weights as signatures.

    Raises:
        ValueError: the run has no checkpoint, was made for other characters, or a file of it is
            altered.
    """
    if runs.kept(run, "characters") != list(CHARACTERS):
        raise ValueError(f"{run} must be a run for the characters {CHARACTERS!r}. It is not.")
    model = recognizer(flags)
    training.load_best(model, run)
    front = data.front_of(flags)
    about = {
        "characters": CHARACTERS,
        "dataset": flags.dataset,
        "unheard": flags.unheard,
        "rate": front.rate,
        "step": front.step,
        "beam_size": flags.beam_size,
    }
    runs.write_json(run / "about.json", about)
    files = {"about": run / "about.json"}
    return signatures.speech_export(model, front, files, beam_size=flags.beam_size)


# Prediction.


def predict(model, flags: Predict) -> Iterable[str]:
    """`file<TAB>text<TAB>score` for each recording, in the order given.

    With `times`, a line follows for each word: `  start<TAB>end<TAB>word` in seconds. With `srt`,
    subtitles of the one recording in place of its line. With `language_model`, the text that it
    chooses among the search's best, and P(text | sound)^(1 / (characters + 1)).

    Raises:
        ValueError: no inputs, an input that is not there, several with `srt`, or a language model
            together with times.
    """
    if flags.language_model and (flags.times or flags.srt):
        raise ValueError("`language_model` must be left out with `times` and `srt`. Got both.")
    recordings = read_inputs(flags.inputs)
    if flags.srt:
        return _subtitles(model, list(islice(recordings, 2)))
    return _lines(recordings, flags, _answering(model, flags))


def _lines(recordings: Iterator[Recording], flags: Predict, answer: Answer) -> Iterator[str]:
    while part := list(islice(recordings, flags.batch_size)):
        wavs = [recording.wav for recording in part]
        for recording, (text, score, words) in zip(part, answer(wavs), strict=True):
            shown = f"({recording.fault})" if recording.fault else text
            yield f"{recording.name}\t{shown}\t{score:.4f}"
            for word in words:
                yield f"  {word.start:.2f}\t{word.end:.2f}\t{word.text}"


def _answering(model, flags: Predict) -> Answer:
    """What gives text, score and, with `times`, words of each WAV file."""
    if flags.language_model:
        score = language_model(flags.language_model)
        return lambda wavs: _rescored(model, wavs, score, flags.language_weight)
    return lambda wavs: _answers(model, wavs, flags.times)


def _answers(model, wavs: Sequence[bytes], times: bool) -> Iterator[tuple[str, float, list[Word]]]:
    signature = model.signatures["align" if times else "serving_default"]
    answers = signature(audio_bytes=tf.constant(wavs, tf.string))
    words = _words(model, answers) if times else [[] for _ in wavs]
    texts, scores = answers["text"].numpy(), answers["score"].numpy()
    for text, score, said in zip(texts, scores, words, strict=True):
        yield text.decode(), score, said


def _rescored(
    model, wavs: Sequence[bytes], score: Score, weight: float
) -> Iterator[tuple[str, float, list[Word]]]:
    answers = model.signatures["hypotheses"](audio_bytes=tf.constant(wavs, tf.string))
    texts, log_probs = answers["texts"].numpy(), answers["log_probs"].numpy()
    for row, place in enumerate(best(texts, log_probs, score, weight)):
        text = texts[row, place].decode()
        yield text, np.exp(log_probs[row, place] / (len(text) + 1)) if text else 0.0, []


def _words(model, answers: Mapping[str, tf.Tensor]) -> Iterator[list[Word]]:
    """The words of each recording, from an answer of `align`."""
    about = evaluation.about_model(model)
    for characters, times in evaluation.aligned(answers):
        yield words_of(characters, times, about["step"] / about["rate"])


def _subtitles(model, recordings: Sequence[Recording]) -> Iterator[str]:
    if len(recordings) > 1:
        raise ValueError("`srt` must come with one recording. Got several.")
    (recording,) = recordings
    if recording.fault:
        raise ValueError(
            f"`inputs` must be a recording that can be read. {recording.name}: {recording.fault}."
        )
    answers = model.signatures["align"](audio_bytes=tf.constant([recording.wav], tf.string))
    return subtitles(next(_words(model, answers)))


PIPELINE = Pipeline(
    name="speech_to_text",
    summary="Speech to text: the lecture's LSTM hears frames of sound and writes characters.",
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
