"""The served models: finding versions, loading them off the request path, swapping them.

The largest version number is served, as by TF Serving's default. A new version is loaded and warmed
up while the old version goes on answering; then it takes its place, and the old version is unloaded
when its last request is done. A version that does not load is reported, and the old version stays.
"""

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipelines.server import folders
from pipelines.server.errors import Code, RequestError
from pipelines.server.servable import Servable, load


class Version:
    """A version's folder, and the loaded model while it is served.

    Attributes:
        state: START, LOADING, AVAILABLE, UNLOADING or END, as TF Serving's ModelVersionStatus.
        error: the error that loading ended with, if any.
        servable: the loaded model, from AVAILABLE to the end of UNLOADING.
    """

    def __init__(self, number: int, folder: Path):
        self.number = number
        self.folder = folder
        self.files = folders.files(folder)
        self.state = "START"
        self.error: RequestError | None = None
        self.servable: Servable | None = None
        self.users = 0

    def load(self) -> bool:
        """Loads and warms up; False, and the error kept, where that fails."""
        self.state = "LOADING"
        try:
            self.servable = load(self.folder)
        # Loading somebody's files may fail in any way.
        except Exception as error:
            code = Code(getattr(error, "error_code", None) or Code.UNKNOWN)
            self.error = RequestError(code, f"{type(error).__name__}: {error}"[:2000])
            self.state = "END"
        return self.error is None


class Model:
    """A model's folder and its versions."""

    def __init__(self, name: str, folder: Path):
        self.name = name
        self.folder = folder
        self.versions: dict[int, Version] = {}
        self.served: Version | None = None

    def candidates(self) -> Iterator[Version]:
        """Versions to try, the largest first, down to the served version.

        A version that failed comes again only once its files have changed (they may have been
        copied there bit by bit).
        """
        for number, folder in sorted(folders.versions(self.folder).items(), reverse=True):
            if self.served is not None and number == self.served.number:
                return
            version = Version(number, folder)
            known = self.versions.get(number)
            if known is None or known.error is None or known.files != version.files:
                yield version


class Models:
    """All models of a folder, looked at again and again for new versions.

    Args:
        root: holds a folder for each model.
        names: of the models to serve.
        say: gets a line on each version that is served or does not load.
    """

    def __init__(self, root: Path, names: Sequence[str], say: Callable[[str], None] = print):
        self._models = {name: Model(name, root / name) for name in names}
        self._say = say
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def poll(self) -> None:
        """Looks once: loads the largest new version of each model that loads."""
        for model in self._models.values():
            for version in model.candidates():
                with self._lock:
                    model.versions[version.number] = version
                if version.load():
                    self._serve(model, version)
                    break
                self._say(
                    f"{model.name}, version {version.number}, does not load, "
                    f"{self._instead(model)}: {version.error}"
                )

    def watch(self, seconds: float) -> None:
        """Begins to poll in a thread of its own, until `close`."""

        def loop():
            while not self._stop.wait(seconds):
                try:
                    self.poll()
                except OSError as error:  # a folder that cannot be read now may be readable later
                    self._say(f"Cannot look for versions: {error}")

        threading.Thread(target=loop, name="versions", daemon=True).start()

    def close(self) -> None:
        """Ends polling, without waiting for a load under way."""
        self._stop.set()

    def names(self) -> list[str]:
        """Models of which a version is served."""
        return [name for name, model in self._models.items() if model.served is not None]

    @contextlib.contextmanager
    def use(self, name: str, number: int | None = None) -> Iterator[tuple[Version, Servable]]:
        """A model that stays loaded until the end of the block.

        Raises:
            RequestError: it is not served, or not in that version.
        """
        with self._lock:
            model = self._models.get(name)
            version = model and (model.served if number is None else model.versions.get(number))
            if version is None or version.state != "AVAILABLE":
                asked = f"Latest({name})" if number is None else f"Specific({name}, {number})"
                raise RequestError(Code.NOT_FOUND, f"Servable not found for request: {asked}")
            version.users += 1
            servable = version.servable
        try:
            yield version, servable
        finally:
            self._release(version)

    def status(self, name: str, number: int | None = None) -> list[tuple[int, str, Code, str]]:
        """(version, state, error code, error message) of versions, the largest first.

        Raises:
            RequestError: there is no such model or version.
        """
        with self._lock:
            model = self._models.get(name)
            versions = sorted(model.versions.items(), reverse=True) if model else []
            if number is not None:
                versions = [pair for pair in versions if pair[0] == number]
        if not versions:
            missing = "any versions" if number is None else f"version {number}"
            raise RequestError(Code.NOT_FOUND, f"Could not find {missing} of model {name}")
        return [
            (n, v.state, v.error.code, v.error.message) if v.error else (n, v.state, Code.OK, "")
            for n, v in versions
        ]

    def _serve(self, model: Model, version: Version) -> None:
        with self._lock:
            old, model.served = model.served, version
            version.state = "AVAILABLE"
            if old is not None:
                old.state = "UNLOADING"
                old.users += 1
        self._say(f"{model.name}, version {version.number}, is served.")
        if old is not None:
            self._release(old)
            gc.collect()  # a loaded model holds itself in circles

    def _release(self, version: Version) -> None:
        with self._lock:
            version.users -= 1
            if version.state == "UNLOADING" and version.users == 0:
                version.servable = None
                version.state = "END"

    def _instead(self, model: Model) -> str:
        return f"version {model.served.number} stays" if model.served else "none is served yet"
