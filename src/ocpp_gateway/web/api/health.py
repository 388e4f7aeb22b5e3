"""Whether the gateway works, for a supervisor: ok, or why not, and nothing else (faults.md W-16)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ocpp_gateway.web.endpoint import Endpoint
from ocpp_gateway.web.gateway_view import GatewayView


async def _healthz(_: Request, gateway: GatewayView) -> Response:
    return _verdict(*gateway.healthy())


async def _readyz(_: Request, gateway: GatewayView) -> Response:
    return _verdict(*gateway.ready())


def _verdict(good: bool, conditions: dict[str, str]) -> Response:
    """200 and ok, or 503 and a line for each condition that does not hold."""
    if good:
        return PlainTextResponse("ok\n")
    reasons = [f"{name}: {state}" for name, state in conditions.items() if state != "ok"]
    return PlainTextResponse("\n".join(reasons or ["not ready"]) + "\n", status_code=503)


_ANSWERS = {200: None, 503: None}

ENDPOINTS = (
    Endpoint("GET", "/healthz", _healthz, "Whether it works", needs=None, answers=_ANSWERS, media_type="text/plain"),
    Endpoint("GET", "/readyz", _readyz, "Whether it polls", needs=None, answers=_ANSWERS, media_type="text/plain"),
)
