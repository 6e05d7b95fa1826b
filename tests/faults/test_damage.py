"""Files that were cut off or altered: an error that says what to do, or no effect."""

import os
import random
import shutil

import keras
import numpy as np
import pytest

from pipelines import exporting, runs, training, verbs
from pipelines.store import cached_store
from tests.faults import small_pipeline
from tests.hostile.corpus_files import jsons

FLIPS = int(os.environ.get("UNFOLD_FAULT_TRIES", "4"))  # bits of each file
CHECKPOINTED = ("config.json", "state.json", "kept", "checkpoints")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_pipeline.train(tmp_path_factory.mktemp("runs"))


def damages(raw, rng, flips=FLIPS):
    """What may become of a file: (what happened, its bytes)."""
    for share in (0.0, 0.3, 0.9):
        yield f"cut off at {share:.0%}", raw[: int(share * len(raw))]
    yield "cut off by a byte", raw[:-1]
    yield "zero bytes instead", bytes(len(raw))
    yield "bytes behind", raw + b"\0\0\0\0"
    for _ in range(flips):
        place, bit = rng.randrange(len(raw)), rng.randrange(8)
        changed = raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :]
        yield f"bit {bit} of byte {place}", changed


def go_on(folder):
    """As `train` does with a run that has no metrics yet; the weights that it ends with."""
    flags = small_pipeline.Train(runs_dir=folder.parent.parent)
    keras.utils.set_random_seed(0)
    runs.open_run(folder, flags, verbs.ANY_TIME)
    trainer = small_pipeline.trainer(flags, folder)
    training.fit(trainer, folder)
    return [np.asarray(variable) for variable in trainer.model.weights]


def test_damaged_run_is_an_error_or_the_same_run(run, tmp_path):
    rng = random.Random(0)
    copy = tmp_path / "runs" / "small" / "demo"
    for name in CHECKPOINTED:
        source = run / name
        copy.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
    wanted = go_on(copy)
    files = [path for path in sorted(copy.rglob("*")) if path.is_file() and path.name != ".lock"]
    assert len(files) >= 5
    refused = 0
    for path in files:
        raw = path.read_bytes()
        for what, changed in damages(raw, rng):
            path.write_bytes(changed)
            try:
                found = go_on(copy)
            except ValueError as error:
                refused += 1
                assert str(copy) in str(error), (path.name, what, error)  # noqa: PT017
            else:
                np.testing.assert_equal(found, wanted, err_msg=f"{path.name}, {what}")
            path.write_bytes(raw)
    # A weights file that is neither the last nor the chosen one has no effect.
    assert refused >= 0.7 * len(files) * (FLIPS + 6)


@pytest.mark.parametrize(("name", "raw"), list(jsons()), ids=lambda value: str(value)[:30])
def test_state_that_is_other_json_is_an_error_that_names_it(run, tmp_path, name, raw):
    (tmp_path / "state.json").write_bytes(raw)
    with pytest.raises(ValueError, match=str(tmp_path / "state.json")):
        training.load_best(small_pipeline.TinyTraining().model, tmp_path)


def test_altered_vocabulary_is_an_error_that_says_what_to_do(run, tmp_path):
    copy = tmp_path / "demo"
    shutil.copytree(run, copy)
    path = copy / "kept" / "vocabulary.json"
    path.write_text(path.read_text().replace("Käfer", "Keffer"))
    with pytest.raises(ValueError, match=r"vocabulary.json must be what the run was begun with.*"):
        small_pipeline.export(small_pipeline.Train(), copy)
    path.unlink()
    with pytest.raises(ValueError, match="give the run another name"):
        small_pipeline.export(small_pipeline.Train(), copy)


def test_every_file_of_a_saved_model_in_turn(run, tmp_path):
    rng = random.Random(1)
    folder = tmp_path / "1"
    shutil.copytree(run / "saved_model" / "1", folder)
    wanted = small_pipeline.answers(exporting.load_saved_model(folder)[0])
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert {"saved_model.pb", "vocabulary.txt", exporting.WARMUP} <= {path.name for path in files}
    for path in files:
        raw = path.read_bytes()
        for what, changed in [*damages(raw, rng), ("missing", None)]:
            path.unlink() if changed is None else path.write_bytes(changed)
            if path.name == "sha256.json":  # of the list, white space may change without harm
                _is_refused_or_the_same(folder, wanted)
            else:
                with pytest.raises(ValueError, match=str(tmp_path)) as caught:
                    exporting.load_saved_model(folder)
                assert path.name in str(caught.value), what
            path.write_bytes(raw)
    np.testing.assert_array_equal(
        small_pipeline.answers(exporting.load_saved_model(folder)[0]), wanted
    )


def _is_refused_or_the_same(folder, wanted):
    try:
        found, _ = exporting.load_saved_model(folder)
    except ValueError as error:
        assert str(folder) in str(error)  # noqa: PT017
    else:
        np.testing.assert_array_equal(small_pipeline.answers(found), wanted)


def test_damaged_graph_without_a_list_is_a_value_error(run, tmp_path):
    """An export of an older version has no list: TensorFlow itself must stumble, and does here."""
    folder = tmp_path / "1"
    shutil.copytree(run / "saved_model" / "1", folder)
    (folder / exporting.DIGESTS).unlink()
    raw = (folder / "saved_model.pb").read_bytes()
    for size in (0, len(raw) // 3, len(raw) - 1):
        (folder / "saved_model.pb").write_bytes(raw[:size])
        with pytest.raises(ValueError, match=f"must name a whole SavedModel. {folder}"):
            exporting.load_saved_model(folder)


def test_list_cannot_name_a_whole_model_whose_files_are_others(run, tmp_path):
    folder = tmp_path / "1"
    shutil.copytree(run / "saved_model" / "1", folder)
    for text in (b"[]", b"null", b'{"../../harm": "x"}', b'{"/etc/passwd": null}'):
        (folder / exporting.DIGESTS).write_bytes(text)
        with pytest.raises(ValueError, match="must name a whole SavedModel"):
            exporting.load_saved_model(folder)


def test_every_file_of_a_cache_in_turn(tmp_path):
    rng = random.Random(2)
    wanted = np.arange(240, dtype=np.float32).reshape(40, 2, 3)

    def read():
        columns = cached_store(tmp_path, {"k": 1}, [{"features": wanted, "words": words}]).columns
        return columns["features"].values

    words = (np.arange(100, dtype=np.uint16), np.full(40, 2))
    read()
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    files = [path for path in sorted(folder.iterdir()) if path.name != ".lock"]
    assert {"features.values", "manifest.json", "words.offsets.npy"} <= {p.name for p in files}
    for path in files:
        for what, changed in damages(path.read_bytes(), rng, flips=5 * FLIPS):
            path.write_bytes(changed)
            np.testing.assert_array_equal(read(), wanted, err_msg=f"{path.name}, {what}")
