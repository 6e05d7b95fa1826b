"""Every shipped model over the corpus: sane answers, and neighbours that notice nothing."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from datasets.images import check_image
from pipelines.images import decode_batch
from tests.hostile import corpus_images, corpus_text, shipped
from tests.hostile.shipped import asker, faults

CAPTIONING = shipped.versions("captioning")
SENTIMENT = shipped.versions("sentiment")
CHARLM = shipped.versions("charlm")
TRANSLATION = shipped.versions("translation")

IMAGES = list(corpus_images.images())
TEXTS = list(corpus_text.texts())
SHORT = [(name, raw) for name, raw in corpus_text.short_texts() if len(raw) < 1000]
PHOTOGRAPHS = [
    corpus_images.encoded("JPEG", corpus_images.picture(320, 240)),
    corpus_images.encoded(
        "PNG", corpus_images.picture(50, 90).transpose(Image.Transpose.ROTATE_90)
    ),
]
REVIEWS = [b"A good film, and a touching one.", b"dull"]
SENTENCES = [b"A man rides a horse.", b"Monday"]
PROMPTS = [b"ROMEO:\n", b"To be, or"]


def test_there_are_models_to_try():
    assert CAPTIONING
    assert SENTIMENT
    assert CHARLM


# Images.


def test_decoding_takes_or_refuses_and_touches_no_neighbour():
    """The function that the exported captioner decodes with, over all images, and its reasons."""

    def ask(batch):
        images, valid = decode_batch(tf.constant(batch, tf.string), 32)
        return {"images": images.numpy(), "valid": valid.numpy()}

    assert faults(ask, IMAGES, PHOTOGRAPHS, size=40) == []
    found = ask([data for _, data in IMAGES])
    assert found["images"].min() >= 0
    assert found["images"].max() < 255.001  # resizing rounds
    np.testing.assert_array_equal(found["images"][~found["valid"]], 0)
    reasons = [check_image(data) for _, data in IMAGES]
    assert found["valid"].tolist() == [reason is None for reason in reasons]
    refused = [name for (name, _), reason in zip(IMAGES, reasons, strict=True) if reason]
    assert 100 < len(refused) < len(IMAGES) - 30
    for name in ("nothing", "JPEG of 65535 x 65535", "PNG of 100000 x 100000", "web page"):
        assert name in refused


def _some(share, kinds=IMAGES):
    return kinds[::share]


@pytest.mark.parametrize("folder", CAPTIONING, ids=shipped.name)
@pytest.mark.parametrize(
    ("signature", "share"),
    [
        ("serving_default", 16),
        ("features", 8),
        pytest.param("serving_default", 1, marks=pytest.mark.slow),
        pytest.param("features", 1, marks=pytest.mark.slow),
        pytest.param("attention", 1, marks=pytest.mark.slow),
    ],
)
def test_captioner_over_images(folder, signature, share):
    items = _some(share)
    ask = asker(folder, signature, "image_bytes")
    assert faults(ask, items, PHOTOGRAPHS, size=16) == []
    if signature != "features":
        found = ask([data for _, data in items])
        for (name, data), caption, score in zip(
            items, found["caption"], found["score"], strict=True
        ):
            refused = check_image(data) is not None
            assert (caption == b"") == refused, name
            assert (score == 0) == refused, name


# Texts.


@pytest.mark.parametrize("folder", SENTIMENT, ids=shipped.name)
def test_sentiment_over_texts(folder):
    ask = asker(folder, "serving_default", "text")
    assert faults(ask, TEXTS, REVIEWS, size=16) == []
    found = ask([raw for _, raw in TEXTS])
    empty = found["label"] == b""
    names = [name for (name, _), none in zip(TEXTS, empty, strict=True) if none]
    assert {"nothing", "a space", "zero byte", "200,000 spaces"} <= set(names)
    assert len(names) < 20
    np.testing.assert_array_equal(found["score"][empty], 0)
    np.testing.assert_allclose(found["probabilities"][~empty].sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("folder", SENTIMENT, ids=shipped.name)
def test_contributions_over_texts(folder):
    short = [(name, raw) for name, raw in SHORT if len(raw) < 300][::2]
    assert faults(asker(folder, "words", "text"), short, REVIEWS, size=8) == []


@pytest.mark.parametrize("folder", TRANSLATION, ids=shipped.name)
@pytest.mark.parametrize(
    "signature", ["greedy", pytest.param("serving_default", marks=pytest.mark.slow)]
)
def test_translator_over_texts(folder, signature):
    ask = asker(folder, signature, "text")
    assert faults(ask, TEXTS, SENTENCES, size=26) == []
    empty = ask([b"", b" ", b"\0", b"\n\t"])
    assert set(empty["translation"]) == {b""}
    np.testing.assert_array_equal(empty["score"], 0)


@pytest.mark.parametrize("folder", TRANSLATION, ids=shipped.name)
@pytest.mark.slow
def test_score_and_attention_of_a_translator_over_texts(folder):
    assert faults(asker(folder, "attention", "text"), TEXTS, SENTENCES, size=26) == []
    given = asker(folder, "score", "text")
    signature = shipped.load(folder).signatures["score"]

    def ask(batch):
        batch = tf.constant(list(batch), tf.string)
        return {"score": signature(text=batch, translation=batch)["score"].numpy()}

    assert given is not None
    assert faults(ask, TEXTS, SENTENCES, size=26) == []


@pytest.mark.parametrize("folder", CHARLM, ids=shipped.name)
def test_character_model_over_texts(folder):
    short = [(name, raw[:200]) for name, raw in corpus_text.short_texts()]
    drawing = {"length": tf.constant(5), "temperature": tf.constant(0.0), "seed": tf.constant(1)}
    assert faults(asker(folder, "score", "text"), short, PROMPTS, size=26) == []
    write = asker(folder, "serving_default", "prompt", **drawing)
    assert faults(write, short, PROMPTS, size=26) == []


@pytest.mark.parametrize("folder", CHARLM, ids=shipped.name)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -3e38])
def test_character_model_with_a_broken_state(folder, value):
    """A row whose state is no state may answer NaN; the other rows answer as ever."""
    signatures = shipped.load(folder).signatures
    features = signatures["step"].structured_input_signature[1]["state"].shape[1]
    state = np.zeros((3, features), np.float32)
    broken = state.copy()
    broken[1] = value
    drawing = {
        "length": tf.constant(3),
        "temperature": tf.constant(1.0),
        "top_k": tf.constant(5),
        "top_p": tf.constant(0.9),
        "seed": tf.constant(0),
        "place": tf.constant(0),
    }
    texts = tf.constant(["a", "b", "c"])
    for name, others in (
        ("step", {"character": texts}), ("read", {"text": texts}), ("write", drawing)
    ):  # fmt: skip
        wanted = signatures[name](state=tf.constant(state), **others)
        found = signatures[name](state=tf.constant(broken), **others)
        for key in wanted:
            rows = (answer[key].numpy()[[0, 2]] for answer in (found, wanted))
            np.testing.assert_array_equal(*rows, err_msg=f"{name}, {key}")


@pytest.mark.parametrize("folder", CHARLM, ids=shipped.name)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("length", -1),
        ("length", 10_001),
        ("length", 2**31 - 1),
        ("temperature", -1.0),
        ("temperature", np.nan),
        ("temperature", -np.inf),
    ],
)
def test_character_model_refuses_numbers_out_of_range(folder, name, value):
    drawing = {"length": 3, "temperature": 1.0, "seed": 0, name: value}
    drawing = {key: tf.constant(number) for key, number in drawing.items()}
    called = shipped.load(folder).signatures["serving_default"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"`{name}` must be"):
        called(prompt=tf.constant(["a"]), **drawing)


@pytest.mark.parametrize("folder", CHARLM, ids=shipped.name)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 1e-38),
        ("temperature", 3e38),
        ("temperature", np.inf),
        ("seed", -(2**31)),
        ("seed", 2**31 - 1),
        ("length", 0),
    ],
)
def test_character_model_takes_extreme_numbers(folder, name, value):
    drawing = {"length": 3, "temperature": 1.0, "seed": 0, name: value}
    drawing = {key: tf.constant(number) for key, number in drawing.items()}
    called = shipped.load(folder).signatures["serving_default"]
    (found,) = called(prompt=tf.constant(["a"]), **drawing)["text"].numpy()
    assert len(found.decode()) == drawing["length"].numpy()


# Wrong dtypes and shapes.

ARGUMENTS = {"captioning": "image_bytes", "sentiment": "text", "translation": "text"}
WRONG = {
    "integers": np.array([1, 2]),
    "floats": np.array([np.nan, 1e300]),
    "booleans": np.array([True]),
    "complex numbers": np.array([1j]),
    "nothing of a wrong type": np.zeros(0),
}


@pytest.mark.parametrize("folder", [*CAPTIONING, *SENTIMENT, *TRANSLATION], ids=shipped.name)
def test_wrong_types_and_names_are_errors_that_name_them(folder):
    task = next(task for task in ARGUMENTS if folder in shipped.versions(task))
    called, argument = shipped.load(folder).signatures["serving_default"], ARGUMENTS[task]
    for name, value in WRONG.items():
        with pytest.raises((TypeError, ValueError, tf.errors.InvalidArgumentError)) as caught:
            called(**{argument: tf.constant(value)})
        assert "expected" in str(caught.value), name
    for inputs in ({}, {"x": tf.constant(["a"])}):
        with pytest.raises(TypeError, match=argument):
            called(**inputs)
    assert set(called(**{argument: tf.constant([b"x"])}))  # and it still answers


@pytest.mark.parametrize("folder", [*CAPTIONING, *SENTIMENT, *TRANSLATION], ids=shipped.name)
@pytest.mark.parametrize("shape", [(0,), (2, 1), (1, 2, 1), (2, 0), ()])
def test_shapes_are_answered_or_refused(folder, shape):
    """Never a crash; and never fewer rows than strings without an error."""
    task = next(task for task in ARGUMENTS if folder in shipped.versions(task))
    called = shipped.load(folder).signatures["serving_default"]
    try:
        found = called(**{ARGUMENTS[task]: tf.constant(np.full(shape, "x"), tf.string)})
    except (ValueError, tf.errors.OpError):
        return
    rows = int(np.prod(shape))
    assert all(int(tf.size(value)) >= rows for value in found.values())


# 10 MB at once.


@pytest.mark.slow
@pytest.mark.parametrize("folder", [*SENTIMENT, *TRANSLATION], ids=shipped.name)
def test_texts_of_10_megabytes(folder):
    signature = "serving_default" if folder in SENTIMENT else "greedy"
    ask = asker(folder, signature, "text")
    assert faults(ask, list(corpus_text.huge()), REVIEWS, size=1) == []


@pytest.mark.slow
@pytest.mark.parametrize("folder", CHARLM, ids=shipped.name)
def test_long_texts_of_a_character_model(folder):
    ask = asker(folder, "score", "text")
    assert faults(ask, [("20,000 letters", b"a" * 20_000)], PROMPTS, size=1) == []


@pytest.mark.slow
@pytest.mark.parametrize("folder", CAPTIONING, ids=shipped.name)
def test_images_of_the_largest_size(folder):
    """64 megapixels are decoded, a row more is refused."""
    ask = asker(folder, "serving_default", "image_bytes")
    file = io.BytesIO()
    Image.new("L", (8192, 8192), 127).save(file, "JPEG")
    larger = corpus_images.jpeg_of(8192, 8193)
    found = ask([file.getvalue(), larger, PHOTOGRAPHS[0]])
    assert [bool(caption) for caption in found["caption"]] == [True, False, True]
