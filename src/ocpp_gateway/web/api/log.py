"""The log of this process: its last lines, and from which level on its parts write. Secrets never get that far."""

from __future__ import annotations

from typing import Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ocpp_gateway.web import answers
from ocpp_gateway.web.access import Role
from ocpp_gateway.web.endpoint import (
    Body,
    Endpoint,
    Parameter,
    audit,
    query_choice,
    query_integer,
    query_text,
    read_json,
)
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.problem import Problem

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
PAGE, MOST = 100, 1000


class LevelBody(Body):
    """The least that is written; frames and registers are at DEBUG."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]


async def _lines(request: Request, gateway: GatewayView) -> Response:
    limit = query_integer(request, "limit", PAGE, least=1, most=MOST)
    level = query_choice(request, "level", LEVELS)
    return JSONResponse(gateway.log_lines(query_text(request, "charger"), level, query_text(request, "text"), limit))


async def _levels(_: Request, gateway: GatewayView) -> Response:
    return JSONResponse({"levels": gateway.log_levels()})


async def _set_level(request: Request, gateway: GatewayView) -> Response:
    part, body = request.path_params["part"], await read_json(request, LevelBody)
    if part not in gateway.log_levels():
        raise Problem(404, "there is no such part of the log")
    gateway.set_log_level(part, body.level)
    await audit(request, gateway, "log_level_set", f"{part}: {body.level}")
    return JSONResponse({"levels": gateway.log_levels()})


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/log",
        _lines,
        "The last lines of the log, newest first",
        tag="log",
        query=(
            Parameter("charger", "only of this charge point, and of none"),
            Parameter("level", "at least of this level", {"type": "string", "enum": list(LEVELS)}),
            Parameter("text", "anywhere in the line, in any case"),
            Parameter("limit", "lines", {"type": "integer", "minimum": 1, "maximum": MOST, "default": PAGE}),
        ),
        answers={200: {"type": "array", "items": {"type": "object", "required": ["event", "level"]}}},
    ),
    Endpoint(
        "GET",
        "/api/v1/log/levels",
        _levels,
        "From which level on each part writes",
        tag="log",
        answers={200: answers.LogLevels},
    ),
    Endpoint(
        "PUT",
        "/api/v1/log/levels/{part}",
        _set_level,
        "Let a part write from that level on, until the gateway restarts",
        needs=Role.OPERATOR,
        tag="log",
        body=LevelBody,
        answers={200: answers.LogLevels},
    ),
)
