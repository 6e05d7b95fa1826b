"""The small network: where its cells look, and that it learns."""

import keras
import numpy as np
import pytest

from zoo.encoders.small_cnn import build_small_cnn


@pytest.mark.parametrize(("size", "side"), [(64, 8), (96, 12), (60, 8)])
def test_shapes(size, side):
    model = build_small_cnn(size)
    assert model.input_shape == (None, size, size, 3)
    assert model.output_shape == (None, side * side, 128)


@pytest.mark.parametrize(
    ("row", "column"), [(0, 7), (7, 0), (0, 0), (7, 7), (3, 5)], ids=lambda cell: str(cell)
)
def test_a_spot_lights_its_own_cell(row, column):
    """Cells are flattened row by row: cell = row * 8 + column."""
    model = build_small_cnn(64)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):  # its middle alone: 2x2 of 4x4, 1 of 3x3
            middle = np.zeros(layer.kernel.shape)
            middle[1:-1, 1:-1] = 1
            layer.kernel.assign(middle)
    image = np.zeros((1, 64, 64, 3), "float32")
    image[:, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 255
    lit = keras.ops.convert_to_numpy(model(image)).any(-1)[0]
    assert np.flatnonzero(lit).tolist() == [row * 8 + column]


def test_a_cell_sees_50_pixels_around_its_own():
    model = build_small_cnn(96)
    row, column = 4, 6
    images = np.zeros((97, 96, 96, 3), "float32")
    for x in range(96):
        images[x, :, x] = 255
    # One by one: an image's place in its batch may decide how its convolutions are rounded.
    features = model.predict(images, batch_size=1, verbose=0)[:, row * 12 + column]
    seen = np.flatnonzero(np.abs(features[:96] - features[96]).max(-1))
    assert (seen.min(), seen.max()) == (8 * column - 21, 8 * column + 28)


def test_it_learns_where_a_square_is():
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 4, 96)
    images = rng.uniform(0, 60, (96, 64, 64, 3)).astype("float32")
    for image, where in zip(images, corner, strict=True):
        y, x = 32 * (where // 2) + rng.integers(0, 20), 32 * (where % 2) + rng.integers(0, 20)
        image[y : y + 12, x : x + 12] = 255
    encoder = build_small_cnn(64)
    logits = keras.layers.Dense(4)(keras.layers.Flatten()(encoder.output))
    model = keras.Model(encoder.input, logits)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    model.fit(images[:64], corner[:64], batch_size=16, epochs=6, verbose=0)
    accuracy = model.evaluate(images[64:], corner[64:], verbose=0)[1]
    assert accuracy >= 0.9
