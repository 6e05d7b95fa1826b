"""Any exported model as a function: what it takes, what it gives, and what it refuses."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import pipelines
from pipelines.loading import load
from tests.pipelines.server import conftest as tiny

ROOT = Path(__file__).parents[2]


class Shapes(tf.Module):
    """Images in, their heights and first bytes out."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serving_default(self, image_bytes):
        decode = lambda content: tf.shape(tf.io.decode_image(content, channels=3))[:2]  # noqa: E731
        sizes = tf.map_fn(decode, image_bytes, fn_output_signature=tf.int32)
        return {"size": sizes, "head_bytes": tf.strings.substr(image_bytes, 0, 4)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("exported")
    for number in (1, 2):
        tiny.save(root / "tiny", number)
    module = Shapes()
    tf.saved_model.save(
        module, str(root / "shapes" / "1"), {"serving_default": module.serving_default}
    )
    return root


@pytest.fixture(scope="module")
def model(folder):
    return load(folder / "tiny")


def test_load_is_there_without_tensorflow():
    code = "import sys, pipelines; assert 'tensorflow' not in sys.modules; print(pipelines.__all__)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "['load']"
    assert pipelines.load is load
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        pipelines.lode  # noqa: B018


def test_one_input_has_one_answer_and_many_a_list(model):
    answer = model("aé")
    assert (answer.upper, answer.length, answer.version) == ("Aé", 3, 2)  # the largest version
    assert [type(value) for value in answer] == [int, str, int]
    assert model(["aé"]) == [answer]
    assert model([]) == []
    assert [one.upper for one in model(list("abcde"), batch_size=2)] == list("ABCDE")
    assert model(text="b").upper == "B"
    assert model(b"b").upper == "B"


def test_a_version_and_a_path_as_a_string_will_do(folder):
    assert load(folder / "tiny" / "1")("a").version == 1
    assert load(str(folder / "tiny"))("a").version == 2


def test_numbers_scalars_and_several_inputs(model):
    assert model.using("double")(1.5).y == 3.0
    assert [one.y for one in model.using("double")(np.array([1, 2]))] == [2.0, 4.0]
    two = model.using("two")
    assert two(x=1, pair=[2, 3]).total == 6.0
    assert [one.total for one in two(x=[1, 2], pair=[[2, 3], [4, 5]])] == [6.0, 11.0]
    cut = model.using("cut")
    assert cut("abc", length=2) == (2, "ab")
    assert [one.text for one in cut(["abc", "x"], length=2)] == ["ab", "x"]
    assert model.using("about")().language == "en"
    assert model.using("words")(["a b", "c"])[0].words == ["a", "b"]


def test_bytes_stay_bytes_and_text_becomes_text(model):
    answer = model.using("copy")(b"\xffa")
    assert answer.copy_bytes == b"\xffa"
    assert answer.copy == "\ufffda"


def test_an_image_may_be_a_path_bytes_a_file_a_picture_or_an_array(folder, tmp_path):
    shapes = load(folder / "shapes")
    array = np.zeros((5, 7, 3), np.uint8)
    picture, path, file = Image.fromarray(array), tmp_path / "x.png", io.BytesIO()
    picture.save(path)
    picture.save(file, "PNG")
    ways = [
        path,
        str(path),
        path.read_bytes(),
        picture,
        array,
        array[:, :, 0],
        picture.convert("L"),
    ]
    for way in ways:
        answer = shapes(way)
        assert answer.size.tolist() == [5, 7]
        assert answer.head_bytes == b"\x89PNG"
    with path.open("rb") as opened:
        assert shapes(opened).size.tolist() == [5, 7]
    assert len(shapes(ways)) == len(ways)
    assert len(shapes(np.stack([array, array]))) == 2


def test_signatures_are_shown(model):
    assert (
        model.signatures["cut"]
        == "length: int32[], prompt: string[any] -> length: int32[], text: string[any]"
    )
    text = repr(model.using("double"))
    assert text.startswith("tiny, version 2\n")
    assert "\n* double: x: float32[any] -> y: float32[any]" in text
    assert "\n  serving_default: " in text


@pytest.mark.parametrize(
    ("signature", "inputs", "named", "message"),
    [
        ("serving_default", [Path("a.txt")], {}, "`text` must be text: .* a file is not read"),
        ("serving_default", [3], {}, r"`text` must be text: .* Got 3"),
        ("serving_default", ["a", "b"], {}, "Inputs must come one, as a list, or by name. Got 2"),
        ("serving_default", [], {}, "`text` must be given. The model takes text: string"),
        ("serving_default", ["a"], {"txt": "b"}, "`input` must be one of text. Got 'txt'"),
        ("serving_default", ["a"], {"batch_size": 0}, "`batch_size` must be at least 1. Got 0"),
        ("two", [1], {}, "Inputs must be named: (x, pair|pair, x)"),
        ("two", [], {"x": 1, "pair": [[2, 3]]}, "All of .* must be one input, or all a list"),
        (
            "two",
            [],
            {"x": 1, "pair": [2, 3, 4]},
            r"`pair` must be int64\[any, 2\]. Got",
        ),
        ("double", ["a"], {}, r"`x` must be float32\[any\]. Got"),
        ("cut", ["a"], {"length": 1.5}, r"`length` must be int32\[\]. Got 1.5"),
        ("cut", ["a"], {}, "`length` must be given"),
        ("small", [11], {}, "`x` must be below 10"),
        ("copy", [3], {}, "`image_bytes` must be a path, bytes or an open file. Got 3"),
        ("copy", [np.zeros((2, 2))], {}, "`image_bytes` must be uint8 of height x width"),
    ],
)
def test_what_is_wrong_is_named(model, signature, inputs, named, message):
    with pytest.raises(ValueError, match=message):
        model.using(signature)(*inputs, **named)


def test_unknown_names_are_told_with_the_nearest(model):
    with pytest.raises(ValueError, match=r"`name` must be one of .*Did you mean 'sentiment'"):
        load("sentimant")
    with pytest.raises(ValueError, match=r"`signature` must be one of .*Did you mean 'double'"):
        model.using("duoble")
    with pytest.raises(ValueError, match="folder of versions"):
        load(Path("nowhere"))


def test_rows_stream(model):
    taken = []

    def rows():
        for letter in "abcdef":
            taken.append(letter)
            yield (letter,)

    answers = model.each(rows(), batch_size=2)
    assert next(answers).upper == "A"
    assert taken == ["a", "b"]
    assert [answer.upper for answer in answers] == list("BCDEF")
