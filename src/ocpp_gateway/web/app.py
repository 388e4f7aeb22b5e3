"""The HTTP face: health, readiness, and every charger's whole view as JSON. It changes nothing."""

from __future__ import annotations

from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OWN_NAMES = ["localhost", "127.0.0.1", "[::1]"]
"""Host headers that are answered; any other is a page elsewhere that made a browser look here (DNS rebinding)."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class GatewayView(Protocol):
    """What the gateway shows. The dictionaries are ready for JSON."""

    def healthy(self) -> tuple[bool, dict[str, str]]:
        """Whether it works, and for each part `ok` or why not, without an identity or a secret."""
        ...

    def ready(self) -> tuple[bool, dict[str, str]]:
        """Whether it can do its work, and for each condition `ok` or why not, without an identity or a secret."""
        ...

    async def chargers(self) -> list[dict[str, Any]]:
        """Every charger."""
        ...

    async def charger(self, identity: str) -> dict[str, Any] | None:
        """One charger, or None when there is no such identity."""
        ...


def create_app(view: GatewayView, *, host: str = "127.0.0.1") -> ASGIApp:
    """The ASGI application over that view; `host` is the address it is reached by, besides `OWN_NAMES`."""

    async def healthz(_: Request) -> Response:
        return _verdict(*view.healthy())

    async def readyz(_: Request) -> Response:
        return _verdict(*view.ready())

    async def chargers(_: Request) -> Response:
        return JSONResponse(await view.chargers())

    async def charger(request: Request) -> Response:
        found = await view.charger(request.path_params["identity"])
        return JSONResponse(found) if found is not None else _problem(404, "no charger has this identity")

    app = Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/api/v1/chargers", chargers),
            Route("/api/v1/chargers/{identity:path}", charger),  # an identity may hold a '/', percent-encoded or not
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=[*OWN_NAMES, f"[{host}]" if ":" in host else host])
        ],
        exception_handlers={HTTPException: _http_problem, 500: _own_fault},
    )
    return _SecureHeaders(app)  # around all of it, Starlette's own error page included


def _verdict(good: bool, conditions: dict[str, str]) -> Response:
    """200 and ok, or 503 and a line for each condition that does not hold."""
    if good:
        return PlainTextResponse("ok\n")
    reasons = [f"{name}: {state}" for name, state in conditions.items() if state != "ok"]
    return PlainTextResponse("\n".join(reasons or ["not ready"]) + "\n", status_code=503)


async def _http_problem(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)  # noqa: S101 - registered for nothing else
    detail = "nothing is here" if exc.status_code == 404 else exc.detail
    return _problem(exc.status_code, detail, exc.headers)


async def _own_fault(_: Request, __: Exception) -> Response:
    return _problem(500, "a fault of the gateway; see its log")


def _problem(status: int, detail: str, headers: Any = None) -> Response:
    """An error as RFC 9457 wants it."""
    body = {"type": "about:blank", "title": TITLES.get(status, "Error"), "status": status, "detail": detail}
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")


TITLES = {404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error"}


class _SecureHeaders:
    """Puts `HEADERS` on every answer, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, with_headers)
