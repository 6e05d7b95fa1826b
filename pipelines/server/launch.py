"""Starts TF Serving's own server where it is installed, else the server for development."""

import asyncio
import contextlib
import functools
import ipaddress
import os
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.flags import check_bounds
from pipelines.server import folders
from pipelines.server.flags import ServeFlags

SERVER = "tensorflow_model_server"
GRPC_PORT = 8500  # TF Serving's default
BACKLOG = 2048  # connections that the system holds until the server takes them


def serve(flags: ServeFlags) -> None:
    """Serves until SIGTERM, which lets the requests inside finish.

    Raises:
        ValueError: a flag is out of its range, or there is nothing to serve.
        OSError: no interface has the host's address, or the port is taken.
    """
    check_bounds(flags)
    if flags.port == flags.grpc_port != 0:
        raise ValueError(f"`grpc_port` must differ from `port`. Got {flags.port} for both.")
    names = folders.find(flags.saved_models, flags.models)
    binary = None if flags.development else shutil.which(SERVER)
    if not binary:
        run_development_server(flags, names)
    elif is_loopback(resolve(flags.host, flags.port)[1][0]):
        print(
            f"{binary} listens on every interface and cannot be told otherwise: "
            "`--host 0.0.0.0` starts it."
        )
        run_development_server(flags, names)
    else:
        become_model_server(binary, flags, names)


# TF Serving.


def models_config(folder: Path, names: Sequence[str]) -> str:
    """The text of a `models.config`, TF Serving's ModelServerConfig."""
    from tensorflow_serving.config import model_server_config_pb2

    models = [
        {
            "name": name,
            "base_path": str((folder / name).resolve()),
            "model_platform": "tensorflow",
        }
        for name in names
    ]
    return str(model_server_config_pb2.ModelServerConfig(model_config_list={"config": models}))


def command(binary: str, flags: ServeFlags, config: str) -> list[str]:
    """How to start TF Serving for these flags."""
    arguments = [
        binary,
        f"--port={GRPC_PORT if flags.grpc_port is None else flags.grpc_port}",
        f"--rest_api_port={flags.port}",
        f"--rest_api_timeout_in_ms={round(flags.timeout_seconds * 1000)}",
        f"--model_config_file={config}",
        f"--file_system_poll_wait_seconds={max(1, round(flags.poll_seconds))}",
    ]
    if flags.batching_parameters is not None:
        arguments += [
            "--enable_batching=true",
            f"--batching_parameters_file={flags.batching_parameters.resolve()}",
        ]
    return arguments


def become_model_server(binary: str, flags: ServeFlags, names: Sequence[str]) -> None:
    """TF Serving takes the place of this process: signals and the exit status are its own.

    Raises:
        ValueError: its file of batching parameters is missing.
    """
    if flags.batching_parameters is not None and not flags.batching_parameters.is_file():
        raise ValueError(f"`batching_parameters` must be a file. Got {flags.batching_parameters}.")
    config = os.memfd_create("models.config", 0)  # a file that ends with the process
    os.write(config, models_config(flags.saved_models, names).encode())
    print(f"Starting {binary} for {', '.join(names)}.", flush=True)
    os.execv(binary, command(binary, flags, f"/proc/self/fd/{config}"))


# Development.


def run_development_server(flags: ServeFlags, names: Sequence[str]) -> None:
    """Runs the server for development until SIGTERM (status 0) or Ctrl-C.

    Raises:
        ValueError: the batching parameters are wrong, or no model loads.
        OSError: the port is taken.
    """
    import uvicorn

    from pipelines.server import app, batching
    from pipelines.server.engine import Engine
    from pipelines.server.models import Models
    from pipelines.server.monitoring import Monitor
    from pipelines.server.protocol import Protocol

    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    file = flags.batching_parameters
    parameters = batching.read_parameters(file) if file else None
    listener = listen(flags.host, flags.port)
    print(f"Loading {', '.join(names)} ...", flush=True)
    models = Models(flags.saved_models, names)
    models.poll()
    if not models.names():
        raise ValueError(f"`models` must load. None of {', '.join(names)} does: see above.")
    limits = flags.threads, flags.max_waiting, flags.timeout_seconds
    engines = {name: Engine(*limits, parameters) for name in names}
    monitor = Monitor()
    lifespan = functools.partial(_lifespan, flags, models, engines, monitor, listener)
    loopback = is_loopback(listener.getsockname()[0])
    config = uvicorn.Config(
        app.build(models, engines, flags, loopback, monitor, lifespan),
        http=functools.partial(Protocol, seconds=flags.timeout_seconds),
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(flags.timeout_seconds) + 5,
    )
    try:
        # When it has drained, uvicorn raises the signal that stopped it again, for the line above.
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
    except SystemExit as end:
        # All is answered. Python's own end would wait for threads that may still compute for
        # abandoned requests, and take TensorFlow apart for seconds.
        sys.stdout.flush()
        os._exit(end.code)


@contextlib.asynccontextmanager
async def _lifespan(flags: ServeFlags, models, engines, monitor, listener: socket.socket, _):
    """Opens before the first request, and closes after the last."""
    models.watch(flags.poll_seconds)
    address, port = listener.getsockname()[:2]
    grpc = contextlib.nullcontext()
    if flags.grpc_port is not None:
        from pipelines.server import rpc

        grpc = rpc.serving(models, engines, address, flags, monitor)
    async with grpc:
        listener.listen(BACKLOG)  # a reader of the next lines can connect
        host = f"[{address}]" if ":" in address else address
        print(
            "This server is for development: use TF Serving for production.\n"
            f"Serving {', '.join(models.names())} at http://{host}:{port}/v1/models/",
            flush=True,
        )
        yield
    models.close()
    for engine in engines.values():
        engine.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to an address; connections are refused until the server accepts them.

    Raises:
        OSError: no interface has the address, or the port is taken.
    """
    family, address = resolve(host, port)
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise OSError(f"Cannot listen on {host}, port {port}: {error}") from error
    return listener


def resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple]:
    """The family and the address of a host; of one that has both, the address of IPv4.

    Raises:
        OSError: the host has no address.
    """
    try:
        known = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise OSError(f"Cannot listen on {host}, port {port}: {error}") from error
    family, *_, address = min(known, key=lambda entry: entry[0] != socket.AF_INET)
    return family, address


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own, which no other can reach."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
