"""What runs here, and what this API is."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ocpp_gateway.web import answers
from ocpp_gateway.web.endpoint import Endpoint
from ocpp_gateway.web.gateway_view import GatewayView


async def _about(_: Request, gateway: GatewayView) -> Response:
    return JSONResponse(await gateway.about())


async def _openapi(request: Request, _: GatewayView) -> Response:
    return JSONResponse(request.app.state.openapi)


ENDPOINTS = (
    Endpoint("GET", "/api/v1/about", _about, "Versions, packages and licences", answers={200: answers.About}),
    Endpoint(
        "GET",
        "/api/v1/openapi.json",
        _openapi,
        "This document: OpenAPI 3.1",
        answers={200: {"type": "object", "required": ["openapi", "paths"]}},
    ),
)
