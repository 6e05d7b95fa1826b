"""Clips to frames: the graph's functions against the loader's; what training does to them."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from datasets.actions import sample_places
from datasets.actions.clips import fit as loaders_fit
from pipelines.action_recognition import data, frame_encoder
from pipelines.action_recognition.augmentation import Augmentation, turned, warped
from pipelines.action_recognition.data import (
    encode_split,
    fit,
    inputs_of,
    is_grey,
    places,
    watch,
)
from pipelines.action_recognition.flags import Train
from tests.pipelines.action_recognition.small import clip_of, small_encoder, write_folder

NONE = {"warp": 0.0, "shift": 0.0, "brightness": 0.0, "rotation": 0.0, "stretch": 0.0}
NONE |= {"noise": 0.0, "hidden": 0.0, "shuffled": False}
ALL = {"warp": 0.4, "shift": 0.2, "brightness": 0.3, "rotation": 60.0, "stretch": 0.2}
ALL |= {"noise": 0.05, "hidden": 0.3, "shuffled": False}


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 16, 100, 15_000])
def test_places_are_the_loaders(count):
    np.testing.assert_array_equal(places(tf.constant(count), 8), sample_places(count, 8))


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (16, 16), (7, 90), (1, 3)])
def test_frames_are_fitted_as_the_loader_fits_them(shape):
    rng = np.random.default_rng(0)
    smooth = rng.integers(0, 256, (3, 2, 2, 3)).astype("float32")
    frames = tf.image.resize(smooth, shape).numpy().astype(np.uint8)
    fitted = fit(tf.constant(frames), 16).numpy().astype(int)
    for frame, own in zip(frames, fitted, strict=True):
        assert np.abs(own - loaders_fit(frame, 16)).max() <= 1


def test_a_clip_is_watched_evenly_and_the_rate_does_not_matter():
    clip = clip_of("right", frames=40)
    watched = watch(tf.constant(clip), 8, 16).numpy()
    np.testing.assert_array_equal(watched, clip[sample_places(40, 8)])
    slow = np.repeat(clip, 3, axis=0)
    again = watch(tf.constant(slow), 8, 16).numpy()
    np.testing.assert_array_equal(again, watched)
    joints = np.arange(40 * 4 * 3, dtype=np.float32).reshape(40, 4, 3)
    np.testing.assert_array_equal(watch(tf.constant(joints), 8, 0), joints[sample_places(40, 8)])


def test_shuffled_frames_are_the_same_in_another_order():
    joints = np.arange(8 * 4 * 3, dtype=np.float32).reshape(8, 4, 3)
    shuffled = watch(tf.constant(joints), 8, 0, shuffled=True).numpy()
    assert (shuffled != joints).any()
    np.testing.assert_array_equal(shuffled[shuffled[:, 0, 0].argsort()], joints)


def test_grey_is_told_from_colour_however_much_of_it_is_black():
    grey = np.repeat(clip_of("left")[..., :1], 3, axis=3)
    assert bool(is_grey(tf.constant(grey)))
    coloured = np.zeros((8, 16, 16, 3), np.uint8)
    coloured[0, :2, :2] = (200, 120, 90)
    assert not bool(is_grey(tf.constant(coloured)))


def test_clips_are_padded_on_the_right():
    inputs = inputs_of([clip_of("left", frames=3), clip_of("left", frames=5)], 6, (16, 16, 3))
    assert inputs["frames"].shape == (2, 6, 16, 16, 3)
    assert inputs["lengths"].tolist() == [3, 5]
    assert not inputs["frames"][0, 3:].any()


# Features of a frozen encoder.


@pytest.fixture
def encoded(tmp_path, monkeypatch):
    """Seed of an encoder's weights -> a split's store."""
    folder = write_folder(tmp_path / "clips", {"train": 4, "dev": 2, "test": 2})
    flags = Train(dataset="folder", data_dir=folder, frames=6, size=16, encoder="small")
    flags = replace(flags, cache_dir=tmp_path / "cache")

    def encoded(seed=0):
        frame_encoder.frame_encoder.cache_clear()
        encoder = small_encoder(seed)
        monkeypatch.setattr(frame_encoder, "build_encoder", lambda name, image_size: encoder)
        return encode_split(flags, "train")

    yield encoded
    frame_encoder.frame_encoder.cache_clear()


def test_features_are_what_is_cached_under_the_weights(encoded, monkeypatch):
    store, other = encoded(), encoded(1)
    features = store.columns["clip"].values
    assert features.dtype == np.float16
    assert features.shape == (store.lengths("clip").sum(), 5)
    assert store.digest != other.digest
    assert (features != other.columns["clip"].values).any()

    def again(encoder, clip):
        raise RuntimeError("The features were computed again.")

    monkeypatch.setattr(data, "encode", again)
    np.testing.assert_array_equal(encoded().columns["clip"].values, features)
    with pytest.raises(RuntimeError, match="computed again"):
        encoded(2)


def test_features_are_played_otherwise_and_nothing_else():
    features = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float16)
    augmented = Augmentation(frames=8, **ALL)(features, np.random.default_rng(0))
    assert augmented.dtype == np.float16
    places = warped(20, 8, ALL["warp"], np.random.default_rng(0))
    np.testing.assert_array_equal(augmented, features[places])


# Augmentation.


def test_without_augmentation_a_clip_is_as_the_exported_model_watches_it():
    clip = clip_of("left", frames=20)
    augment = Augmentation(frames=8, **NONE)
    np.testing.assert_array_equal(
        augment(clip, np.random.default_rng(0)), clip[sample_places(20, 8)]
    )
    joints = np.random.default_rng(0).normal(size=(20, 5, 3)).astype(np.float32)
    augmented = augment(joints, np.random.default_rng(0))
    np.testing.assert_allclose(augmented, joints[sample_places(20, 8)], atol=1e-6)


def test_time_is_warped_but_never_turned():
    for seed in range(50):
        places = warped(60, 16, 0.5, np.random.default_rng(seed))
        assert len(places) == 16
        assert (np.diff(places) >= 0).all()
        assert 0 <= places[0] < 30
        assert 20 < places[-1] < 60


def test_a_clip_is_changed_in_its_own_type_and_no_side_is_swapped():
    clip = clip_of("right", frames=20)
    augment = Augmentation(frames=8, **ALL)
    different = 0
    for seed in range(20):
        changed = augment(clip, np.random.default_rng(seed))
        assert changed.dtype == np.uint8
        assert changed.shape == (8, 16, 16, 3)
        different += (changed != clip[sample_places(20, 8)]).any()
        light = changed.astype(float).sum(axis=(1, 3)) - changed.astype(float).min() * 48
        centres = (light * np.arange(16)).sum(axis=1) / light.sum(axis=1)
        assert centres[-1] > centres[0]  # the square goes to the right still
    assert different == 20


def test_a_body_is_turned_about_the_vertical_axis():
    joints = np.random.default_rng(0).normal(size=(6, 5, 3)).astype(np.float32)
    rotated = turned(joints, 180.0, 0.0, np.random.default_rng(1))
    np.testing.assert_allclose(rotated[..., 1], joints[..., 1], atol=1e-5)
    between = [np.linalg.norm(x[:, :1] - x, axis=-1) for x in (joints, rotated)]
    np.testing.assert_allclose(*between, rtol=1e-4)
    assert np.abs(rotated - joints).max() > 0.1
