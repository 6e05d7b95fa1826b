"""Records on the disk: read back as written, and nothing written that could not be read."""

import errno

import numpy as np
import pytest

from pipelines import store
from pipelines.runs import DiskFullError
from pipelines.store import FILLER, Column, Store, cached_store, open_store, padded, write_store

COUNT = 10


def features(count=COUNT):
    return np.random.default_rng(0).random([count, 4, 12]).astype(np.float16)


def dense(count=COUNT, size=3):
    """A dense column in batches, as an encoder gives it."""
    return [{"features": features(count)[i : i + size]} for i in range(0, count, size)]


def ragged():
    """Rows [4, 5], [], [6, 7, 8] and [9], with a label each, in two batches."""
    yield {"words": (np.array([4, 5], np.uint16), [2, 0]), "label": np.array([1, 0])}
    yield {"words": (np.array([6, 7, 8, 9], np.uint16), [3, 1]), "label": np.array([1, 1])}


# As written.


def test_dense_column_is_read_back_from_a_memory_map(tmp_path):
    write_store(tmp_path, dense())
    read = open_store(tmp_path)
    values = read.columns["features"].values
    assert len(read) == COUNT
    assert isinstance(values, np.memmap)
    assert not values.flags.writeable
    assert values.dtype == np.float16
    np.testing.assert_array_equal(values, features())
    rows = read.dense("features", [3, 0, FILLER, 3])
    np.testing.assert_array_equal(rows[[0, 1, 3]], features()[[3, 0, 3]])
    assert not rows[2].any()
    rows[:] = 0  # a copy: the file stays
    np.testing.assert_array_equal(open_store(tmp_path).columns["features"].values, features())


def test_ragged_column(tmp_path):
    write_store(tmp_path, ragged())
    read = open_store(tmp_path)
    assert len(read) == 4
    assert read.lengths("words").tolist() == [2, 0, 3, 1]
    assert [read.row("words", record).tolist() for record in (0, 1, 2, 3, FILLER)] == [
        [4, 5],
        [],
        [6, 7, 8],
        [9],
        [],
    ]
    np.testing.assert_array_equal(read.padded("words", [2, FILLER, 0], 2), [[6, 7], [0, 0], [4, 5]])
    assert read.padded("words", [2], 2).dtype == np.int32
    assert read.dense("label", [2, FILLER]).tolist() == [1, 0]


def test_rows_are_padded_and_cut():
    np.testing.assert_array_equal(
        padded([[4, 5, 2], [6], [4, 5, 6, 7, 2]], 4), [[4, 5, 2, 0], [6, 0, 0, 0], [4, 5, 6, 7]]
    )
    assert padded([], 3).shape == (0, 3)


def test_store_of_arrays():
    columns = {"words": Column(np.arange(5), np.array([0, 2, 5])), "label": Column(np.eye(2), None)}
    assert len(Store(columns)) == 2
    assert len(Store(dict(reversed(columns.items())))) == 2


def test_digest_is_of_all_values(tmp_path):
    def digest(batches):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        write_store(folder, batches)
        return open_store(folder).digest

    def words(values, lengths):
        return [{"words": (np.array(values, np.uint16), lengths)}]

    first = digest(dense())
    assert digest(dense(size=4)) == first  # batches are not seen in it
    changed = dense()
    changed[-1]["features"][0, 0, 0] += 1
    assert len({first, digest(changed), digest(dense(9))}) == 3
    texts = [words([4, 5, 6], [1, 2]), words([4, 5, 6], [2, 1]), words([4, 5, 6], [2, 1, 0])]
    assert len(set(map(digest, texts))) == 3


# From the cache.


def test_cached_once(tmp_path):
    def never():
        raise AssertionError("the store is there: nothing is to be computed")
        yield

    first = cached_store(tmp_path, {"k": 1}, dense(), COUNT)
    again = cached_store(tmp_path, {"k": 1}, never(), COUNT)
    np.testing.assert_array_equal(
        first.columns["features"].values, again.columns["features"].values
    )
    assert first.digest == again.digest
    with pytest.raises(AssertionError, match="nothing is to be computed"):
        cached_store(tmp_path, {"k": 2}, never())


@pytest.mark.parametrize("name", ["features.values", "columns.json"])
def test_damaged_store_is_computed_again(tmp_path, name, capfd):
    cached_store(tmp_path, {"k": 1}, dense())
    (path,) = tmp_path.glob(f"*/{name}")
    raw = path.read_bytes()
    for damaged in (raw[:-1], raw + b"\0", raw[:9] + bytes([raw[9] ^ 1]) + raw[10:], b""):
        path.write_bytes(damaged)
        found = cached_store(tmp_path, {"k": 1}, dense())
        np.testing.assert_array_equal(found.columns["features"].values, features())
        assert "made anew" in capfd.readouterr().err


# Not written.


def left(directory):
    return [path.name for path in directory.iterdir() if path.name != ".lock"]


def with_value(value, place=4):
    values = features().astype(np.float32)
    values[place, 0, 0] = value
    with np.errstate(over="ignore"):
        return [{"features": values.astype(np.float16)}]


@pytest.mark.parametrize(
    ("batches", "told"),
    [
        ([], "`batches` must hold some records. Got 0."),
        (
            with_value(np.nan),
            "`features` must hold finite numbers, of float16 up to 65504. Got nan",
        ),
        (with_value(-np.inf), "Got -inf."),
        (with_value(70_000), r"float16 up to 65504. Got inf"),  # beyond the range of 16 bits
        (
            [*dense(3), {"features": features()[:, :3]}],
            r"must be float16 of shape \(4, 12\) in all batches. Got float16 of shape \(3, 12\)",
        ),
        ([*dense(3), {"features": features().astype("f4")}], "Got float32 of shape"),
        ([*dense(3), {"other": features()}], r"the columns \['features'\]. Got \['other'\]"),
        ([{"a": features(), "b": features(9)}], r"columns of one length. Got \[9, 10\]"),
    ],
)
def test_records_that_cannot_be_kept(tmp_path, batches, told):
    with pytest.raises(ValueError, match=told):
        cached_store(tmp_path, {"k": 1}, batches)
    assert left(tmp_path) == []


@pytest.mark.parametrize("count", [9, 11])
def test_as_many_records_as_said(tmp_path, count):
    with pytest.raises(ValueError, match=f"`batches` must hold 10 records. Got {count}."):
        cached_store(tmp_path, {"k": 1}, dense(count), COUNT)
    assert left(tmp_path) == []


def test_too_little_room_is_told_before_the_first_byte(tmp_path, monkeypatch):
    usage = store.shutil.disk_usage(tmp_path)._replace(free=950)
    monkeypatch.setattr(store.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DiskFullError, match="960 bytes are needed, 950 are free") as raised:
        cached_store(tmp_path, {"k": 1}, dense(), COUNT)
    assert raised.value.errno == errno.ENOSPC
    assert raised.value.filename == str(tmp_path)
    assert left(tmp_path) == []


def test_offsets_that_are_a_pickle_are_not_run(tmp_path):
    """With a list of files that believes them, NumPy's own rule stops them."""
    write_store(tmp_path, ragged())
    np.save(tmp_path / "words.offsets.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        open_store(tmp_path)
