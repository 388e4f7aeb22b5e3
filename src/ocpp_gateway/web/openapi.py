"""The OpenAPI 3.1 document, made from the endpoints: what is not in a row of theirs is not in the API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ocpp_gateway.web.access import Role
from ocpp_gateway.web.answers import Many
from ocpp_gateway.web.endpoint import Endpoint
from ocpp_gateway.web.guard import COOKIE, FORM_TOKEN_HEADER, LARGEST_BODY
from ocpp_gateway.web.problem import MEDIA_TYPE

REFERENCE = "#/components/schemas/{model}"

_DESCRIPTION = f"""
Everything that the dashboard shows and does. Moments are ISO 8601 in UTC, units are in the names, null is unknown.

Programs send a bearer token. Browsers have a session's cookie, and send `{FORM_TOKEN_HEADER}` with whatever changes
something. On a loopback address without a password nobody has to send anything.

Nothing here raises the power of a charger above what its limiter allows, and no register can be written.
""".strip()

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "a sentence for people"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the body, or `?name` of the query"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}

_PATH_PART = re.compile(r"\{(\w+)(?::(\w+))?\}")
_PATH_SCHEMAS = {"int": {"type": "integer", "minimum": 0}}

GUARDED = {
    403: "another site's page asked, or the role does not suffice",
    413: f"the body is larger than {LARGEST_BODY} bytes",
    421: "the gateway does not go by the name in Host",
    431: "too many headers",
}
"""What anything may be answered, whoever asks."""


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The whole document, ready for JSON."""
    endpoints = list(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = _PATH_PART.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ocpp-gateway",
            "version": version("ocpp-gateway"),
            "description": _DESCRIPTION,
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(endpoint.tag for endpoint in endpoints)],
        "paths": paths,
        "components": {
            "schemas": _schemas(endpoints) | {"Problem": _PROBLEM},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(endpoint),
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": [*_path_parameters(endpoint.path), *_query_parameters(endpoint)],
        "responses": _responses(endpoint),
        "security": [] if endpoint.needs is None else [{"token": []}, {"session": []}, {}],
    }
    if endpoint.needs is Role.OPERATOR:
        operation["description"] = "Needs the role operator."
    if endpoint.body is not None:
        schema = {"$ref": REFERENCE.format(model=endpoint.body.__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _operation_id(endpoint: Endpoint) -> str:
    """`get_chargers_messages`: stable, as generated clients are named after it."""
    parts = endpoint.path.removeprefix("/api/v1").strip("/").split("/")
    words = ("one" if part.startswith("{") else re.sub(r"\W+", "_", part) for part in parts)
    return "_".join((endpoint.method.lower(), *words))


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _PATH_SCHEMAS.get(convertor, {"type": "string", "minLength": 1}),
        }
        for name, convertor in _PATH_PART.findall(path)
    ]


def _query_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "in": "query", "description": one.description, "schema": dict(one.schema)}
        for one in endpoint.query
    ]


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    answers: dict[int, Any] = dict(endpoint.answers)
    described = dict(GUARDED)
    if endpoint.needs is not None:
        described[401] = "nobody known asks"
        described[503] = "the store cannot tell just now"
    if "{" in endpoint.path:
        described[404] = "there is none of that name"
    if ":int}" in endpoint.path and endpoint.method != "GET":
        described[405] = "what stands for a number is none, and a charger of that long a name can only be looked at"
    if endpoint.query:
        described[422] = "a value is wrong; `errors` says where"
    if endpoint.body is not None:
        described |= {
            400: "the body is not JSON",
            415: "the body is not application/json",
            422: "a value is wrong; `errors` says where",
        }
    described |= {status: HTTPStatus(status).phrase for status, answer in answers.items() if answer == "problem"}
    told = {
        str(status): _response(HTTPStatus(status).phrase, answer, endpoint.media_type)
        for status, answer in answers.items()
        if answer != "problem"
    }
    problems = {
        str(status): _response(text, {"$ref": REFERENCE.format(model="Problem")}, MEDIA_TYPE)
        for status, text in described.items()
        if str(status) not in told
    }
    return dict(sorted((told | problems).items()))


def _response(description: str, answer: Any, media_type: str) -> dict[str, Any]:
    response: dict[str, Any] = {"description": description}
    if answer is not None:
        response["content"] = {media_type: {"schema": _schema(answer)}}
    elif media_type.startswith("text/"):
        response["content"] = {media_type: {"schema": {"type": "string"}}}
    return response


def _schema(answer: Any) -> Mapping[str, Any]:
    if isinstance(answer, Many):
        return {"type": "array", "items": _schema(answer.model)}
    if isinstance(answer, type) and issubclass(answer, BaseModel):
        return {"$ref": REFERENCE.format(model=answer.__name__)}
    schema: Mapping[str, Any] = answer
    return schema


def _schemas(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Every model that an endpoint takes or answers, and all that those refer to."""
    taken = {endpoint.body: None for endpoint in endpoints if endpoint.body is not None}
    told = [answer for endpoint in endpoints for answer in endpoint.answers.values()]
    models = [answer.model if isinstance(answer, Many) else answer for answer in told]
    answered = {model: None for model in models if isinstance(model, type) and issubclass(model, BaseModel)}
    _, schemas = models_json_schema(
        [*((model, "validation") for model in taken), *((model, "serialization") for model in answered)],
        ref_template=REFERENCE,
    )
    found: dict[str, Any] = schemas.get("$defs", {})
    return found
