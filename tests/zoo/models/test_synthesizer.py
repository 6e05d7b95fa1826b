"""The synthesizer: all steps at once and one at a time, padding, the loss, learning, stopping."""

import keras
import numpy as np
import pytest

from zoo.layers.lecture_layer import CELLS
from zoo.models.synthesizer import GUIDE_WIDTH, STOP_WEIGHT, Synthesizer

MELS, BINS, FRAMES = 3, 5, 2
SIZES = {"mels": MELS, "bins": BINS, "frames": FRAMES, "units": 4, "encoder_units": 3}
SIZES |= {"embedding_units": 4, "voice_units": 2, "attention_units": 3, "prenet_units": 4}
SIZES |= {"postnet_filters": 4}
CHARACTERS = np.array([[1, 2, 3, 4], [4, 3, 0, 0], [2, 4, 0, 0]], "int32")
LENGTHS = np.array([8, 4, 2], "int32")
VOICES = np.array([0, 1, 0], "int32")


def frames(width, seed=0):
    """Frames of the three rows, 0 behind each end."""
    values = np.random.default_rng(seed).uniform(0, 1, (3, 8, width)).astype("float32")
    return values * (np.arange(8) < LENGTHS[:, None])[..., None]


INPUTS = {"characters": CHARACTERS, "voice": VOICES, "mel": frames(MELS), "lengths": LENGTHS}


def build(**options):
    """A synthesizer whose weights all differ from each other."""
    model = Synthesizer(5, 2, **{**SIZES, **options})
    model.build()
    rng = np.random.default_rng(5)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    return model


@pytest.mark.parametrize("cell", CELLS)
def test_padding_and_neighbours_have_no_part(cell):
    model = build(cell=cell)
    together = model(INPUTS)
    for row, length in enumerate(LENGTHS):
        cells = int((CHARACTERS[row] != 0).sum())
        alone = {name: value[row : row + 1] for name, value in INPUTS.items()}
        alone["characters"] = alone["characters"][:, :cells]
        alone["mel"] = alone["mel"][:, :length]
        for name, value in model(alone).items():
            size = length // FRAMES if name in ("stop", "alignment") else length
            expected = np.asarray(together[name])[row, :size]
            expected = expected[:, :cells] if name == "alignment" else expected
            np.testing.assert_allclose(value[0], expected, atol=1e-5, err_msg=name)


def test_free_running_equals_teacher_forcing_on_its_own_frames():
    model = build()
    limits = LENGTHS // FRAMES
    model.stop.kernel.assign(-1e3 * np.ones(model.stop.kernel.shape))  # the limit ends it, or ...
    spoken = model.speak(CHARACTERS, VOICES, limits)
    np.testing.assert_array_equal(spoken["lengths"], LENGTHS)
    forced = model({**INPUTS, "mel": spoken["mel"]})
    for row, length in enumerate(LENGTHS):
        for name, size in (("mel", length), ("alignment", length // FRAMES)):
            one, other = (np.asarray(each[name])[row, :size] for each in (spoken, forced))
            np.testing.assert_allclose(one, other, atol=1e-5)
        assert not np.asarray(spoken["mel"])[row, length:].any()
    alone = model.speak(CHARACTERS[1:2, :2], VOICES[1:2], limits[1:2])
    np.testing.assert_allclose(alone["mel"][0], spoken["mel"][1, :4], atol=1e-5)


def test_speech_ends_by_itself_at_the_last_characters_only():
    model = build(advance=1)
    row = model.stop.kernel.numpy() * 0
    row[-1] = 10.0  # it would end at once
    model.stop.kernel.assign(row)
    spoken = model.speak(CHARACTERS, VOICES, np.array([50, 50, 0]))
    np.testing.assert_array_equal(spoken["ended"], [True, True, False])
    assert spoken["lengths"][1] == FRAMES  # of two characters the first is one of the last three
    assert spoken["lengths"][2] == 0
    reached = np.asarray(spoken["alignment"])[0].argmax(axis=1)
    steps = int(spoken["lengths"][0]) // FRAMES
    assert reached[steps - 1] >= 1
    assert (reached[: steps - 1] < 1).all()
    model.stop.kernel.assign(-row)  # it never would
    spoken = model.speak(CHARACTERS, VOICES, np.array([7, 3, 2]))
    assert not np.asarray(spoken["ended"]).any()
    np.testing.assert_array_equal(spoken["lengths"], FRAMES * np.array([7, 3, 2]))


def test_the_loss_is_what_it_says():
    model = build(guidance=0.7)
    answers = {name: np.asarray(value, "float64") for name, value in model(INPUTS).items()}
    linear, weights = frames(BINS, 1), np.array([1.0, 1.0, 0.0])
    loss = model.compute_loss(INPUTS, linear, model(INPUTS), weights)
    sums, count, stops, entropy, astray, steps = np.zeros(2), 0, 0.0, 0.0, 0.0, 0
    for row in (0, 1):
        length, n = LENGTHS[row], (CHARACTERS[row] != 0).sum()
        T = length // FRAMES
        for place, truth in enumerate((INPUTS["mel"], linear)):
            answer = answers[("mel", "linear")[place]]
            sums[place] += np.abs(answer[row, :length] - truth[row, :length]).mean(axis=-1).sum()
        count, steps = count + length, steps + T
        for t in range(T):
            p = 1 / (1 + np.exp(-answers["stop"][row, t]))
            entropy -= STOP_WEIGHT * np.log(p) if t == T - 1 else np.log(1 - p)
            stops += STOP_WEIGHT if t == T - 1 else 1
            for j in range(n):
                off = 1 - np.exp(-((j / n - t / T) ** 2) / (2 * GUIDE_WIDTH**2))
                astray += answers["alignment"][row, t, j] * off
    expected = sums.sum() / count + entropy / stops + 0.7 * astray / steps
    assert float(loss) == pytest.approx(expected, rel=1e-4)


def test_learns_by_heart_and_then_speaks_and_stops():
    """Each of three characters is two steps of its own pattern; texts of three to five."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(1)
    patterns = np.array([[0, 0, 0], [0.9, 0.1, 0.1], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9]], "float32")
    counts = rng.integers(3, 6, 24)
    characters = np.zeros((24, 6), "int32")
    mel = np.zeros((24, 4 * 6, MELS), "float32")
    for row, n in enumerate(counts):
        characters[row, :n] = rng.integers(1, 4, n)
        characters[row, n] = 4  # the end
        mel[row, : 4 * n] = np.repeat(patterns[characters[row, :n]], 4, axis=0)
    lengths = (4 * counts + FRAMES).astype("int32")
    sizes = {"units": 32, "encoder_units": 16, "attention_units": 16, "prenet_units": 16}
    model = Synthesizer(5, **{**SIZES, **sizes}, prenet_dropout=0.2, frame_dropout=0.2)
    model.build()
    model.compile(keras.optimizers.Adam(1e-2))
    inputs = {"characters": characters, "voice": np.zeros(24, "int32")}
    batch = {**inputs, "mel": mel, "lengths": lengths}
    linear = np.tile(mel, (1, 1, 2))[..., :BINS]
    losses = model.fit(batch, linear, epochs=150, batch_size=24, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 5
    spoken = model.speak(characters, inputs["voice"], np.full(24, 60))
    assert np.asarray(spoken["ended"]).mean() > 0.9
    assert np.abs(np.asarray(spoken["lengths"]) - lengths).max() <= 2 * FRAMES
    same = [np.abs(spoken["mel"][row, :12] - mel[row, :12]).mean() for row in range(24)]
    assert np.median(same) < 0.15


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"characters": 1}, "`characters` must be an integer of 2 or more. Got 1"),
        ({"frames": 0}, "`frames` must be a positive integer. Got 0"),
        ({"prenet_dropout": 1.0}, "`prenet_dropout` must be a number in"),
        ({"advance": -1}, "`advance` must be an integer of 0 or more. Got -1"),
        ({"cell": "gru"}, "`cell` must be one of"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        Synthesizer(**{"characters": 3, **options})
