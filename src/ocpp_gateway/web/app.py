"""The HTTP face put together: the API, the pages, the files they need, and the guard around all of it."""

from __future__ import annotations

import asyncio
import time
from itertools import chain
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from ocpp_gateway.errors import ActionRefused, StoreError
from ocpp_gateway.web import metrics, pages
from ocpp_gateway.web.access import Access
from ocpp_gateway.web.api import about, actions, chargers, events, health, history, limits, log, transactions
from ocpp_gateway.web.api import access as access_api
from ocpp_gateway.web.api.events import Streams
from ocpp_gateway.web.endpoint import Endpoint
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.guard import Guard, own_hosts
from ocpp_gateway.web.live import Live
from ocpp_gateway.web.openapi import document
from ocpp_gateway.web.problem import Problem

STATIC = Path(__file__).parent / "static"

ENDPOINTS: tuple[Endpoint, ...] = tuple(
    chain(
        health.ENDPOINTS,
        metrics.ENDPOINTS,
        limits.ENDPOINTS,
        transactions.ENDPOINTS,
        history.ENDPOINTS,
        log.ENDPOINTS,
        access_api.ENDPOINTS,
        about.ENDPOINTS,
        events.ENDPOINTS,
        actions.ENDPOINTS,
        chargers.ENDPOINTS,
        chargers.LAST,
    )
)
"""The API whole, in the order in which paths are tried."""


def create_app(
    gateway: GatewayView,
    access: Access,
    *,
    host: str = "127.0.0.1",
    allowed_hosts: tuple[str, ...] = (),
    stopping: asyncio.Event | None = None,
) -> ASGIApp:
    """The ASGI application; `host` is the address listened on, `allowed_hosts` further names it goes by.

    `stopping` ends the streams, so that the server need not wait for them.
    """
    app = Starlette(
        routes=[
            *(endpoint.route(gateway) for endpoint in ENDPOINTS),
            *pages.routes(gateway, access),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={
            Problem: _problem,
            ActionRefused: _refused,
            StoreError: _no_store,
            HTTPException: _http_problem,
            500: _own_fault,
        },
    )
    app.state.access = access
    app.state.openapi = document(ENDPOINTS)
    app.state.streams = Streams(Live(gateway.chargers, time.monotonic), stopping or asyncio.Event())
    return Guard(app, access, own_hosts(host, allowed_hosts))


async def _problem(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, Problem)  # noqa: S101 - registered for nothing else
    return _told(request, exc)


async def _refused(request: Request, exc: Exception) -> Response:
    return _told(request, Problem(409, str(exc)))


async def _no_store(request: Request, _: Exception) -> Response:
    return _told(request, Problem(503, "the store cannot tell just now; see the log"))


async def _http_problem(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)  # noqa: S101 - registered for nothing else
    detail = "nothing is here" if exc.status_code == 404 else exc.detail
    return _told(request, Problem(exc.status_code, detail, headers=exc.headers))


async def _own_fault(request: Request, _: Exception) -> Response:
    return _told(request, Problem(500, "a fault of the gateway; see its log"))


def _told(request: Request, problem: Problem) -> Response:
    """A page for people, problem+json for everybody else."""
    return pages.shown_to_people(request, problem) or problem.response()
