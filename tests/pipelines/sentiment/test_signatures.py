"""The exported classifier, loaded by a process that has TensorFlow alone, and the Keras model."""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.exporting import WARMUP, write_saved_model
from pipelines.sentiment import data
from pipelines.sentiment.flags import Train
from pipelines.sentiment.metrics import Calibration
from pipelines.sentiment.pipeline import heat_line
from pipelines.sentiment.signatures import positive_of, sentiment_export
from pipelines.store import padded
from tests.pipelines.fresh_process import client_answers
from tests.pipelines.sentiment.small import records_of
from zoo.models.sentiment import SentimentClassifier

VOCABULARY = [*data.SPECIAL, "the", "film", "was", "not", "good", "bad", "!!", "🙂", "."]
LABELS = ["negative", "positive"]
FLAGS = {"max_length": 8, "cut": "both"}
ENDS = (2, 6)
CALIBRATION = Calibration(1.7, 0.2)
TEXTS = [
    "The film was not good.",
    "",
    "bad bad BAD!! :) the<br />film <unknown> thing",
    "the film was good . " * 2000,
    "<br /> \t",
    "café \ud83d 非常",
]
ENCODED = [*(text.encode("utf-8", "surrogatepass") for text in TEXTS), b"good \xff\xc3", b"\x00"]
EMPTY = {1, 4, 7}  # places of the texts without words

# The other process: no import of ours, and the project is not on its path.
CLIENT = """
import sys
import numpy as np
import tensorflow as tf

folder, problem, answers = sys.argv[1:]
model = tf.saved_model.load(folder)
texts = np.load(problem, allow_pickle=True)["texts"].tolist()
found = {}
batches = {"all": texts, "none": [], "one": texts[:1], "three": [texts[i] for i in (2, 0, 1)]}
for name, signature in model.signatures.items():
    for size, batch in batches.items():
        for key, value in signature(text=tf.constant(batch, tf.string)).items():
            value = value.numpy()
            found[f"{name}/{size}/{key}"] = value.astype("S") if value.dtype == object else value
ours = [m for m in sys.modules if m.split(".")[0] in ("zoo", "pipelines", "datasets")]
if ours:
    raise ValueError(f"The client must import nothing of the project. Got {ours}.")
np.savez(answers, **found)
"""


class Exported(NamedTuple):
    folder: Path
    model: SentimentClassifier


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Exported:
    """A classifier with all poolings, exported; the files that went into its assets are gone."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("export")
    options = {"units": 5, "embedding_units": 4}
    model = SentimentClassifier(len(VOCABULARY), 2, "max+mean+last+attention", 3, **options)
    model.build((None, None))
    rng = np.random.default_rng(5)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    words = folder / "vocabulary.txt"
    words.write_text("\n".join(VOCABULARY) + "\n")
    export = sentiment_export(
        model,
        VOCABULARY,
        LABELS,
        {"vocabulary": words},
        lower_case=True,
        ends=ENDS,
        calibration=CALIBRATION,
        example="the film",
    )
    target = write_saved_model(
        export.module, export.signatures, folder / "sentiment", card="", warmup=export.warmup
    )
    words.unlink()
    for variable in model.variables:
        if variable.dtype == "float32":
            variable.assign(variable.numpy().astype(np.float16))
    return Exported(target, model)


@pytest.fixture(scope="module")
def answers(exported, tmp_path_factory) -> dict[str, np.ndarray]:
    """What the other process was answered, by "signature/batch/output"."""
    folder = tmp_path_factory.mktemp("client")
    return client_answers(CLIENT, exported.folder, folder, texts=np.array(ENCODED, object))


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> list[np.ndarray]:
    """The texts' numbers as training has them; it leaves out those without words."""
    flags = Train(**FLAGS, cache_dir=tmp_path_factory.mktemp("cache"))
    store = data.encode_split(flags, "train", records_of(ENCODED), VOCABULARY, {})
    kept = iter([store.row("tokens", record).astype(np.int32) for record in range(len(store))])
    assert len(store) == len(ENCODED) - len(EMPTY)
    return [np.zeros(0, np.int32) if i in EMPTY else next(kept) for i in range(len(ENCODED))]


def probabilities_of(model, row):
    """Of one row of numbers, by the Keras model: `<float64>[classes]`."""
    logits = np.asarray(model(np.array([row], np.int32)), "float64")[0]
    logits /= 1.7 * len(row) ** 0.2
    return np.exp(logits) / np.exp(logits).sum()


def test_graph_reads_what_training_reads(answers, rows):
    for spelt, row in zip(answers["words/all/words"], rows, strict=True):
        words = [word.decode() for word in spelt if word]
        numbers = [VOCABULARY.index(w) if w in VOCABULARY else data.UNKNOWN for w in words]
        assert numbers == row.tolist()
    assert len(rows[3]) == 8  # cut


def test_equals_the_keras_model(exported, answers, rows):
    for index, row in enumerate(rows):
        found = answers["serving_default/all/probabilities"][index]
        score = answers["serving_default/all/score"][index]
        label = answers["serving_default/all/label"][index].decode()
        if not len(row):
            assert (label, score, found.tolist()) == ("", 0.0, [0.0, 0.0])
            continue
        expected = probabilities_of(exported.model, row)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        assert label == LABELS[int(expected.argmax())]
        assert score == found[1]


def test_contributions_are_what_the_log_odds_lose(exported, answers, rows):
    def log_odds(row):
        negative, positive = probabilities_of(exported.model, row)
        return np.log(positive / negative)

    for index, row in enumerate(rows):
        found = answers["words/all/contributions"][index]
        assert not found[len(row) :].any()
        for place in range(len(row)):
            without = row.copy()
            without[place] = data.UNKNOWN
            expected = log_odds(row) - log_odds(without)
            np.testing.assert_allclose(found[place], expected, rtol=1e-3, atol=1e-4)
    unknown = [list(row).index(data.UNKNOWN) for row in rows if data.UNKNOWN in row]
    assert unknown  # and an unknown word moves nothing
    assert np.abs(answers["words/all/contributions"]).max() > 0.1


def test_answers_do_not_depend_on_the_batch(answers):
    for key, places in (("one", [0]), ("three", [2, 0, 1])):
        for name in (name for name in answers if f"/{key}/" in name):
            found, whole = answers[name], answers[name.replace(key, "all")][places]
            whole = whole[:, : found.shape[1]] if found.ndim == 2 else whole
            if found.dtype == np.float32:
                np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-5)
            else:
                np.testing.assert_array_equal(found, whole)


def test_batch_of_none(answers):
    empty = {name: value.shape for name, value in answers.items() if "/none/" in name}
    assert empty == {
        "serving_default/none/label": (0,),
        "serving_default/none/score": (0,),
        "serving_default/none/probabilities": (0, 2),
        "words/none/words": (0, 1),
        "words/none/contributions": (0, 1),
        "words/none/label": (0,),
        "words/none/score": (0,),
    }


def test_vocabulary_and_warmup_go_with_the_model(exported):
    from tensorflow_serving.apis import prediction_log_pb2

    (asset,) = (exported.folder / "assets").iterdir()
    assert asset.read_text().splitlines() == VOCABULARY
    path = exported.folder / "assets.extra" / WARMUP
    found = {}
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        found[request.model_spec.signature_name] = {
            name: tf.make_ndarray(value).tolist() for name, value in request.inputs.items()
        }
    assert found == {key: {"text": [b"the film"]} for key in ("serving_default", "words")}


def test_three_labels_have_the_probability_of_the_likeliest_as_score(tmp_path):
    model = SentimentClassifier(len(VOCABULARY), 3, units=5, embedding_units=4)
    model.build((None, None))
    model.readout.kernel.assign(np.random.default_rng(0).normal(size=model.readout.kernel.shape))
    export = sentiment_export(
        model,
        VOCABULARY,
        ["bad", "fair", "good"],
        {},
        lower_case=True,
        ends=ENDS,
        calibration=Calibration(1.0),
        example="the film",
    )
    texts = tf.constant(["the film", "", "good !!"])
    found = export.signatures["serving_default"](text=texts)
    moved = export.signatures["words"](text=texts)
    logits = np.asarray(model(padded([[2, 3], [6, 8]], 2)), "float64")
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found["score"].numpy()[[0, 2]], expected.max(axis=1), rtol=1e-3)
    best = expected.argmax(axis=1)
    assert [found["label"].numpy()[i].decode() for i in (0, 2)] == [
        ["bad", "fair", "good"][i] for i in best
    ]
    assert found["label"].numpy()[1] == b""
    assert moved["contributions"].shape == (3, 2)


def test_positive_of():
    assert positive_of(["negative", "positive"]) == 1
    assert positive_of(["Positive", "NEGATIVE"]) == 0
    assert positive_of(["no", "yes"]) is None
    assert positive_of(["negative", "neutral", "positive"]) is None


def test_heat_line():
    words, moved = ["not", "bad", "at", "all"], np.array([-1.24, 2.0, 0.01, 0.3])
    assert heat_line(words, moved, colours=False) == "not[-1.2] bad[+2.0] at all[+0.3]"
    coloured = heat_line(words, moved, colours=True)
    assert coloured.count("\x1b[30;48;5;") == coloured.count("\x1b[0m") == 3
    assert "48;5;83mbad" in coloured  # the strongest green
    assert heat_line(words, moved * 1e-3, colours=False) == "not bad at all"
    assert heat_line([], np.zeros(0), colours=True) == ""
