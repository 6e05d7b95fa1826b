"""Images as pixels and as cached features, from the demo data."""

from dataclasses import replace

import numpy as np
import pytest

from datasets.captioning import load
from datasets.captioning.images import decode_batch
from pipelines.captioning import inputs
from pipelines.captioning.flags import Evaluate, Train
from zoo.encoders import build_encoder

SIZE, COUNT = 16, 20


@pytest.fixture(scope="module")
def flags(tmp_path_factory) -> Train:
    cache = tmp_path_factory.mktemp("cache")
    return Train(limit=COUNT, image_size=SIZE, cache_dir=cache, train_encoder=False)


@pytest.fixture(scope="module")
def split(flags) -> inputs.Split:
    return inputs.read_split(flags, "train")


@pytest.fixture(scope="module")
def pixels(split) -> np.ndarray:
    """The images, decoded once more."""
    files = [element["image_bytes"] for element in split.images.as_numpy_iterator()]
    return decode_batch(files, SIZE)[0].numpy()


@pytest.fixture(scope="module")
def encoder():
    encoder = build_encoder("small_cnn", image_size=SIZE, weights=None)
    rng = np.random.default_rng(0)
    for weight in encoder.trainable_weights:  # its first weights come from the clock
        weight.assign(rng.normal(scale=0.2, size=weight.shape))
    return encoder


def test_split_has_names_and_captions_in_the_order_of_the_images(flags, split):
    elements = list(load("demo", "train", size=COUNT).as_numpy_iterator())
    assert split.ids == [element["image_id"].decode() for element in elements]
    assert split.captions == [[c.decode() for c in e["captions"]] for e in elements]
    assert len(split.ids) == COUNT
    same = inputs.read_split(Evaluate(dataset="demo", limit=COUNT), "train")
    assert (same.ids, same.captions) == (split.ids, split.captions)
    assert inputs.read_split(flags, "dev").ids != split.ids


def test_pixels(flags, split, pixels, encoder):
    found = inputs.open_inputs(flags, split, inputs.Encoders(None, encoder))
    assert found.shape == {"images": (SIZE, SIZE, 3)}
    rows = np.array([3, 0, 19, 3])
    images = found.read(rows, None)["images"]
    assert images.dtype == np.float32
    assert images.max() > 1  # 0..255, as encoders read them
    np.testing.assert_allclose(images, pixels[rows], rtol=0, atol=1)  # kept as 8 bits


def test_pixels_mirrored(flags, split, encoder):
    plain = inputs.open_inputs(flags, split, inputs.Encoders(None, encoder))
    found = inputs.open_inputs(flags, split, inputs.Encoders(None, encoder), flip=True)
    check_mirrored(plain, found, "images", lambda image: image[:, ::-1])


def test_features(flags, split, pixels, encoder):
    found = inputs.open_inputs(flags, split, inputs.Encoders(encoder, None))
    assert found.shape == {"features": (4, 128)}
    rows = np.array([3, 0, 19, 3])
    features = found.read(rows, None)["features"]
    assert features.dtype == np.float32
    expected = encoder(pixels[rows], training=False)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(features, expected, rtol=2e-3, atol=1e-3)  # kept in 16 bits


def test_features_mirrored(flags, split, pixels, encoder):
    plain = inputs.open_inputs(flags, split, inputs.Encoders(encoder, None))
    found = inputs.open_inputs(flags, split, inputs.Encoders(encoder, None), flip=True)
    mirrored = encoder(pixels[:, :, ::-1], training=False).numpy()
    names = {
        row.tobytes(): i for i, row in enumerate(plain.read(np.arange(COUNT), None)["features"])
    }
    assert len(names) == COUNT
    check_mirrored(plain, found, "features", lambda row: mirrored[names[row.tobytes()]])


def check_mirrored(plain, found, name, mirror):
    """About half of what is read with a generator is mirrored, all else is not."""
    rows = np.tile(np.arange(COUNT), 5)
    before = plain.read(rows, None)[name]
    np.testing.assert_array_equal(found.read(rows, None)[name], before)
    np.testing.assert_array_equal(plain.read(rows, np.random.default_rng(0))[name], before)
    after = found.read(rows, np.random.default_rng(0))[name]
    same = np.array([np.array_equal(a, b) for a, b in zip(before, after, strict=True)])
    assert 25 < same.sum() < 75
    for old, new in zip(before[~same], after[~same], strict=True):
        np.testing.assert_allclose(new, mirror(old), rtol=2e-3, atol=1e-3)
    again = found.read(rows, np.random.default_rng(0))[name]
    np.testing.assert_array_equal(again, after)
    np.testing.assert_array_equal(found.read(rows, None)[name], before)  # nothing was written to


class Untouched:
    """An encoder that must not be called."""

    def __init__(self, encoder):
        self.variables = self.weights = encoder.weights

    def __call__(self, images, training):
        raise RuntimeError("The features were computed again.")


def test_features_are_computed_once_for_the_same_data_and_weights(flags, split, encoder):
    first = inputs.open_inputs(flags, split, inputs.Encoders(encoder, None))
    again = inputs.open_inputs(flags, split, inputs.Encoders(Untouched(encoder), None))
    rows = np.arange(COUNT)
    np.testing.assert_array_equal(
        first.read(rows, None)["features"], again.read(rows, None)["features"]
    )
    fewer = inputs.read_split(replace(flags, limit=COUNT - 1), "train")
    with pytest.raises(RuntimeError, match="computed again"):
        inputs.open_inputs(flags, fewer, inputs.Encoders(Untouched(encoder), None))
    kernel = encoder.weights[0]
    before = kernel.numpy()
    kernel.assign(before * 1.01)
    try:
        with pytest.raises(RuntimeError, match="computed again"):
            inputs.open_inputs(flags, split, inputs.Encoders(Untouched(encoder), None))
    finally:
        kernel.assign(before)


def test_encoders_of_a_run(flags):
    frozen, learnt = inputs.build_encoders(replace(flags, train_encoder=True))
    assert frozen is None
    assert learnt.trainable_weights
    assert learnt.output_shape == (None, 4, 128)
    frozen, learnt = inputs.build_encoders(
        replace(flags, encoder="efficientnet_lite0", image_size=32)
    )
    assert learnt is None
    assert not frozen.trainable_weights
    assert frozen.output_shape == (None, 1, 1280)


def test_first_part_is_cached_and_the_second_makes_features_of_it(flags, split, pixels):
    """For fine-tuning: what the cache holds, through the rest, is what the whole encoder gives."""
    encoders = inputs.build_encoders(replace(flags, fine_tune_from="stage2b_relu"))
    found = inputs.open_inputs(
        replace(flags, fine_tune_from="stage2b_relu"), split, encoders, flip=True
    )
    assert found.shape == {"images": (16, 64)}
    rows = np.array([3, 0, 19])
    grid = found.read(rows, None)["images"]
    whole = encoders.whole()(pixels[rows], training=False)
    assert np.abs(whole).max() > 0.1
    np.testing.assert_allclose(encoders.learnt(grid, training=False), whole, rtol=2e-3, atol=2e-3)
    encoder = inputs.Encoders(encoders.whole(), None).whole()
    np.testing.assert_array_equal(encoder(pixels[rows], training=False), whole)
