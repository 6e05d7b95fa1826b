"""The exported captioner, loaded by a process that has TensorFlow alone, and the Keras model."""

import io
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines.captioning.confidence import NEIGHBOURS, Calibration, bank_of
from pipelines.captioning.data import END, PAD, SPECIAL, START, UNKNOWN
from pipelines.captioning.signatures import Signatures, caption_export
from pipelines.exporting import WARMUP, write_saved_model
from pipelines.images import decode_batch
from tests.pipelines.fresh_process import client_answers
from zoo.decoding import Decoded
from zoo.encoders import build_encoder
from zoo.models.captioner import Captioner

SIZE, CELLS, BEAMS = 16, 4, 3
VOCABULARY = [*SPECIAL, "a", "dog", "'s", "is", "n't", "red"]
RULES = {
    "start_token": START,
    "end_token": END,
    "pad_token": PAD,
    "forbidden_tokens": (UNKNOWN,),
    "max_length": 7,
    "min_length": 1,
    "length_penalty": 0.7,
}

# The other process: no import of ours, and the project is not on its path.
CLIENT = """
import sys
import numpy as np
import tensorflow as tf

folder, problem, answers = sys.argv[1:]
model = tf.saved_model.load(folder)
images = np.load(problem, allow_pickle=True)["images"].tolist()
found = {}
batches = {"all": images, "none": [], "one": images[:1], "three": [images[i] for i in (5, 0, 6)]}
for name, signature in model.signatures.items():
    for size, batch in batches.items():
        for key, value in signature(image_bytes=tf.constant(batch, tf.string)).items():
            value = value.numpy()
            found[f"{name}/{size}/{key}"] = value.astype("S") if value.dtype == object else value
ours = [m for m in sys.modules if m.split(".")[0] in ("zoo", "pipelines", "datasets")]
if ours:
    raise ValueError(f"The client must import nothing of the project. Got {ours}.")
np.savez(answers, **found)
"""


def encoded(kind: str, seed: int, size=(40, 30), **options) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (3, 4, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize(size).save(buffer, kind, **options)
    return buffer.getvalue()


GOOD = [0, 1, 5, 6, 7]
JPEG = encoded("JPEG", 0)
IMAGES = [
    JPEG,
    encoded("PNG", 1, (9, 50)),
    JPEG[: len(JPEG) // 2],
    b"",
    encoded("GIF", 2),
    encoded("PNG", 3),
    encoded("JPEG", 4, (300, 200)),
    encoded("JPEG", 5),
]


def spread_out(model, seed: int) -> None:
    """Weights large enough that images get different captions, and some of them end."""
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))


CALIBRATION = Calibration((0.8, 0.3, 2.0), 1.5, 0.4)


def a_bank(channels: int) -> np.ndarray:
    return bank_of(np.random.default_rng(3).normal(size=(20, channels)).astype(np.float32))


def parts_of(model, encoder, vocabulary, beam_size=BEAMS) -> Signatures:
    """The signatures with some confidence."""
    parts = Signatures(
        model, encoder, vocabulary, image_size=SIZE, beam_size=beam_size, rules=RULES
    )
    parts.know(a_bank(encoder.output_shape[-1]), CALIBRATION)
    return parts


class Exported(NamedTuple):
    folder: Path
    model: Captioner
    encoder: object


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Exported:
    """A captioner with attention on a frozen encoder, exported; the vocabulary file is gone."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("export")
    encoder = build_encoder("small_cnn", image_size=SIZE, weights=None)
    for norm in (layer for layer in encoder.layers if layer.name.endswith("bn")):
        norm.moving_variance.assign(np.full(norm.moving_variance.shape, 0.3))
    model = Captioner(len(VOCABULARY), units=8, embedding_units=8, attention_units=8)
    model.build({"features": (None, CELLS, 128), "tokens": (None, None, None)})
    spread_out(model, 14)
    words = folder / "vocabulary.txt"
    words.write_text("\n".join(VOCABULARY) + "\n")
    export = caption_export(parts_of(model, encoder, VOCABULARY), words, example=IMAGES[0])
    target = write_saved_model(
        export.module, export.signatures, folder / "captioning", card="", warmup=export.warmup
    )
    words.unlink()
    for variable in [*model.variables, *encoder.variables]:
        if variable.dtype == "float32":
            variable.assign(variable.numpy().astype(np.float16))
    return Exported(target, model, encoder)


@pytest.fixture(scope="module")
def answers(exported, tmp_path_factory) -> dict[str, np.ndarray]:
    """What the other process was answered, by "signature/batch/output"."""
    folder = tmp_path_factory.mktemp("client")
    return client_answers(CLIENT, exported.folder, folder, images=np.array(IMAGES, object))


@pytest.fixture(scope="module")
def expected(exported) -> dict[str, np.ndarray]:
    """The Keras model's own search over the good images, with the same 16-bit weights."""
    pixels, _ = decode_batch(tf.constant([IMAGES[i] for i in GOOD]), SIZE)
    features = exported.encoder(pixels, training=False)
    found = exported.model.caption({"features": features}, beam_size=BEAMS, **RULES)
    tokens = np.asarray(found.tokens)[:, 0]
    before = np.concatenate([np.full_like(tokens[:, :1], START), tokens[:, :-1]], axis=1)
    inputs = {"features": features, "tokens": before[:, None]}
    logits, weights = exported.model.logits_and_attention(inputs)
    lengths = (tokens != PAD).sum(axis=1)
    scores = np.exp(found.log_probs[:, 0] / np.minimum(lengths + 1, RULES["max_length"]))
    return {
        "confidence": confidence_of(scores, tokens, np.asarray(logits)[:, 0], features),
        "features": np.asarray(features),
        "words": [[VOCABULARY[token] for token in row if token != PAD] for row in tokens],
        "scores": scores,
        "attention": np.asarray(weights)[:, 0],
        "logits": np.asarray(logits)[:, 0],
    }


def confidence_of(scores, tokens, logits, features) -> np.ndarray:
    """The equations of `confidence.py` in NumPy."""
    images = np.asarray(a_bank(features.shape[-1]), np.float64)
    place = np.asarray(features).mean(axis=1)
    place /= np.linalg.norm(place, axis=1, keepdims=True)
    nearness = np.sort(place @ images.T, axis=1)[:, -NEIGHBOURS]
    log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    log_probs = np.take_along_axis(log_probs, tokens[..., None], axis=-1)[..., 0]
    least = np.where(tokens == PAD, 0, log_probs).min(axis=1)
    return CALIBRATION.confidence(np.stack([np.log(scores), least, nearness], axis=1))


def test_equals_the_keras_model(answers, expected):
    np.testing.assert_allclose(
        answers["features/all/features"][GOOD], expected["features"], rtol=1e-5, atol=1e-5
    )
    for name in ("serving_default", "attention"):
        texts = [
            " ".join(words).replace(" 's", "'s").replace(" n't", "n't")
            for words in expected["words"]
        ]
        found = answers[f"{name}/all/caption"][GOOD]
        assert [text.decode() for text in found] == texts
        np.testing.assert_allclose(
            answers[f"{name}/all/score"][GOOD], expected["scores"], rtol=1e-5, atol=1e-5
        )
        np.testing.assert_allclose(
            answers[f"{name}/all/confidence"][GOOD], expected["confidence"], rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(answers[f"{name}/all/threshold"], CALIBRATION.threshold)
    assert np.ptp(expected["confidence"]) > 0.01
    assert len(set(texts)) > 2  # the images matter
    assert min(map(len, expected["words"])) < RULES["max_length"]  # and some captions end


def test_attention_lies_on_the_grid_word_by_word(answers, expected):
    words, maps = answers["attention/all/words"], answers["attention/all/attention"]
    assert maps.shape == (len(IMAGES), RULES["max_length"], 2, 2)
    for place, row in enumerate(GOOD):
        length = len(expected["words"][place])
        texts = [word.decode() for word in words[row]]
        assert texts == expected["words"][place] + [""] * (RULES["max_length"] - length)
        grid = maps[row].reshape(RULES["max_length"], CELLS)
        np.testing.assert_allclose(
            grid[:length], expected["attention"][place, :length], rtol=1e-4, atol=1e-5
        )
        np.testing.assert_array_equal(grid[length:], 0)


def test_bad_images_get_nothing_and_change_no_neighbour(answers):
    bad = [i for i in range(len(IMAGES)) if i not in GOOD]
    for name in ("serving_default", "attention"):
        captions, scores = answers[f"{name}/all/caption"], answers[f"{name}/all/score"]
        assert set(captions[bad]) == {b""}
        np.testing.assert_array_equal(scores[bad], 0)
        np.testing.assert_array_equal(answers[f"{name}/all/confidence"][bad], 0)
        assert (answers[f"{name}/all/confidence"][GOOD] > 0).all()
        assert all(captions[GOOD])
        assert ((scores[GOOD] > 0) & (scores[GOOD] <= 1)).all()
    np.testing.assert_array_equal(answers["features/all/features"][bad], 0)
    assert set(answers["attention/all/words"][bad].ravel()) == {b""}
    np.testing.assert_array_equal(answers["attention/all/attention"][bad], 0)


def test_answers_do_not_depend_on_the_batch(answers):
    for key, rows in (("one", [0]), ("three", [5, 0, 6])):
        for name in (name for name in answers if f"/{key}/" in name):
            found, whole = answers[name], answers[name.replace(key, "all")][rows]
            if found.dtype == np.float32:
                np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-5)
            else:
                np.testing.assert_array_equal(found, whole)


def test_batch_of_none(answers):
    empty = {name: value.shape for name, value in answers.items() if "/none/" in name}
    assert empty == {
        "serving_default/none/caption": (0,),
        "serving_default/none/score": (0,),
        "serving_default/none/confidence": (0,),
        "serving_default/none/threshold": (0,),
        "features/none/features": (0, CELLS, 128),
        "attention/none/caption": (0,),
        "attention/none/score": (0,),
        "attention/none/confidence": (0,),
        "attention/none/threshold": (0,),
        "attention/none/words": (0, RULES["max_length"]),
        "attention/none/attention": (0, RULES["max_length"], 2, 2),
    }


def test_caption_never_holds_a_special_word(answers, expected):
    words = set(answers["attention/all/words"].ravel())
    assert not words & {word.encode() for word in SPECIAL}
    # Left free, this model would say them.
    assert np.isin(expected["logits"].argmax(-1), [PAD, START, UNKNOWN]).any()


def test_weights_are_kept_in_16_bits_and_all_of_them(exported):
    reader = tf.train.load_checkpoint(str(exported.folder / "variables" / "variables"))
    shapes = reader.get_variable_to_shape_map()
    kinds = reader.get_variable_to_dtype_map()
    assert not [name for name, kind in kinds.items() if kind.is_floating and kind != tf.float16]
    kept = sum(int(np.prod(shapes[n])) for n, kind in kinds.items() if kind == tf.float16)
    bank = sum(part.size for part in a_bank(exported.encoder.output_shape[-1]))
    assert kept == exported.model.count_params() + exported.encoder.count_params() + bank


def test_vocabulary_goes_with_the_model(exported):
    (asset,) = (exported.folder / "assets").iterdir()
    assert asset.read_text().splitlines() == VOCABULARY


def test_warmup_requests_read_back(exported):
    from tensorflow_serving.apis import prediction_log_pb2

    path = exported.folder / "assets.extra" / WARMUP
    found = {}
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.name == "captioning"
        found[request.model_spec.signature_name] = {
            name: tf.make_ndarray(value).tolist() for name, value in request.inputs.items()
        }
    wanted = {"image_bytes": [IMAGES[0]]}
    assert found == dict.fromkeys(("serving_default", "features", "attention"), wanted)


# Signatures called before they are saved.


class Scripted:
    """In place of a captioner: says what it was given."""

    attention, encoder, variables = None, None, ()

    def __init__(self, captions: list[str]):
        words = sorted({word for caption in captions for word in caption.split()})
        self.vocabulary = [*SPECIAL, *words]
        rows = [[self.vocabulary.index(word) for word in caption.split()] for caption in captions]
        self.tokens = np.array([row + [PAD] * (7 - len(row)) for row in rows], np.int32)[:, None]

    def caption(self, inputs, method, beam_size, **rules):
        lengths = (self.tokens != PAD).sum(-1).astype(np.int32)
        log_probs = (np.log(0.25) * np.minimum(lengths + 1, 7)).astype(np.float32)
        return Decoded(*map(tf.constant, (self.tokens, lengths, log_probs, log_probs)))

    def logits_and_attention(self, inputs):
        return tf.zeros([*self.tokens.shape, len(self.vocabulary)]), None


def test_clitics_are_joined_and_the_score_is_a_geometric_mean(tmp_path):
    said = {
        "the dog 's ball is n't": "the dog's ball isn't",
        "they 're who 'd 've": "they're who'd've",
        "i 'm we 'll ca n't 'em": "i'm we'll can't 'em",
    }
    scripted = Scripted(list(said))
    words = tmp_path / "words.txt"
    words.write_text("\n".join(scripted.vocabulary) + "\n")
    encoder = build_encoder("small_cnn", image_size=SIZE, weights=None)
    parts = parts_of(scripted, encoder, scripted.vocabulary, beam_size=2)
    export = caption_export(parts, words, example=JPEG)
    found = export.signatures["serving_default"](image_bytes=tf.constant([JPEG] * 3))
    assert [caption.decode() for caption in found["caption"].numpy()] == list(said.values())
    np.testing.assert_allclose(found["score"], 0.25, rtol=1e-5)


def test_model_with_its_own_encoder_and_no_attention(tmp_path):
    encoder = build_encoder("small_cnn", image_size=SIZE, weights=None)
    model = Captioner(
        len(VOCABULARY), units=8, embedding_units=8, attention="none", encoder=encoder
    )
    model.build({"images": (None, SIZE, SIZE, 3), "tokens": (None, None, None)})
    spread_out(model, 12)
    words = tmp_path / "words.txt"
    words.write_text("\n".join(VOCABULARY) + "\n")
    export = caption_export(parts_of(model, encoder, VOCABULARY), words, example=JPEG)
    assert set(export.signatures) == {"serving_default", "features"}
    assert {name for name, _ in export.warmup} == set(export.signatures)
    batch = tf.constant([JPEG, b"", IMAGES[5]])
    found = export.signatures["serving_default"](image_bytes=batch)
    for variable in model.variables:
        if variable.dtype == "float32":
            variable.assign(variable.numpy().astype(np.float16))
    pixels, _ = decode_batch(batch, SIZE)
    same = model.caption({"images": pixels}, beam_size=BEAMS, **RULES)
    for row in (0, 2):
        tokens = [token for token in np.asarray(same.tokens)[row, 0] if token != PAD]
        text = " ".join(VOCABULARY[token] for token in tokens)
        text = text.replace(" 's", "'s").replace(" n't", "n't")
        assert found["caption"].numpy()[row].decode() == text
        counted = min(len(tokens) + 1, RULES["max_length"])
        score = np.exp(same.log_probs[row, 0] / counted)
        np.testing.assert_allclose(found["score"][row], score, rtol=1e-5)
    assert found["caption"].numpy()[1] == b""
    assert found["score"].numpy()[1] == found["confidence"].numpy()[1] == 0
    assert (found["confidence"].numpy()[[0, 2]] > 0).all()
