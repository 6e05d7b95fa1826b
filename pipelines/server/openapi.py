"""An OpenAPI document of the served models, made from their signatures: clients can be generated.

OpenAPI Specification 3.0.3, https://spec.openapis.org/oas/v3.0.3
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.server.models import Models, Version
from pipelines.server.requests import DEFAULT_SIGNATURE, Specs
from pipelines.server.responses import BYTES, plain
from pipelines.server.servable import Signature, warmup_requests

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
            paths[f"/v1/models/{name}:predict"] = {"post": _predict(name, version)}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Unfold", "version": "1", "description": "TF Serving's REST interface."},
        "paths": paths,
    }


def _predict(name: str, version: Version) -> dict[str, Any]:
    signatures = version.servable.signatures
    asked = {key: signature for key, signature in signatures.items() if signature.inputs}
    body = _json({"oneOf": [_request(key, value) for key, value in asked.items()]})
    examples = {
        key: {"value": _example(key, inputs)}
        for key, inputs in warmup_requests(version.folder)
        if key in asked
    }
    if examples:
        body["application/json"]["examples"] = examples
    answers = [_answer(key, value) for key, value in asked.items()]
    errors = {
        code: {"description": text, "content": _json(_ERROR)} for code, text in _ERRORS.items()
    }
    return {
        "operationId": f"predict_{name}",
        "summary": f"Answers of {name}, version {version.number}.",
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {"description": "The answers.", "content": _json({"oneOf": answers})},
            **errors,
        },
    }


def _example(name: str, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """A warm-up request as a body: in columns, which any signature takes."""
    named = {} if name == DEFAULT_SIGNATURE else {"signature_name": name}
    return {**named, "inputs": {key: plain(key, value) for key, value in inputs.items()}}


def _json(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _request(name: str, signature: Signature) -> Schema:
    """A request's body: columns, or rows where all inputs have them."""
    schemas = [_content(signature.inputs, ("instances", "inputs"), rows) for rows in (True, False)]
    properties = {"signature_name": {"type": "string", "enum": [name]}, **dict(schemas)}
    named = [] if name == DEFAULT_SIGNATURE else ["signature_name"]
    forms = [{"required": [*named, key]} for key in dict(schemas)]
    return {
        "title": name,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "oneOf": forms,
    }


def _answer(name: str, signature: Signature) -> Schema:
    """The answer: rows to rows, columns to columns."""
    schemas = [
        _content(signature.outputs, ("predictions", "outputs"), rows) for rows in (True, False)
    ]
    forms = [{"required": [key]} for key in dict(schemas)]
    return {"title": name, "type": "object", "properties": dict(schemas), "oneOf": forms}


def _content(specs: Specs, keys: tuple[str, str], rows: bool) -> tuple[str, Schema]:
    """The key of rows, or of columns, and what is there; of what has no rows, of columns."""
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
