"""Image encoders: `<float32>[batch, size, size, 3]`, RGB in 0..255, to a grid of features."""

import difflib
import hashlib
import inspect

import keras
from keras import layers

from zoo.checks import check, check_integers
from zoo.encoders.efficientnet_lite import LITES, TOPS, build_classifier, build_efficientnet_lite
from zoo.encoders.small_cnn import build_small_cnn

__all__ = [
    "build_classifier",
    "build_encoder",
    "learn",
    "split_encoder",
    "weights_digest",
]


def build_encoder(
    name: str = "efficientnet_lite0",
    *,
    image_size: int | None = None,
    weights: str | None = "imagenet",
    top: str = TOPS[0],
) -> keras.Model:
    """An image encoder by name, its own preprocessing inside.

    Args:
        name: "efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2" (weights from an
            installed package), "small_cnn" (to be trained; weights=None), or a network of
            `keras.applications` by its class name, such as "ResNet50" (Keras downloads weights).
        image_size: pixels of a side. None: 224, 240, 260 for Lite0, 1, 2; 64 for "small_cnn"; 224
            otherwise.
        weights: "imagenet", or None for random ones.
        top: EfficientNet-Lite only: "head_conv" (1280 channels) or "block_output" (320; Lite2:
            352).

    Returns:
        A functional model from `<float32>[batch, image_size, image_size, 3]`, RGB in 0..255, to
        `<float32>[batch, cells, channels]`: the grid's cells row by row, the first at the top left.

    Raises:
        ValueError: an argument is unknown or does not fit the network.
        ImportError: the package that carries the weights is not installed.
    """
    if image_size is not None:
        check_integers(image_size=image_size)
    check("weights", 'be "imagenet" or None', repr(weights), weights in ("imagenet", None))
    if name in LITES:
        return build_efficientnet_lite(name, image_size=image_size, weights=weights, top=top)
    check("top", f"be {TOPS[0]} for all but EfficientNet-Lite", repr(top), top == TOPS[0])
    if name == "small_cnn":
        check("weights", "be None for small_cnn", repr(weights), weights is None)
        return build_small_cnn(image_size or 64)
    return _build_application(name, image_size or 224, weights)


def split_encoder(encoder: keras.Model, layer: str) -> tuple[keras.Model, keras.Model]:
    """Cuts an encoder in two behind a layer: what stays frozen, and what is to be fine-tuned.

    Args:
        encoder: from `build_encoder`.
        layer: name of the last layer of the first part, such as "block5d_add" of
            EfficientNet-Lite2 (17 x 17 cells of 120 channels for images of 260 pixels). All paths
            of the network must go through it.

    Returns:
        trunk: images -> `<float32>[batch, cells, channels]`, the layer's grid row by row.
        top: that grid -> the encoder's output; see `learn`.

    Raises:
        ValueError: the encoder has no such layer, or it does not give a grid.
    """
    names = [member.name for member in encoder.layers]
    near = difflib.get_close_matches(layer, names)
    check("layer", f"name a layer of {encoder.name}, such as {near}", repr(layer), layer in names)
    grid = encoder.get_layer(layer).output
    check("layer", "give [batch, rows, columns, channels]", repr(layer), len(grid.shape) == 4)
    cells = layers.Reshape((-1, grid.shape[-1]), name="trunk_cells")(grid)
    trunk = keras.Model(encoder.input, cells, name=f"{encoder.name}_trunk")
    inputs = keras.Input(cells.shape[1:], name="trunk_cells")
    rest = keras.Model(grid, encoder.output, name=f"{encoder.name}_rest")
    outputs = rest(layers.Reshape(grid.shape[1:], name="trunk_grid")(inputs))
    return trunk, keras.Model(inputs, outputs, name=f"{encoder.name}_top")


def learn(top: keras.Model, on: bool) -> None:
    """Sets whether the weights of a pretrained encoder, or of its top, learn.

    Batch normalisation stays as it is even then: the statistics of a few small batches would undo
    what was learnt from a million images.
    """
    # One by one: setting it on a model does not reach what was frozen before the model was made.
    for member in top._flatten_layers():
        member.trainable = on and not isinstance(member, layers.BatchNormalization)


def weights_digest(model: keras.Model) -> str:
    """16 hex digits of the sha256 over every weight's name, shape, dtype and bytes, in order.

    The same in each process and on each backend. Keras numbers unnamed layers by how many the
    process has built, so only the weights' own names ("kernel", "gamma") count. It tells nothing of
    what is not a weight, the image size for one: a cache key needs those beside it.
    """
    digest = hashlib.sha256()
    for weight in model.weights:
        value = keras.ops.convert_to_numpy(weight)
        digest.update(f"{weight.name} {value.shape} {value.dtype}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()[:16]


def _build_application(name: str, image_size: int, weights: str | None) -> keras.Model:
    applications = dict(inspect.getmembers(keras.applications, inspect.isfunction))
    known = {known.lower(): known for known in (*LITES, "small_cnn", *applications)}
    nearest = difflib.get_close_matches(str(name).lower(), known, n=1, cutoff=0.0)[0]
    rule = f"be an encoder that exists, such as the nearest name {known[nearest]!r}"
    check("name", rule, repr(name), name in applications)
    build = applications[name]
    inputs = keras.Input((image_size, image_size, 3), name="image")
    network = build(include_top=False, weights=weights, input_shape=inputs.shape[1:])
    x = network(inspect.getmodule(build).preprocess_input(inputs))
    outputs = layers.Reshape((-1, x.shape[-1]), name="cells")(x)
    return keras.Model(inputs, outputs, name=f"{name}_encoder")
