"""The REST interface as a web application: paths, bodies and status codes as TF Serving has them.

GET  /v1/models/NAME[/versions/N]              status
GET  /v1/models/NAME[/versions/N]/metadata     signatures
POST /v1/models/NAME[/versions/N]:predict      (and :classify, :regress)
"""

import asyncio
import contextlib
import json
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
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
    "(?i:/v1/models/)(?P<name>[^/:]+)"
    "(?:/versions/(?P<version>[0-9]{1,18})|/labels/(?P<label>[^/:]+))?"
)
LOOK = re.compile(MODEL + "(?P<metadata>/metadata)?")
CALL = re.compile(MODEL + ":(?P<method>predict|classify|regress)")
METHODS = "tensorflow/serving/"  # before predict, classify or regress
SIGNATURES = "signature_def"  # the only field of a model's metadata


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


@dataclass(frozen=True)
class Endpoint:
    """Answers every path and method; all errors are JSON."""

    models: Models
    engine: Engine
    max_request_bytes: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            status, body = 200, await self._answer(request)
        except ClientDisconnect:
            return
        except RequestError as error:
            status, body = error.status, error_body(error.message)
        # A fault of this server: the log tells it, and other requests are served on.
        except Exception:
            traceback.print_exc()
            status, body = 500, error_body("Internal error; the server's log has the details")
        headers = {"Retry-After": "1"} if status in (429, 503) else {}
        await Response(body, status, headers, "application/json")(scope, receive, send)

    async def _answer(self, request: Request) -> bytes:
        path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        if not path.lower().startswith("/v1/"):
            raise RequestError(Code.NOT_FOUND, f"Not Found: {request.method} {path}")
        if request.method == "POST" and (match := CALL.fullmatch(path)):
            return await self._call(request, match["method"], *_target(match))
        if request.method == "GET" and (match := LOOK.fullmatch(path)):
            look = self._metadata if match["metadata"] else self._status
            return look(*_target(match))
        if request.method == "GET" and path.lower() == "/v1/models":
            raise invalid("Missing model name in request.")
        raise invalid(f"Malformed request: {request.method} {path}")

    def _status(self, name: str, number: int | None) -> bytes:
        return _to_json(status_message(self.models, name, number))

    def _metadata(self, name: str, number: int | None) -> bytes:
        with self.models.use(name, number) as version:
            spec = {"name": name, "signature_name": "", "version": str(version.number)}
            signatures = json.loads(_to_json(version.servable.definitions))
        return json.dumps({"model_spec": spec, "metadata": {SIGNATURES: signatures}}).encode()

    async def _call(self, request: Request, method: str, name: str, number: int | None) -> bytes:
        async with self.engine.admit():
            with self.models.use(name, number) as version:
                body = await self._body(request)
                servable = version.servable
                # Off the event loop: a request is read, and joins a batch, while others compute.
                signature, rows, inputs = await asyncio.to_thread(_decode, servable, method, body)
                outputs = await self.engine.predict(servable, signature, inputs)
                return await asyncio.to_thread(encode, outputs, rows)

    async def _body(self, request: Request) -> bytes:
        """The whole body; too large a body is refused before the rest of it is read."""
        message = f"The body must be of at most {self.max_request_bytes} bytes"
        too_large = RequestError(Code.INVALID_ARGUMENT, message, status=413)
        if int(request.headers.get("content-length", 0)) > self.max_request_bytes:
            raise too_large
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > self.max_request_bytes:
                raise too_large
        return bytes(body)


def status_message(
    models: Models, name: str, number: int | None
) -> get_model_status_pb2.GetModelStatusResponse:
    """The states of a model's versions.

    Raises:
        RequestError: there is no such model or version.
    """
    versions = [
        {
            "version": version.number,
            "state": version.state,
            "status": {"error_code": version.code, "error_message": version.message},
        }
        for version in models.status(name, number)
    ]
    return get_model_status_pb2.GetModelStatusResponse(model_version_status=versions)


def _target(match: re.Match) -> tuple[str, int | None]:
    """The name and the version of the model that a path speaks of."""
    if match["label"]:
        raise invalid(f"Unrecognized servable version label: {unquote(match['label'])}")
    return unquote(match["name"]), int(match["version"]) if match["version"] else None


def _decode(servable: Servable, method: str, body: bytes) -> tuple[str, bool, dict]:
    """The signature, whether the inputs came as rows, and the inputs of a predict request.

    Raises:
        RequestError: the body is wrong, or the method is another: the server knows no more of
            classify and regress.
    """
    document = requests.parse(body)
    name = requests.signature_name(document)
    signature = servable.signature(name)
    if method != "predict":
        fits = signature.method == METHODS + method
        raise RequestError(
            Code.UNIMPLEMENTED if fits else Code.INVALID_ARGUMENT,
            f"Expected signature method_name to be {METHODS}{method}. Was: {signature.method}. "
            "The server for development has predict alone.",
        )
    return name, *requests.decode(document, signature.inputs)


def _to_json(message) -> bytes:
    return json_format.MessageToJson(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    ).encode()
