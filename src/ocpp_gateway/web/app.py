"""The HTTP face put together: the API, the pages, the files they need, and the guard around all of it."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from ocpp_gateway.web import metrics, pages
from ocpp_gateway.web.access import Access
from ocpp_gateway.web.api import chargers, health, history, limits, transactions
from ocpp_gateway.web.endpoint import Endpoint
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.guard import Guard, own_hosts
from ocpp_gateway.web.problem import Problem

STATIC = Path(__file__).parent / "static"

ENDPOINTS: tuple[Endpoint, ...] = tuple(
    chain(
        health.ENDPOINTS,
        metrics.ENDPOINTS,
        limits.ENDPOINTS,
        transactions.ENDPOINTS,
        history.ENDPOINTS,
        chargers.ENDPOINTS,
    )
)
"""The API whole, in the order in which paths are tried."""


def create_app(
    gateway: GatewayView, access: Access, *, host: str = "127.0.0.1", allowed_hosts: tuple[str, ...] = ()
) -> ASGIApp:
    """The ASGI application; `host` is the address listened on, `allowed_hosts` further names it goes by."""
    app = Starlette(
        routes=[
            *(endpoint.route(gateway) for endpoint in ENDPOINTS),
            *pages.routes(gateway, access),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={Problem: _problem, HTTPException: _http_problem, 500: _own_fault},
    )
    return Guard(app, access, own_hosts(host, allowed_hosts))


async def _problem(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, Problem)  # noqa: S101 - registered for nothing else
    return pages.asked_to_log_in(request, exc) or exc.response()


async def _http_problem(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)  # noqa: S101 - registered for nothing else
    detail = "nothing is here" if exc.status_code == 404 else exc.detail
    return Problem(exc.status_code, detail, headers=exc.headers).response()


async def _own_fault(_: Request, __: Exception) -> Response:
    return Problem(500, "a fault of the gateway; see its log").response()
