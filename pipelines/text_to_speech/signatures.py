"""The exported synthesizer: text in, sound out, everything between inside the graph."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines import audio
from pipelines.contract import Export
from pipelines.exporting import signatures_of, stored_in_half
from pipelines.text_to_speech import alignment, vocoder
from pipelines.text_to_speech.characters import (
    ALPHABET,
    FIRST_LETTER,
    LONGEST,
    LONGEST_TEXT,
    numbers_of,
    pieces,
    readable,
)
from pipelines.text_to_speech.data import Front
from zoo.models.synthesizer import Synthesizer

PAUSE = 0.2  # seconds of silence behind each piece of a text
EXAMPLE = "please try again."


class Signatures:
    """The computation of each signature; `speech_export` says what they are for.

    Args:
        model: trained.
        front: of the run.
        voice: number of the voice that speaks.
    """

    def __init__(self, model: Synthesizer, front: Front, voice: int):
        self.stored, self.scope = stored_in_half(model.variables)
        self.model, self.front, self.voice = model, front, voice

    def serving_default(self, text):
        return self._sound(text, tf.constant(1.0))

    def speak(self, text, speed):
        low, high = vocoder.SPEEDS
        rule = f"`speed` must be from {low:g} to {high:g}. Got:"
        with tf.control_dependencies(
            [tf.debugging.Assert((speed >= low) & (speed <= high), [rule, speed])]
        ):
            speed = tf.identity(speed)
        return self._sound(text, speed)

    def mel(self, text):
        texts, unread = readable(text)
        whole = tf.strings.length(texts) <= LONGEST
        numbers, counts, spoken = self._speak(tf.where(whole, texts, ""))
        characters = tf.gather(tf.constant(["", "", *ALPHABET]), numbers)
        counted = self._faults(spoken, counts, numbers)
        return {
            "mel": spoken["mel"],
            "frames": spoken["lengths"],
            "alignment": spoken["alignment"],
            "characters": characters,
            "ended": spoken["ended"],
            "score": alignment.scores(counted, counts, spoken["ended"]),
            "unread": tf.where(whole, unread, text),
            **counted,
        }

    def _sound(self, text, speed):
        texts, unread = readable(text)
        whole = tf.strings.length(texts) <= LONGEST_TEXT
        parts = pieces(tf.where(whole, texts, ""))
        # A map over nothing does not know its shape: one piece more, without a character.
        numbers, counts, spoken = self._speak(tf.concat([parts.values, [""]], 0))
        missing = tf.maximum(1 - tf.shape(spoken["mel"])[1], 0)  # a convolution needs a frame
        with self.scope():
            mel = tf.pad(spoken["mel"], [[0, 0], [0, missing], [0, 0]])
            linear = self.model.to_linear(mel, spoken["lengths"])
        spec = tf.RaggedTensorSpec([None], tf.float32, ragged_rank=0)
        waveforms = tf.map_fn(
            lambda row: self._waveform(row[0][: row[1]], speed),
            (linear, spoken["lengths"]),
            fn_output_signature=spec,
        )[:-1]
        sounds = parts.with_values(waveforms).merge_dims(1, 2)
        counted = self._faults(spoken, counts, numbers)
        score = self._scores(parts, counts[:-1], counted, spoken["ended"][:-1])
        unread = tf.where(whole, unread, text)
        return {
            "audio_bytes": self._files(sounds),
            "score": score * self._share_read(texts, unread),
            "unread": unread,
        }

    def _speak(self, texts):
        """Numbers, how many characters, and what the model says: `Synthesizer.speak`."""
        counts = tf.strings.length(texts)
        numbers = tf.where((counts > 0)[:, tf.newaxis], numbers_of(texts).to_tensor(), 0)
        counts += tf.cast(counts > 0, tf.int32)  # the end is a character, too
        voices = tf.fill(tf.shape(counts), self.voice)
        with self.scope():
            return numbers, counts, self.model.speak(numbers, voices, self.front.limits(counts))

    def _waveform(self, linear, speed):
        """A piece's samples and the pause behind it; of no frames, none."""

        def make():
            magnitudes = vocoder.expand(vocoder.stretch(linear, speed)) ** vocoder.SHARPNESS
            sound = vocoder.to_level(vocoder.griffin_lim(magnitudes, self.front.rate))
            return tf.pad(sound, [[0, round(PAUSE * self.front.rate)]])

        return tf.cond(tf.shape(linear)[0] > 0, make, lambda: tf.zeros([0]))

    def _files(self, sounds):
        """WAV files of `<float32>[batch, (samples)]`, "" of none."""
        rate = self.front.rate

        def write(sound):
            return tf.cond(tf.size(sound) > 0, lambda: audio.wav_bytes(sound, rate), lambda: "")

        sounds = tf.concat([sounds, tf.zeros([1, 0])], axis=0)
        return tf.map_fn(write, sounds, fn_output_signature=tf.TensorSpec([], tf.string))[:-1]

    def _faults(self, spoken, counts, numbers):
        letters = numbers >= FIRST_LETTER
        return alignment.faults(spoken, counts, letters, self.front.frames, vocoder.HOP)

    def _scores(self, parts, counts, counted, ended):
        """Of each text, over its pieces."""

        def total(values):
            return tf.reduce_sum(parts.with_values(values), axis=1)

        counted = {name: total(values[:-1]) for name, values in counted.items()}
        return alignment.scores(counted, total(counts), total(tf.cast(~ended, tf.int32)) == 0)

    def _share_read(self, texts, unread):
        """The share of a text's characters that are read, spaces left out."""
        read, left = (
            tf.cast(tf.strings.length(tf.strings.regex_replace(each, " ", ""), unit), tf.float32)
            for each, unit in ((texts, "BYTE"), (unread, "UTF8_CHAR"))
        )
        return read / tf.maximum(read + left, 1.0)


def speech_export(
    model: Synthesizer, front: Front, voice: int, files: Mapping[str, Path]
) -> Export:
    """The signatures of an exported synthesizer.

    serving_default: text `<string>[batch]` -> audio_bytes `<string>[batch]`, WAV files of 16 bits,
        score `<float32>[batch]`, and unread `<string>[batch]`, the characters that were left out.
    speak: text, and speed `<float32>[]` from 0.5 to 2 -> the same.
    mel: text of 120 characters at most -> mel `<float32>[batch, time, mels]`, frames
        `<int32>[batch]`, alignment `<float32>[batch, steps, characters]`, characters
        `<string>[batch, characters]` ("" for the end, and behind it), ended `<bool>[batch]`, score,
        unread, and the counts of faults, `<int32>[batch]`: skipped, repeated, stalled, silent.

    The score is from 0 to 1: see `alignment.scores`; `serving_default` multiplies it by the share
    of the text's characters that are read. A text without a letter has the sound "" and score 0.

    Args:
        model: trained.
        front: of the run.
        voice: number of the voice that speaks.
        files: name -> file that is kept in assets/ and can be read as an attribute of the module.
    """
    parts = Signatures(model, front, voice)
    module = tf.Module()
    module.stored = parts.stored
    for name, file in files.items():
        setattr(module, name, tf.saved_model.Asset(str(file)))
    text = tf.TensorSpec([None], tf.string, name="text")
    speed = tf.TensorSpec([], tf.float32, name="speed")
    inputs = {"serving_default": [text], "speak": [text, speed], "mel": [text]}
    request = {"text": [EXAMPLE]}
    warmup = [
        ("serving_default", request),
        ("speak", {**request, "speed": np.float32(1.25)}),
        ("mel", request),
    ]
    return Export(module, signatures_of(module, parts, inputs), warmup)
