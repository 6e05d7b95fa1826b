"""Image files to pixels, with core TensorFlow operations only, and what is wrong with a file.

JPEG and PNG are read, told apart by their first bytes: grey, colour, CMYK and YCCK JPEG, baseline
or progressive; grey, colour and palette PNG of 1 to 16 bits, interlaced or not, with transparency
laid over white. Both are turned upright as their EXIF orientation says. An image of too many pixels
is refused from its header, before a pixel is decoded.
"""

import tensorflow as tf

MAX_PIXELS = 64 * 2**20  # height times width; one image of this size takes 200 MB as <uint8>

_JPEG_START = b"\xff\xd8\xff"
# the signature, then the first chunk, which must be IHDR
_PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_JPEG_END = b"\xff\xd9"
_PNG_END = b"IEND"
_EXIF_REACH = 2**17  # bytes from the start in which EXIF is looked for

_NOT_AN_IMAGE = "not JPEG or PNG"
_TOO_LARGE = f"larger than {MAX_PIXELS // 2**20} megapixels"
_BROKEN = "broken image data"


def decode_image(image_bytes: tf.Tensor) -> tf.Tensor:
    """The pixels of one JPEG or PNG, upright, in RGB.

    Args:
      image_bytes: `<string>[]`, the whole file.

    Returns:
      `<uint8>[height, width, 3]`.

    Raises:
      tf.errors.InvalidArgumentError: not JPEG or PNG, larger than `MAX_PIXELS`, cut off or broken.
    """
    pixels, orientation = decode_stored(image_bytes)
    return turn_upright(pixels, orientation)


def check_image(image_bytes: bytes) -> str | None:
    """Why `decode_image` would refuse these bytes, in a few words; None if it takes them.

    The image is decoded whole, for only so is one seen that was cut off.
    """
    try:
        _check_one(tf.constant(image_bytes))
    except tf.errors.InvalidArgumentError as error:
        if not image_bytes:
            return "empty"
        for reason in (_NOT_AN_IMAGE, _TOO_LARGE):
            if reason in error.message:
                return reason
        end = _JPEG_END if image_bytes.startswith(_JPEG_START) else _PNG_END
        return _BROKEN if end in image_bytes[-64:] else "truncated"
    return None


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def _check_one(image_bytes):
    return tf.shape(decode_stored(image_bytes)[0])


def decode_stored(image_bytes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Pixels `<uint8>[height, width, 3]` as stored, and the orientation `<int32>[]` in 1..8."""
    is_png = _starts_with(image_bytes, _PNG_START)
    known = tf.debugging.Assert(is_png | _starts_with(image_bytes, _JPEG_START), [_NOT_AN_IMAGE])
    with _after(known):
        return tf.cond(
            is_png,
            lambda: (_decode_png(image_bytes), _png_orientation(image_bytes)),
            lambda: (_decode_jpeg(image_bytes), _jpeg_orientation(image_bytes)),
        )


def _starts_with(image_bytes, start: bytes) -> tf.Tensor:
    # substr raises where the position, not the length, is out of reach: position 0 never is
    return tf.equal(tf.strings.substr(image_bytes, 0, len(start)), start)


def _after(operation):
    """Runs what follows after `operation`; it is None where it has run already, eagerly."""
    return tf.control_dependencies([] if operation is None else [operation])


def _require_size(height, width):
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    return _after(tf.debugging.Assert(pixels <= MAX_PIXELS, [_TOO_LARGE]))


def _decode_jpeg(image_bytes) -> tf.Tensor:
    shape = tf.image.extract_jpeg_shape(image_bytes)
    with _require_size(shape[0], shape[1]):
        # the accurate transform gives Pillow's pixels; the default is a coarser one, 5 levels off
        return tf.io.decode_jpeg(image_bytes, channels=3, dct_method="INTEGER_ACCURATE")


def _decode_png(image_bytes) -> tf.Tensor:
    # IHDR: width and height of four bytes each, bits, colour type, of which bit 2 says alpha
    header = tf.cast(tf.io.decode_raw(tf.strings.substr(image_bytes, 16, 10), tf.uint8), tf.int64)
    width, height = _number(header[:4], big_endian=True), _number(header[4:8], big_endian=True)
    # The transparency of a palette, or of one colour, stands in a chunk named tRNS.
    without = tf.strings.regex_replace(image_bytes, "tRNS", "", replace_global=False)
    has_chunk = tf.strings.length(without) < tf.strings.length(image_bytes)
    # Four channels only where there is transparency: elsewhere decode_png fills the fourth of an
    # image of less than 8 bits with a value that is not opaque.
    with _require_size(height, width):
        return tf.cond(
            tf.equal(header[9] & 4, 4) | has_chunk,
            lambda: _over_white(tf.io.decode_png(image_bytes, channels=4)),
            lambda: tf.io.decode_png(image_bytes, channels=3),
        )


def _over_white(rgba) -> tf.Tensor:
    """`255 - (255 - rgb) * alpha / 255`, rounded; `<uint8>[height, width, 4]` to `[..., 3]`."""
    ink = tf.cast(255 - rgba[..., :3], tf.uint16) * tf.cast(rgba[..., 3:], tf.uint16)
    return 255 - tf.cast((ink + 127) // 255, tf.uint8)


def _jpeg_orientation(image_bytes) -> tf.Tensor:
    """The orientation that a JPEG's EXIF segment states, `<int32>[]` in 1..8; 1 where it has none.

    The segment is `FF E1`, its length in two bytes, `Exif 00 00`, then TIFF.
    """
    head = tf.strings.substr(image_bytes, 0, _EXIF_REACH)
    before = tf.strings.length(tf.strings.split(head, "Exif\0\0", maxsplit=1)[0])
    segment = tf.strings.substr(image_bytes, tf.maximum(before - 4, 0), 2 + 2**16)

    def orientation():
        digits = _digits(segment)
        return _orientation_in_tiff(digits[10 : 2 + _number(digits[2:4], big_endian=True)])

    return tf.cond(_starts_with(segment, b"\xff\xe1"), orientation, lambda: tf.constant(1))


def _png_orientation(image_bytes) -> tf.Tensor:
    """The same of a PNG's chunk `eXIf`, which holds TIFF alone; its length stands before it.

    The chunk may stand behind the pixels.
    """
    parts = tf.strings.split(image_bytes, "eXIf", maxsplit=1)
    before = tf.strings.length(parts[0])

    def orientation():
        length = _number(_digits(tf.strings.substr(image_bytes, before - 4, 4)), big_endian=True)
        return _orientation_in_tiff(_digits(parts[1])[: tf.minimum(length, 2**16)])

    return tf.cond(tf.size(parts) > 1, orientation, lambda: tf.constant(1))


def _digits(text) -> tf.Tensor:
    return tf.cast(tf.io.decode_raw(text, tf.uint8), tf.int64)


def _orientation_in_tiff(tiff) -> tf.Tensor:
    """The orientation in TIFF's first directory; nothing behind the end of `tiff` is read.

    `<int64>[bytes]`: the byte order `II` or `MM`, 42, the offset of the directory; that is the
    number of its entries, then for each of them 12 bytes: tag, type, count, value.
    """
    big_endian = tf.reduce_all(tiff[:2] == ord("M"))
    directory = _number(tiff[4:8], big_endian)
    count = _number(tiff[directory : directory + 2], big_endian)
    entries = tiff[directory + 2 : directory + 2 + 12 * count]
    entries = tf.reshape(entries[: tf.size(entries) // 12 * 12], [-1, 12])
    is_orientation = (
        (_number(entries[:, :2], big_endian) == 0x0112)
        & (_number(entries[:, 2:4], big_endian) == 3)  # the type: 16 bits
        & (_number(entries[:, 4:8], big_endian) == 1)  # how many values
    )
    values = tf.boolean_mask(_number(entries[:, 8:10], big_endian), is_orientation)
    value = tf.concat([values, [1]], 0)[0]
    return tf.cast(tf.where((value >= 1) & (value <= 8), value, 1), tf.int32)


def _number(digits, big_endian) -> tf.Tensor:
    """`<int64>[..., bytes]` to the numbers `<int64>[...]` that the bytes write."""
    powers = 256 ** tf.range(tf.shape(digits, tf.int64)[-1])
    return tf.reduce_sum(digits * tf.where(big_endian, powers[::-1], powers), axis=-1)


def turn_upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Undoes the EXIF orientation of `[height, width, 3]`: 5 to 8 swap the axes, then either one
    may run backwards."""

    def turn():
        swapped = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
        backwards = tf.constant(
            [[1, 1], [1, 1], [1, -1], [-1, -1], [-1, 1], [1, 1], [1, -1], [-1, -1], [-1, 1]]
        )
        rows, columns = tf.unstack(backwards[orientation])
        return swapped[::rows, ::columns]

    return tf.cond(orientation > 1, turn, lambda: image)
