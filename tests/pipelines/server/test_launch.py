"""Which server is started, and how; a stand-in for TF Serving's own records what it was given."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from pipelines.server import launch
from pipelines.server.flags import ServeFlags

ROOT = Path(__file__).parents[3]

STAND_IN = """#!{python}
import signal, sys, time
def stop(number, frame):
    print("stopped", flush=True)
    sys.exit({status})
signal.signal(signal.SIGTERM, stop)
config = [a for a in sys.argv if a.startswith("--model_config_file=")][0].partition("=")[2]
print("\\n".join(sys.argv[1:]), open(config).read(), "ready", sep="\\n", flush=True)
time.sleep({seconds})
sys.exit({status})
"""


@pytest.fixture
def folder(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "models" / name / "1").mkdir(parents=True)
    return tmp_path / "models"


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Puts a tensorflow_model_server on the PATH."""

    def put(status=0, seconds=60):
        path = tmp_path / "bin" / launch.SERVER
        path.parent.mkdir()
        path.write_text(STAND_IN.format(python=sys.executable, status=status, seconds=seconds))
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
        return str(path)

    return put


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"port": 65536}, "`port` must be a port"),
        ({"grpc_port": -1}, "`grpc_port` must be a port"),
        ({"grpc_port": 8501}, "`grpc_port` must differ"),
        ({"threads": 0}, "`threads` must be at least 1. Got 0"),
        ({"poll_seconds": float("inf")}, "`poll_seconds` must be positive. Got inf"),
        ({"timeout_seconds": float("nan")}, "`timeout_seconds` must be positive"),
        ({"poll_seconds": -1.0}, "`poll_seconds` must be positive"),
        ({"max_request_bytes": 0}, "`max_request_bytes` must be at least 1"),
        ({"max_waiting": -1}, "`max_waiting` must be at least 0"),
        ({"max_text_bytes": 0}, "`max_text_bytes` must be at least 1"),
        ({"allow_origin": ("http://localhost:3000/",)}, "`allow_origin` must be .*, no path"),
        ({"allow_origin": ("*", "localhost:3000")}, "`allow_origin` must be"),
        (
            {"saved_models": Path("nowhere"), "port": 0, "grpc_port": 0, "max_waiting": 0},
            "`saved_models` must hold folders of versions",
        ),
    ],
)
def test_wrong_flags(change, message):
    with pytest.raises(ValueError, match=message):
        launch.serve(replace(ServeFlags(), **change))


def test_models_config(folder):
    text = launch.models_config(folder, ["b", "a"])
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    models = [(c.name, c.base_path, c.model_platform) for c in config.model_config_list.config]
    assert models == [(n, str(folder.resolve() / n), "tensorflow") for n in ("b", "a")]


def test_tf_serving_gets_the_flags_and_the_signal(folder, stand_in):
    stand_in()
    parameters = folder / "parameters.txt"
    parameters.touch()
    arguments = ["--host", "0.0.0.0", "--port", "1234", "--models", "a"]
    arguments += ["--saved-models", str(folder), "--batching-parameters", str(parameters)]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.server", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if lines[-1] == "ready":
            break
    assert {
        "--port=8500",
        "--rest_api_port=1234",
        "--rest_api_timeout_in_ms=30000",
        "--file_system_poll_wait_seconds=1",
        "--enable_batching=true",
        f"--batching_parameters_file={parameters}",
        f'base_path: "{folder / "a"}"',
    } <= set(lines)
    assert f'base_path: "{folder / "b"}"' not in lines
    process.send_signal(signal.SIGTERM)
    with process:
        assert process.communicate(timeout=20)[0].strip() == "stopped"
    assert process.returncode == 0


def test_tf_serving_that_fails_is_an_error(folder, stand_in):
    binary = stand_in(status=3, seconds=0)
    arguments = ["--host", "0.0.0.0", "--saved-models", str(folder)]
    process = subprocess.run([sys.executable, "-m", "pipelines.server", *arguments], cwd=ROOT)
    assert process.returncode == 3
    flags = ServeFlags(saved_models=folder, batching_parameters=folder)
    with pytest.raises(ValueError, match="`batching_parameters` must be a file"):
        launch.become_model_server(binary, flags, ["a"])


@pytest.mark.parametrize(
    ("change", "own"),
    [
        ({}, True),
        ({"host": "localhost"}, True),
        ({"host": "::1"}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "0.0.0.0", "development": True}, True),
    ],
)
def test_a_loopback_address_keeps_to_the_server_that_can_be_bound_to_it(
    folder, stand_in, monkeypatch, capsys, change, own
):
    stand_in()
    started = []
    monkeypatch.setattr(launch, "become_model_server", lambda *_: started.append(False))
    monkeypatch.setattr(launch, "run_development_server", lambda *_: started.append(True))
    launch.serve(replace(ServeFlags(saved_models=folder), **change))
    assert started == [own]
    told = "listens on every interface" in capsys.readouterr().out
    assert told is (change.get("host") != "0.0.0.0")


def test_listening():
    with launch.listen("127.0.0.1", 0) as bound:
        address, port = bound.getsockname()
        assert address == "127.0.0.1"
        with pytest.raises(ConnectionRefusedError):  # until it listens
            socket.create_connection((address, port), timeout=5)
        bound.listen()
        with pytest.raises(OSError, match=rf"Cannot listen on 127.0.0.1, port {port}"):
            launch.listen("127.0.0.1", port)
    with pytest.raises(OSError, match="Cannot listen on no such host"):
        launch.listen("no such host.invalid", 0)


def test_a_name_of_ipv6_alone_and_a_name_of_both(monkeypatch):
    addresses = {"six": ["::1"], "both": ["::1", "127.0.0.1"]}
    real = socket.getaddrinfo

    def lookup(host, port, **arguments):
        return [info for name in addresses[host] for info in real(name, port, **arguments)]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    for name, address in (("six", "::1"), ("both", "127.0.0.1")):
        with launch.listen(name, 0) as bound:
            assert bound.getsockname()[0] == address


@pytest.mark.parametrize(
    ("address", "own"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback_addresses(address, own):
    assert launch.is_loopback(address) is own


def test_stopping_before_the_first_request(folder):
    """SIGTERM while models load is an end like any other."""
    os.mkfifo(folder / "a" / "1" / "saved_model.pb")  # a file that is never read to its end
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.server", "--saved-models", str(folder), "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "Loading a, b ...\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
