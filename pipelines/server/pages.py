"""What the server answers beside TF Serving's interface: counts, a description, and its page.

GET  /                                  a page to try the models on
GET  /monitoring/prometheus/metrics     counts, for Prometheus
GET  /openapi.json                      the models' requests and answers, to generate clients from
GET  /docs                              the same to read and try (Swagger UI)
"""

import functools
import json
from pathlib import Path

import swagger_ui_bundle
from starlette.responses import Response

from pipelines.server import monitoring, openapi
from pipelines.server.models import Models

PAGE = Path(__file__).parent / "page"
# Of no other host, but for requests to another server of models.
_POLICY = (
    "default-src 'self'; connect-src *; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' blob: data:; media-src blob:"
)
_TYPES = {".css": "text/css", ".html": "text/html; charset=utf-8", ".js": "text/javascript"}
SWAGGER = ("swagger-ui.css", "swagger-ui-bundle.js")
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
    folder, _, name = path.rpartition("/")
    content = _files().get((folder, name or "index.html"))
    if content is None:
        return None
    headers = {"Content-Security-Policy": _POLICY}
    return Response(content, media_type=_TYPES[Path(name).suffix or ".html"], headers=headers)


@functools.cache
def _files() -> dict[tuple[str, str], bytes]:
    """(folder, name) -> content of all files that are shown."""
    page = {path.name: path.read_bytes() for path in PAGE.iterdir()}
    swagger = swagger_ui_bundle.swagger_ui_path
    return {
        ("", "index.html"): page.pop("index.html"),
        **{("/page", name): content for name, content in page.items()},
        ("", "docs"): _DOCS.encode(),
        **{("/docs", name): (swagger / name).read_bytes() for name in SWAGGER},
        ("/docs", "start.js"): _START.encode(),
    }
