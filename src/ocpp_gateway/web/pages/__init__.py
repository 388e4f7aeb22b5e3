"""The pages for people: templates filled on the server, made live by the stream of events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ocpp_gateway.web.access import Access, Role
from ocpp_gateway.web.endpoint import require
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.pages import charger, entrance, overview
from ocpp_gateway.web.problem import Problem

Page = Callable[[Request, GatewayView], Awaitable[Response]]

CHARGER = "/chargers/{identity:path}"

PAGES: tuple[tuple[str, Page], ...] = (
    ("/", overview.overview),
    (f"{CHARGER}/why/{{connector_id:int}}", charger.why),
    # An identity may hold a '/'; so this comes after all that go deeper.
    (CHARGER, charger.now),
)
"""What viewers may see, in the order in which paths are tried. Pages act through the API alone."""


def routes(gateway: GatewayView, access: Access) -> list[Route]:
    """Every page."""
    return [*entrance.routes(access), *(_route(path, page, gateway) for path, page in PAGES)]


def _route(path: str, page: Page, gateway: GatewayView) -> Route:
    async def serve(request: Request) -> Response:
        require(request, Role.VIEWER)
        return await page(request, gateway)

    return Route(path, serve, methods=["GET"])


def asked_to_log_in(request: Request, problem: Problem) -> Response | None:
    """Somebody unknown who wants to see a page is shown the way in; None for everybody else."""
    if problem.status != 401 or "text/html" not in request.headers.get("accept", ""):
        return None
    return RedirectResponse("/log-in", 303)
