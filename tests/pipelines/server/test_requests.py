"""JSON to arrays: TF Serving's forms, and a clear error for every other."""

import base64
import contextlib
import gzip
import json
import tracemalloc
import zlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.server import requests
from pipelines.server.errors import RequestError
from pipelines.server.responses import error_body

TEXT = {"text": tf.TensorSpec([None], tf.string)}
PAIR = {"x": tf.TensorSpec([None]), "y": tf.TensorSpec([None, 2], tf.int32)}
CHARLM = {"prompt": tf.TensorSpec([None], tf.string), "length": tf.TensorSpec([], tf.int32)}


def decode(document, specs):
    return requests.decode(requests.parse(json.dumps(document).encode()), specs)


def array(value, dtype, shape=(None,)):
    """A single input of a type, given in columns."""
    return decode({"inputs": value}, {"x": tf.TensorSpec(shape, dtype)})[1]["x"]


# Forms of a request.


def test_rows_of_one_input_need_no_name():
    rows, arrays = decode({"instances": ["a", "é"]}, TEXT)
    assert rows
    assert arrays["text"].tolist() == [b"a", "é".encode()]
    assert decode({"instances": [{"text": "a"}]}, TEXT)[1]["text"].tolist() == [b"a"]


def test_rows_of_several_inputs_are_put_together_by_name():
    _, arrays = decode({"instances": [{"x": 1, "y": [2, 3]}, {"y": [5, 6], "x": 4.5}]}, PAIR)
    assert arrays["x"].dtype == np.float32
    assert arrays["x"].tolist() == [1.0, 4.5]
    assert arrays["y"].dtype == np.int32
    assert arrays["y"].tolist() == [[2, 3], [5, 6]]


def test_columns_carry_scalars_which_rows_cannot():
    rows, arrays = decode({"inputs": {"prompt": ["a", "b"], "length": 7}}, CHARLM)
    assert not rows
    assert arrays["length"].shape == ()
    assert arrays["length"] == 7
    with pytest.raises(RequestError, match=r"length expecting shape \(\) but got: \[1\].*'inputs'"):
        decode({"instances": [{"prompt": "a", "length": 7}]}, CHARLM)


def test_columns_of_one_input_need_no_name():
    assert decode({"inputs": ["a"]}, TEXT)[1]["text"].tolist() == [b"a"]
    assert decode({"inputs": {"text": []}}, TEXT)[1]["text"].shape == (0,)
    assert array({"b64": "YQ=="}, tf.string, ()) == b"a"


def test_columns_may_hold_more_than_the_signature_takes():
    assert set(decode({"inputs": {"text": ["a"], "more": 1}}, TEXT)[1]) == {"text"}


@pytest.mark.parametrize("text", ["", "YQ==", "YQ", " Y Q = =\n", "AP8="])
def test_base64_with_or_without_padding(text):
    padded = text.replace(" ", "").rstrip("=\n")
    expected = base64.b64decode(padded + "=" * (-len(padded) % 4))
    assert array([{"b64": text}], tf.string).tolist() == [expected]


def test_bytes_keep_zeros_at_their_end():
    assert array([{"b64": "YQAA"}], tf.string).tolist() == [b"a\0\0"]


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_special_numbers(dtype):
    body = b'{"inputs": [NaN, Infinity, -Infinity, 1e-3, -2]}'
    values = requests.decode(requests.parse(body), {"x": tf.TensorSpec([None], dtype)})[1]["x"]
    np.testing.assert_array_equal(
        values, np.array([np.nan, np.inf, -np.inf, 1e-3, -2], values.dtype)
    )


@pytest.mark.parametrize("name", [kind.name for kind in requests.INTEGERS])
def test_integers_up_to_their_limits(name):
    limits = np.iinfo(name)
    ends = [int(limits.min), int(limits.max)]
    assert array(ends, name).tolist() == ends
    for beyond in (limits.min - 1, limits.max + 1, 10**30):
        with pytest.raises(RequestError, match=f"type: {name}.* without loss of precision"):
            array([int(beyond)], name)


def test_booleans_are_no_numbers_and_numbers_no_booleans():
    assert array([True, False], tf.bool).tolist() == [True, False]
    for value, dtype in ((1, tf.bool), (True, tf.int32), (True, tf.float32), (1.0, tf.int32)):
        with pytest.raises(RequestError, match="not of expected type"):
            array([value], dtype)


# Errors.


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: Expecting value"),
        (b" \n", "JSON Parse error: Expecting value"),
        (b"instances = [1, 2]", "JSON Parse error: "),
        (b'{"inputs": [1, 2}', "JSON Parse error: "),
        (b'{"inputs": "\xff"}', "JSON Parse error: "),
        (b'{"inputs": ' + b"[" * 100_000, "JSON Parse error: maximum recursion depth"),
        (b'{"inputs": ' + b"9" * 5000 + b"}", "JSON Parse error: "),
        (b"[1]", "Is not object"),
        (b'"' + b"a" * 10_000 + b'"', "Is not object"),
    ],
)
def test_not_json(body, message):
    with pytest.raises(RequestError, match=message) as caught:
        requests.parse(body)
    assert caught.value.status == 400
    assert len(caught.value.message) < 300


def test_of_a_key_that_comes_twice_the_first_counts():
    body = b'{"inputs": {"text": ["a"], "text": ["b"]}, "inputs": {"text": ["c"]}}'
    assert requests.decode(requests.parse(body), TEXT)[1]["text"].tolist() == [b"a"]


@pytest.mark.parametrize("rest", [b"\0", b"\n}", b'{"inputs": 1}', b" more"])
def test_bytes_after_the_document_do_not_count(rest):
    assert requests.parse(b' \r\n{"a": 1}' + rest) == {"a": 1}


def test_a_byte_order_mark_is_skipped():
    assert requests.parse(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("document", "specs", "message"),
    [
        ({}, TEXT, "one of the keys 'inputs' and 'instances'"),
        ({"inputs": [], "instances": []}, TEXT, "and only one"),
        ({"instances": "a"}, TEXT, "to be a list"),
        ({"instances": []}, TEXT, "a list/array of some values"),
        ({"instances": [1]}, TEXT, "Value: 1 is not of expected type: string"),
        ({"instances": [None]}, TEXT, "None is not of expected type: string"),
        ({"instances": [["a"]]}, TEXT, r"expecting shape \(None,\) but got: \[1, 1\]"),
        ({"instances": ["a", ["b"]]}, TEXT, "Lists of one level must all have the same size"),
        (
            {"instances": [{"text": "a"}, "b"]},
            TEXT,
            "Expecting object but got value/list at item 1",
        ),
        (
            {"instances": ["b", {"text": "a"}]},
            TEXT,
            "Expecting object but got value/list at item 0",
        ),
        ({"instances": [{"txt": "a"}]}, TEXT, "keys must be equal to: text"),
        ({"instances": [{"x": 1}]}, PAIR, "element: 0 .* keys must be equal to: x,y"),
        ({"instances": [1]}, PAIR, "Expecting objects, as multiple .*: x, y"),
        (
            {"instances": [{"x": 1, "y": [1, 2]}, {"x": 1, "y": [1]}]},
            PAIR,
            "Lists of one level must all have the same size",
        ),
        (
            {"instances": [{"x": 1, "y": [1, 2]}, {"x": 1, "y": 1}]},
            PAIR,
            "Lists of one level must all have the same size",
        ),
        ({"inputs": {"x": [1]}}, PAIR, "Missing named input: y"),
        ({"inputs": [1]}, PAIR, "Expecting objects, as multiple .*: x, y"),
        (
            {"inputs": [{"b64": "a"}]},
            TEXT,
            "{'b64': 'a'} is not of expected type: string. .*base64",
        ),
        ({"inputs": [{"b64": "é==="}]}, TEXT, "is not of expected type: string. .*ASCII"),
        ({"inputs": [{"b64": 1}]}, TEXT, "is not of expected type: string"),
        ({"inputs": [{"c": "YQ=="}]}, TEXT, "is not of expected type: string"),
        ({"inputs": ["\ud800"]}, TEXT, "surrogate"),
        ({"inputs": [1]}, {}, "Failed to get input map for signature: serving_default"),
    ],
)
def test_wrong_requests(document, specs, message):
    with pytest.raises(RequestError, match=message) as caught:
        decode(document, specs)
    assert caught.value.status == 400


def test_numbers_are_rounded_to_floats():
    rounded = {2**24 + 1: 2.0**24, -(2**24) - 3: -(2.0**24) - 4, 10**38: 1e38, 0.1: 0.1}
    expected = np.array([*rounded.values()], np.float32)
    np.testing.assert_array_equal(array([*rounded], tf.float32), expected)
    assert array([2**53 + 1], tf.float64).tolist() == [2.0**53]


@pytest.mark.parametrize("value", [10**39, -(10**39), 10**400, 1e39, -1e300])
def test_numbers_beyond_a_float(value):
    with pytest.raises(RequestError, match="without loss of precision"):
        array([value], tf.float32)


def test_types_that_json_cannot_carry():
    with pytest.raises(RequestError) as caught:
        array([1], tf.complex64)
    assert caught.value.status == 501


@pytest.mark.parametrize("name", [1, None, ["a"]])
def test_signature_names(name):
    assert requests.signature_name({}) == requests.signature_name({"signature_name": ""})
    assert requests.signature_name({"signature_name": "step"}) == "step"
    with pytest.raises(RequestError, match="'signature_name' key must be a string"):
        requests.signature_name({"signature_name": name})


# Packed bodies.

BODY = b'{"instances": ["a"]}' * 10


PACKED = [
    ("gzip", gzip.compress(BODY)),
    ("x-gzip", gzip.compress(BODY)),
    ("deflate", zlib.compress(BODY)),
]


@pytest.mark.parametrize(("coding", "packed"), PACKED, ids=range(3))
def test_a_packed_body_is_unpacked_up_to_a_limit(coding, packed):
    assert requests.unpack(packed, coding, len(BODY)) == BODY
    with pytest.raises(RequestError, match=f"at most {len(BODY) - 1} bytes") as caught:
        requests.unpack(packed, coding, len(BODY) - 1)
    assert caught.value.status == 413


@pytest.mark.parametrize(("coding", "packed"), PACKED, ids=["gzip", "x-gzip", "deflate"])
def test_a_packed_body_that_is_not_whole(coding, packed):
    for damaged in (packed[:-1], b"", BODY, packed + packed, packed + b"a"):
        message = f"The body (is no|must be one whole) {coding}:"
        with pytest.raises(RequestError, match=message) as caught:
            requests.unpack(damaged, coding, 1000)
        assert caught.value.status == 400


def test_a_coding_that_is_not_known():
    for coding in ("", "identity"):
        assert requests.unpack(BODY, coding, 1) == BODY  # bounded as it was read
    for coding in ("br", "gzip, gzip", "zstd"):
        with pytest.raises(RequestError, match=f"gzip, deflate or identity. Got '{coding}'") as it:
            requests.unpack(BODY, coding, 1000)
        assert it.value.status == 415


def test_unpacking_takes_no_more_memory_than_the_limit():
    zeros = bytes(10**8)
    bombs = [("gzip", gzip.compress(zeros, 1)), ("deflate", zlib.compress(zeros, 1))]
    for coding, bomb in bombs:
        tracemalloc.start()
        with contextlib.suppress(RequestError):
            requests.unpack(bomb, coding, 10**6)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 10**7


# Work.


@pytest.mark.parametrize(
    ("inputs", "size"),
    [
        ({"text": np.array([b"abc", b"d"], object)}, 4),
        ({"text": np.array(b"abc", object)}, 3),
        ({"clip_bytes": np.array([b"abc"], object), "text": np.array([b"d"], object)}, 1),
        ({"prompt": np.array([b"a", b"b"], object), "length": np.int32(5)}, 12),
        ({"state": np.zeros((3, 2), np.float32), "length": np.int32(5)}, 15),
        ({"length": np.int32(2**31 - 1)}, 2**31 - 1),
        ({"lengths": np.int32([5]), "x": np.zeros(9, np.float32)}, 0),
        ({"length": np.int32([5, 6])}, 0),
        ({"length": np.float32(5)}, 0),
    ],
)
def test_text_that_a_request_brings_and_asks_for(inputs, size):
    inputs = {name: np.asarray(value) for name, value in inputs.items()}
    requests.check_work(inputs, size)
    with pytest.raises(RequestError, match=rf"max-text-bytes`\). Got {size}"):
        requests.check_work(inputs, size - 1)


# Properties.

QUIET = settings(deadline=None, database=None, derandomize=True)

ANY_SPEC = st.builds(
    tf.TensorSpec,
    st.none() | st.lists(st.none() | st.integers(0, 3), max_size=3),
    st.sampled_from([tf.string, *requests.NUMBERS]),
)
LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.just({"b64": "YQ"})
)
ANY_JSON = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["x", "y", "b64"]) | st.text(max_size=3), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@settings(QUIET, max_examples=300)
@given(
    key=st.sampled_from(["inputs", "instances"]),
    value=ANY_JSON,
    specs=st.dictionaries(st.sampled_from(["x", "y"]), ANY_SPEC, max_size=2),
)
def test_any_json_is_read_as_the_signature_says_or_refused(key, value, specs):
    try:
        _, arrays = decode({key: value}, specs)
    except RequestError as error:
        refusal = error
    else:
        refusal = None
    if refusal is not None:
        assert refusal.status == 400
        assert json.loads(error_body(refusal.message))["error"]
        return
    assert arrays.keys() == specs.keys()
    for name, spec in specs.items():
        assert arrays[name].dtype == spec.dtype.as_numpy_dtype
        assert spec.shape.is_compatible_with(arrays[name].shape)


@settings(QUIET, max_examples=300)
@given(st.binary(max_size=40))
def test_any_bytes_are_json_or_refused(body):
    with contextlib.suppress(RequestError):
        assert isinstance(requests.parse(body), dict)
