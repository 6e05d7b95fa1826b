"""An OpenAPI document of the served models, made from their signatures: clients can be generated.

OpenAPI Specification 3.0.3, https://spec.openapis.org/oas/v3.0.3
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from pipelines.server.models import Models
from pipelines.server.requests import DEFAULT_SIGNATURE, Specs
from pipelines.server.responses import BYTES
from pipelines.server.servable import Signature

Schema = dict[str, Any]

_BASE64 = {"type": "object", "required": ["b64"], "properties": {"b64": {"type": "string"}}}
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_ERRORS = {
    "400": "The request is wrong in itself.",
    "404": "There is no such model, or no such version.",
    "503": "Too many requests: try again later.",
    "504": "The request took too long.",
}


def document(models: Models) -> dict[str, Any]:
    """The document, as JSON can hold it: a path for the predictions of each model."""
    paths = {}
    for name in models.names():
        with models.use(name, None) as version:
            signatures = version.servable.signatures
            paths[f"/v1/models/{name}:predict"] = {
                "post": _predict(name, signatures, version.number)
            }
    return {
        "openapi": "3.0.3",
        "info": {"title": "Unfold", "version": "1", "description": "TF Serving's REST interface."},
        "paths": paths,
    }


def _predict(name: str, signatures: Mapping[str, Signature], version: int) -> dict[str, Any]:
    asked = {key: signature for key, signature in signatures.items() if signature.inputs}
    bodies = [_request(key, value) for key, value in asked.items()]
    answers = [_answer(key, value) for key, value in asked.items()]
    errors = {
        code: {"description": text, "content": _json(_ERROR)} for code, text in _ERRORS.items()
    }
    return {
        "operationId": f"predict_{name}",
        "summary": f"Answers of {name}, version {version}.",
        "requestBody": {"required": True, "content": _json({"oneOf": bodies})},
        "responses": {
            "200": {"description": "The answers.", "content": _json({"oneOf": answers})},
            **errors,
        },
    }


def _json(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _request(name: str, signature: Signature) -> Schema:
    """A request's body: rows where all inputs have them, else columns."""
    key, content = _content(signature.inputs, ("instances", "inputs"))
    properties = {"signature_name": {"type": "string", "enum": [name]}, key: content}
    required = [key] if name == DEFAULT_SIGNATURE else list(properties)
    return {"title": name, "type": "object", "required": required, "properties": properties}


def _answer(name: str, signature: Signature) -> Schema:
    """The answer to what `_request` describes."""
    rows = all(map(_has_rows, signature.inputs.values()))
    key, content = _content(signature.outputs, ("predictions", "outputs"), rows)
    return {"title": name, "type": "object", "required": [key], "properties": {key: content}}


def _content(specs: Specs, keys: tuple[str, str], rows: bool = True) -> tuple[str, Schema]:
    rows = rows and all(map(_has_rows, specs.values()))
    schemas = {name: _tensor(name, spec, spec.shape[int(rows) :]) for name, spec in specs.items()}
    if len(schemas) == 1:
        (content,) = schemas.values()
    else:
        content = {"type": "object", "required": list(schemas), "properties": schemas}
    return keys[not rows], {"type": "array", "items": content} if rows else content


def _has_rows(spec: tf.TensorSpec) -> bool:
    return bool(spec.shape.rank and spec.shape[0] is None)


def _tensor(name: str, spec: tf.TensorSpec, shape: tf.TensorShape) -> Schema:
    """An array of a shape as nested lists."""
    if shape.rank:
        inner: Schema = {"type": "array", "items": _tensor(name, spec, shape[1:])}
        if shape[0] is not None:
            inner |= {"minItems": shape[0], "maxItems": shape[0]}
        return inner
    if spec.dtype == tf.string:
        return _BASE64 if name.endswith(BYTES) else {"type": "string"}
    if spec.dtype == tf.bool:
        return {"type": "boolean"}
    return {"type": "integer" if spec.dtype.is_integer else "number"}
