"""The flags of `serve`."""

from dataclasses import dataclass
from pathlib import Path


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
    port: int = 8501
    """Port of the REST interface; 0 takes a free one."""
    grpc_port: int | None = None
    """Port of the gRPC interface. Default: none (TF Serving itself always has one: 8500)."""
    batching_parameters: Path | None = None
    """Batch requests, by a file as TF Serving's --batching_parameters_file. Default: do not."""
    poll_seconds: float = 1.0
    """How often to look for new versions."""
    timeout_seconds: float = 30.0
    """How long a request may take, waiting included; then it is answered 504."""
    threads: int = 2
    """Requests computed at once, each on as many cores as TensorFlow finds. Development only."""
    max_waiting: int = 64
    """Requests that may wait for a thread; one more is answered 503 at once. Development only."""
    max_request_bytes: int = 10_000_000
    """Size of a request's body; a larger one is answered 413. Development only."""
    development: bool = False
    """Use the server for development even where TF Serving's own could be started."""


def check(flags: ServeFlags) -> None:
    """Checks all flags against their ranges.

    Raises:
        ValueError: a flag is out of its range.
    """
    for name in ("port", "grpc_port"):
        value = getattr(flags, name)
        if value is not None and not 0 <= value <= 65535:
            raise ValueError(f"`{name}` must be a port, 0 to 65535. Got {value}.")
    if flags.port == flags.grpc_port != 0:
        raise ValueError(f"`grpc_port` must differ from `port`. Got {flags.port} for both.")
    for name in ("poll_seconds", "timeout_seconds", "threads", "max_request_bytes"):
        value = getattr(flags, name)
        if not 0 < value < float("inf"):
            raise ValueError(f"`{name}` must be positive. Got {value}.")
    if flags.max_waiting < 0:
        raise ValueError(f"`max_waiting` must not be negative. Got {flags.max_waiting}.")
