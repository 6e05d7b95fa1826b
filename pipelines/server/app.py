"""The REST interface as a web application: paths, bodies and status codes as TF Serving has them.

GET  /v1/models/NAME[/versions/N]              status
GET  /v1/models/NAME[/versions/N]/metadata     signatures
POST /v1/models/NAME[/versions/N]:predict      (and :classify, :regress)
"""

import contextlib
import json
import re
import sys
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

from google.protobuf import json_format
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import Receive, Scope, Send
from tensorflow_serving.apis import get_model_status_pb2

from pipelines.server import requests
from pipelines.server.engine import Engine
from pipelines.server.errors import Code, RequestError, invalid
from pipelines.server.models import Models
from pipelines.server.responses import encode, error_body
from pipelines.server.servable import Servable

MODEL = (
    "(?i:/v1/models/)(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
)
LOOK = re.compile(MODEL + "(?P<metadata>/metadata)?")
CALL = re.compile(MODEL + ":(?P<method>predict|classify|regress)")
LARGEST_VERSION = 2**63 - 1
METHODS = "tensorflow/serving/"  # before predict, classify or regress
SIGNATURES = "signature_def"  # the only field of a model's metadata


class Target(NamedTuple):
    """The model that a path speaks of."""

    name: str
    version: int | None


def build(
    models: Models,
    engine: Engine,
    max_request_bytes: int,
    lifespan: Callable[[Any], contextlib.AbstractAsyncContextManager] | None = None,
) -> Router:
    """The application.

    Args:
        models: to serve.
        engine: computes them.
        max_request_bytes: of a body; a larger body is refused as soon as its size is known.
        lifespan: entered before the first request, left after the last.
    """
    return Router(default=Endpoint(models, engine, max_request_bytes), lifespan=lifespan)


class Endpoint:
    """Answers every path and method; all errors are JSON."""

    def __init__(self, models: Models, engine: Engine, max_request_bytes: int):
        self._models = models
        self._engine = engine
        self._max_request_bytes = max_request_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        headers = {}
        try:
            status, body = 200, await self._answer(request)
        except ClientDisconnect:
            return
        except RequestError as error:
            status, body = error.status, error_body(error.message)
            if status in (429, 503):
                headers["Retry-After"] = "1"
        except (
            Exception
        ):  # a fault of this server: the log tells it, and other requests are served on
            traceback.print_exc(file=sys.stderr)
            status, body = 500, error_body("Internal error; the server's log has the details")
        await Response(body, status, headers, "application/json")(scope, receive, send)

    async def _answer(self, request: Request) -> bytes:
        path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        if not path.lower().startswith("/v1/"):
            raise RequestError(Code.NOT_FOUND, f"Not Found: {request.method} {path}")
        if request.method == "POST" and (match := CALL.fullmatch(path)):
            return await self._call(request, match["method"].lower(), self._target(match))
        if request.method == "GET" and (match := LOOK.fullmatch(path)):
            target = self._target(match)
            return self._metadata(target) if match["metadata"] else self._status(target)
        if request.method == "GET" and path.lower() == "/v1/models":
            raise invalid("Missing model name in request.")
        raise invalid(f"Malformed request: {request.method} {path}")

    def _target(self, match: re.Match) -> Target:
        if match["label"] is not None:
            raise invalid(f"Unrecognized servable version label: {unquote(match['label'])}")
        version = match["version"]
        if version is not None and (len(version) > 19 or int(version) > LARGEST_VERSION):
            raise invalid(f"Failed to convert version: {version[:40]} to numeric.")
        return Target(unquote(match["name"]), version if version is None else int(version))

    def _status(self, target: Target) -> bytes:
        return _to_json(status_message(self._models, *target))

    def _metadata(self, target: Target) -> bytes:
        with self._models.use(*target) as version:
            spec = {"name": target.name, "signature_name": "", "version": str(version.number)}
            signatures = json.loads(_to_json(version.servable.definitions))
        return json.dumps({"model_spec": spec, "metadata": {SIGNATURES: signatures}}).encode()

    async def _call(self, request: Request, method: str, target: Target) -> bytes:
        async with self._engine.admit():
            with self._models.use(*target) as version:
                body = await self._body(request)
                if method != "predict":
                    await self._engine.read(_refuse, version.servable, method, body)
                name, rows, inputs = await self._engine.read(_decode, version.servable, body)
                outputs = await self._engine.predict(version.servable, name, inputs)
                return await self._engine.read(encode, outputs, rows)

    async def _body(self, request: Request) -> bytes:
        """The whole body; too large a body is refused before the rest of it is read."""
        most = self._max_request_bytes
        message = f"The body must be of at most {most} bytes"
        too_large = RequestError(Code.INVALID_ARGUMENT, message, status=413)
        if int(request.headers.get("content-length", 0)) > most:
            raise too_large
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > most:
                raise too_large
        return bytes(body)


def status_message(
    models: Models, name: str, version: int | None
) -> get_model_status_pb2.GetModelStatusResponse:
    """The states of a model's versions.

    Raises:
        RequestError: there is no such model or version.
    """
    answer = get_model_status_pb2.GetModelStatusResponse()
    for entry in models.status(name, version):
        code, message = (error.code, error.message) if (error := entry.error) else (Code.OK, "")
        status = {"error_code": code, "error_message": message}
        answer.model_version_status.add(version=entry.number, state=entry.state, status=status)
    return answer


def _decode(servable: Servable, body: bytes):
    document = requests.parse(body)
    name = requests.signature_name(document)
    return name, *requests.decode(document, servable.signature(name).inputs)


def _refuse(servable: Servable, method: str, body: bytes) -> None:
    """Raises the error for classify and regress; the server knows no more of the two."""
    document = requests.parse(body)
    examples = document.get("examples")
    if not isinstance(examples, list) or not examples:
        raise invalid(f"When method is {method}, key 'examples' is expected to be a list of some")
    own = servable.signature(requests.signature_name(document)).method
    if own != METHODS + method:
        kind = {"classify": "classification", "regress": "regression"}[method]
        raise invalid(f"Expected {kind} signature method_name to be {METHODS}{method}. Was: {own}")
    raise RequestError(Code.UNIMPLEMENTED, f"The server for development has no {method}")


def _to_json(message) -> bytes:
    return json_format.MessageToJson(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    ).encode()
