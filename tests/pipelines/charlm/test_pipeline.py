"""The task end to end, small: from the Python reference to a SavedModel that writes and scores."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines import exporting, runs, training
from pipelines.charlm import client, metrics
from pipelines.charlm.data import Vocabulary
from pipelines.charlm.flags import PRESETS, Evaluate, Predict, Train
from pipelines.charlm.pipeline import PIPELINE, build_model, trainer
from pipelines.charlm.trainer import TEMPERATURES
from pipelines.verbs import from_json
from tests.datasets.text.whole import whole
from tests.pipelines import verb_checks

SIZES = {
    "limit": 3000,
    "units": 12,
    "embedding_units": 6,
    "layers": 2,
    "batch_size": 8,
    "time": 32,
    "epochs": 2,
    "keep": 2,
    "sample_length": 10,
    "weight_dropout": 0.1,
}
SHIPPED = Path(__file__).parents[3] / "saved_models" / "charlm_shakespeare"
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in SIZES.items()]

# Another process: no import of ours, and the project is not on its path.
CLIENT = """
import sys
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
found = model.signatures["serving_default"](
    prompt=tf.constant(["The ", ""]), length=tf.constant(12), temperature=tf.constant(0.8),
    seed=tf.constant(3))
ours = [m for m in sys.modules if m.split(".")[0] in ("zoo", "pipelines", "datasets", "keras")]
if "zoo" in ours or "pipelines" in ours:
    raise ValueError(ours)
sys.stdout.buffer.write(b"|".join(found["text"].numpy()))
"""


main = partial(verb_checks.main, PIPELINE)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Where one small training ended: the run charlm/demo."""
    return verb_checks.train(PIPELINE, tmp_path_factory.mktemp("folder"), *FLAGS)


@pytest.fixture(scope="module")
def model(run):
    return exporting.load_saved_model(run / "saved_model")[0]


def write(model, prompts, length=12, temperature=0.8, seed=3):
    found = model.signatures["serving_default"](
        prompt=tf.constant(prompts, tf.string),
        length=tf.constant(length),
        temperature=tf.constant(temperature),
        seed=tf.constant(seed),
    )
    return found["text"].numpy().tolist()


def score(model, texts):
    found = model.signatures["score"](text=tf.constant(texts, tf.string))
    return found["bits_per_char"].numpy(), found["characters"].numpy()


def test_a_prompt_is_read_from_its_last_ten_thousand_characters(model):
    recent = "the end. " * 2000
    assert write(model, ["z" * 5000 + recent[-10_000:]]) == write(model, [recent[-10_000:]])


# What `train` leaves.


def test_inspect_says_what_train_kept(run, capsys):
    verb_checks.check_inspect(PIPELINE, run, capsys, *FLAGS)


def test_the_run_folder_has_all_that_made_the_run(run):
    verb_checks.check_run_folder(PIPELINE, run)
    assert {path.name for path in (run / "kept").iterdir()} == {"vocabulary.json", "data.json"}
    samples = json.loads((run / "samples" / "epoch-0002.json").read_text())
    assert [sample["temperature"] for sample in samples] == list(TEMPERATURES)
    assert all(len(sample["text"]) == SIZES["sample_length"] for sample in samples)
    assert "epoch-0002" in (run / "report.html").read_text()


def test_metrics_are_of_the_whole_test_split(run):
    found = json.loads((run / "metrics.json").read_text())["metrics"]
    assert found["characters"] == SIZES["limit"]
    np.testing.assert_allclose(found["bits_per_char"], found["nats_per_char"] / np.log(2))
    assert 0 < found["accuracy"] < 1
    card = (run / "saved_model" / "README.md").read_text()
    assert f"| bits_per_char | {found['bits_per_char']:.4f} |" in card


def test_the_savedmodel_costs_the_text_what_the_trained_model_does(run):
    vocabulary = Vocabulary.from_json(runs.kept(run, "vocabulary"))
    model = build_model(Train(**SIZES), vocabulary)
    training.load_best(model, run)
    symbols = np.array(list(map(ord, whole("demo", "test", limit=SIZES["limit"]))), np.int32)
    score = tf.function(lambda tokens: model.score(tokens, model.start(1))[0])
    log_p = score(vocabulary.encode(symbols)[None])
    found = json.loads((run / "metrics.json").read_text())["metrics"]
    np.testing.assert_allclose(found["nats_per_char"], -np.mean(log_p), rtol=1e-4)


def test_evaluate_gives_the_metrics_of_train(run):
    verb_checks.check_evaluate(PIPELINE, run, "--limit", SIZES["limit"])


def test_export_gives_the_run_again(run):
    verb_checks.check_export(PIPELINE, run, lambda model: write(model, ["The ", ""]))


# The SavedModel.


def test_same_seed_same_text_and_rows_of_their_own(model):
    first, second = write(model, ["The ", "The "])
    assert len(first.decode()) == 12
    assert first != second
    assert write(model, ["The "]) == [first]
    assert write(model, ["zzz\xff", "The ", ""])[1] == second
    assert write(model, ["The "], seed=4) != [first]
    assert write(model, ["The "], length=0) == [b""]
    assert write(model, []) == []


def test_temperature_0_does_not_depend_on_the_seed(model):
    assert write(model, ["The ", "The "], temperature=0.0) == [
        *write(model, ["The "], temperature=0.0, seed=9) * 2
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": -1}, "`length` must be from 0 to 10000."),
        ({"length": 10_001}, "`length` must be from 0 to 10000."),
        ({"temperature": -0.5}, "`temperature` must be 0 or more."),
        ({"temperature": float("nan")}, "`temperature` must be 0 or more."),
    ],
)
def test_numbers_out_of_range_are_errors(model, options, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        write(model, ["The "], **options)


def test_score_of_a_text_is_that_of_its_pieces_wherever_it_is_cut(model):
    text = whole("demo", "test", limit=700)
    bits, characters = score(model, [text])
    assert characters[0] == 700
    for size in (1000, 300, 256, 41):
        found = metrics.total(client.read(model, client.chunks_of(text, size)))
        np.testing.assert_allclose(found["bits_per_char"], bits[0], rtol=1e-5)


def test_score_of_odd_texts_touches_no_neighbour(model):
    good = b"The statement"
    alone, _ = score(model, [good])
    bits, characters = score(model, [b"", good, b"\xff\xfe", "😀".encode(), b"a" * 600])
    assert (bits[0], characters[0]) == (0, 0)
    np.testing.assert_allclose(bits[1], alone[0], rtol=1e-5)
    assert characters.tolist()[2:] == [2, 1, 600]
    assert np.all(np.isfinite(bits))


def test_step_gives_the_probabilities_that_score_counts(model, run):
    symbols = runs.kept(run, "vocabulary")["symbols"]
    state, nats = client.first_state(model), 0.0
    features = state.shape[1]
    assert features == 2 * 2 * SIZES["units"]
    first = model.signatures["step"](character=tf.constant([""]), state=tf.zeros([1, features]))
    probabilities = first["probabilities"].numpy()[0]
    for character in "The if":
        np.testing.assert_allclose(probabilities.sum(), 1, rtol=1e-5)
        nats -= np.log(probabilities[1 + symbols.index(ord(character))])
        found = model.signatures["step"](character=tf.constant([character]), state=state)
        state, probabilities = found["state"], found["probabilities"].numpy()[0]
    bits, _ = score(model, ["The if"])
    np.testing.assert_allclose(nats / np.log(2) / 6, bits[0], rtol=1e-4)


def test_another_process_needs_tensorflow_alone(model, run, tmp_path):
    folder = next((run / "saved_model").glob("[0-9]*"))
    command = [sys.executable, "-c", CLIENT, folder]
    found = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout
    assert found == b"|".join(write(model, ["The ", ""]))


# The verbs again.


def test_predict_streams_what_serving_default_writes(run, model, capfd):
    options = ["--length", 40, "--temperature", 0.8, "--seed", 3, "--model", run / "saved_model"]
    assert main("predict", "The ", "", *options) == 0
    wanted = [write(model, [prompt], 40)[0].decode() for prompt in ("The ", "")]
    assert capfd.readouterr().out == f"The {wanted[0]}\n{wanted[1]}\n"


def test_predict_with_one_likeliest_character_is_greedy(run, model, capfd):
    options = ["--length", 20, "--top-k", 1, "--model", run / "saved_model"]
    assert main("predict", "The ", *options) == 0
    wanted = write(model, ["The "], 20, temperature=0.0)[0].decode()
    assert capfd.readouterr().out == f"The {wanted}\n"


def test_predict_scores_a_file(run, model, tmp_path, capfd):
    path = tmp_path / "a.txt"
    path.write_text("The while statement" * 10)
    assert main("predict", "--score", path, "--model", run / "saved_model") == 0
    said = dict(line.split("\t") for line in capfd.readouterr().out.splitlines())
    bits, _ = score(model, ["The while statement" * 10])
    assert said["characters"] == "190"
    np.testing.assert_allclose(float(said["bits_per_char"]), bits[0], atol=1e-3)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--temperature=-1"], "`temperature` must be at least 0. Got -1.0."),
        (["--top-p=0"], "`top_p` must be above 0 and at most 1. Got 0.0."),
        (["--score=gone.txt"], "`--score` must name a file. Not found: gone.txt."),
    ],
)
def test_predict_says_what_is_wrong(run, capsys, flags, message):
    assert main("predict", *flags, "--model", run / "saved_model") == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--epochs=0", "`epochs` must be at least 1. Got 0."),
        ("--time=4000", "The text must have more than `batch_size` x `time`"),
        ("--dropout=1", "`dropout` must be at least 0 and below 1. Got 1.0."),
        ("--data-dir=somewhere", "`data_dir` must be None for `demo`"),
    ],
)
def test_bad_flags_are_errors_before_work_starts(tmp_path, capsys, flag, message):
    verb_checks.check_bad_flag(PIPELINE, tmp_path, capsys, flag, message, *FLAGS)


# Cut off, and learning.


@pytest.mark.slow
def test_a_killed_training_ends_as_an_unbroken_one(run, tmp_path):
    verb_checks.check_killed(PIPELINE, "pipelines.charlm", run, tmp_path, *FLAGS)
    name = "samples/epoch-0002.json"
    again = tmp_path / "runs" / "charlm" / "demo"
    assert (again / name).read_text() == (run / name).read_text()


@pytest.mark.slow
def test_training_that_was_cut_off_within_an_epoch_ends_as_an_unbroken_one(
    run, tmp_path, monkeypatch
):
    """The carried states are part of a checkpoint, and the streams go on from its step."""
    step, call = 5, training._Steps.__call__

    def train():
        keras.utils.set_random_seed(0)
        training.fit(trainer(Train(**SIZES, cache_dir=tmp_path / "cache"), tmp_path), tmp_path)

    def stops(self, done, logs):
        if self.epoch == 1 and done == step:
            self._checkpoint(done, logs, self.begun)
        if self.epoch == 1 and done == step + 2:
            raise KeyboardInterrupt
        call(self, done, logs)

    with monkeypatch.context() as patch:
        patch.setattr(training._Steps, "__call__", stops)
        with pytest.raises(KeyboardInterrupt):
            train()
    state = json.loads((tmp_path / "state.json").read_text())
    assert (state["epochs_done"], state["partial"]["step"]) == (1, step)
    train()
    again = json.loads((tmp_path / "state.json").read_text())["history"]
    for name, series in verb_checks.outcome(run)["history"].items():
        np.testing.assert_allclose(again[name], series, rtol=1e-6, err_msg=name)


def test_it_learns_more_than_how_often_each_character_is(tmp_path):
    """Below 3.8 bits on dev after 8 passes over 20,000 characters; their frequencies give 4.5."""
    keras.utils.set_random_seed(0)
    flags = Train(limit=20_000, units=48, embedding_units=16, epochs=8, batch_size=16, time=32)
    more = {"learning_rate": 1e-2, "sample_length": 0, "dropout": 0.0, "cache_dir": tmp_path / "c"}
    task = trainer(Train(**{**vars(flags), **more}), tmp_path)
    before = task.validate()["bits_per_char"]
    training.fit(task, tmp_path)
    metrics = task.validate()
    counts = np.unique(list(whole("demo", "dev", limit=20_000)), return_counts=True)[1]
    frequencies = -np.sum(counts / counts.sum() * np.log2(counts / counts.sum()))
    assert before > 6
    assert 4.3 < frequencies < 5
    assert metrics["bits_per_char"] < 3.8
    np.testing.assert_allclose(metrics["loss"], metrics["bits_per_char"] * np.log(2))


@pytest.mark.slow
def test_a_text_that_changed_is_no_longer_the_runs(tmp_path, capsys):
    text = tmp_path / "own.txt"
    flags = ["--dataset=file", "--data-dir", text, "--layers=1", "--min-count=1", *FLAGS[1:]]
    flags += ["--runs-dir", tmp_path, "--cache-dir", tmp_path / "cache", "--time=8"]
    text.write_text("A cat sat. " * 300)
    assert main("train", *flags) == 0
    assert main("train", *flags) == 0  # is complete
    text.write_text("A cat sat. " * 200 + "A sat cat. " * 100)
    metrics = tmp_path / "charlm" / "file" / "metrics.json"
    for is_complete in (True, False):
        if not is_complete:
            metrics.unlink()
        assert main("train", *flags) == 2
        assert "The data must be those that" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/assets.extra/run.json")), ids=str)
def test_flags_of_the_shipped_models_are_read(path):
    flags = from_json(PIPELINE, json.loads(path.read_text())["flags"])
    assert (flags.dataset, flags.units, flags.layers) == ("tiny_shakespeare", 512, 2)


def test_models_are_named_by_their_text():
    assert PIPELINE.model_folder(PRESETS["tiny_shakespeare"]) == "charlm_shakespeare"
    assert PIPELINE.model_folder(Predict()) == "charlm_shakespeare"
    assert PIPELINE.model_folder(Evaluate(dataset="ptb")) == "charlm_ptb"
