"""The cache: made once, read back as written, never believed when it is not whole."""

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines import cache
from pipelines.cache import cached, digest_of, with_progress
from pipelines.runs import DiskFullError

ROOT = Path(__file__).parents[2]
KEY = {"data": "d1", "encoder": "tiny", "image_size": 4, "flip": False}
CONTENT = bytes(range(256)) * 8


def write(folder, content=CONTENT):
    (folder / "values").write_bytes(content)
    (folder / "offsets").write_bytes(content[:100])


def refuse(folder):
    raise AssertionError("the entry is there: nothing is to be written")


def entries(directory):
    """What a user sees in the cache's folder, and what is left of unfinished work."""
    return sorted(path.name for path in directory.iterdir() if path.name != ".lock")


@pytest.fixture
def entry(tmp_path):
    """The folder of one good entry."""
    return cached(tmp_path, KEY, write)


def test_written_once(tmp_path):
    first = cached(tmp_path, KEY, write)
    assert cached(tmp_path, KEY, refuse) == first
    assert (first / "values").read_bytes() == CONTENT
    assert entries(tmp_path) == [first.name]
    assert json.loads((first / "manifest.json").read_text())["key"] == KEY


@pytest.mark.parametrize("part", KEY)
def test_another_key_is_another_entry(entry, part):
    other = cached(entry.parent, {**KEY, part: "other"}, lambda folder: write(folder, b"other"))
    assert len(entries(entry.parent)) == 2
    assert (other / "values").read_bytes() == b"other"
    assert (cached(entry.parent, KEY, refuse) / "values").read_bytes() == CONTENT


def test_order_of_the_key_does_not_matter(entry):
    cached(entry.parent, dict(reversed(KEY.items())), refuse)


@pytest.mark.parametrize("value", [b"bytes", float("nan"), {1, 2}])
def test_key_that_json_cannot_hold(tmp_path, value):
    with pytest.raises(ValueError, match="`key` must hold only what JSON can"):
        cached(tmp_path, {"data": value}, refuse)


# Damage.


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


def edit_manifest(entry, **changes):
    path = entry / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


DAMAGE = {
    "no manifest": lambda entry: (entry / "manifest.json").unlink(),
    "no values": lambda entry: (entry / "values").unlink(),
    "half a manifest": lambda entry: cut(entry / "manifest.json", 0.5),
    "manifest is a list": lambda entry: (entry / "manifest.json").write_text("[]"),
    "half the values": lambda entry: cut(entry / "values", 0.5),
    "empty values": lambda entry: cut(entry / "values", 0),
    "one byte too many": lambda entry: cut(entry / "values", extra=1),
    "altered in the middle": lambda entry: overwrite(entry / "values", 500),
    "altered at the end": lambda entry: overwrite(entry / "offsets", -1),
    "altered, with its time kept": lambda entry: overwrite(entry / "values", -1, True),
    "of another key": lambda entry: edit_manifest(entry, key={**KEY, "flip": 1}),
    "of another layout": lambda entry: edit_manifest(entry, version=0),
    "without CRCs": lambda entry: edit_manifest(
        entry, files={"values": {"bytes": len(CONTENT), "changed_ns": 0, "block_crc32": []}}
    ),
    "empty": lambda entry: [path.unlink() for path in entry.iterdir()],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_entry_is_made_anew(entry, damage, capfd):
    DAMAGE[damage](entry)
    assert (cached(entry.parent, KEY, write) / "values").read_bytes() == CONTENT
    message = capfd.readouterr().err
    assert str(entry) in message
    assert "made anew" in message
    assert entries(entry.parent) == [entry.name]
    cached(entry.parent, KEY, refuse)
    assert capfd.readouterr().err == ""


def test_only_a_sample_is_read_unless_a_file_was_changed(tmp_path, monkeypatch):
    (tmp_path / "big").write_bytes(b"")
    content = bytes(cache._BLOCK) * 40 + b"end"
    entry = cached(tmp_path, KEY, lambda folder: (folder / "big").write_bytes(content))
    read = []
    crcs = cache._block_crcs

    def counted(path, blocks):
        read.append(list(blocks))
        return crcs(path, read[-1])

    monkeypatch.setattr(cache, "_block_crcs", counted)
    cached(tmp_path, KEY, refuse)
    assert len(read[0]) == 16
    assert (read[0][0], read[0][-1]) == (0, 40)
    (entry / "big").touch()  # as a copy would be
    cached(tmp_path, KEY, refuse)
    assert read[1] == list(range(41))
    cached(tmp_path, KEY, refuse)
    assert len(read[2]) == 16
    unread = next(block for block in range(41) if block not in read[0])
    overwrite(entry / "big", unread * cache._BLOCK + 9)
    with pytest.raises(AssertionError, match="nothing is to be written"):
        cached(tmp_path, KEY, refuse)


# Room.


def test_failed_writer_leaves_nothing(tmp_path):
    def fail(folder):
        write(folder)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        cached(tmp_path, KEY, fail)
    assert entries(tmp_path) == []


def test_full_disk_says_what_to_do(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(cache.os, "fsync", full)
        with pytest.raises(DiskFullError, match=r"make room.*same command") as raised:
            cached(tmp_path, KEY, write)
    assert raised.value.filename == str(tmp_path)
    assert entries(tmp_path) == []
    assert (cached(tmp_path, KEY, write) / "values").read_bytes() == CONTENT


def test_entries_unused_for_the_longest_time_make_room(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "LIMIT", 4 * len(CONTENT))
    first, second, third = (cached(tmp_path, {"number": number}, write) for number in range(3))
    for age, entry in enumerate((first, third, second)):
        os.utime(entry / "manifest.json", (1e9 - age, 1e9 - age))
    cached(tmp_path, {"number": 0}, refuse)  # used just now
    new = cached(tmp_path, {"number": 3}, write)
    assert set(entries(tmp_path)) == {first.name, third.name, new.name}


def test_entry_beyond_the_limit_is_kept_while_it_is_the_one_in_use(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "LIMIT", 10)
    entry = cached(tmp_path, KEY, write)
    assert entries(tmp_path) == [entry.name]


# Several processes, and killed ones: all of them forks of a single one that imports.
HARNESS = """
import os, pathlib, random, signal, sys, time, traceback
from pipelines.cache import cached

directory = pathlib.Path(sys.argv[1])
CONTENT = bytes(range(240))

def make(pause=0.0):
    def write(folder):
        with (folder / "values").open("wb") as file:
            for start in range(0, 240, 24):
                time.sleep(pause)
                file.write(CONTENT[start : start + 24])

    return cached(directory, {"k": 1}, write)

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
    if (make() / "values").read_bytes() != CONTENT:
        sys.exit("other values")
    (name,) = (path.name for path in directory.iterdir() if path.name != ".lock")
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
    make()

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
    child = fork(lambda: make(pause=0.01))
    time.sleep(rng.uniform(0.0, 0.15))
    os.kill(child, signal.SIGKILL)
    join(child)
    check()
"""
TOGETHER = """
for _ in range(5):
    children = [fork(lambda: make(pause=0.005)) for _ in range(4)]
    codes = [join(child) for child in children]
    if any(codes):
        sys.exit(f"exit codes {codes}")
    make(pause=1000)  # is there
    check()
"""


def run(story, directory):
    command = [sys.executable, "-c", HARNESS + story, str(directory)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_killed_at_each_step(tmp_path):
    assert int(run(KILLED_AT_EACH_STEP, tmp_path)) > 10  # steps at which it was killed


def test_killed_at_random_moments(tmp_path):
    run(KILLED_AT_RANDOM, tmp_path)


def test_processes_at_the_same_time(tmp_path):
    run(TOGETHER, tmp_path)


# Digests and progress.


def test_digest_is_of_names_and_contents(tmp_path):
    def digest(**files):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        (folder / "data" / "inner").mkdir(parents=True)
        for name, content in files.items():
            (folder / "data" / name.replace("_", "/")).write_bytes(content)
        return digest_of([folder / "data"])

    first = digest(a=b"1", inner_b=b"2")
    assert digest(inner_b=b"2", a=b"1") == first
    others = [digest(a=b"1"), digest(a=b"2", inner_b=b"1"), digest(a=b"1", b=b"2"), digest()]
    assert len({first, *others}) == 5
    files = [tmp_path / "0" / "data" / name for name in ("a", "inner/b")]
    assert digest_of(files) != digest_of(files[:1])


def test_progress_tells_rows_and_speed(monkeypatch, capfd):
    seconds = iter(range(0, 100, 4))
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))
    batches = [[0] * 3] * 4
    assert list(with_progress(batches, len, "images")) == batches
    assert capfd.readouterr().out.splitlines()[0] == "6 images, 1 a second"
