"""JSON to arrays: TF Serving's forms, and a clear error for every other."""

import base64
import contextlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.server import requests
from pipelines.server.errors import RequestError
from pipelines.server.requests import Spec
from pipelines.server.responses import error_body

TEXT = {"text": Spec("DT_STRING", (None,))}
PAIR = {"x": Spec("DT_FLOAT", (None,)), "y": Spec("DT_INT32", (None, 2))}
CHARLM = {"prompt": Spec("DT_STRING", (None,)), "length": Spec("DT_INT32", ())}


def decode(document, specs):
    return requests.decode(requests.parse(json.dumps(document).encode()), specs)


def array(value, dtype, shape=(None,)):
    """A single input of a type, given in columns."""
    return decode({"inputs": value}, {"x": Spec(dtype, shape)})[1]["x"]


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
    with pytest.raises(RequestError, match=r"length expecting shape \[\] but got: \[1\].*'inputs'"):
        decode({"instances": [{"prompt": "a", "length": 7}]}, CHARLM)


def test_columns_of_one_input_need_no_name():
    assert decode({"inputs": ["a"]}, TEXT)[1]["text"].tolist() == [b"a"]
    assert decode({"inputs": {"text": []}}, TEXT)[1]["text"].shape == (0,)
    assert array({"b64": "YQ=="}, "DT_STRING", ()) == b"a"


def test_columns_may_hold_more_than_the_signature_takes():
    assert set(decode({"inputs": {"text": ["a"], "more": 1}}, TEXT)[1]) == {"text"}


@pytest.mark.parametrize("text", ["", "YQ==", "YQ", " Y Q = =\n", "AP8="])
def test_base64_with_or_without_padding(text):
    padded = text.replace(" ", "").rstrip("=\n")
    expected = base64.b64decode(padded + "=" * (-len(padded) % 4))
    assert array([{"b64": text}], "DT_STRING").tolist() == [expected]


def test_bytes_keep_zeros_at_their_end():
    assert array([{"b64": "YQAA"}], "DT_STRING").tolist() == [b"a\0\0"]


@pytest.mark.parametrize("dtype", ["DT_FLOAT", "DT_DOUBLE"])
def test_special_numbers(dtype):
    body = b'{"inputs": [NaN, Infinity, -Infinity, 1e-3, -2]}'
    values = requests.decode(requests.parse(body), {"x": Spec(dtype, (None,))})[1]["x"]
    np.testing.assert_array_equal(
        values, np.array([np.nan, np.inf, -np.inf, 1e-3, -2], values.dtype)
    )


@pytest.mark.parametrize("name", [name for name in requests.TYPES if "INT" in name])
def test_integers_up_to_their_limits(name):
    limits = np.iinfo(requests.TYPES[name][1])
    ends = [int(limits.min), int(limits.max)]
    assert array(ends, name).tolist() == ends
    for beyond in (limits.min - 1, limits.max + 1, 10**30):
        with pytest.raises(RequestError, match=f"not of expected type: {requests.TYPES[name][0]}"):
            array([int(beyond)], name)


def test_booleans_are_no_numbers_and_numbers_no_booleans():
    assert array([True, False], "DT_BOOL").tolist() == [True, False]
    for value, dtype in ((1, "DT_BOOL"), (True, "DT_INT32"), (True, "DT_FLOAT"), (1.0, "DT_INT32")):
        with pytest.raises(RequestError, match="not of expected type"):
            array([value], dtype)


# Errors.


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b" \n", "JSON Parse error: The document is empty"),
        (b"instances = [1, 2]", "JSON Parse error: "),
        (b'{"inputs": [1, 2}', "JSON Parse error: "),
        (b'{"inputs": "\xff"}', "JSON Parse error: "),
        (b'{"inputs": ' + b"[" * 100_000, "JSON Parse error: nested too deeply"),
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


def test_a_byte_order_mark_is_skipped():
    assert requests.parse(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("document", "specs", "message"),
    [
        ({}, TEXT, "Missing 'inputs' or 'instances' key"),
        ({"inputs": [], "instances": []}, TEXT, "only one of"),
        ({"instances": "a"}, TEXT, "to be a list"),
        ({"instances": []}, TEXT, "No values in 'instances'"),
        ({"instances": [1]}, TEXT, "Value: 1 Type: Number is not of expected type: string"),
        ({"instances": [None]}, TEXT, "Type: Null is not of expected type: string"),
        ({"instances": [["a"]]}, TEXT, r"expecting shape \[\?\] but got: \[1,1\]"),
        ({"instances": ["a", ["b"]]}, TEXT, "Encountered list at unexpected level"),
        (
            {"instances": [{"text": "a"}, "b"]},
            TEXT,
            "Expecting object but got value/list at item 1",
        ),
        (
            {"instances": ["b", {"text": "a"}]},
            TEXT,
            "Expecting value/list but got object at item 1",
        ),
        ({"instances": [{"txt": "a"}]}, TEXT, "keys must be equal to: text"),
        ({"instances": [{"x": 1}]}, PAIR, "element: 0 .* keys must be equal to: x,y"),
        ({"instances": [1]}, PAIR, "plain list, but expecting list of objects"),
        ({"instances": [{"x": 1, "y": [1, 2]}, {"x": 1, "y": [1]}]}, PAIR, "unexpected size: 1"),
        ({"instances": [{"x": 1, "y": [1, 2]}, {"x": 1, "y": 1}]}, PAIR, "incorrect level"),
        ({"inputs": {"x": [1]}}, PAIR, "Missing named input: y"),
        ({"inputs": [1]}, PAIR, "plain value/list, but expecting an object"),
        ({"inputs": [{"b64": "a"}]}, TEXT, "Unable to base64 decode"),
        ({"inputs": [{"b64": "é==="}]}, TEXT, "Unable to base64 decode"),
        ({"inputs": [{"b64": 1}]}, TEXT, "not formatted correctly for base64 data"),
        ({"inputs": [{"c": "YQ=="}]}, TEXT, "not formatted correctly for base64 data"),
        ({"inputs": ["\ud800"]}, TEXT, "surrogate"),
        ({"inputs": [1]}, {}, "Failed to get input map for signature: serving_default"),
    ],
)
def test_wrong_requests(document, specs, message):
    with pytest.raises(RequestError, match=message) as caught:
        decode(document, specs)
    assert caught.value.status == 400


@pytest.mark.parametrize("value", [2**24, -(2**24), 10**400, 1e39, -1e300])
def test_numbers_that_a_float_cannot_hold(value):
    with pytest.raises(RequestError, match="without loss of precision"):
        array([value], "DT_FLOAT")


def test_types_that_json_cannot_carry():
    with pytest.raises(RequestError) as caught:
        array([1], "DT_COMPLEX64")
    assert caught.value.status == 501


@pytest.mark.parametrize("name", [1, None, ["a"]])
def test_signature_names(name):
    assert requests.signature_name({}) == requests.signature_name({"signature_name": ""})
    assert requests.signature_name({"signature_name": "step"}) == "step"
    with pytest.raises(RequestError, match="'signature_name' key must be a string"):
        requests.signature_name({"signature_name": name})


# Properties.

QUIET = settings(deadline=None, database=None, derandomize=True)

ANY_SPEC = st.builds(
    Spec,
    st.sampled_from(sorted(requests.TYPES)),
    st.none() | st.lists(st.none() | st.integers(0, 3), max_size=3).map(tuple),
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
        assert arrays[name].dtype == requests.TYPES[spec.dtype][1]
        if spec.shape is not None:
            pairs = zip(arrays[name].shape, spec.shape, strict=True)
            assert all(wanted in (None, size) for size, wanted in pairs)


@settings(QUIET, max_examples=300)
@given(st.binary(max_size=40))
def test_any_bytes_are_json_or_refused(body):
    with contextlib.suppress(RequestError):
        assert isinstance(requests.parse(body), dict)
