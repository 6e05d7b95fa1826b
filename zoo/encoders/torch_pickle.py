"""Reads a state dict from torch's old file format (before 1.6, not zip), without torch.

The file is five pickles (magic number, protocol version, system information, the state dict
itself, the list of storage keys), and then for each key an int64 count and the raw little-endian
numbers. A tensor is a view into a storage:

    tensor[i, j, ...] = storage[offset + i * stride[0] + j * stride[1] + ...]

A general unpickler calls whatever the file names. The unpickler below knows the opcodes and the
names of a plain state dict alone, and each other opcode and name is an error. So a file cannot run
code, whatever it holds.
"""

import io
import pickle
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
# fmt: off
_OPCODES = (
    pickle.PROTO, pickle.STOP, pickle.MARK, pickle.GLOBAL, pickle.REDUCE, pickle.BINPERSID,
    pickle.BINPUT, pickle.LONG_BINPUT, pickle.BINGET, pickle.LONG_BINGET,
    pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.BINUNICODE,
    pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1,
    pickle.EMPTY_TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3, pickle.TUPLE,
    pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS, pickle.SETITEM, pickle.SETITEMS,
)
# fmt: on

# A run of numbers that follows the pickles.
_Storage = namedtuple("_Storage", "dtype key count")
# A view into a storage whose numbers have not been read yet, as unchecked as the file gives it.
_Tensor = namedtuple("_Tensor", "storage offset size stride requires_grad hooks")


class _Dict(dict):
    """A dict of names: of another key, such as tuples in tuples, the hash could take for ever."""

    def __init__(self):
        super().__init__()

    def __setitem__(self, key: str, value: Any):
        if not isinstance(key, str):
            raise ValueError(f"a dict's key must be a string. Got a {type(key).__name__}")
        super().__setitem__(key, value)


_NAMES = {
    "collections.OrderedDict": _Dict,
    "torch._utils._rebuild_tensor_v2": _Tensor,
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
        return _read(io.BytesIO(data))
    except Exception as error:  # opcodes in a senseless order may raise anything
        raise ValueError(
            f"`{path}` is cut off or no plain state dict in torch's old pickle format: {error!r}"
        ) from error


class _Unpickler(pickle._Unpickler):
    """The unpickler that Python has in Python: its opcodes are a table, here without most."""

    class _Dispatch(dict):
        def __missing__(self, code: int):
            raise ValueError(f"the opcode {bytes([code])} is not allowed")

    dispatch = _Dispatch({code[0]: pickle._Unpickler.dispatch[code[0]] for code in _OPCODES})
    dispatch[pickle.EMPTY_DICT[0]] = lambda self: self.append(_Dict())
    # The attributes of a state dict, versions of torch's modules, are not needed.
    dispatch[pickle.BUILD[0]] = lambda self: self.stack.pop()

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in _NAMES:
            raise ValueError(f"the name {f'{module}.{name}'!r} is not allowed")
        return _NAMES[f"{module}.{name}"]

    def persistent_load(self, pid: Any) -> _Storage:
        match pid:
            case ("storage", np.dtype() as dtype, str(key), str(), int(count), None):
                return _Storage(dtype, key, count)
        raise ValueError("a persistent id is not that of a storage")


def _read(stream: io.BytesIO) -> dict[str, np.ndarray]:
    pickles = (_Unpickler(stream).load() for _ in range(5))
    header = next(pickles), next(pickles), next(pickles)["little_endian"]
    if header != (_MAGIC, _PROTOCOL, True):
        raise ValueError(f"it must begin with {_MAGIC:#x}, {_PROTOCOL} and be little-endian")
    tensors, keys = pickles
    for name, tensor in tensors.items():
        if not isinstance(tensor, _Tensor):
            raise ValueError(f"entry {name!r} must be a tensor. Got a {type(tensor).__name__}")
    if not all(isinstance(key, str) for key in keys):
        raise ValueError("the keys of the storages must be strings")
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    numbers = {key: _numbers(stream, storages[key]) for key in keys}
    return {name: _view(tensor, numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _numbers(stream: io.BytesIO, storage: _Storage) -> np.ndarray:
    count = int.from_bytes(stream.read(8), "little", signed=True)
    numbers = np.frombuffer(stream.read(count * storage.dtype.itemsize), storage.dtype)
    if not count == len(numbers) == storage.count:
        raise ValueError(f"a storage must have {storage.count} numbers. Got {len(numbers)}")
    return numbers


def _view(tensor: _Tensor, numbers: np.ndarray) -> np.ndarray:
    """The tensor as an array of its own; NumPy lets no stride leave the storage."""
    if not all(
        isinstance(n, int) and n >= 0 for n in (tensor.offset, *tensor.size, *tensor.stride)
    ):
        raise ValueError("a tensor's offset, sizes and strides must be integers of 0 or more")
    strides = [step * numbers.itemsize for step in tensor.stride]
    start = tensor.offset * numbers.itemsize
    view = np.ndarray(tensor.size, numbers.dtype, numbers, start, strides)
    if view.size > numbers.size:
        raise ValueError(f"a tensor of {view.size} numbers in a storage of {numbers.size}")
    return view.copy()
