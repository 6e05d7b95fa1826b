"""The REST interface as a web application: paths, bodies and status codes as TF Serving has them.

GET  /v1/models/NAME[/versions/N]              status
GET  /v1/models/NAME[/versions/N]/metadata     signatures
POST /v1/models/NAME[/versions/N]:predict      (and :classify, :regress)
POST /v1/models/NAME[/versions/N]:stream       the server's own: see `streaming`
OPTIONS                                        of each
GET  /monitoring/prometheus/metrics, /docs ... see `pages`
"""

import asyncio
import contextlib
import json
import re
import time
import traceback
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from google.protobuf import json_format
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Router
from starlette.types import Receive, Scope, Send
from tensorflow_serving.apis import get_model_status_pb2

from pipelines.server import pages, requests, streaming
from pipelines.server.engine import Engine
from pipelines.server.errors import Code, RequestError, invalid
from pipelines.server.flags import ServeFlags
from pipelines.server.models import Models
from pipelines.server.monitoring import Monitor
from pipelines.server.responses import encode, error_body
from pipelines.server.servable import Servable

MODEL = (
    "(?i:/v1/models/)(?P<name>[^/:]+)"
    "(?:/versions/(?P<version>[0-9]{1,18})|/labels/(?P<label>[^/:]+))?"
)
LOOK = re.compile(MODEL + "(?P<metadata>/metadata)?")
CALL = re.compile(MODEL + ":(?P<method>predict|classify|regress)")
STREAM = re.compile(MODEL + ":stream")
PREFIX = "tensorflow/serving/"  # of predict, classify and regress
METHODS = ("GET", "POST", "OPTIONS")
ALLOW = {"Allow": ", ".join(METHODS)}
# By status. The rest of a body that took too long may never come.
HEADERS = {408: {"Connection": "close"}, 429: {"Retry-After": "1"}, 503: {"Retry-After": "1"}}
BODIES = 64  # of the largest size, that may arrive at once
SIGNATURES = "signature_def"  # the only field of a model's metadata
HOST = re.compile(r"(?P<name>\[[^]]*\]|[^:]*)(:[0-9]+)?")
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def build(
    models: Models,
    engines: Mapping[str, Engine],
    flags: ServeFlags,
    loopback: bool = False,
    monitor: Monitor | None = None,
    lifespan: Callable[[Any], contextlib.AbstractAsyncContextManager] | None = None,
) -> Router:
    """The application.

    Args:
        models: to serve.
        engines: compute them, by name.
        flags: limits, and the pages elsewhere that may ask.
        loopback: whether only this machine can connect, so that any other Host is a trick.
        monitor: counts the requests. Default: one of its own.
        lifespan: entered before the first request, left after the last.
    """
    hosts = {*LOOPBACK, flags.host.lower()} if loopback else set()
    endpoint = CORSMiddleware(
        Endpoint(models, engines, flags, hosts, monitor or Monitor()),
        allow_origins=flags.allow_origin,
        allow_methods=METHODS,
        allow_headers=["Content-Encoding"],
    )
    return Router(default=endpoint, lifespan=lifespan)


@dataclass
class Endpoint:
    """Answers every path and method; all errors are JSON.

    Attributes:
        models, engines, flags: see `build`.
        hosts: names of this server; of a server without, every name is.
        monitor: counts the requests of models.
        arriving: bytes of bodies that are not whole yet.
    """

    models: Models
    engines: Mapping[str, Engine]
    flags: ServeFlags
    hosts: Collection[str]
    monitor: Monitor
    arriving: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        start = time.monotonic()
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
        headers = ALLOW if request.method == "OPTIONS" else HEADERS.get(status)
        response = body
        if not isinstance(body, Response):
            response = Response(body, status, headers, "application/json")
        if self.flags.access_log:
            seconds = time.monotonic() - start
            size = response.headers.get("content-length", "-")  # of a stream none is known
            print(access_line(request, response.status_code, size, seconds))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> bytes | Response:
        self._check_sender(request.headers)
        path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        if not path.lower().startswith("/v1/"):
            if request.method == "GET" and (page := await self._page(path)):
                return page
            raise RequestError(Code.NOT_FOUND, f"Not Found: {request.method} {path}")
        if request.method == "POST" and (match := CALL.fullmatch(path)):
            return await self._call(request, match["method"], *_target(match))
        if request.method == "POST" and (match := STREAM.fullmatch(path)):
            return await self._stream(request, *_target(match))
        if request.method == "GET" and (match := LOOK.fullmatch(path)):
            look = self._metadata if match["metadata"] else self._status
            return look(*_target(match))
        if request.method == "OPTIONS" and any(x.fullmatch(path) for x in (CALL, STREAM, LOOK)):
            return b"{}"
        if request.method == "GET" and path.lower() == "/v1/models":
            raise invalid("Missing model name in request.")
        raise invalid(f"Malformed request: {request.method} {path}")

    async def _page(self, path: str) -> Response | None:
        """In a thread: pages and examples are read from the disk."""
        return await asyncio.to_thread(pages.answer, path, self.models, self.monitor)

    def _check_sender(self, headers: Headers) -> None:
        """Refuses what a page elsewhere makes a browser send, be it under a name of its own."""
        host, origin = headers.get("host", ""), headers.get("origin")
        match = HOST.fullmatch(host)
        if self.hosts and not (match and match["name"].lower() in self.hosts):
            message = f"Host must be one of {', '.join(sorted(self.hosts))}. Got {host!r}"
            raise RequestError(Code.PERMISSION_DENIED, message)
        if origin and not {origin, "*"} & {*self.flags.allow_origin, f"http://{host}"}:
            message = f"Origin must be this server or one of `--allow-origin`. Got {origin!r}"
            raise RequestError(Code.PERMISSION_DENIED, message)

    def _status(self, name: str, number: int | None) -> bytes:
        return _to_json(status_message(self.models, name, number))

    def _metadata(self, name: str, number: int | None) -> bytes:
        with self.models.use(name, number) as version:
            spec = {"name": name, "signature_name": "", "version": str(version.number)}
            signatures = json.loads(_to_json(version.servable.definitions))
        return json.dumps({"model_spec": spec, "metadata": {SIGNATURES: signatures}}).encode()

    async def _call(self, request: Request, method: str, name: str, number: int | None) -> bytes:
        used = self.models.use(name, number)
        with used as version, self.monitor.request(name, "REST"):
            engine, servable = self.engines[name], version.servable
            body = await self._body(request)  # first: a slow sender takes no place
            coding = request.headers.get("content-encoding", "").strip().lower()
            async with engine.admit():
                signature, rows, inputs = await engine.convert(
                    _decode, servable, method, body, coding, self.flags
                )
                with self.monitor.runtime(name):
                    outputs = await engine.predict(servable, signature, inputs)
                return await engine.convert(encode, outputs, rows)

    async def _stream(self, request: Request, name: str, number: int | None) -> Response:
        """Errors of the request are an answer; what happens after the first piece is an event."""
        body = await self._body(request)
        coding = request.headers.get("content-encoding", "").strip().lower()
        with self.models.use(name, number) as version:
            engine, servable = self.engines[name], version.servable
            with self.monitor.request(name, "REST"):
                _, _, inputs = await engine.convert(
                    _decode, servable, "predict", body, coding, self.flags
                )
                streaming.check(servable, inputs)
                texts = streaming.pieces(engine, servable, inputs)
                first = await anext(texts)

        async def rest() -> AsyncIterator[str]:
            with self.models.use(name, version.number):
                yield first
                async for text in texts:
                    yield text

        return StreamingResponse(streaming.events(rest()), media_type=streaming.TYPE)

    async def _body(self, request: Request) -> bytes:
        """The whole body; too large a body is refused before the rest of it is read."""
        most, seconds = self.flags.max_request_bytes, self.flags.timeout_seconds
        if int(request.headers.get("content-length", 0)) > most:
            raise requests.too_large(most)
        body = bytearray()
        try:
            async with asyncio.timeout(seconds):
                async for part in request.stream():
                    body += part
                    self.arriving += len(part)
                    if len(body) > most:
                        raise requests.too_large(most)
                    if self.arriving > BODIES * most:
                        raise RequestError(Code.UNAVAILABLE, "Too many bodies: try again later")
        except TimeoutError:
            message = f"The body took more than {seconds:g} s"
            raise RequestError(Code.DEADLINE_EXCEEDED, message, status=408) from None
        finally:
            self.arriving -= len(body)
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


def access_line(request: Request, status: int, size: str, seconds: float) -> str:
    """A line of an access log, in the Common Log Format with the request's time after it."""
    sender = request.client.host if request.client else "-"
    now = time.strftime("%d/%b/%Y:%H:%M:%S %z")
    # As it was sent, percent signs and all: no letter of it can begin another line.
    path = ascii(request.scope["raw_path"].decode("latin-1"))[1:-1].replace('"', "%22")
    return f'{sender} - - [{now}] "{request.method} {path} HTTP/1.1" {status} {size} {seconds:.4f}'


def _target(match: re.Match) -> tuple[str, int | None]:
    """The name and the version of the model that a path speaks of."""
    if match["label"]:
        raise invalid(f"Unrecognized servable version label: {unquote(match['label'])}")
    return unquote(match["name"]), int(match["version"]) if match["version"] else None


def _decode(
    servable: Servable, method: str, body: bytes, coding: str, flags: ServeFlags
) -> tuple[str, bool, dict]:
    """The signature, whether the inputs came as rows, and the inputs of a predict request.

    Raises:
        RequestError: the body is wrong or asks for too much, or the method is another: the server
            knows no more of classify and regress.
    """
    document = requests.parse(requests.unpack(body, coding, flags.max_request_bytes))
    name = requests.signature_name(document)
    signature = servable.signature(name)
    if method != "predict":
        fits = signature.method == PREFIX + method
        raise RequestError(
            Code.UNIMPLEMENTED if fits else Code.INVALID_ARGUMENT,
            f"Expected signature method_name to be {PREFIX}{method}. Was: {signature.method}. "
            "The server for development has predict alone.",
        )
    rows, inputs = requests.decode(document, signature.inputs)
    requests.check_work(inputs, flags.max_text_bytes)
    return name, rows, inputs


def _to_json(message) -> bytes:
    return json_format.MessageToJson(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    ).encode()
