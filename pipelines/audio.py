"""Sound as numbers: WAV files, sampling rates and log-mel spectrograms, by core TensorFlow alone.

Training and exported graphs share these functions, so that an exported model needs nothing but
TensorFlow and hears what it was trained on. A waveform is `<float32>[samples]`, one channel, from
-1 to 1; a rate is in samples a second.
"""

import tensorflow as tf

RATES = (1_000, 768_000)  # samples a second that a file may have
FRAME, HOP = 0.025, 0.010  # seconds that a frame of a spectrogram spans, and between two of them
LOWEST = 20.0  # Hz, where the mel bands begin
FLOOR = 1e-6  # power added to each band: a little above the rounding noise of 16 bits
LOUDEST = 2.0**20  # a float file may hold anything; its square must be a float32
MOST_CHUNKS = 4096  # that are looked through for the samples
ENDLESS = 0x7FFF0000  # stated bytes of samples from which a program wrote without knowing their end
MARGIN = 0.05  # seconds of silence behind a waveform, so that its end does not reach its beginning
TAPER = 0.05  # share of the band over which the low-pass filter falls

_RIFF, _WAVE, _FORMAT, _DATA = (
    int.from_bytes(name, "little") for name in (b"RIFF", b"WAVE", b"fmt ", b"data")
)
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE


def read_wav(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Samples and rate of a WAV file, `<string>[]` -> `<float32>[samples]`, `<int32>[]`.

    PCM of 8, 16, 24 and 32 bits, floats of 32 and 64, also as WAVE_FORMAT_EXTENSIBLE; the channels
    are averaged. Chunks before the samples are passed over. A stream does not know its length when
    it begins: of samples whose stated size is 0, or about 2 or 4 GB, all that is there is read.
    Numbers that are not finite are 0.

    Anything else, a compressed file or one that is cut off too, gives an empty waveform of rate 0,
    and never an error. (`tf.audio.decode_wav` reads plain 16-bit PCM only, and raises.)
    """
    raw = tf.io.decode_raw(contents, tf.uint8)
    form, data = _find_chunks(raw)
    tag, channels = _unsigned(raw, form, 2), _unsigned(raw, form + 2, 2)
    rate, block = _unsigned(raw, form + 4, 4), _unsigned(raw, form + 12, 2)
    bits = _unsigned(raw, form + 14, 2)
    tag = tf.where(tag == _EXTENSIBLE, _unsigned(raw, form + 24, 2), tag)
    width = block // tf.maximum(channels, 1)  # bytes of a sample
    fits = (channels > 0) & (width * channels == block) & ((bits + 7) // 8 == width)
    fits &= (rate >= RATES[0]) & (rate <= RATES[1])
    fits &= (_unsigned(raw, 0, 4) == _RIFF) & (_unsigned(raw, 8, 4) == _WAVE)
    fits &= (form > 0) & (data > 0) & ~_is_cut(raw, data)
    # 0: none that is read.
    kind = tf.where((tag == _PCM) & (width >= 1) & (width <= 4), 1, 0)
    kind = tf.where((tag == _FLOAT) & (width == 4), 2, tf.where(tag == _PCM, kind, 0))
    kind = tf.where((tag == _FLOAT) & (width == 8), 3, kind)
    kind = tf.where(fits, kind, 0)
    block, width = tf.maximum(block, 1), tf.maximum(width, 1)
    samples = tf.reshape(_data(raw, data, block), [-1, width])
    # The width of kind 0 may be anything, so its branch forms nothing.
    values = tf.switch_case(
        kind,
        [
            lambda: tf.zeros([0]),
            lambda: _from_integers(samples, width),
            lambda: _from_floats(samples, tf.float32),
            lambda: _from_floats(samples, tf.float64),
        ],
    )
    values = tf.where(tf.math.is_finite(values), values, 0.0)
    channels = tf.where(kind > 0, channels, 1)
    waveform = tf.reduce_mean(tf.reshape(values, [-1, channels]), axis=1)
    waveform = tf.clip_by_value(waveform, -LOUDEST, LOUDEST)
    return waveform, tf.cast(tf.where(kind > 0, rate, 0), tf.int32)


def _find_chunks(raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where the format and the samples begin in `<uint8>[bytes]`, each `<int64>[]`; -1 for none."""
    end = tf.size(raw, out_type=tf.int64)

    def going_on(place, form, data):
        return (data < 0) & (place + 8 <= end)

    def next_chunk(place, form, data):
        name, size = _unsigned(raw, place, 4), _unsigned(raw, place + 4, 4)
        inside = place + 8
        form = tf.where(name == _FORMAT, inside, form)
        data = tf.where(name == _DATA, inside, data)
        return inside + size + size % 2, form, data  # an odd chunk is followed by a byte of padding

    start = tuple(tf.constant(place, tf.int64) for place in (12, -1, -1))
    _, form, data = tf.while_loop(going_on, next_chunk, start, maximum_iterations=MOST_CHUNKS)
    return form, data


def _unsigned(raw: tf.Tensor, place: tf.Tensor | int, count: int) -> tf.Tensor:
    """The little-endian number of `count` bytes at a place, `<int64>[]`; bytes beyond are 0."""
    place = tf.maximum(tf.cast(place, tf.int64), 0)
    digits = tf.cast(raw[place : place + count], tf.int64)
    digits = tf.pad(digits, [[0, count - tf.size(digits)]])
    return tf.reduce_sum(digits * tf.constant([256**power for power in range(count)], tf.int64))


def _is_cut(raw: tf.Tensor, data: tf.Tensor) -> tf.Tensor:
    """Whether the samples from `data` on should be more than are there, `<bool>[]`."""
    stated = _unsigned(raw, data - 4, 4)
    return (stated > tf.size(raw, out_type=tf.int64) - data) & (stated < ENDLESS)


def _data(raw: tf.Tensor, data: tf.Tensor, block: tf.Tensor) -> tf.Tensor:
    """The bytes of whole blocks from `data` on."""
    there = tf.maximum(tf.size(raw, out_type=tf.int64) - data, 0)
    stated = _unsigned(raw, data - 4, 4)
    length = tf.where(stated == 0, there, tf.minimum(stated, there))
    length = tf.where(data > 0, length // block * block, 0)
    start = tf.maximum(data, 0)
    return raw[start : start + length]


def _from_integers(samples: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """`<uint8>[samples, width]`, the lowest byte first -> `<float32>[samples]`."""
    # One byte has its zero at 128, more have a sign.
    sign = tf.cast(tf.where(width == 1, 0x80, 0), tf.uint8)
    samples = tf.bitwise.bitwise_xor(samples, sign)
    # The highest byte of 32 bits is the sample's highest: all widths have one scale.
    words = tf.pad(samples, [[0, 0], [4 - width, 0]])
    return tf.cast(tf.bitcast(tf.reshape(words, [-1, 4]), tf.int32), tf.float32) / 2.0**31


def _from_floats(samples: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    return tf.cast(tf.bitcast(tf.reshape(samples, [-1, dtype.size]), dtype), tf.float32)


def wav_bytes(waveform: tf.Tensor, rate: tf.Tensor | int) -> tf.Tensor:
    """A WAV file of 16-bit PCM, `<string>[]` (`.numpy()` has the bytes); beyond ±1 is cut.

    Args:
        waveform: `<float32>[samples]`.
        rate: `<int32>[]`.
    """
    return tf.audio.encode_wav(tf.convert_to_tensor(waveform, tf.float32)[:, tf.newaxis], rate)


def resample(waveform: tf.Tensor, rate: tf.Tensor | int, to: int) -> tf.Tensor:
    """The same sound at another rate: `<float32>[samples]` -> `<float32>[⌈samples · to / rate⌉]`.

    Its spectrum is cut, or filled up with zeros, at half the lower rate, with half a cosine over
    the last twentieth below it. The rates may be any within `RATES`: the waveform is filled up with
    silence to a length that makes a whole number of samples at both.
    """
    rate = tf.cast(rate, tf.int32)
    return tf.cond(rate == to, lambda: waveform, lambda: _resample(waveform, rate, to))


def _resample(waveform: tf.Tensor, rate: tf.Tensor, to: int) -> tf.Tensor:
    rate = tf.clip_by_value(rate, *RATES)
    common = _greatest_divisor(rate, tf.constant(to))
    down, up = rate // common, to // common
    samples = tf.size(waveform)
    margin = tf.cast(MARGIN * tf.cast(rate, tf.float32), tf.int32)
    blocks = -(-(samples + margin) // down)
    before, after = blocks * down, blocks * up
    spectrum = tf.signal.rfft(tf.pad(waveform, [[0, before - samples]]))
    bins = tf.minimum(before, after) // 2 + 1
    hertz = tf.range(bins) * common / blocks
    edge = tf.cast(tf.minimum(rate, to), hertz.dtype) / 2
    slope = tf.clip_by_value((1 - hertz / edge) / TAPER, 0, 1)
    gain = tf.cast(0.5 - 0.5 * tf.cos(slope * 3.141592653589793), tf.float32)
    gain *= tf.cast(after / before, tf.float32)
    spectrum = spectrum[:bins] * tf.cast(gain, tf.complex64)
    spectrum = tf.pad(spectrum, [[0, after // 2 + 1 - bins]])
    there = -(-tf.cast(samples, tf.int64) * to // tf.cast(rate, tf.int64))
    return tf.signal.irfft(spectrum, [after])[:there]


def _greatest_divisor(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """Of two integers, by Euclid's algorithm."""
    return tf.while_loop(lambda a, b: b > 0, lambda a, b: (b, a % b), (one, other))[0]


def log_mel(waveform: tf.Tensor, rate: int, mels: int, causal: bool = False) -> tf.Tensor:
    """log(power in mel bands + FLOOR): `<float32>[samples]` -> `<float32>[frames, mels]`.

    A frame of 25 ms, under a Hann window, each 10 ms: samples // hop of them. Frame t spans the
    25 ms around the middle of its 10 ms, or, `causal`, the 25 ms before their end: then it depends
    on the first (t + 1) · hop samples alone. Before and behind the waveform is silence.

    Args:
        waveform: of any length.
        rate: of the waveform.
        mels: bands from 20 Hz to 0.475 · rate, equal in mel = 2595 log10(1 + Hz / 700) (HTK).
        causal: whether a frame sees no sample behind its own 10 ms.
    """
    frame, hop = spans(rate)
    before = frame - hop if causal else (frame - hop) // 2
    return log_mel_frames(tf.pad(waveform, [[before, frame - hop - before]]), rate, mels)


def log_mel_frames(waveform: tf.Tensor, rate: int, mels: int) -> tf.Tensor:
    """As `log_mel`, of the frames that `<float32>[..., samples]` holds whole; none is filled up."""
    frame, hop = spans(rate)
    frames = tf.maximum(0, 1 + (tf.shape(waveform)[-1] - frame) // hop)
    size = 2 ** (2 * frame - 1).bit_length()  # narrow enough for the lowest bands
    # A transform of no frame is an error: there is one more, which is left out again.
    ends = [[0, 0]] * (waveform.shape.rank - 1) + [[0, frame]]
    spectrum = tf.signal.stft(tf.pad(waveform, ends), frame, hop, size, tf.signal.hann_window)
    power = tf.square(tf.abs(spectrum[..., :frames, :]))
    bands = tf.signal.linear_to_mel_weight_matrix(mels, size // 2 + 1, rate, LOWEST, 0.475 * rate)
    return tf.math.log(tf.matmul(power, bands) + FLOOR)


def spans(rate: int) -> tuple[int, int]:
    """Samples of a frame, and between two frames."""
    return round(FRAME * rate), round(HOP * rate)
