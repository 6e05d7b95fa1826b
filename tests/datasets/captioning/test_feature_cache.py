"""The cache of features: read back as written, never believed when it is not whole."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from datasets.captioning import feature_cache
from datasets.captioning.feature_cache import cached_features, data_key

KEY = {"data": "d1", "encoder": "tiny", "weights": "w1", "image_size": 4, "flip": False}
COUNT = 10


def images(count=COUNT):
    return np.random.default_rng(0).random([count, 4, 4, 3], np.float32)


def batches(count=COUNT, size=3):
    return [images(count)[first : first + size] for first in range(0, count, size)]


def encode(batch):
    """Rows of pixels as cells: `[batch, 4, 12]`."""
    return batch.reshape(len(batch), 4, 12)


def refuse(batch):
    raise AssertionError("the cache is there: nothing is to be encoded")


def compute(directory, encode=encode, data=None, **options):
    data = batches() if data is None else data
    options = {"count": COUNT, "key": KEY, "progress": False, **options}
    return cached_features(data, encode, directory=directory, **options)


def files(directory):
    """What a user sees in the cache's directory, and what is left of unfinished work."""
    return sorted(path.name for path in directory.iterdir() if path.name != ".lock")


@pytest.fixture
def cache(tmp_path) -> Path:
    """The folder of one good cache."""
    compute(tmp_path)
    (name,) = files(tmp_path)
    return tmp_path / name


def test_computed_once_and_read_back_as_a_memory_map(tmp_path):
    first = compute(tmp_path)
    again = compute(tmp_path, refuse, data=iter([]))
    for features in first, again:
        assert isinstance(features, np.memmap)
        assert not features.flags.writeable
        assert features.dtype == np.float16
        np.testing.assert_array_equal(features, encode(images()).astype(np.float16))
    (name,) = files(tmp_path)
    manifest = json.loads((tmp_path / name / "manifest.json").read_text())
    assert manifest["key"] == KEY
    assert manifest["shape"] == [COUNT, 4, 12]
    np.testing.assert_array_equal(np.load(tmp_path / name / "features.npy"), first)


@pytest.mark.parametrize("part", KEY)
def test_another_key_is_another_cache(cache, part):
    other = compute(cache.parent, lambda batch: encode(batch) + 1, key={**KEY, part: "other"})
    assert len(files(cache.parent)) == 2
    np.testing.assert_array_equal(other, (encode(images()) + 1).astype(np.float16))
    np.testing.assert_array_equal(compute(cache.parent, refuse), encode(images()).astype("f2"))


def test_order_of_the_key_does_not_matter(cache):
    compute(cache.parent, refuse, key=dict(reversed(KEY.items())))


def cut(path, share=1.0, extra=0):
    os.truncate(path, int(path.stat().st_size * share) + extra)


def overwrite(path, place, keep_time=False):
    stat = path.stat()
    with path.open("rb+") as file:
        file.seek(place, os.SEEK_END if place < 0 else os.SEEK_SET)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    if keep_time:
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def edit_manifest(cache, **changes):
    path = cache / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


DAMAGE = {
    "no manifest": lambda cache: (cache / "manifest.json").unlink(),
    "no features": lambda cache: (cache / "features.npy").unlink(),
    "half a manifest": lambda cache: cut(cache / "manifest.json", 0.5),
    "manifest is a list": lambda cache: (cache / "manifest.json").write_text("[]"),
    "half the features": lambda cache: cut(cache / "features.npy", 0.5),
    "empty features": lambda cache: cut(cache / "features.npy", 0),
    "one byte too many": lambda cache: cut(cache / "features.npy", extra=1),
    "altered in the middle": lambda cache: overwrite(cache / "features.npy", 500),
    "altered at the end": lambda cache: overwrite(cache / "features.npy", -1),
    "altered, with its time kept": lambda cache: overwrite(cache / "features.npy", -1, True),
    "of another key": lambda cache: edit_manifest(cache, key={**KEY, "flip": 1}),
    "of another layout": lambda cache: edit_manifest(cache, version=0),
    "of another shape": lambda cache: edit_manifest(cache, shape=[COUNT, 48]),
    "without CRCs": lambda cache: edit_manifest(cache, block_crc32=[]),
    "empty": lambda cache: [path.unlink() for path in cache.iterdir()],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_cache_is_computed_again(cache, damage, capfd):
    DAMAGE[damage](cache)
    np.testing.assert_array_equal(compute(cache.parent), encode(images()).astype(np.float16))
    message = capfd.readouterr().err
    assert str(cache) in message
    assert "computed again" in message
    assert files(cache.parent) == [cache.name]
    compute(cache.parent, refuse)
    assert capfd.readouterr().err == ""


def test_only_a_sample_is_read_unless_the_file_was_changed(tmp_path, monkeypatch):
    width = feature_cache._BLOCK // 2
    data = [np.full([1, 1, 1], row) for row in range(40)]

    def open_cache(encode=refuse):
        return compute(tmp_path, encode, data=data, count=40)

    open_cache(lambda batch: batch * np.ones(width))
    (path,) = tmp_path.glob("*/features.npy")
    read = []
    crcs = feature_cache._block_crcs

    def counted(path, places):
        read.append(list(places))
        return crcs(path, read[-1])

    monkeypatch.setattr(feature_cache, "_block_crcs", counted)
    open_cache()
    assert len(read[0]) == 16
    assert (read[0][0], read[0][-1]) == (0, 40)  # 40 blocks and the header
    path.touch()  # as a copy would be
    open_cache()
    assert read[1] == list(range(41))
    open_cache()
    assert len(read[2]) == 16
    unread = next(place for place in range(41) if place not in read[0])
    overwrite(path, unread * feature_cache._BLOCK + 9)
    with pytest.raises(AssertionError, match="nothing is to be encoded"):
        open_cache()


@pytest.mark.parametrize(
    ("features", "told"),
    [
        (lambda batch: encode(batch) * np.float32(np.nan), "Got nan for image 0"),
        (lambda batch: np.where(batch == images()[4], np.inf, batch)[..., 0], "inf for image 4"),
        (lambda batch: encode(batch) - 70_000, "range of float16"),
        (lambda batch: encode(batch)[:, 0], r"\[3, cells, channels\].*Got \[3, 12\]"),
        (lambda batch: encode(batch)[1:], r"\[3, 4, 12\].*Got \[2, 4, 12\]"),
        (lambda batch: encode(batch)[:, : len(batch)], r"\[1, 3, 12\].*Got \[1, 1, 12\]"),
        (lambda batch: encode(batch)[:, :0], r"Got \[3, 0, 12\]"),
    ],
)
def test_features_that_cannot_be_kept(tmp_path, features, told):
    with pytest.raises(ValueError, match=told):
        compute(tmp_path, features)
    assert files(tmp_path) == []


@pytest.mark.parametrize("data", [[], batches(9), batches(11)])
def test_as_many_images_as_said(tmp_path, data):
    with pytest.raises(ValueError, match=r"must hold `count` = 10 images. Got (0|9|11)"):
        compute(tmp_path, data=data)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"count": 0}, "`count` must be a positive integer. Got 0."),
        ({"key": {"data": b"bytes"}}, "`key` must hold only what JSON can"),
        ({"key": {"data": float("nan")}}, "`key` must hold only what JSON can"),
    ],
)
def test_bad_arguments(tmp_path, options, told):
    with pytest.raises(ValueError, match=told):
        compute(tmp_path, refuse, **options)


def test_a_full_disk_is_told_before_the_first_byte(tmp_path, monkeypatch):
    usage = feature_cache.shutil.disk_usage(tmp_path)._replace(free=66_000)
    monkeypatch.setattr(feature_cache.shutil, "disk_usage", lambda path: usage)
    needed = COUNT * 4 * 12 * 2 + 2**16
    with pytest.raises(OSError, match=f"{needed:,} bytes are needed, 66,000 were free") as raised:
        compute(tmp_path)
    assert raised.value.errno == errno.ENOSPC
    assert raised.value.filename == str(tmp_path)
    assert files(tmp_path) == []


def test_a_disk_that_fills_meanwhile(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(feature_cache.os, "fsync", full)
    with pytest.raises(OSError, match="bytes are needed") as raised:
        compute(tmp_path)
    assert raised.value.filename == str(tmp_path)
    assert files(tmp_path) == []


def test_progress_tells_speed_and_time_left(tmp_path, monkeypatch, capfd):
    seconds = iter(range(0, 1000, 4))
    monkeypatch.setattr(feature_cache.time, "monotonic", lambda: next(seconds))
    compute(tmp_path, progress=True)
    told = capfd.readouterr().err.splitlines()
    assert told[0] == "Features 6/10, 1 images/s, 5 s left"
    assert told[-1] == "Features 10/10, 1 images/s, 16 s"


# Loaded by path, for the package imports TensorFlow and a kill needs many short processes.
HARNESS = """
import importlib.util, os, pathlib, random, signal, sys, time, traceback
import numpy as np

spec = importlib.util.spec_from_file_location("feature_cache", sys.argv[1])
cache = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cache)
directory = pathlib.Path(sys.argv[2])
data = np.arange(40 * 6, dtype=np.float32).reshape(40, 6)

def compute(pause=0.0):
    def encode(batch):
        time.sleep(pause)
        return batch.reshape(-1, 2, 3)

    return cache.cached_features(
        np.split(data, 10), encode, count=40, key={"k": 1}, directory=directory, progress=False
    )

def fork(work):
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child

def join(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def check():
    np.testing.assert_array_equal(compute(), data.reshape(-1, 2, 3))
    left = sorted(path.name for path in directory.iterdir())
    (name,) = [name for name in left if name != ".lock"]
    for path in (directory / name).iterdir():
        path.unlink()
    (directory / name).rmdir()
"""
KILLED_AT_EACH_STEP = """
def until(step):
    # audit events tell of each file that is opened, locked, made, renamed, removed
    left, flush = [step], os.fsync
    os.fsync = lambda file: (sys.audit("os.fsync"), flush(file), sys.audit("os.fsync"))
    def hook(event, arguments):
        if event.startswith(("open", "os.", "shutil.", "fcntl.")) and event != "os.kill":
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    compute()

step = 0
while (code := join(fork(lambda: until(step)))) != 0:
    if code != -signal.SIGKILL:
        sys.exit(f"step {step}: exit {code}")
    check()
    step += 1
check()
print(step)
"""
KILLED_AT_RANDOM = """
rng = random.Random(0)
for _ in range(12):
    child = fork(lambda: compute(pause=0.01))
    time.sleep(rng.uniform(0.0, 0.15))
    os.kill(child, signal.SIGKILL)
    join(child)
    check()
"""
TOGETHER = """
for _ in range(5):
    children = [fork(lambda: compute(pause=0.005)) for _ in range(4)]
    codes = [join(child) for child in children]
    if any(codes):
        sys.exit(f"exit codes {codes}")
    compute(pause=1000)  # is there
    check()
"""


def run(story, directory):
    command = [sys.executable, "-c", HARNESS + story, feature_cache.__file__, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_killed_at_each_step(tmp_path):
    assert int(run(KILLED_AT_EACH_STEP, tmp_path)) > 10  # steps at which it was killed


def test_killed_at_random_moments(tmp_path):
    run(KILLED_AT_RANDOM, tmp_path)


def test_processes_at_the_same_time(tmp_path):
    run(TOGETHER, tmp_path)


def test_data_key():
    pairs = [("a.jpg", b"1"), ("b.jpg", b"2")]
    assert data_key(iter(pairs)) == data_key(pairs)
    others = [
        [],
        pairs[:1],
        pairs[::-1],
        [("a.jpg", b"2"), ("b.jpg", b"1")],
        [("a.jpg1", b""), ("b.jpg", b"2")],
        [("a.jpg", b"1b.jpg2")],
    ]
    assert len({data_key(other) for other in [pairs, *others]}) == 7
