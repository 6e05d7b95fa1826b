"""Starts TF Serving's own server where it is installed, else the server for development."""

import asyncio
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipelines.server import folders
from pipelines.server.flags import ServeFlags, check

SERVER = "tensorflow_model_server"
THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
GRPC_PORT = 8500  # TF Serving's default
BACKLOG = 2048  # connections that the system holds until the server takes them


def serve(flags: ServeFlags) -> None:
    """Serves until SIGTERM, which lets the requests inside finish.

    Raises:
        ValueError: a flag is out of its range, or there is nothing to serve.
        OSError: the port is taken.
    """
    check(flags)
    names = folders.find(flags.saved_models, flags.models)
    binary = None if flags.development else shutil.which(SERVER)
    if binary and flags.host not in THIS_MACHINE:
        run_model_server(binary, flags, names)
        return
    if binary:
        print(
            f"{binary} listens on every interface and cannot be told otherwise: "
            "`--host 0.0.0.0` starts it."
        )
    run_development_server(flags, names)


# TF Serving.


def models_config(folder: Path, names: Sequence[str]) -> str:
    """The text of a `models.config`, TF Serving's ModelServerConfig."""
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    for name in names:
        config.model_config_list.config.add(
            name=name, base_path=str((folder / name).resolve()), model_platform="tensorflow"
        )
    return text_format.MessageToString(config)


def command(binary: str, flags: ServeFlags, config: Path) -> list[str]:
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


def run_model_server(binary: str, flags: ServeFlags, names: Sequence[str]) -> None:
    """Runs TF Serving to its end, and hands on SIGTERM and Ctrl-C.

    Raises:
        ValueError: its file of batching parameters is missing, or it ended with an error.
    """
    if flags.batching_parameters is not None and not flags.batching_parameters.is_file():
        raise ValueError(f"`batching_parameters` must be a file. Got {flags.batching_parameters}.")
    stopped = False
    process: subprocess.Popen | None = None

    def hand_on(number, frame):
        nonlocal stopped
        stopped = True
        if process is not None:
            process.send_signal(signal.SIGTERM)

    with tempfile.TemporaryDirectory(prefix="serve-") as folder:
        config = Path(folder) / "models.config"
        config.write_text(models_config(flags.saved_models, names))
        before = {
            number: signal.signal(number, hand_on) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            print(f"Starting {binary} for {', '.join(names)}.", flush=True)
            process = subprocess.Popen(command(binary, flags, config))
            if stopped:  # between the two lines above
                process.send_signal(signal.SIGTERM)
            status = process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    if status != 0 and not stopped:
        raise ValueError(f"{SERVER} ended with status {status}: its log above says why.")


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

    def stop(number, frame):
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    parameters = None
    if flags.batching_parameters is not None:
        parameters = batching.read_parameters(flags.batching_parameters)
    listener = listen(flags.host, flags.port)
    print(f"Loading {', '.join(names)} ...", flush=True)
    models = Models(flags.saved_models, names)
    models.poll()
    if not models.names():
        raise ValueError(f"`models` must load. None of {', '.join(names)} does: see above.")
    engine = Engine(flags.threads, flags.max_waiting, flags.timeout_seconds, parameters)
    lifespan = functools.partial(_lifespan, flags, models, engine, listener)
    config = uvicorn.Config(
        app.build(models, engine, flags.max_request_bytes, lifespan),
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(flags.timeout_seconds) + 5,
    )
    try:
        # When it has drained, uvicorn raises the signal that stopped it again, for `stop` above.
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
    except SystemExit as end:
        # All is answered. Python's own end would wait for threads that may still compute for
        # abandoned requests, and take TensorFlow apart for seconds.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code)


@contextlib.asynccontextmanager
async def _lifespan(flags: ServeFlags, models, engine, listener: socket.socket, _):
    """Opens before the first request, and closes after the last."""
    models.watch(flags.poll_seconds)
    grpc = contextlib.nullcontext()
    if flags.grpc_port is not None:
        from pipelines.server import rpc

        grpc = rpc.serving(models, engine, flags.host, flags.grpc_port, flags.max_request_bytes)
    async with grpc:
        listener.listen(BACKLOG)  # a reader of the next lines can connect
        address, port = listener.getsockname()[:2]
        host = f"[{address}]" if ":" in address else address
        print("This server is for development: use TF Serving for production.")
        names = ", ".join(models.names())
        print(f"Serving {names} at http://{host}:{port}/v1/models/", flush=True)
        yield
    models.close()
    engine.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to an address; connections are refused until the server accepts them.

    Raises:
        ValueError: no interface has the address.
        OSError: the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise ValueError(
            f"`host` must be an address of this machine. Got {host!r}: {error}"
        ) from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise OSError(f"Cannot listen on {host}, port {port}: {error.strerror}") from error
    return listener
