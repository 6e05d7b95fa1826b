"""The task end to end, small: from the Python reference to a SavedModel that writes and scores."""

import json
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from datasets.text import read
from pipelines import cli, exporting, training
from pipelines.charlm import exported, trainer
from pipelines.charlm.data import Vocabulary
from pipelines.charlm.flags import PRESETS, Evaluate, Predict, Train
from pipelines.charlm.pipeline import PIPELINE, prepare

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


def main(*arguments):
    return cli.main(PIPELINE, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    """Where one small training ended: the run charlm/demo."""
    folder = tmp_path_factory.mktemp("runs")
    assert main("train", *FLAGS, "--runs-dir", folder) == 0
    return folder


@pytest.fixture(scope="module")
def run(runs_dir):
    return runs_dir / "charlm" / "demo"


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


def _history(run):
    history = json.loads((run / "state.json").read_text())["history"]
    return {name: series for name, series in history.items() if "seconds" not in name}


# What `train` leaves.


def test_the_run_folder_has_all_that_made_the_run(run):
    names = {path.name for path in run.iterdir() if path.name != ".lock"}
    assert names == {
        "config.json",
        "state.json",
        "checkpoints",
        "vocabulary.json",
        "tensorboard",
        "samples",
        "metrics.json",
        "report.html",
        "saved_model",
    }
    samples = json.loads((run / "samples" / "epoch-0002.json").read_text())
    assert [sample["temperature"] for sample in samples] == list(trainer.TEMPERATURES)
    assert all(len(sample["text"]) == SIZES["sample_length"] for sample in samples)
    page = (run / "report.html").read_text()
    assert "epoch-0002" in page
    assert not re.search(r"(src|href)=[\"']?https?:", page)


def test_metrics_are_of_the_whole_test_split(run):
    found = json.loads((run / "metrics.json").read_text())["metrics"]
    assert found["characters"] == SIZES["limit"]
    np.testing.assert_allclose(found["bits_per_char"], found["nats_per_char"] / np.log(2))
    assert 0 < found["accuracy"] < 1
    card = (run / "saved_model" / "README.md").read_text()
    assert f"| bits_per_char | {found['bits_per_char']:.4f} |" in card


def test_the_savedmodel_costs_the_text_what_the_trained_model_does(run):
    task = prepare(Train(**SIZES), run)
    training.load_best(task.model, run)
    vocabulary = Vocabulary.from_json(json.loads((run / "vocabulary.json").read_text()))
    tokens = vocabulary.encode(read("demo", "test", limit=SIZES["limit"]).symbols)[None]
    log_p, _, _ = task.model.score(tokens, task.model.start(1))
    found = json.loads((run / "metrics.json").read_text())["metrics"]
    np.testing.assert_allclose(found["nats_per_char"], -np.mean(log_p), rtol=1e-4)


def test_evaluate_gives_the_metrics_of_train(run, tmp_path):
    output = tmp_path / "metrics.json"
    limit = SIZES["limit"]
    arguments = ["--model", run / "saved_model", "--limit", limit, "--output", output]
    assert main("evaluate", *arguments) == 0
    found = json.loads(output.read_text())["metrics"]
    assert found == json.loads((run / "metrics.json").read_text())["metrics"]


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
    text = read("demo", "test", limit=700).content
    bits, characters = score(model, [text])
    assert characters[0] == 700
    for size in (1000, 300, 256, 41):
        found = exported.total(exported.read(model, exported.chunks_of(text, size)))
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
    symbols = json.loads((run / "vocabulary.json").read_text())["symbols"]
    state, nats = exported.first_state(model), 0.0
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
        (["--temperature=-1"], "`temperature` must be 0 or more. Got -1.0."),
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
        ("--dropout=1", "`dropout` must be a number in [0, 1). Got 1.0."),
        ("--data-dir=somewhere", "`data_dir` must be None for `demo`"),
    ],
)
def test_bad_flags_are_errors_before_work_starts(tmp_path, capsys, flag, message):
    assert main("train", *FLAGS, "--runs-dir", tmp_path, flag) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("checkpoints"))


# Cut off, and learning.


def test_training_that_was_cut_off_ends_as_an_unbroken_one(run, tmp_path, monkeypatch):
    epoch = trainer.Trainer.epoch

    def stops(self, number):
        numbers = epoch(self, number)  # the weights and the carried state have moved on
        if number == 1:
            raise KeyboardInterrupt
        return numbers

    def train():
        keras.utils.set_random_seed(0)
        training.fit(prepare(Train(**SIZES), tmp_path), tmp_path)

    with monkeypatch.context() as patch:
        patch.setattr(trainer.Trainer, "epoch", stops)
        with pytest.raises(KeyboardInterrupt):
            train()
    assert json.loads((tmp_path / "state.json").read_text())["epochs_done"] == 1
    train()
    np.testing.assert_equal(_history(tmp_path), _history(run))
    name = "samples/epoch-0002.json"
    assert (tmp_path / name).read_text() == (run / name).read_text()


def test_it_learns_more_than_how_often_each_character_is(tmp_path):
    """Below 3.8 bits on dev after 8 passes over 20,000 characters; their frequencies give 4.5."""
    keras.utils.set_random_seed(0)
    flags = Train(limit=20_000, units=48, embedding_units=16, epochs=8, batch_size=16, time=32)
    flags = Train(**{**vars(flags), "learning_rate": 1e-2, "sample_length": 0, "dropout": 0.0})
    task = prepare(flags, tmp_path)
    task.begin(0)
    before = task.validate()["bits_per_char"]
    for epoch in range(flags.epochs):
        task.train_epoch(epoch)
    found = task.validate()
    counts = np.unique(read("demo", "dev", limit=20_000).symbols, return_counts=True)[1]
    frequencies = -np.sum(counts / counts.sum() * np.log2(counts / counts.sum()))
    assert before > 6
    assert 4.3 < frequencies < 5
    assert found["bits_per_char"] < 3.8
    np.testing.assert_allclose(found["loss"], found["bits_per_char"] * np.log(2))


def test_validation_is_the_cost_of_each_piece_from_its_start(tmp_path):
    flags = Train(**{**SIZES, "limit": 1500})
    task = prepare(flags, tmp_path)
    found = task.validate()
    vocabulary = json.loads((tmp_path / "vocabulary.json").read_text())["symbols"]
    numbers = np.array(
        [
            1 + vocabulary.index(s) if s in vocabulary else 0
            for s in read("demo", "dev", limit=1500).symbols
        ]
    )
    nats = 0.0
    for start in range(0, 1500, 96):  # 1500 in 16 pieces, each a multiple of 32
        piece = numbers[None, start : start + 96].astype("int32")
        nats -= float(np.sum(task.model.score(piece, task.model.start(1))[0]))
    np.testing.assert_allclose(found["loss"], nats / 1500, rtol=1e-5)


def test_models_are_named_by_their_text():
    assert PIPELINE.model_folder(PRESETS["tiny_shakespeare"]) == "charlm_shakespeare"
    assert PIPELINE.model_folder(Predict()) == "charlm_shakespeare"
    assert PIPELINE.model_folder(Evaluate(dataset="ptb")) == "charlm_ptb"
