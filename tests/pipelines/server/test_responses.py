"""Arrays to JSON, in rows or columns; and back again through the requests."""

import json

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.server import requests
from pipelines.server.errors import RequestError
from pipelines.server.responses import encode, error_body


def decode(document, specs):
    return requests.decode(requests.parse(json.dumps(document).encode()), specs)[1]


def text(*values):
    return np.array(values, object)


def test_the_name_of_a_single_output_is_left_out():
    assert json.loads(encode({"y": text(b"a", b"b")}, rows=True)) == {"predictions": ["a", "b"]}
    assert json.loads(encode({"y": np.float32([[1, 2]])}, rows=False)) == {"outputs": [[1.0, 2.0]]}


def test_several_outputs_are_objects():
    outputs = {"a": text(b"x", b"y"), "n": np.int32([1, 2])}
    rows = [{"a": "x", "n": 1}, {"a": "y", "n": 2}]
    assert json.loads(encode(outputs, rows=True)) == {"predictions": rows}
    assert json.loads(encode(outputs, rows=False)) == {"outputs": {"a": ["x", "y"], "n": [1, 2]}}


def test_outputs_whose_name_ends_in_bytes_are_base64():
    outputs = {"x_bytes": text(b"\xff\0"), "x": text(b"a\xff")}
    assert json.loads(encode(outputs, rows=True)) == {
        "predictions": [{"x_bytes": {"b64": "/wA="}, "x": "a\ufffd"}]
    }


def test_floats_have_the_digits_of_their_own_size():
    body = encode({"y": np.float32([0.1, 1e-9, np.nan, np.inf, -np.inf, 3])}, rows=True)
    assert body == b'{"predictions": [0.1, 1e-09, NaN, Infinity, -Infinity, 3.0]}'
    assert encode({"y": np.float64(0.1)}, rows=False) == b'{"outputs": 0.1}'


def test_rows_need_as_many_rows_of_each_output():
    with pytest.raises(RequestError, match=r"Inconsistent batch sizes .*'n': \(\)"):
        encode({"a": text(b"x"), "n": np.int32(1)}, rows=True)
    with pytest.raises(RequestError, match=r"Inconsistent batch sizes .*'inputs'"):
        encode({"a": text(b"x"), "n": np.int32([1, 2])}, rows=True)
    with pytest.raises(RequestError, match="tensor type: complex64"):
        encode({"a": np.complex64([1])}, rows=True)


def test_errors_are_json_whatever_they_repeat():
    assert json.loads(error_body('"\ud800\n\0"')) == {"error": '"\ud800\n\0"'}
    assert error_body("é").isascii()


# There and back.

QUIET = settings(deadline=None, database=None, derandomize=True)
SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, max_side=3)
DTYPES = st.sampled_from(list(requests.NUMBERS))


@settings(QUIET, max_examples=200)
@given(data=st.data(), dtype=DTYPES, rows=st.booleans())
def test_an_array_reads_back_the_same(data, dtype, rows):
    # Integers that are sent to a float input must fit its digits; written floats have a point.
    array = data.draw(arrays.arrays(dtype.as_numpy_dtype, SHAPES))
    answer = json.loads(encode({"y": array}, rows))
    (value,) = answer.values()
    read = decode({"instances" if rows else "inputs": value}, {"y": tf.TensorSpec(None, dtype)})
    np.testing.assert_array_equal(read["y"], array)


@settings(QUIET, max_examples=100)
@given(st.lists(st.binary(max_size=9), min_size=1, max_size=3))
def test_bytes_read_back_the_same(values):
    written = json.loads(encode({"y_bytes": text(*values)}, rows=True))["predictions"]
    read = decode({"instances": written}, {"y": tf.TensorSpec([None], tf.string)})
    assert read["y"].tolist() == values
