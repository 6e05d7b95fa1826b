"""What the server answers beside TF Serving's interface: counts, a description, and its page.

GET  /monitoring/prometheus/metrics     counts, for Prometheus
GET  /openapi.json                      the models' requests and answers, to generate clients from
GET  /docs                              the same to read and try (Swagger UI)
"""

import functools
import json

import swagger_ui_bundle
from starlette.responses import Response

from pipelines.server import monitoring, openapi
from pipelines.server.models import Models

# Swagger UI's own files alone: no other host, no cookie.
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
_FILES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "start.js": "text/javascript",
}
_DOCS = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Unfold: requests and answers</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
_START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#page", validatorUrl: null});\n'


def answer(path: str, models: Models, monitor: monitoring.Monitor) -> Response | None:
    """The answer to GET of a path; None where it is none of these pages."""
    if path == monitoring.PATH:
        return Response(monitor.text(), media_type=monitoring.TYPE)
    if path == "/openapi.json":
        text = json.dumps(openapi.document(models))
        return Response(text, media_type="application/json")
    if path == "/docs":
        return _page(_DOCS, "text/html; charset=utf-8")
    folder, _, name = path.rpartition("/")
    if folder == "/docs" and name in _FILES:
        return _page(_file(name), _FILES[name])
    return None


def _page(content: str | bytes, kind: str) -> Response:
    return Response(content, media_type=kind, headers={"Content-Security-Policy": _POLICY})


@functools.cache
def _file(name: str) -> bytes:
    if name == "start.js":
        return _START.encode()
    return (swagger_ui_bundle.swagger_ui_path / name).read_bytes()
