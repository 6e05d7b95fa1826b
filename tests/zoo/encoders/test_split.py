"""An encoder in two parts is the encoder, and only what should learn learns."""

import keras
import numpy as np
import pytest

from zoo.encoders import build_encoder, learn, split_encoder


@pytest.fixture(scope="module")
def lite():
    encoder = build_encoder("efficientnet_lite0", image_size=64, weights=None)
    encoder.trainable = False
    return encoder


def test_the_parts_in_turn_give_what_the_whole_gives(lite):
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    trunk, top = split_encoder(lite, "block5c_add")
    cells = trunk(images)
    assert cells.shape == (2, 16, 112)
    np.testing.assert_allclose(top(cells), lite(images), rtol=1e-5, atol=1e-5)


def test_fine_tuning_leaves_batch_normalisation_and_the_trunk_alone(lite):
    trunk, top = split_encoder(lite, "block5c_add")
    learn(top, True)
    learnt = [variable.path for variable in top.trainable_variables]
    assert learnt
    assert not [path for path in learnt if "_bn" in path]
    assert not trunk.trainable_variables
    statistics = [keras.ops.convert_to_numpy(v) for v in top.non_trainable_variables]
    top(np.random.default_rng(0).normal(size=(2, 16, 112)), training=True)
    for before, variable in zip(statistics, top.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(before, keras.ops.convert_to_numpy(variable))
    learn(top, False)
    assert not top.trainable_variables


def test_a_layer_that_is_not_there_is_named_with_its_neighbours(lite):
    with pytest.raises(ValueError, match=r"such as .*'block5c_add'.*Got 'block5c_ad'"):
        split_encoder(lite, "block5c_ad")


def test_a_layer_without_a_grid_is_an_error():
    encoder = build_encoder("small_cnn", image_size=16, weights=None)
    last = encoder.layers[-1]
    assert isinstance(last, keras.layers.Reshape)
    with pytest.raises(ValueError, match=r"must give \[batch, rows"):
        split_encoder(encoder, last.name)
