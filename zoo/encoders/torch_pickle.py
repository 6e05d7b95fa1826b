"""Reads a state dict from torch's old file format (before 1.6, not zip), without torch.

The file is four pickles (magic number, protocol version, system information, the state dict
itself), a fifth with the list of storage keys, and then for each key an int64 count and the raw
little-endian numbers. A tensor is a view into a storage:

    tensor[i, j, ...] = storage[offset + i * stride[0] + j * stride[1] + ...]

A general unpickler calls whatever the file names. The small stack machine below calls nothing: it
walks the opcodes that `pickletools` disassembles and knows two constructions, an empty
`OrderedDict` and a tensor. Each other name, and each opcode that a state dict does not need, is an
error. So a file cannot run code, whatever it holds.
"""

import io
import math
import pickletools
import reprlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DICT = "collections.OrderedDict"
_TENSOR = "torch._utils._rebuild_tensor_v2"
_STORAGES = {
    "torch.FloatStorage": np.dtype("<f4"),
    "torch.DoubleStorage": np.dtype("<f8"),
    "torch.HalfStorage": np.dtype("<f2"),
    "torch.LongStorage": np.dtype("<i8"),
    "torch.IntStorage": np.dtype("<i4"),
    "torch.ShortStorage": np.dtype("<i2"),
    "torch.CharStorage": np.dtype("i1"),
    "torch.ByteStorage": np.dtype("u1"),
    "torch.BoolStorage": np.dtype("?"),
}
_ALLOWED = {_DICT, _TENSOR, *_STORAGES}

_LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MARK = object()


class _Name(NamedTuple):
    """An allowed name, as the file wrote it. It is never imported."""

    name: str


class _Storage(NamedTuple):
    """A run of numbers that follows the pickles."""

    key: str
    dtype: np.dtype
    count: int


class _Tensor(NamedTuple):
    """A view into a storage whose numbers have not been read yet."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """Reads the tensors of a `.pth` file in torch's old format.

    Args:
        path: the file.

    Returns:
        Tensor name -> array of the tensor's own shape and dtype, in the file's order.

    Raises:
        ValueError: the file is cut off, is not in this format, or names anything that a state dict
            of plain tensors does not need; the message says which.
    """
    data = Path(path).read_bytes()
    if data.startswith(b"PK\x03\x04"):
        raise ValueError(f"`{path}` is in torch's newer zip format; this reader knows the old one.")
    try:
        return _read(data)
    except _Refused as error:
        raise ValueError(f"`{path}` is not a plain state dict: {error}") from None
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(
            f"`{path}` is cut off or not in torch's old pickle format: {error!r}"
        ) from error


class _Refused(Exception):
    """The file asks for something that a state dict does not need."""


def _read(data: bytes) -> dict[str, np.ndarray]:
    stream = io.BytesIO(data)
    magic = _load(stream)
    if magic != _MAGIC:
        raise ValueError(f"the first number must be {_MAGIC:#x}. Got {_short(magic)}")
    protocol, system = _load(stream), _load(stream)
    if protocol != _PROTOCOL or system["little_endian"] is not True:
        raise ValueError(f"unknown protocol {_short(protocol)} or system {_short(system)}")
    tensors = _load(stream)
    if not isinstance(tensors, dict):
        raise _Refused(f"it must hold a dict of tensors. Got {_short(tensors)}")
    for name, tensor in tensors.items():
        if not isinstance(tensor, _Tensor):
            raise _Refused(f"entry {name!r} must be a tensor. Got {_short(tensor)}")
    storages = _read_storages(stream, {t.storage.key: t.storage for t in tensors.values()})
    return {name: _view(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _read_storages(stream: io.BytesIO, wanted: dict[str, _Storage]) -> dict[str, np.ndarray]:
    arrays = {}
    for key in _load(stream):
        storage = wanted[key]
        count = int.from_bytes(stream.read(8), "little", signed=True)
        if count != storage.count:
            raise ValueError(f"storage {key} must hold {storage.count} numbers. Got {count}")
        raw = stream.read(count * storage.dtype.itemsize)
        if len(raw) != count * storage.dtype.itemsize:
            raise ValueError(f"the file ends inside storage {key}")
        arrays[key] = np.frombuffer(raw, storage.dtype)
    return arrays


def _view(tensor: _Tensor, storage: np.ndarray) -> np.ndarray:
    """The tensor as an array of its own; its strides must not leave the storage."""
    if math.prod(tensor.size) == 0:
        return np.zeros(tensor.size, storage.dtype)
    last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.size, tensor.stride, strict=True))
    if last >= storage.size or math.prod(tensor.size) > storage.size:
        raise ValueError(f"a tensor of size {tensor.size} leaves its storage of {storage.size}")
    strides = [s * storage.itemsize for s in tensor.stride]
    view = np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.size, strides)
    return np.array(view, order="C")


def _load(stream: io.BytesIO) -> Any:
    """Runs one pickle from the stream, up to its STOP, and returns what it built."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for opcode, argument, _ in pickletools.genops(stream):
        name = opcode.name
        if name in _LITERALS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "GLOBAL":
            stack.append(_allowed(argument.replace(" ", ".", 1)))
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "TUPLE":
            stack.append(tuple(_pop_to_mark(stack)))
        elif name in _TUPLES:
            stack[-_TUPLES[name] :] = [tuple(stack[-_TUPLES[name] :])]
        elif name in ("APPEND", "APPENDS"):
            items = _pop_to_mark(stack) if name == "APPENDS" else [stack.pop()]
            _top(stack, list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = _pop_to_mark(stack) if name == "SETITEMS" else [stack.pop(-2), stack.pop()]
            _fill(_top(stack, dict), items)
        elif name == "BINPERSID":
            stack.append(_storage(stack.pop()))
        elif name == "REDUCE":
            arguments, what = stack.pop(), stack.pop()
            stack.append(_construct(what, arguments))
        elif name == "PROTO" and argument == 2:
            continue
        elif name == "BUILD":
            stack.pop()  # a state dict's `_metadata`: versions of torch's modules, not needed
            _top(stack, dict)
        elif name == "STOP":
            return stack.pop()
        else:
            raise _Refused(f"the opcode {name} {_short(argument)} is not allowed")
    raise ValueError("a pickle without an end")


def _allowed(name: str) -> _Name:
    if name not in _ALLOWED:
        raise _Refused(f"the name {name!r} is not allowed")
    return _Name(name)


def _short(value: Any) -> str:
    """Like repr, of bounded length and depth: a file may nest tuples until repr never ends."""
    return reprlib.repr(value)


def _pop_to_mark(stack: list[Any]) -> list[Any]:
    items = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]


def _top(stack: list[Any], kind: type) -> Any:
    if not isinstance(stack[-1], kind):
        raise _Refused(f"{_short(stack[-1])} is not a {kind.__name__} and takes no items or state")
    return stack[-1]


def _fill(entries: dict[str, Any], items: list[Any]) -> None:
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str):
            raise _Refused(f"a dict's key must be a string. Got {_short(key)}")
        entries[key] = value


def _storage(persistent_id: Any) -> _Storage:
    """`("storage", type, key, device, count, view)`, the only persistent id that is known."""
    match persistent_id:
        case ("storage", _Name(name), str(key), str(), int(count), None) if name in _STORAGES:
            return _Storage(key, _STORAGES[name], count)
    raise _Refused(f"the persistent id {_short(persistent_id)} is not a storage")


def _construct(what: Any, arguments: Any) -> Any:
    """What the two allowed callables would have built."""
    match what, arguments:
        case _Name(name), () if name == _DICT:
            return {}
        case _Name(name), (_Storage() as storage, int(offset), tuple(size), tuple(stride), *_) if (
            name == _TENSOR
        ):
            numbers = (offset, *size, *stride)
            if not all(isinstance(n, int) and n >= 0 for n in numbers):
                raise _Refused(f"a tensor's numbers must be 0 or more. Got {_short(numbers)}")
            return _Tensor(storage, offset, size, stride)
    raise _Refused(f"{_short(what)} cannot be called with {_short(arguments)}")
