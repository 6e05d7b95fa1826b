"""A server in a process of its own, for tests over real sockets."""

import contextlib
import http.client
import json
import queue
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]


class Server:
    """A process of `python -m pipelines.server`."""

    def __init__(self, folder, *flags):
        command = [sys.executable, "-m", "pipelines.server", "--saved-models", str(folder)]
        command += ["--port", "0", "--grpc-port", "0", "--poll-seconds", "0.1", *flags]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.grpc_port = int(self.wait_for("gRPC at port").strip(".\n").rpartition(" ")[2])
        self.url = self.wait_for("/v1/models/").split()[-1]
        self.port = int(self.url.split(":")[2].partition("/")[0])

    def close(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def wait_for(self, text):
        while True:
            line = self.lines.get(timeout=120)
            if text in line:
                return line

    def connect(self):
        """A connection, for a `with` block."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        return contextlib.closing(connection)

    def ask(self, document, path="tiny:predict"):
        """(status, answer) of one request."""
        with self.connect() as connection:
            return ask(connection, document, path)

    def version(self):
        return self.ask({"instances": ["a"]})[1]["predictions"][0]["version"]

    def states(self):
        with self.connect() as connection:
            connection.request("GET", "/v1/models/tiny")
            versions = json.loads(connection.getresponse().read())["model_version_status"]
        return {int(version["version"]): version for version in versions}

    def spin(self, steps):
        return self.ask({"signature_name": "spin", "inputs": steps})


def ask(connection, document, path="tiny:predict"):
    connection.request("POST", f"/v1/models/{path}", json.dumps(document))
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=20).close()
    except ConnectionError:
        return False
    return True
