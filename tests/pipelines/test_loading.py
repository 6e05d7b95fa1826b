"""An exported model as a function: what it takes, what it gives, and what it refuses."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import pipelines
from pipelines import exporting
from pipelines.loading import load
from tests.pipelines.server import conftest as tiny

ROOT = Path(__file__).parents[2]
TEXTS = tf.TensorSpec([None], tf.string, name="text")


class More(tf.Module):
    """Signatures that the server's tiny model lacks."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serving_default(self, image_bytes):
        def size(content):
            return tf.shape(tf.io.decode_image(content, channels=3))[:2]

        sizes = tf.map_fn(size, image_bytes, fn_output_signature=tf.int32)
        return {"size": sizes, "head_bytes": tf.strings.substr(image_bytes, 0, 4)}

    @tf.function(input_signature=[TEXTS])
    def batch(self, text):
        """The longest text of its batch: tells which texts shared one."""
        longest = tf.reduce_max(tf.strings.length(text))
        return {"text": text, "longest": tf.fill(tf.shape(text), longest)}

    @tf.function(input_signature=[TEXTS])
    def kinds(self, text):
        rows = tf.shape(text)
        return {
            "letters": tf.strings.unicode_split(text, "UTF-8").to_tensor(""),
            "share": tf.fill(rows, 0.1),
            "empty": tf.strings.length(text) == 0,
            "class": tf.fill(tf.concat([rows, [2]], 0), 0.5),
            "labels": tf.constant(["a", "b"]),
        }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root, module = tmp_path_factory.mktemp("exported"), More()
    for number in (1, 2):
        tiny.save(root / "tiny", number)
    signatures = {name: getattr(module, name) for name in ("serving_default", "batch", "kinds")}
    tf.saved_model.save(module, str(root / "more" / "1"), signatures)
    return root


@pytest.fixture(scope="module")
def model(folder):
    return load(folder / "tiny")


@pytest.fixture(scope="module")
def more(folder):
    return load(folder / "more")


def test_importing_the_package_imports_no_tensorflow():
    code = "import sys, pipelines; print(pipelines.__all__, 'tensorflow' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "['load'] False"
    assert pipelines.load is load
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        pipelines.lode  # noqa: B018


def test_one_input_has_one_answer_and_many_have_a_list(model):
    answer = model("é")
    assert (answer.upper, answer.length, answer.version) == (
        "é",
        2,
        2,
    )  # bytes; the largest version
    assert [type(value) for value in answer] == [int, str, int]
    assert model(["é"]) == model(("é",)) == model(np.array(["é"])) == [answer]
    assert model(letter for letter in ["é"]) == [answer]
    assert model([]) == []
    assert model(text="b").upper == model(b"b").upper == "B"


def test_a_version_and_a_path_as_a_string_are_found(folder):
    assert load(folder / "tiny" / "1")("a").version == 1
    assert load(f"{folder}/tiny")("a").version == 2


@pytest.mark.parametrize("size", [1, 2, 64])
def test_any_number_of_inputs_keeps_its_order(model, size):
    texts = ["ccc", "a", "bb", "", "dddd"]
    upper = [text.upper() for text in texts]
    assert [answer.upper for answer in model(texts, batch_size=size)] == upper


def test_texts_of_like_length_share_a_batch_unless_a_place_may_matter(folder):
    texts = ["ccc", "a", "dddd", "bb"]
    batch = load(folder / "more", "batch")
    assert [(one.text, one.longest) for one in batch(texts, batch_size=2)] == [
        *(("ccc", 4), ("a", 2)),
        *(("dddd", 4), ("bb", 2)),
    ]
    cut = load(folder / "tiny", "cut")
    assert [one.text for one in cut(texts, length=1, batch_size=2)] == ["c", "a", "d", "b"]


def test_numbers_scalars_and_several_inputs(model):
    double, two, cut = (model.using(name) for name in ("double", "two", "cut"))
    assert double(1.5).y == 3.0
    assert [one.y for one in double(np.array([1, 2]))] == [2.0, 4.0]
    assert double(np.array([0.25])) == [(0.5,)]  # of 64 bits
    assert two(x=1, pair=[2, 3]).total == 6.0
    assert [one.total for one in two(x=[1, 2], pair=[[2, 3], [4, 5]])] == [6.0, 11.0]
    assert cut("abc", length=2) == (2, "ab")
    assert [one.text for one in cut(["abc", "x"], length=2)] == ["ab", "x"]
    assert model.using("about")().language == "en"


def test_fields_are_pythons_own(more):
    kinds = more.using("kinds")
    answer, short = kinds(["abc", "d"])
    assert answer._fields == ("_0", "empty", "labels", "letters", "share")  # `class` is none
    np.testing.assert_array_equal(answer[0], [0.5, 0.5])
    assert answer.share == 0.1  # and not 0.10000000149011612
    assert (answer.empty, kinds("").empty) == (False, True)
    assert (answer.letters, short.letters) == (["a", "b", "c"], ["d"])
    assert answer.labels == ["a", "b"]


def test_empty_strings_within_a_row_keep_those_at_its_end():
    from pipelines.model_values import plain

    assert plain("x", np.array([b"a", b"b", b""], object)) == ["a", "b"]
    assert plain("x", np.array([b"a", b"", b"b", b""], object)) == ["a", "", "b", ""]


def test_bytes_stay_bytes_and_text_becomes_text(model, more):
    picture = png(np.zeros((5, 7, 3), np.uint8))
    assert more(picture).head_bytes == b"\x89PNG"
    assert model.using("copy")(picture).copy.startswith("\ufffdPNG")
    assert model("\udcff").length == 1  # a byte that the shell could not read


def png(pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_an_image_may_be_a_path_bytes_a_file_a_picture_or_an_array(more, tmp_path):
    array = np.zeros((5, 7, 3), np.uint8)
    picture, path = Image.fromarray(array), tmp_path / "x.png"
    picture.save(path)
    picture.save(tmp_path / "x.gif")
    ways = [
        *(path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), tmp_path / "x.gif"),
        *(picture, picture.convert("L"), picture.convert("CMYK")),
        *(array, array[:, :, 0], array[:, :, :1], np.zeros((5, 7, 4), np.uint8)),
    ]
    for way in ways:
        if isinstance(way, io.BytesIO):
            way = io.BytesIO(way.getvalue())
        answer = more(way)
        assert answer.size.tolist() == [5, 7]
        assert answer.head_bytes == b"\x89PNG"
    assert len(more(ways)) == len(ways)
    assert len(more(np.stack([array, array]))) == 2


def test_signatures_are_shown(model):
    assert model.signatures["about"] == "nothing -> language: string[]"
    assert model.signatures["cut"] == (
        "length: int32[], prompt: string[batch] -> length: int32[], text: string[batch]"
    )
    lines = repr(model.using("double")).splitlines()
    assert lines[0] == "tiny, version 2"
    assert "* double: x: float32[batch] -> y: float32[batch]" in lines
    assert "  words: text: string[batch] -> words: string[batch, any]" in lines


@pytest.mark.parametrize(
    ("signature", "inputs", "named", "message"),
    [
        ("serving_default", [Path("a.txt")], {}, "`text` must be text, .*; no file is read"),
        ("serving_default", [3], {}, "`text` must be text, .* Got 3"),
        ("serving_default", ["\ud800"], {}, "`text` must be text of UTF-8"),
        ("serving_default", [{"a"}], {}, "`text` must be one input or a list of them"),
        ("serving_default", ["a", "b"], {}, "Inputs must come as one list, or by name. Got 2"),
        ("serving_default", ["a"], {"text": "b"}, "`text` must be given once"),
        ("serving_default", [], {}, r"`text` must be given: string\[batch\]"),
        ("serving_default", ["a"], {"txt": "b"}, "`input` must be one of text. Got 'txt'"),
        ("two", [1], {}, "Inputs must be named: pair: "),
        ("two", [], {"x": 1, "pair": [[2, 3]]}, "All of .* must be one input, or all lists"),
        ("two", [], {"x": [1], "pair": [[2, 3]] * 2}, "must be of one length. Got"),
        ("two", [], {"x": 1, "pair": [2, 3, 4]}, r"`pair` must be int64\[batch, 2\]. Got"),
        ("double", ["a"], {}, r"`x` must be float32\[batch\]. Got"),
        ("cut", ["a"], {"length": 1.5}, r"`length` must be int32\[\]. Got 1.5"),
        ("cut", ["a"], {"length": 2**40}, r"`length` must be int32\[\]. Got 1099511627776"),
        ("cut", ["a"], {}, r"`length` must be given: int32\[\]. Signature `cut` takes"),
        ("small", [11], {}, "^`x` must be below 10$"),
        ("small", [1], {"batch_size": 0}, "`batch_size` must be at least 1. Got 0"),
        ("copy", [3], {}, "`image_bytes` must be a path, bytes or a file .* PIL image .* Got 3"),
        ("copy", [b"no image"], {}, "`image_bytes` is b'no image': not an image"),
        ("copy", ["nowhere.png"], {}, "`image_bytes` is 'nowhere.png': "),
        ("copy", [np.zeros((2, 2))], {}, "`image_bytes` is .*: an array of pixels must be uint8"),
        ("copy", [np.zeros((2, 5, 6), np.uint8)], {}, "with 1, 3 or 4 channels"),
    ],
)
def test_what_is_wrong_is_named(model, signature, inputs, named, message):
    with pytest.raises(ValueError, match=message):
        model.using(signature)(*inputs, **named)


def test_wrong_names_are_told_with_the_nearest(model, tmp_path):
    with pytest.raises(ValueError, match=r"`name` must be one of .*Did you mean 'sentiment'"):
        load("sentimant")
    with pytest.raises(ValueError, match=r"`signature` must be one of .*Did you mean 'double'"):
        model.using("duoble")
    with pytest.raises(ValueError, match=r"`name` must be a model's name, or a folder. Got 'no"):
        load(Path("nowhere"))
    with pytest.raises(ValueError, match=r"`name` must name a folder of versions"):
        load(tmp_path)


def test_every_shipped_model_is_found_by_its_name():
    shipped = {path.parents[1].name for path in (ROOT / "saved_models").glob("*/*/saved_model.pb")}
    from pipelines.loading import _folder

    assert {exporting.latest_version(_folder(name)) for name in shipped} >= {1}
