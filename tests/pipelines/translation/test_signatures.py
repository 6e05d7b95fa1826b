"""The exported translator, loaded by a process that has TensorFlow alone, and the Keras model."""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.contract import Export
from pipelines.exporting import WARMUP, write_saved_model
from pipelines.translation.signatures import translation_export
from pipelines.translation.subwords import (
    BYTES,
    END,
    PAD,
    SPECIAL,
    START,
    UNKNOWN,
    Subwords,
)
from tests.pipelines.fresh_process import client_answers
from zoo.models.translator import Translator

BEAMS = 3
VOCABULARY = [*SPECIAL, *BYTES, "▁", "a", "b", "▁a", "▁dog", "▁cat", "▁red", "s", ".", "ü"]
RULES = {
    "start_token": START,
    "end_token": END,
    "pad_token": PAD,
    # Bytes are left out here: an untrained model would write little else.
    "forbidden_tokens": (UNKNOWN, *range(4, 260)),
    "max_length": 7,
    "min_length": 1,
    "length_penalty": 1.0,
}
TEXTS = ["a dog.", "", "red cats", "  \u00a0", "dog", "ü€ 你", "a b a b a b a b a b", "red red dog"]
GOOD = [0, 2, 4, 5, 6, 7]
APART = "u\u0308€ 你"  # the sixth text with its first letter in two code points
RAW = [*(text.encode() for text in TEXTS), APART.encode(), b"a \xff dog"]

# The other process: no import of ours, and the project is not on its path.
CLIENT = """
import sys
import numpy as np
import tensorflow as tf

folder, problem, answers = sys.argv[1:]
model = tf.saved_model.load(folder)
texts = np.load(problem, allow_pickle=True)["texts"].tolist()
found = {}
batches = {"all": texts, "none": [], "one": texts[:1], "three": [texts[i] for i in (5, 0, 6)]}
batches["sentences"] = [b"Red cats.", b"A dog.", b"Red cats. A dog."]
batches["capitals"] = [b"A DOG.", b"RED CATS", "\u00dcS".encode()]
batches["small"] = [text.decode().lower().encode() for text in batches["capitals"]]
for name, signature in model.signatures.items():
    if name == "languages":
        found.update({key: value.numpy() for key, value in signature().items()})
        continue
    for size, batch in batches.items():
        inputs = {"text": tf.constant(batch, tf.string)}
        if name == "score":
            inputs["translation"] = tf.constant(["a cat."] * len(batch), tf.string)
        for key, value in signature(**inputs).items():
            value = value.numpy()
            found[f"{name}/{size}/{key}"] = value.astype("S") if value.dtype == object else value
ours = [m for m in sys.modules if m.split(".")[0] in ("zoo", "pipelines", "datasets")]
if ours:
    raise ValueError(f"The client must import nothing of the project. Got {ours}.")
np.savez(answers, **found)
"""


class Exported(NamedTuple):
    folder: Path
    model: Translator


def make(folder, **options) -> tuple[Translator, Export]:
    """A translator, and what it exports; its own weights are rounded to the 16 bits of those."""
    keras.utils.set_random_seed(0)
    model = Translator(
        len(VOCABULARY), units=8, encoder_units=5, embedding_units=6, attention_units=4, **options
    )
    model.build()
    rng = np.random.default_rng(3)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.8, size=weight.shape).astype(np.float16))
    pieces = folder / "vocabulary.txt"
    pieces.write_text("\n".join(VOCABULARY) + "\n")
    export = translation_export(
        model,
        VOCABULARY,
        pieces,
        languages=("en", "de"),
        beam_size=BEAMS,
        rules=RULES,
        example="a dog.",
    )
    return model, export


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Exported:
    folder = tmp_path_factory.mktemp("export")
    model, export = make(folder)
    target = write_saved_model(
        export.module, export.signatures, folder / "translation", card="", warmup=export.warmup
    )
    (folder / "vocabulary.txt").unlink()
    return Exported(target, model)


@pytest.fixture(scope="module")
def answers(exported, tmp_path_factory) -> dict[str, np.ndarray]:
    """What the other process was answered, by "signature/batch/output"."""
    folder = tmp_path_factory.mktemp("client")
    return client_answers(CLIENT, exported.folder, folder, texts=np.array(RAW, object))


def source_tokens(text):
    tokens = Subwords(VOCABULARY).encode(tf.constant([text]), RULES["max_length"] - 1)
    return np.append(tokens.to_list()[0], END)[None].astype(np.int32)


def written(tokens):
    return Subwords(VOCABULARY).decode(tf.constant(tokens)).numpy()[0].decode()


@pytest.mark.parametrize(
    ("signature", "method"), [("serving_default", "beam"), ("greedy", "greedy")]
)
def test_equals_the_keras_model_sentence_by_sentence(answers, exported, signature, method):
    options = {"beam_size": BEAMS} if method == "beam" else {}
    said = answers[f"{signature}/all/translation"]
    for row in GOOD:
        source = source_tokens(TEXTS[row])
        found = exported.model.translate(source, method=method, **options, **RULES)
        assert said[row].decode() == written(found.tokens[:, 0])
        count = min(int(found.lengths[0, 0]) + 1, RULES["max_length"])
        expected = np.exp(found.log_probs[0, 0] / count)
        np.testing.assert_allclose(answers[f"{signature}/all/score"][row], expected, rtol=1e-4)
    assert len(set(said[GOOD].tolist())) > 2  # the sentences matter


def test_text_without_words_gets_nothing_and_touches_no_other(answers):
    blank = [i for i in range(len(TEXTS)) if i not in GOOD]
    for name in ("serving_default", "greedy", "attention"):
        assert answers[f"{name}/all/translation"][blank].tolist() == [b""] * len(blank)
        np.testing.assert_array_equal(answers[f"{name}/all/score"][blank], 0)
        assert (answers[f"{name}/all/score"][GOOD] > 0).all()
    assert answers["serving_default/all/score"][-1] > 0  # not UTF-8, and still an answer


def test_answers_do_not_depend_on_the_batch(answers):
    for key, rows in (("one", [0]), ("three", [5, 0, 6])):
        for name in (name for name in answers if f"/{key}/" in name):
            found, whole = answers[name], answers[name.replace(f"/{key}/", "/all/")][rows]
            if found.ndim > 1:  # as wide as the longest sentence
                whole = whole[..., : found.shape[-1]]
            if found.dtype == np.float32:
                np.testing.assert_allclose(found, whole, rtol=1e-4, atol=1e-5)
            else:
                np.testing.assert_array_equal(found, whole)


def test_a_letter_and_its_accent_are_read_as_one(answers):
    for name in ("serving_default", "greedy", "attention"):
        assert answers[f"{name}/all/translation"][-2] == answers[f"{name}/all/translation"][5]
        assert answers[f"{name}/all/score"][-2] == pytest.approx(answers[f"{name}/all/score"][5])


def test_each_sentence_of_a_text_is_translated(answers):
    one, other = (answers["greedy/sentences/translation"][i].decode() for i in (0, 1))
    assert one != other
    assert answers["greedy/sentences/translation"][2].decode() == f"{one} {other}"
    scores = answers["greedy/sentences/score"]
    assert min(scores[:2]) < scores[2] < max(scores[:2])


def test_a_sentence_in_capitals_is_answered_in_capitals_as_the_small_one(answers):
    for name in ("serving_default", "greedy", "attention"):
        high, low = (
            [text.decode() for text in answers[f"{name}/{batch}/translation"]]
            for batch in ("capitals", "small")
        )
        assert high == [text.upper() for text in low]
        scores = [answers[f"{name}/{batch}/score"] for batch in ("capitals", "small")]
        np.testing.assert_allclose(*scores, rtol=1e-5)


def test_an_answer_says_that_a_sentence_was_cut(answers, exported):
    cut, row = answers["greedy/all/cut"], TEXTS.index("a b a b a b a b a b")
    assert cut[row]  # more subwords than are read
    for row in (0, 2):
        found = exported.model.translate(source_tokens(TEXTS[row]), method="greedy", **RULES)
        assert cut[row] == (int(found.lengths[0, 0]) == RULES["max_length"])
    assert not cut[1]


def test_batch_of_none(answers):
    assert answers["serving_default/none/translation"].shape == (0,)
    assert answers["attention/none/attention"].shape[:2] == (0, RULES["max_length"])
    assert answers["score/none/score"].shape == (0,)


def test_attention_is_a_distribution_for_each_piece_written(answers):
    target, source = (answers[f"attention/all/{side}_pieces"] for side in ("target", "source"))
    sums = answers["attention/all/attention"].sum(axis=2)
    np.testing.assert_allclose(sums, target != b"", atol=1e-5)
    assert source[0].tolist()[:4] == ["▁a".encode(), "▁dog".encode(), b".", b"<end>"]
    joined = "".join(piece.decode() for piece in target[0]).replace("▁", " ").strip()
    assert joined == answers["attention/all/translation"][0].decode()
    same = answers["serving_default/all/translation"]
    np.testing.assert_array_equal(answers["attention/all/translation"], same)


def test_score_is_teacher_forced(answers, exported):
    answer = source_tokens("a cat.")
    before = np.concatenate([[[START]], answer[:, :-1]], axis=1)
    for row in GOOD:
        source = source_tokens(TEXTS[row])
        logits = np.array(exported.model({"source": source, "tokens": before}))[0]
        logits[:, [PAD, START, *RULES["forbidden_tokens"]]] = -1e9
        log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        expected = np.exp(np.mean([log_probs[t, word] for t, word in enumerate(answer[0])]))
        np.testing.assert_allclose(answers["score/all/score"][row], expected, rtol=1e-4)


def test_languages_are_inside(answers):
    assert (answers["source"].item(), answers["target"].item()) == (b"en", b"de")


def test_weights_are_kept_in_16_bits_and_the_vocabulary_with_them(exported):
    reader = tf.train.load_checkpoint(str(exported.folder / "variables" / "variables"))
    kinds = reader.get_variable_to_dtype_map()
    assert not [name for name, kind in kinds.items() if kind.is_floating and kind != tf.float16]
    (asset,) = (exported.folder / "assets").iterdir()
    assert asset.read_text().splitlines() == VOCABULARY


def test_warmup_requests_read_back(exported):
    from tensorflow_serving.apis import prediction_log_pb2

    path = exported.folder / "assets.extra" / WARMUP
    names = set()
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        names.add(request.model_spec.signature_name)
    assert names == {"serving_default", "greedy", "score", "languages", "attention"}


def test_model_without_attention_has_no_such_signature(tmp_path):
    model, export = make(tmp_path, attention="none", cell="simple_rnn")
    assert set(export.signatures) == {"serving_default", "greedy", "score", "languages"}
    assert {name for name, _ in export.warmup} == set(export.signatures)
    said = export.signatures["serving_default"](text=tf.constant(["", "a dog."]))
    found = model.translate(source_tokens("a dog."), beam_size=BEAMS, **RULES)
    assert said["translation"].numpy()[0] == b""
    assert said["translation"].numpy()[1].decode() == written(found.tokens[:, 0])
