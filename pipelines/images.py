"""Image files to squares of pixels: the transform that training and exported graphs share.

Core TensorFlow operations alone, so that the exported model needs nothing but TensorFlow, and is
served the pixels that it was trained on. `datasets.images` says which files can be read.
"""

import tensorflow as tf

from datasets.images import decode_stored, turn_upright

PARALLEL_CALLS = 8  # images decoded at the same time: bounds the memory that a batch can take


@tf.function(reduce_retracing=True)
def decode_batch(image_bytes: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a batch and resizes each image to a square; a bad element never raises.

    The whole image is squashed to the square, bilinear with antialiasing: the aspect is not kept
    and nothing is cropped, because captions speak of all that is in the picture and the encoders
    were measured so.

    An element that `decode_image` would refuse gives zeros and `valid` False, and leaves its
    neighbours as they are:

        decode_batch(tf.constant([jpeg, b"", png]), 224)
            ->  images [3, 224, 224, 3], valid [True, False, True]

    Args:
      image_bytes: `<string>[batch]`, each one a whole file; the batch may be empty.
      size: edge of the square, in pixels.

    Returns:
      images: `<float32>[batch, size, size, 3]` in 0..255.
      valid: `<bool>[batch]`.

    Raises:
      ValueError: `size` is not a positive integer.
    """
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"`size` must be a positive integer. Got {size!r}.")
    image_bytes = tf.ensure_shape(tf.convert_to_tensor(image_bytes, tf.string), [None])
    count = tf.size(image_bytes, out_type=tf.int64)

    def decode(index, one):
        return index, _decode_to_square(one, size)

    # Decoding raises and a graph cannot catch, but a tf.data pipeline inside the graph can:
    # `ignore_errors` drops the bad elements, each good one carries its own place, and one more
    # element behind the last keeps the batch from being empty.
    decoded = (
        tf.data.Dataset.from_tensor_slices((tf.range(count), image_bytes))
        .map(decode, num_parallel_calls=PARALLEL_CALLS)
        .ignore_errors()
        .concatenate(tf.data.Dataset.from_tensors((count, tf.zeros([size, size, 3]))))
    )
    places, images = decoded.batch(count + 1).get_single_element()
    places = places[:, tf.newaxis]
    images = tf.scatter_nd(places, images, tf.stack([count + 1, size, size, 3]))[:-1]
    valid = tf.scatter_nd(places, tf.ones_like(places[:, 0], tf.bool), [count + 1])[:-1]
    batch = image_bytes.shape[0]
    return tf.ensure_shape(images, [batch, size, size, 3]), tf.ensure_shape(valid, [batch])


def _decode_to_square(image_bytes, size: int) -> tf.Tensor:
    """`<float32>[size, size, 3]`, turned after resizing: on a square the two commute."""
    pixels, orientation = decode_stored(image_bytes)
    square = tf.image.resize(pixels, [size, size], method="bilinear", antialias=True)
    return turn_upright(square, orientation)
