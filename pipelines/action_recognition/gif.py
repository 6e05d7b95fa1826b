"""GIF files to frames inside the graph: what a file holds is bounded before it is decoded.

Core TensorFlow operations alone. TensorFlow's decoder gives half of a file that is cut off without
an error, and takes memory for whatever sizes a file speaks of. So a file is walked through block by
block first (GIF89a, CompuServe 1990): it must end in its trailer, and the areas of its frames must
sum to no more than `MOST_PIXELS`.
"""

from collections.abc import Callable

import tensorflow as tf

LARGEST = 2**25  # bytes of a file
MOST_PIXELS = 2**26  # of all frames together: 192 MiB
PARALLEL_CALLS = 2  # files decoded at the same time: bounds the memory that a batch can take
EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B  # what a block begins with


def pixels_of(contents: tf.Tensor) -> tf.Tensor:
    """Pixels of all frames of a GIF, `<int64>[]`; 0 of what is none, is cut off, or is too large.

    Of a frame the larger of its own area and the canvas' counts, as the decoder has memory for
    both.

    Args:
        contents: `<string>[]`, a file.
    """
    size = tf.strings.length(contents)
    start = tf.strings.substr(contents, 0, 6)
    named = (start == b"GIF87a") | (start == b"GIF89a")
    walk = named & (size >= 14) & (size <= LARGEST)
    return tf.cond(walk, lambda: _walk(contents), lambda: tf.constant(0, tf.int64))


def _walk(contents: tf.Tensor) -> tf.Tensor:
    size = tf.strings.length(contents)
    # Zeros behind the end, so that each field of a file that is cut off can be read.
    data = tf.pad(tf.cast(tf.io.decode_raw(contents, tf.uint8), tf.int32), [[0, 16]])

    def number(place):
        return tf.cast(data[place] + 256 * data[place + 1], tf.int64)

    def colours(place):  # bytes of the table that a packed field speaks of
        flags = data[place]
        return tf.where(flags >= 128, 3 * tf.bitwise.left_shift(2, flags & 7), 0)

    canvas = number(6) * number(8)

    def block(place, pixels, done):
        """Goes on by one extension or image; `done` where there is none."""
        kind = data[place]
        image = kind == IMAGE
        area = tf.maximum(number(place + 5) * number(place + 7), canvas)
        head = tf.where(image, 11 + colours(place + 9), 2)
        known = image | (kind == EXTENSION)
        behind = tf.cond(known, lambda: _behind(data, place + head, size), lambda: place)
        pixels += tf.where(image, area, 0)
        return behind, pixels, ~known | (behind >= size) | (pixels > MOST_PIXELS)

    first = 13 + colours(10)
    place, pixels, _ = tf.while_loop(
        lambda place, pixels, done: ~done,
        block,
        (first, tf.constant(0, tf.int64), first >= size),
    )
    whole = (place < size) & (data[tf.minimum(place, size)] == TRAILER) & (pixels <= MOST_PIXELS)
    return tf.where(whole, pixels, 0)


def _behind(data: tf.Tensor, place: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """The place behind a chain of sub-blocks, each of which begins with its length; 0 ends it."""
    last = tf.while_loop(
        lambda place: (place < size) & (data[tf.minimum(place, size)] > 0),
        lambda place: (place + 1 + data[place],),
        (place,),
    )
    return last[0] + 1


def decode_batch(
    contents: tf.Tensor, prepare: Callable[[tf.Tensor], tf.Tensor], frames: int, size: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a batch of GIFs; a bad element never raises and leaves its neighbours as they are.

    Args:
        contents: `<string>[batch]`, each a whole file; the batch may be empty.
        prepare: `<uint8>[time, height, width, 3]` -> `<uint8>[at most frames, size, size, 3]`.
        frames, size: of what it gives.

    Returns:
        `<uint8>[batch, frames, size, size, 3]`, filled up with zeros, and lengths `<int32>[batch]`;
        0 of a file that cannot be read.
    """
    count = tf.size(contents, out_type=tf.int64)

    def decode(index, one):
        clip = prepare(tf.io.decode_gif(one))
        length = tf.shape(clip)[0]
        clip = tf.pad(clip, [[0, frames - length], [0, 0], [0, 0], [0, 0]])
        return index, tf.ensure_shape(clip, [frames, size, size, 3]), length

    # Decoding raises and a graph cannot catch, but a tf.data pipeline inside the graph can, as in
    # `pipelines.images`; one more element behind the last keeps the batch from being empty.
    blank = tf.zeros([frames, size, size, 3], tf.uint8)
    decoded = (
        tf.data.Dataset.from_tensor_slices((tf.range(count), contents))
        .filter(lambda index, one: pixels_of(one) > 0)
        .map(decode, num_parallel_calls=PARALLEL_CALLS)
        .ignore_errors()
        .concatenate(tf.data.Dataset.from_tensors((count, blank, 0)))
    )
    places, clips, lengths = decoded.batch(count + 1).get_single_element()
    shape = tf.stack([count + 1, frames, size, size, 3])
    clips = tf.scatter_nd(places[:, None], clips, shape)[:-1]
    lengths = tf.scatter_nd(places[:, None], lengths, [count + 1])[:-1]
    return clips, lengths
