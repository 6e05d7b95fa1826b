"""The exported recogniser: sound in, text out, everything between inside the graph."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines import audio
from pipelines.contract import Export
from pipelines.exporting import signatures_of, stored_in_half
from pipelines.speech_to_text.characters import CHARACTERS
from pipelines.speech_to_text.data import Front
from zoo.decoding.ctc import BLANK, Transcripts, appears, ctc_beam_search, ctc_greedy
from zoo.models.recognizer import REDUCTION, Recognizer

HYPOTHESES = 16  # beams of the signature `hypotheses`, at least


class Signatures:
    """The computation of each signature; `speech_export` says what they are for.

    Args:
        model: trained.
        front: of the run.
        beam_size: of the search; 1 for the best path.
    """

    def __init__(self, model: Recognizer, front: Front, beam_size: int):
        self.stored, self.scope = stored_in_half(model.variables)
        self.model, self.front, self.beam_size = model, front, beam_size
        self.characters = tf.constant(["", *CHARACTERS])
        self.layout = StateLayout(model, front)

    def serving_default(self, audio_bytes):
        return self._answer(self._search(self._read(audio_bytes)))

    def waveform(self, waveform, lengths, rate):
        samples = tf.shape(waveform)[1]
        lengths = tf.clip_by_value(lengths, 0, samples)
        rate = tf.where((rate >= audio.RATES[0]) & (rate <= audio.RATES[1]), rate, 0)
        lengths = tf.where(rate > 0, lengths, 0)

        def hear(row):
            values = tf.where(tf.math.is_finite(row[0]), row[0], 0.0)[: row[1]]
            return self.front(tf.clip_by_value(values, -audio.LOUDEST, audio.LOUDEST), rate)

        return self._answer(self._search(self._heard(hear, (waveform, lengths))))

    def align(self, audio_bytes):
        best = self._search(self._read(audio_bytes))
        tokens, frames = best.tokens[:, 0], best.frames[:, 0]
        seconds = (tf.cast(frames, tf.float32) + 0.5) * self.front.seconds
        longest = tf.reduce_max(tf.pad(best.lengths[:, 0], [[0, 1]]))
        return {
            "characters": tf.gather(self.characters, tokens)[:, :longest],
            "times": tf.where(tokens == BLANK, 0.0, seconds)[:, :longest],
            **self._answer(best),
        }

    def hypotheses(self, audio_bytes):
        found = self._search(self._read(audio_bytes), max(self.beam_size, HYPOTHESES))
        texts = self._spelt(found.tokens)
        return {"texts": texts, "log_probs": found.log_probs}

    def stream(self, chunk, state):
        step = self.front.step
        samples = tf.shape(chunk)[1]
        rule = f"`chunk` must have a multiple of {step} samples, and at least {step}. Got:"
        whole = (samples % step == 0) & (samples > 0)
        with tf.control_dependencies([tf.debugging.Assert(whole, [rule, samples])]):
            chunk = tf.identity(chunk)
        with self.scope():
            history, last, states = self.layout.split(state)
            sound = tf.concat([history, chunk], axis=1)
            features = audio.log_mel_frames(sound, self.front.rate, self.front.mels)
            logits, states = self.model.stream(features, states)
        path = tf.argmax(logits, axis=-1, output_type=tf.int32)
        new = tf.where(appears(path, last), path, BLANK)
        history = sound[:, tf.shape(sound)[1] - tf.shape(history)[1] :]
        return {
            "text": tf.strings.reduce_join(tf.gather(self.characters, new), axis=-1),
            "state": self.layout.join(history, path[:, -1:], states),
        }

    def _read(self, audio_bytes):
        return self._heard(lambda contents: self.front(*audio.read_wav(contents)), audio_bytes)

    def _heard(self, hear: Callable, rows) -> tuple[tf.Tensor, tf.Tensor]:
        """Frames `<float32>[batch, time, mels]`, time at least 4, and lengths `<int32>[batch]`."""

        def blank(row):  # a map over nothing does not know its shape: one row more
            return tf.pad(row, [[0, 1]] + [[0, 0]] * (row.shape.rank - 1))

        rows = tf.nest.map_structure(blank, rows)
        spec = tf.RaggedTensorSpec([None, self.front.mels], tf.float32, ragged_rank=0)
        frames = tf.map_fn(hear, rows, fn_output_signature=spec)
        lengths = tf.cast(frames.row_lengths(), tf.int32)[:-1]
        frames = frames.to_tensor(shape=[None, None, self.front.mels])[:-1]
        missing = tf.maximum(REDUCTION - tf.shape(frames)[1], 0)
        return tf.pad(frames, [[0, 0], [0, missing], [0, 0]]), lengths

    def _search(self, heard, beam_size: int | None = None) -> Transcripts:
        features, lengths = heard
        rows = tf.shape(lengths)[0]
        blank = [0, tf.maximum(1 - rows, 0)]  # a convolution of no rows has the wrong shape
        inputs = {
            "features": tf.pad(features, [blank, [0, 0], [0, 0]]),
            "lengths": tf.pad(lengths, [blank]),
        }
        with self.scope():
            logits = self.model(inputs, training=False)[:rows]
        beam_size = beam_size or self.beam_size
        lengths = lengths // REDUCTION
        if beam_size == 1:
            return ctc_greedy(logits, lengths)
        return ctc_beam_search(logits, lengths, beam_size)

    def _spelt(self, tokens):
        texts = tf.strings.reduce_join(tf.gather(self.characters, tokens), axis=-1)
        return tf.strings.strip(tf.strings.regex_replace(texts, " +", " "))

    def _answer(self, found: Transcripts) -> dict[str, tf.Tensor]:
        """The best text; its score is the geometric mean over the characters and the end."""
        text = self._spelt(found.tokens[:, 0])
        characters = tf.cast(found.lengths[:, 0] + 1, tf.float32)
        score = tf.exp(found.log_probs[:, 0] / characters)
        return {"text": text, "score": tf.where(text == "", 0.0, score)}


class StateLayout:
    """What a stream knows of its past, as one tensor `<float32>[batch, features]`, and back.

    The samples that the next frame still spans, the last class of the path, the model's states.
    """

    def __init__(self, model: Recognizer, front: Front):
        frame, hop = audio.spans(front.rate)
        self.shapes = [] if model.bidirectional else model.state_sizes()
        self.sizes = [frame - hop, 1, *(math.prod(shape) for shape in self.shapes)]
        self.features = sum(self.sizes)

    def split(self, state):
        history, last, *states = tf.split(state, self.sizes, axis=1)
        states = [
            tf.reshape(part, [-1, *shape]) for part, shape in zip(states, self.shapes, strict=True)
        ]
        return history, tf.cast(last, tf.int32), states

    def join(self, history, last, states):
        rows = tf.shape(history)[0]
        states = [
            tf.reshape(tf.cast(part, tf.float32), [rows, size])
            for part, size in zip(states, self.sizes[2:], strict=True)
        ]
        return tf.concat([history, tf.cast(last, tf.float32), *states], axis=1)


def speech_export(
    model: Recognizer, front: Front, files: Mapping[str, Path], *, beam_size: int
) -> Export:
    """The signatures of an exported recogniser.

    serving_default: audio_bytes `<string>[batch]`, WAV files of any kind that `audio.read_wav`
        reads -> text `<string>[batch]`, score `<float32>[batch]`.
    waveform: waveform `<float32>[batch, samples]`, lengths `<int32>[batch]`, rate `<int32>[]` ->
        the same.
    align: audio_bytes -> characters `<string>[batch, characters]` ("" behind the last), times
        `<float32>[batch, characters]` in seconds, text and score.
    hypotheses: audio_bytes -> texts `<string>[batch, beams]`, log_probs `<float32>[batch, beams]`.
    stream, of `bidirectional=False`: chunk `<float32>[batch, samples]` at the model's own rate, a
        multiple of 40 ms, and state `<float32>[batch, features]`, zeros before the first -> text,
        what has been said since, and state. The texts of all chunks, joined, are the best path's
        text of the whole.

    The score is P(text)^(1 / (characters + 1)), from 0 to 1. What cannot be read, and a recording
    in which nothing is said, has the text "" and score 0, and does not touch the others.

    Args:
        model: trained.
        front: of the run.
        files: name -> file that is kept in assets/ and can be read as an attribute of the module.
        beam_size: of the search.
    """
    parts = Signatures(model, front, beam_size)
    module = tf.Module()
    module.stored = parts.stored
    for name, file in files.items():
        setattr(module, name, tf.saved_model.Asset(str(file)))
    contents = [tf.TensorSpec([None], tf.string, name="audio_bytes")]
    inputs = dict.fromkeys(("serving_default", "align", "hypotheses"), contents)
    inputs["waveform"] = [
        tf.TensorSpec([None, None], tf.float32, name="waveform"),
        tf.TensorSpec([None], tf.int32, name="lengths"),
        tf.TensorSpec([], tf.int32, name="rate"),
    ]
    if not model.bidirectional:
        inputs["stream"] = [
            tf.TensorSpec([None, None], tf.float32, name="chunk"),
            tf.TensorSpec([None, parts.layout.features], tf.float32, name="state"),
        ]
    warmup = _warmup(front, parts.layout.features)
    warmup = [(name, warmup[name]) for name in inputs]
    return Export(module, signatures_of(module, parts, inputs), warmup)


def _warmup(front: Front, features: int) -> dict[str, dict[str, Any]]:
    """Signature -> a request: a second of a tone."""
    tone = 0.5 * np.cos(2 * np.pi * 440 * np.arange(front.rate) / front.rate)
    tone = tone[None].astype(np.float32)
    file = {"audio_bytes": [audio.wav_bytes(tone[0], front.rate).numpy()]}
    rate = np.int32(front.rate)
    return {
        **dict.fromkeys(("serving_default", "align", "hypotheses"), file),
        "waveform": {"waveform": tone, "lengths": rate[None], "rate": rate},
        "stream": {
            "chunk": tone[:, : front.step],
            "state": np.zeros((1, features), np.float32),
        },
    }
