"""The served models: finding versions, loading them off the request path, swapping them.

The largest version number is served, as by TF Serving's default. A new version is loaded and warmed
up while the old version goes on answering; then it takes its place, and the old version is unloaded
when its last request is done. A version that does not load is reported, and the old version stays.
"""

import contextlib
import gc
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.server import folders
from pipelines.server.errors import Code, RequestError
from pipelines.server.servable import Servable, load


@dataclass
class Version:
    """A version's folder, and the loaded model while it is served.

    Attributes:
        files: of the folder before it was loaded.
        state: LOADING, AVAILABLE, UNLOADING or END, as TF Serving's ModelVersionStatus.
        code, message: of the error that loading ended with, if any.
        servable: the loaded model, from AVAILABLE to the end of UNLOADING.
        users: requests that hold it loaded.
    """

    number: int
    folder: Path
    files: frozenset
    state: str = "LOADING"
    code: int = Code.OK
    message: str = ""
    servable: Servable | None = None
    users: int = 0

    def load(self) -> None:
        """Loads and warms up; a failure is the version's `code` and `message`."""
        try:
            self.servable = load(self.folder)
        except Exception as error:  # loading somebody's files may fail in any way
            self.code = getattr(error, "error_code", None) or Code.UNKNOWN
            self.message = f"{type(error).__name__}: {error}"[:2000]
            self.state = "END"


@dataclass
class Model:
    """A model's folder and its versions."""

    folder: Path
    versions: dict[int, Version] = field(default_factory=dict)
    served: Version | None = None

    def candidates(self) -> Iterator[Version]:
        """Versions to try, the largest first, down to the served version.

        A version that failed comes again only once its files have changed (they may have been
        copied there bit by bit).
        """
        for number, folder in sorted(folders.versions(self.folder).items(), reverse=True):
            if self.served is not None and number == self.served.number:
                return
            version = Version(number, folder, folders.files(folder))
            known = self.versions.get(number)
            if known is None or known.code == Code.OK or known.files != version.files:
                yield version


class Models:
    """All models of a folder, looked at again and again for new versions.

    Args:
        root: holds a folder for each model.
        names: of the models to serve.
    """

    def __init__(self, root: Path, names: Sequence[str]):
        self._models = {name: Model(root / name) for name in names}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def poll(self) -> None:
        """Looks once: loads the largest new version of each model that loads, and tells."""
        for name, model in self._models.items():
            for version in model.candidates():
                with self._lock:
                    model.versions[version.number] = version
                version.load()
                if version.code == Code.OK:
                    self._serve(name, model, version)
                    break
                old = (
                    f"version {model.served.number} stays" if model.served else "none is served yet"
                )
                print(
                    f"{name}, version {version.number}, does not load, {old}: {version.message}",
                    flush=True,
                )

    def watch(self, seconds: float) -> None:
        """Begins to poll in a thread of its own, until `close`."""

        def loop():
            while not self._stop.wait(seconds):
                try:
                    self.poll()
                except OSError as error:  # a folder that cannot be read now may be readable later
                    print(f"Cannot look for versions: {error}", flush=True)

        threading.Thread(target=loop, name="versions", daemon=True).start()

    def close(self) -> None:
        """Ends polling, without waiting for a load under way."""
        self._stop.set()

    def names(self) -> list[str]:
        """Models of which a version is served."""
        return [name for name, model in self._models.items() if model.served is not None]

    @contextlib.contextmanager
    def use(self, name: str, number: int | None = None) -> Iterator[Version]:
        """A served version of a model, which stays loaded until the end of the block.

        Raises:
            RequestError: the model or the version is not served.
        """
        with self._lock:
            model = self._models.get(name)
            version = model and (model.served if number is None else model.versions.get(number))
            if version is None or version.state != "AVAILABLE":
                asked = f"Latest({name})" if number is None else f"Specific({name}, {number})"
                raise RequestError(Code.NOT_FOUND, f"Servable not found for request: {asked}")
            version.users += 1
        try:
            yield version
        finally:
            with self._lock:
                version.users -= 1
                if version.state == "UNLOADING" and version.users == 0:
                    version.servable = None
                    version.state = "END"

    def status(self, name: str, number: int | None = None) -> list[Version]:
        """The known versions of a model, or the version of that number; the largest first.

        Raises:
            RequestError: there is no such model or version.
        """
        with self._lock:
            known = dict(self._models[name].versions) if name in self._models else {}
        versions = [known[n] for n in sorted(known, reverse=True) if number in (None, n)]
        if not versions:
            missing = "any versions" if number is None else f"version {number}"
            raise RequestError(Code.NOT_FOUND, f"Could not find {missing} of model {name}")
        return versions

    def _serve(self, name: str, model: Model, version: Version) -> None:
        """Puts a loaded version in the place of the old, which its last user unloads."""
        old_stays = self.use(name) if model.served else contextlib.nullcontext()
        with old_stays as old, self._lock:
            model.served = version
            version.state = "AVAILABLE"
            if old is not None:
                old.state = "UNLOADING"
        print(f"{name}, version {version.number}, is served.", flush=True)
        gc.collect()  # a loaded model holds itself in circles
