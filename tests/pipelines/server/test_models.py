"""Finding, loading, swapping and unloading versions; the loader is a stand-in."""

import threading

import pytest

from pipelines.server import models
from pipelines.server.errors import Code, RequestError


class Folder:
    """A folder of models whose versions load as their file says."""

    def __init__(self, root, monkeypatch):
        self.root = root
        self.loading = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        monkeypatch.setattr(models, "load", self._load)

    def _load(self, folder):
        self.loading.set()
        assert self.go_on.wait(10)
        text = (folder / "saved_model.pb").read_text()
        if text.startswith("broken"):
            raise ValueError(text)
        return f"{folder.parent.name} {text}"

    def put(self, number, text=None, name="m"):
        folder = self.root / name / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "saved_model.pb").write_text(text or str(number))

    def remove(self, number):
        (self.root / "m" / str(number) / "saved_model.pb").unlink()
        (self.root / "m" / str(number)).rmdir()

    def models(self, *names):
        served = models.Models(self.root, names or ["m"])
        served.poll()
        return served


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return Folder(tmp_path, monkeypatch)


def answer(served, *target):
    with served.use(*(target or ["m"])) as version:
        return version.servable


def states(served):
    return {version.number: version.state for version in served.status("m")}


def test_the_largest_number_is_served_and_the_others_are_not_loaded(folder):
    for number in (1, 9, 10):
        folder.put(number)
    folder.put(0, name="other")
    (folder.root / "m" / "README.md").touch()
    (folder.root / "m" / "11").touch()  # a file
    (folder.root / "m" / ".writing-12").mkdir()
    served = folder.models("m", "other")
    assert answer(served) == answer(served, "m", 10) == "m 10"
    assert answer(served, "other") == "other 0"
    assert states(served) == {10: "AVAILABLE"}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (("n",), r"Latest\(n\)"),
        (("m", 1), r"Specific\(m, 1\)"),
        (("..",), r"Latest\(\.\.\)"),
        (("",), r"Latest\(\)"),
    ],
)
def test_what_is_not_served(folder, target, message):
    folder.put(2)
    served = folder.models()
    with pytest.raises(RequestError, match=f"Servable not found for request: {message}") as caught:
        answer(served, *target)
    assert caught.value.status == 404
    with pytest.raises(RequestError, match="Could not find"):
        served.status(*target)


def test_a_new_version_takes_the_place_of_the_old_when_it_is_loaded(folder):
    folder.put(1)
    served = folder.models()
    folder.put(2)
    folder.go_on.clear()
    folder.loading.clear()
    thread = threading.Thread(target=served.poll)
    thread.start()
    assert folder.loading.wait(10)
    assert states(served) == {2: "LOADING", 1: "AVAILABLE"}
    assert answer(served) == "m 1"
    folder.go_on.set()
    thread.join(10)
    assert answer(served) == "m 2"
    assert states(served) == {2: "AVAILABLE", 1: "END"}
    with pytest.raises(RequestError, match=r"Specific\(m, 1\)"):
        answer(served, "m", 1)


def test_the_old_version_stays_loaded_for_the_requests_that_are_inside(folder):
    folder.put(1)
    served = folder.models()
    with served.use("m") as version:
        folder.put(2)
        served.poll()
        assert answer(served) == "m 2"
        assert states(served) == {2: "AVAILABLE", 1: "UNLOADING"}
        assert version.servable == "m 1"
    assert states(served) == {2: "AVAILABLE", 1: "END"}
    assert version.servable is None


def test_a_version_that_does_not_load_is_reported_once_and_the_old_one_stays(folder, capsys):
    folder.put(1)
    served = folder.models()
    folder.put(2, "broken: half a file")
    for _ in range(3):
        served.poll()
    assert answer(served) == "m 1"
    (version,) = served.status("m", 2)
    assert (version.number, version.state, version.code) == (2, "END", Code.UNKNOWN)
    assert version.message == "ValueError: broken: half a file"
    assert capsys.readouterr().out.count("does not load, version 1 stays") == 1


def test_a_broken_version_is_tried_again_when_its_files_change(folder):
    folder.put(1)
    served = folder.models()
    folder.put(2, "broken")
    served.poll()
    folder.put(2, "2, whole")
    served.poll()
    assert answer(served) == "m 2, whole"
    assert states(served) == {2: "AVAILABLE", 1: "END"}


def test_a_broken_latest_version_at_the_start_leaves_the_one_before(folder):
    folder.put(1)
    folder.put(2, "broken")
    served = folder.models()
    assert answer(served) == "m 1"
    assert states(served) == {2: "END", 1: "AVAILABLE"}


def test_removing_the_latest_version_goes_back_to_the_one_before(folder):
    folder.put(1)
    served = folder.models()
    folder.put(2)
    served.poll()
    folder.remove(2)
    served.poll()
    assert answer(served) == "m 1"
    assert states(served) == {2: "END", 1: "AVAILABLE"}
    folder.remove(1)  # with nothing in its place it stays
    served.poll()
    assert answer(served) == "m 1"


def test_watching_ends(folder):
    folder.put(1)
    served = folder.models()
    served.watch(0.001)
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "versions"]
    folder.put(2)
    while answer(served) != "m 2":
        assert thread.is_alive()
    served.close()
    thread.join(10)
    assert not thread.is_alive()
