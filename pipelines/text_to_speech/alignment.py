"""What is wrong with how a text was read, told from the attention and the loudness."""

import tensorflow as tf

NEAR = 0.5  # of a step's attention, within one character: then the character is read
QUIET = 0.15  # mean of a mel frame: below it, a step is silence
STALL = 1.0  # seconds on one character; longer is a fault


def faults(
    spoken: dict[str, tf.Tensor], characters: tf.Tensor, letters: tf.Tensor, frames: int, hop: float
) -> dict[str, tf.Tensor]:
    """Counts of each text's faults, `<int32>[batch]` each.

        skipped: characters that no step read: Σ of α over the character and its two neighbours is
            below a half at all steps
        repeated: characters that the path, argmax α of each step, went back
        stalled: steps that the path was where it had been a second before
        silent: letters that were read, but at steps of silence alone

    Args:
        spoken: what `Synthesizer.speak` gives.
        characters: `<int32>[batch]`, how many each text has.
        letters: `<bool>[batch, cells]`, True where a character is a letter.
        frames: of one step.
        hop: seconds of a frame.
    """
    alignment, steps = spoken["alignment"], spoken["lengths"] // frames
    mel = spoken["mel"]
    levels = tf.reshape(mel, [tf.shape(mel)[0], tf.shape(alignment)[1], frames * mel.shape[2]])
    loud = tf.reduce_mean(levels, axis=2) >= QUIET
    time, cells = tf.shape(alignment)[1], tf.shape(alignment)[2]
    here = tf.range(time) < steps[:, tf.newaxis]  # [batch, time]
    alignment = tf.where(here[:, :, tf.newaxis], alignment, 0.0)
    wide = tf.pad(alignment, [[0, 0], [0, 0], [1, 1]])
    near = sum(wide[:, :, i : i + cells] for i in range(3))
    read = tf.reduce_any(near >= NEAR, axis=1)
    heard = tf.reduce_any((near >= NEAR) & loud[:, :, tf.newaxis], axis=1)
    real = tf.range(cells) < characters[:, tf.newaxis]
    path = tf.argmax(alignment, axis=2, output_type=tf.int32)
    window = max(1, round(STALL / (frames * hop)))
    return {
        "skipped": _count(real & ~read),
        "repeated": tf.reduce_sum(
            tf.where(here[:, 1:], tf.maximum(path[:, :-1] - path[:, 1:], 0), 0), axis=1
        ),
        "stalled": _count(here[:, window:] & (path[:, window:] == path[:, :-window])),
        "silent": _count(real & letters & read & ~heard),
    }


def scores(counts: dict[str, tf.Tensor], characters: tf.Tensor, ended: tf.Tensor) -> tf.Tensor:
    """1 - faults / characters, at least 0, and 0 where the speech did not end by itself."""
    total = tf.cast(sum(counts.values()), tf.float32)
    share = 1 - total / tf.maximum(tf.cast(characters, tf.float32), 1.0)
    return tf.where(ended & (characters > 0), tf.maximum(share, 0.0), 0.0)


def _count(holds: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(holds, tf.int32), axis=1)
