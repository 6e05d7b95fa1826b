"""Sound to spectra and back, by core TensorFlow alone: what a model learns, and what it says.

A frame of 50 ms, under a Hann window, each 12.5 ms. Magnitudes are compressed so that silence is 0:

    y = log(1 + |X| / FLOOR) / RANGE            |X|: of a sine, half its amplitude

Griffin-Lim (1984), in the fast form of Perraudin, Balazs and Søndergaard (2013), makes a waveform
whose spectrum has the magnitudes; the phases begin as those of steady sines, so that the same
spectrum gives the same samples.
"""

import tensorflow as tf

SPAN, HOP = 0.050, 0.0125  # seconds that a frame spans, and between two of them
LOWEST = 60.0  # Hz, where the mel bands begin
FLOOR, RANGE = 5e-5, 7.0  # amplitude below which a magnitude is next to nothing; nepers
LEVEL, PEAK = 0.08, 0.95  # root of the mean square that speech is brought to; samples, at most
QUIET = 40.0  # dB below the loudest 12.5 ms: silence, at the ends
MARGIN = 4  # frames of silence that stay at each end
ITERATIONS = 40
MOMENTUM = 0.99
SHARPNESS = 1.2  # power of the magnitudes that a model gives: valleys deeper than it draws them
SPEEDS = (0.5, 2.0)


def spans(rate: int) -> tuple[int, int, int]:
    """Samples of a frame, between two frames, and of a frame's Fourier transform."""
    frame, hop = round(SPAN * rate), round(HOP * rate)
    return frame, hop, 2 ** (frame - 1).bit_length()


def bins(rate: int) -> int:
    """Features of a linear frame."""
    return spans(rate)[2] // 2 + 1


def levelled(waveform: tf.Tensor, rate: int) -> tf.Tensor:
    """Speech without the silence at its ends, at one loudness: `<float32>[samples]` of the same.

    50 ms of silence stay at each end.
    """
    _, hop, _ = spans(rate)
    blocks = tf.reshape(waveform[: tf.size(waveform) // hop * hop], [-1, hop])
    power = tf.reduce_mean(tf.square(blocks), axis=1)
    loud = tf.cast(tf.where(power > tf.reduce_max(power) * 10 ** (-QUIET / 10)), tf.int32)[:, 0]
    first = tf.maximum(tf.reduce_min(loud) - MARGIN, 0)
    last = tf.maximum(tf.reduce_max(loud) + 1 + MARGIN, first)
    speech = tf.cond(
        tf.size(loud) > 0, lambda: waveform[first * hop : last * hop], lambda: waveform[:0]
    )
    return to_level(speech)


def spectra(waveform: tf.Tensor, rate: int, mels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Mel and linear frames: `<float32>[samples]` -> `[frames, mels]`, `[frames, bins]`.

    samples // hop of them; frame t spans the 50 ms around the middle of its 12.5 ms. Mel bands are
    equal in mel = 2595 log10(1 + Hz / 700) (HTK), triangles with a peak of 1, from 60 Hz to half
    the rate.
    """
    frame, hop, size = spans(rate)
    count = tf.size(waveform) // hop
    edge = (frame - hop) // 2
    spectrum = _transform(tf.pad(waveform, [[edge, 2 * frame]]), rate)[:count]
    magnitudes = tf.abs(spectrum) * 2 / frame
    bands = tf.signal.linear_to_mel_weight_matrix(mels, size // 2 + 1, rate, LOWEST, rate / 2)
    return compress(tf.matmul(magnitudes, bands)), compress(magnitudes)


def compress(magnitudes: tf.Tensor) -> tf.Tensor:
    """y of |X|."""
    return tf.math.log1p(magnitudes / FLOOR) / RANGE


def expand(frames: tf.Tensor) -> tf.Tensor:
    """|X| of y; below 0 is silence, and above 1.25 (a sine at full scale has 1.3) is cut."""
    return FLOOR * tf.math.expm1(RANGE * tf.clip_by_value(frames, 0.0, 1.25))


def stretch(frames: tf.Tensor, speed: tf.Tensor) -> tf.Tensor:
    """Frames of the same speech, faster or slower, at the same pitch.

    `<float32>[time, bins]`, `<float32>[]` -> `<float32>[⌈time / speed⌉, bins]`: frame t is drawn,
    linearly, between the two frames around t · speed.
    """
    time = tf.shape(frames)[0]
    longer = tf.cast(tf.math.ceil(tf.cast(time, tf.float32) / speed), tf.int32)
    places = tf.cast(tf.range(longer), tf.float32) * speed
    before = tf.minimum(tf.cast(places, tf.int32), time - 1)
    share = (places - tf.cast(before, tf.float32))[:, tf.newaxis]
    after = tf.gather(frames, tf.minimum(before + 1, time - 1))
    return tf.gather(frames, before) * (1 - share) + after * share


def griffin_lim(magnitudes: tf.Tensor, rate: int, iterations: int = ITERATIONS) -> tf.Tensor:
    """A waveform of the magnitudes: `<float32>[time, bins]` -> `<float32>[time · hop]`.

    Args:
        magnitudes: |X| as `expand` gives them.
        rate: of the waveform.
        iterations: each brings the spectrum nearer to the magnitudes.
    """
    frame, hop, size = spans(rate)
    edge, time = (frame - hop) // 2, tf.shape(magnitudes)[0]
    magnitudes = magnitudes * frame / 2
    turns = tf.range(time)[:, tf.newaxis] * hop % size  # of a full turn, in size-th parts
    turns = turns * tf.range(size // 2 + 1) % size
    angles = tf.cast(turns, tf.float32) * (2 * 3.141592653589793 / size)
    magnitudes = tf.cast(magnitudes, tf.complex64)
    spectrum = magnitudes * tf.exp(tf.complex(0.0, angles))

    def body(step, spectrum, last):
        again = _transform(_inverse(spectrum, rate), rate)
        ahead = again + MOMENTUM * (again - last)
        unit = ahead / tf.cast(tf.maximum(tf.abs(ahead), 1e-8), tf.complex64)
        return step + 1, magnitudes * unit, again

    begin = (tf.constant(0), spectrum, tf.zeros_like(spectrum))
    _, spectrum, _ = tf.while_loop(lambda step, *_: step < iterations, body, begin)
    return _inverse(spectrum, rate)[edge : edge + time * hop]


def to_level(waveform: tf.Tensor) -> tf.Tensor:
    """A waveform at the loudness of speech, its samples within ±0.95; silence stays silence."""
    power = tf.reduce_sum(tf.square(waveform)) / tf.cast(tf.size(waveform) + 1, tf.float32)
    waveform *= LEVEL / tf.maximum(tf.sqrt(power), 1e-4)
    peak = tf.reduce_max(tf.abs(tf.pad(waveform, [[0, 1]])))
    return waveform * tf.minimum(1.0, PEAK / tf.maximum(peak, 1e-6))


def _transform(waveform: tf.Tensor, rate: int) -> tf.Tensor:
    return tf.signal.stft(waveform, *spans(rate))


def _inverse(spectrum: tf.Tensor, rate: int) -> tf.Tensor:
    frame, hop, size = spans(rate)
    window = tf.signal.inverse_stft_window_fn(hop)
    return tf.signal.inverse_stft(spectrum, frame, hop, size, window)
