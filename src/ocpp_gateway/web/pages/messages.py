"""OCPP messages of a charger: each question with its answer, to be searched, and to be taken away."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ocpp_gateway.web.endpoint import query_integer
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.pages.charger import place_of, tab
from ocpp_gateway.web.pages.download import csv_file, download

SHOWN, EXPORTED, HIGHEST = 50, 10_000, 2**63 - 1
COLUMNS = ("at", "direction", "action", "message_id", "latency_s", "result", "request", "response")


async def messages(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}/messages`, filtered by the query."""
    found = await _found(request, gateway, SHOWN)
    return await tab(request, gateway, "messages", messages=found, more=len(found) == SHOWN)


async def messages_csv(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}/messages.csv`: the same filter, one line a pair."""
    rows = [{**row, **_texts(row)} for row in await _found(request, gateway, EXPORTED)]
    return csv_file(f"{request.path_params['identity']}-messages.csv", COLUMNS, rows)


async def messages_jsonl(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}/messages.jsonl`: the same, for programs."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in await _found(request, gateway, EXPORTED))
    return download(f"{request.path_params['identity']}-messages.jsonl", "application/jsonl", lines.encode())


async def _found(request: Request, gateway: GatewayView, limit: int) -> list[dict[str, Any]]:
    before = query_integer(request, "before", HIGHEST, least=0, most=HIGHEST)
    wanted = {name: request.query_params.get(name) or None for name in ("action", "direction", "result", "text")}
    return await place_of(request, gateway).messages(limit, before=before, **wanted)


def _texts(row: dict[str, Any]) -> dict[str, str]:
    return {name: json.dumps(row[name], ensure_ascii=False) for name in ("request", "response")}
