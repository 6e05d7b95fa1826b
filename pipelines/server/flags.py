"""The flags of `serve`."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pipelines.flags import Bound, Count, Positive

Port = Annotated[int, Bound(lambda value: 0 <= value <= 65535, "a port, 0 to 65535")]
ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^/?#\s]+")  # as a browser writes it
Origins = Annotated[
    tuple[str, ...],
    Bound(lambda value: all(map(ORIGIN.fullmatch, value)), "*, null or http://HOST:PORT, no path"),
]
Seconds = Annotated[float, Bound(lambda value: 0 < value < float("inf"), "positive")]


@dataclass(frozen=True)
class ServeFlags:
    """Exported models behind TF Serving's REST interface, until SIGTERM or Ctrl-C.

    Where `tensorflow_model_server` is on the PATH and --host is not this machine alone (it listens
    on every interface, and has no flag for that), it is started; else a server for development.
    """

    models: tuple[str, ...] = ()
    """Names of folders under --saved-models. Default: all that hold a version."""
    saved_models: Path = Path("saved_models")
    """Folder of models, each a folder of versions (1, 2, ...)."""
    host: str = "127.0.0.1"
    """Address to listen on. The default answers this machine alone; 0.0.0.0 answers all."""
    port: Port = 8501
    """Port of the REST interface; 0 takes a free one."""
    grpc_port: Port | None = None
    """Port of the gRPC interface. Default: none (TF Serving itself always has one: 8500)."""
    batching_parameters: Path | None = None
    """Batch requests, by a file as TF Serving's --batching_parameters_file. Default: do not."""
    poll_seconds: Seconds = 1.0
    """How often to look for new versions."""
    timeout_seconds: Seconds = 30.0
    """How long a request may take, waiting included; then it is stopped, and answered 504. Before
    that its headers and its body have as long each; then the connection is closed, or answered
    408."""
    threads: Positive = 2
    """Requests of a model computed at once, each on as many cores as TensorFlow finds. Development
    only."""
    max_waiting: Count = 64
    """Requests of a model that may wait for a thread; one more is answered 503 at once. Development
    only."""
    max_request_bytes: Positive = 10_000_000
    """Size of a request's body, unpacked; a larger one is answered 413. Development only."""
    max_text_bytes: Positive = 200_000
    """Bytes of text that a request brings, with the characters that it asks for (rows x length);
    one with more is answered 400. Development only."""
    allow_origin: Origins = ()
    """Pages elsewhere that may ask, such as http://localhost:3000; * lets every page. Development
    only."""
    access_log: bool = False
    """Print a line for each request to the REST interface, in the Common Log Format with the
    seconds that it took. Development only."""
    development: bool = False
    """Use the server for development even where TF Serving's own could be started."""
