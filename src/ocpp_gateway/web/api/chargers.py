"""Chargers as JSON."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ocpp_gateway.web.endpoint import Endpoint
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.problem import Problem


async def _chargers(_: Request, gateway: GatewayView) -> Response:
    return JSONResponse(await gateway.chargers())


async def _charger(request: Request, gateway: GatewayView) -> Response:
    found = await gateway.charger(request.path_params["identity"])
    if found is None:
        raise Problem(404, "no charger has this identity")
    return JSONResponse(found)


ENDPOINTS = (
    Endpoint("GET", "/api/v1/chargers", _chargers, "Every charger"),
    # An identity may hold a '/', percent-encoded or not; so this route comes after all that go deeper.
    Endpoint("GET", "/api/v1/chargers/{identity:path}", _charger, "One charger"),
)
