"""Images as pixels and as cached features, from the demo data."""

from dataclasses import replace

import numpy as np
import pytest

from datasets.captioning import load
from pipelines.captioning.flags import Train
from pipelines.captioning.image_inputs import Encoders, build_encoders, open_inputs
from pipelines.images import decode_batch
from zoo.encoders import build_encoder

SIZE, COUNT = 16, 20
KEY = {"files": "the demo's"}


@pytest.fixture(scope="module")
def flags(tmp_path_factory) -> Train:
    cache = tmp_path_factory.mktemp("cache")
    return Train(limit=COUNT, image_size=SIZE, cache_dir=cache, train_encoder=False)


@pytest.fixture(scope="module")
def records():
    return load("demo", "train", limit=COUNT)


@pytest.fixture(scope="module")
def pixels(records) -> np.ndarray:
    """The images, decoded once more."""
    files = [record["image_bytes"] for record in records.as_numpy_iterator()]
    return decode_batch(files, SIZE)[0].numpy()


@pytest.fixture(scope="module")
def encoder():
    encoder = build_encoder("small_cnn", image_size=SIZE, weights=None)
    rng = np.random.default_rng(0)
    for weight in encoder.trainable_weights:  # its first weights come from the clock
        weight.assign(rng.normal(scale=0.2, size=weight.shape))
    return encoder


@pytest.fixture
def opened(flags, records):
    """Encoders -> the training images as they read them."""

    def opened(encoders, key=KEY, count=COUNT, split="train", **changes):
        given = replace(flags, **changes)
        return open_inputs(given, split, key, lambda: records, count, encoders)

    return opened


def test_pixels(opened, pixels, encoder):
    inputs = opened(Encoders(None, encoder))
    assert inputs.shape == (SIZE, SIZE, 3)
    rows = np.array([3, 0, 19, 3])
    images = inputs.read(rows)["images"]
    assert images.dtype == np.float32
    assert images.max() > 1  # 0..255, as encoders read them
    np.testing.assert_allclose(images, pixels[rows], rtol=0, atol=1)  # kept as 8 bits


def test_pixels_mirrored(opened, encoder):
    inputs = opened(Encoders(None, encoder))
    check_mirrored(inputs, lambda image: image[:, :, ::-1])


def test_features(opened, pixels, encoder):
    inputs = opened(Encoders(encoder, None))
    assert inputs.shape == (4, 128)
    rows = np.array([3, 0, 19, 3])
    features = inputs.read(rows)["features"]
    assert features.dtype == np.float32
    expected = encoder(pixels[rows], training=False)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(features, expected, rtol=2e-3, atol=1e-3)  # kept in 16 bits


def test_features_mirrored(opened, pixels, encoder):
    inputs = opened(Encoders(encoder, None), flip=True)
    mirrored = encoder(pixels[:, :, ::-1], training=False).numpy()
    check_mirrored(inputs, lambda features: mirrored)


def test_dev_images_are_never_mirrored(opened, encoder):
    inputs = opened(Encoders(encoder, None), split="dev", flip=True)
    assert set(inputs.store.columns) == {"plain"}


def check_mirrored(inputs, mirror):
    """The images that are named are mirrored, the others are not."""
    rows = np.arange(COUNT)
    plain = inputs.read(rows)[inputs.name]
    chosen = np.random.default_rng(0).random(COUNT) < 0.5
    some = inputs.read(rows, chosen)[inputs.name]
    np.testing.assert_array_equal(some[~chosen], plain[~chosen])
    np.testing.assert_allclose(some[chosen], mirror(plain)[chosen], rtol=2e-3, atol=1e-3)
    assert (some != plain)[chosen].reshape(chosen.sum(), -1).any(axis=1).all()
    np.testing.assert_array_equal(inputs.read(rows)[inputs.name], plain)  # nothing was written to
    none = inputs.read(rows, np.zeros(COUNT, bool))[inputs.name]
    np.testing.assert_array_equal(none, plain)


class Untouched:
    """An encoder that must not be called."""

    def __init__(self, encoder):
        self.weights, self.output_shape = encoder.weights, encoder.output_shape

    def predict_on_batch(self, images):
        raise RuntimeError("The features were computed again.")


def test_features_are_computed_once_for_the_same_data_and_weights(opened, encoder):
    first = opened(Encoders(encoder, None))
    untouched = Encoders(Untouched(encoder), None)
    again = opened(untouched)
    rows = np.arange(COUNT)
    np.testing.assert_array_equal(first.read(rows)["features"], again.read(rows)["features"])
    for change in ({"key": {"files": "others"}}, {"split": "dev2"}, {"image_size": 8}):
        with pytest.raises(RuntimeError, match="computed again"):
            opened(untouched, **change)
    kernel = encoder.weights[0]
    before = kernel.numpy()
    kernel.assign(before * 1.01)
    try:
        with pytest.raises(RuntimeError, match="computed again"):
            opened(untouched)
    finally:
        kernel.assign(before)


def test_records_are_not_loaded_where_the_cache_has_their_images(flags, opened, encoder):
    opened(Encoders(None, encoder))

    def never():
        raise RuntimeError("The records were loaded again.")

    open_inputs(flags, "train", KEY, never, COUNT, Encoders(None, encoder))


@pytest.mark.parametrize(("value", "told"), [(np.nan, "nan"), (7e4, "inf"), (-np.inf, "-inf")])
def test_features_that_16_bits_cannot_hold_are_refused(opened, encoder, value, told):
    class Broken(Untouched):
        def predict_on_batch(self, images):
            return np.full((len(images), 4, 128), value, np.float32)

    with pytest.raises(ValueError, match=rf"finite numbers, of float16 up to 65504. Got {told}"):
        opened(Encoders(Broken(encoder), None), key={"files": told})


def test_another_number_of_images_than_of_captions_is_refused(opened, encoder):
    with pytest.raises(ValueError, match=f"must hold {COUNT + 1} records. Got {COUNT}."):
        opened(Encoders(None, encoder), key={"files": "fewer"}, count=COUNT + 1)


def test_encoders_of_a_run(flags):
    encoders = build_encoders(replace(flags, train_encoder=True))
    assert encoders.frozen is None
    assert encoders.learnt.trainable_weights
    assert encoders.learnt.output_shape == (None, 4, 128)
    assert encoders.input_shape() == {"images": (SIZE, SIZE, 3)}
    encoders = build_encoders(replace(flags, encoder="efficientnet_lite0", image_size=32))
    assert encoders.learnt is None
    assert not encoders.frozen.trainable_weights
    assert encoders.input_shape() == {"features": (1, 1280)}


def test_first_part_is_cached_and_the_second_makes_features_of_it(flags, opened, pixels):
    """For fine-tuning: what the cache holds, through the rest, is what the whole encoder gives."""
    encoders = build_encoders(replace(flags, fine_tune_from="stage2b_relu"))
    inputs = opened(encoders, fine_tune_from="stage2b_relu", flip=True)
    assert encoders.input_shape() == {"images": inputs.shape} == {"images": (16, 64)}
    rows = np.array([3, 0, 19])
    grid = inputs.read(rows)["images"]
    whole = encoders.whole()(pixels[rows], training=False)
    assert np.abs(whole).max() > 0.1
    np.testing.assert_allclose(encoders.learnt(grid, training=False), whole, rtol=2e-3, atol=2e-3)
    encoder = Encoders(encoders.whole(), None).whole()
    np.testing.assert_array_equal(encoder(pixels[rows], training=False), whole)
