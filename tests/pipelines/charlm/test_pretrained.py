"""A run that begins with another's weights: `--pretrained`."""

import json

import numpy as np
import pytest

from pipelines import cli, training
from pipelines.charlm.flags import Train
from pipelines.charlm.pipeline import PIPELINE, trainer
from pipelines.runs import kept

SIZES = {
    "units": 6,
    "embedding_units": 4,
    "batch_size": 4,
    "time": 16,
    "epochs": 1,
    "sample_length": 0,
}
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in SIZES.items()]


def main(*arguments):
    return cli.main(PIPELINE, [str(argument) for argument in arguments])


def train(runs_dir, *arguments):
    return main("train", "--runs-dir", runs_dir, "--cache-dir", runs_dir / "cache", *arguments)


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    """Where one small training ended: the run charlm/demo."""
    folder = tmp_path_factory.mktemp("runs")
    assert train(folder, *FLAGS, "--limit=3000") == 0
    return folder


@pytest.fixture
def own_text(tmp_path):
    """A text with a character, \u00e9, that the demo's beginning has not."""
    path = tmp_path / "own.txt"
    path.write_text("A caf\u00e9, and a tea.\n" * 200, encoding="utf-8")
    return path


def best_of(run):
    state = json.loads((run / "state.json").read_text())
    with np.load(run / "checkpoints" / state["best"][0]["file"]) as arrays:
        return {name.split("/", 2)[2]: arrays[name] for name in arrays.files}


@pytest.fixture
def flags(runs_dir, tmp_path):
    cache = tmp_path / "cache"
    return Train(**SIZES, limit=3000, pretrained="demo", runs_dir=runs_dir, cache_dir=cache)


def test_it_begins_where_the_other_ended(runs_dir, flags, tmp_path):
    other = runs_dir / "charlm" / "demo"
    begun = trainer(flags, tmp_path)
    before = best_of(other)
    for variable in begun.model.trainable_variables:
        np.testing.assert_array_equal(variable.numpy(), before[variable.path])
    bits = begun.validate()["bits_per_char"]
    history = json.loads((other / "state.json").read_text())["history"]
    np.testing.assert_allclose(bits, history["val_bits_per_char"][0], rtol=1e-6)


def test_it_goes_on_from_its_own_checkpoint(flags, tmp_path):
    training.fit(trainer(flags, tmp_path), tmp_path)
    again = trainer(flags, tmp_path)
    training.resume(again, tmp_path)
    with np.load(tmp_path / "checkpoints" / "epoch-0001.npz") as arrays:
        ours = [arrays[name] for name in sorted(arrays.files) if name.startswith("model/")]
    for variable, value in zip(again.model.variables, ours, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_own_text_is_read_with_the_vocabulary_of_the_weights(runs_dir, own_text, capsys):
    other = runs_dir / "charlm" / "demo"
    flags = ["--dataset=file", "--data-dir", own_text, "--layers=1", "--run=own"]
    flags += ["--pretrained", other, *FLAGS, "--batch-size=3"]
    assert train(runs_dir, *flags) == 0  # with other batches, and the preset's dropout of weights
    vocabulary = kept(runs_dir / "charlm" / "own", "vocabulary")
    assert vocabulary == kept(other, "vocabulary")
    assert ord("\u00e9") not in vocabulary["symbols"]
    unknown = int(capsys.readouterr().out.split(" of dev unknown")[0].split()[-1])
    assert unknown == 10  # 190 characters of dev, one in 19
    card = (runs_dir / "charlm" / "own" / "saved_model" / "README.md").read_text()
    assert "begun with the weights of another run" in card


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--pretrained=gone"], "`pretrained` must name a run that was trained. Got 'gone'"),
        (["--pretrained=demo", "--units=7"], "`units` must be 6, as in the run that"),
        (["--pretrained=demo", "--no-centred"], "`centred` must be True, as in the run that"),
    ],
)
def test_another_model_is_an_error(runs_dir, capsys, flags, message):
    assert train(runs_dir, *FLAGS, "--run=other", "--limit=3000", *flags) == 2
    assert message in capsys.readouterr().err
    assert not (runs_dir / "charlm" / "other" / "checkpoints").exists()


def test_bytes_are_not_characters(runs_dir, own_text, capsys):
    flags = ["--dataset=file", "--data-dir", own_text, "--layers=1", "--unit=byte", "--run=bytes"]
    assert train(runs_dir, *flags, *FLAGS, "--pretrained=demo") == 2
    assert "must name a run that reads bytes" in capsys.readouterr().err
