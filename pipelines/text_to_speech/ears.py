"""Recognisers that tell how much of speech is understood: ours, and one that is not."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines import audio
from pipelines.exporting import load_saved_model

POCKETSPHINX = "pocketsphinx==5.1.1"
WORST = 0.3  # word error on the recordings themselves, above which an ear is not valid
_RATE = 16000  # samples a second that pocketsphinx's model hears

Ear = Callable[[Sequence[bytes]], list[str]]  # WAV files -> texts


def words_of(text: str) -> str:
    """A readable text as ears write it: "hello, it's me." -> "hello it's me"."""
    return " ".join(re.findall(r"[a-z']*[a-z][a-z']*", text))


def ear(name: str, folder: Path | None, texts: Sequence[str]) -> Ear:
    """A recogniser by its name.

    Words of any order are too many for pocketsphinx: it understood none of the prompts of
    `asterisk`, of 8 kHz, and all of them where it had to choose among the prompts.

    Args:
        name: speech_to_text or pocketsphinx.
        folder: of speech_to_text: a SavedModel, or a folder of versions; None: the shipped one.
        texts: of words, all that pocketsphinx may write: it chooses one of them, or none.

    Raises:
        ImportError: pocketsphinx is not installed.
        ValueError: there is no such SavedModel.
    """
    if name == "speech_to_text":
        shipped = Path(__file__).parents[2] / "saved_models" / "speech_to_text"
        return _speech_to_text(folder or shipped)
    return _pocketsphinx(texts)


def _speech_to_text(folder: Path) -> Ear:
    model, _ = load_saved_model(folder, argument="--ear")

    def hear(wavs):
        answer = model.signatures["serving_default"](audio_bytes=tf.constant(wavs, tf.string))
        return [text.decode() for text in answer["text"].numpy()]

    return hear


def _pocketsphinx(texts: Sequence[str]) -> Ear:
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise ImportError(
            f"The ear pocketsphinx needs the package of that name: pip install {POCKETSPHINX}."
        ) from error
    decoder = Decoder(samprate=_RATE, lm=None, loglevel="FATAL")
    # A word that it does not know is left out of its text, and counts as misunderstood.
    known = {" ".join(filter(decoder.lookup_word, text.split())) for text in texts}
    if not known - {""}:
        raise ValueError(f"`ears` must know a word of the texts. pocketsphinx has none of {texts}.")
    grammar = f"#JSGF V1.0; grammar texts; public <text> = {' | '.join(sorted(known - {''}))};"
    decoder.add_jsgf_string("texts", grammar)
    decoder.activate_search("texts")

    def hear(wavs):
        return [_decode(decoder, wav) for wav in wavs]

    return hear


def _decode(decoder, wav: bytes) -> str:
    waveform = audio.resample(*audio.read_wav(tf.constant(wav)), _RATE).numpy()
    if not len(waveform):  # is an error to it
        return ""
    samples = (np.clip(waveform, -1, 1) * 32767).astype("<i2")
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    # "read(2)" is the second pronunciation of a word.
    return re.sub(r"\(\d+\)", "", hypothesis.hypstr) if hypothesis else ""
