"""The pages for people: templates filled on the server, made live by the stream of events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ocpp_gateway.web.access import Access, Role
from ocpp_gateway.web.endpoint import require
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.pages import charger, entrance, itself, ledger, messages, overview, settings
from ocpp_gateway.web.pages.render import page
from ocpp_gateway.web.problem import Problem

Page = Callable[[Request, GatewayView], Awaitable[Response]]

CHARGER = "/chargers/{identity:path}"

PAGES: tuple[tuple[str, Page], ...] = (
    ("/", overview.overview),
    ("/log", itself.log),
    ("/support", itself.support),
    ("/about", itself.about),
    (f"{CHARGER}/why/{{connector_id:int}}", charger.why),
    (f"{CHARGER}/registers", charger.registers),
    (f"{CHARGER}/messages", messages.messages),
    (f"{CHARGER}/messages.csv", messages.messages_csv),
    (f"{CHARGER}/messages.jsonl", messages.messages_jsonl),
    (f"{CHARGER}/queue", ledger.queue),
    (f"{CHARGER}/transactions", ledger.transactions),
    (f"{CHARGER}/transactions.csv", ledger.transactions_csv),
    (f"{CHARGER}/transactions/{{local_id}}", ledger.transaction),
    (f"{CHARGER}/profiles", charger.profiles),
    (f"{CHARGER}/configuration", charger.configuration),
    (f"{CHARGER}/health", charger.health),
    (f"{CHARGER}/support-bundle.zip", itself.support_bundle),
    # An identity may hold a '/'; so this comes after all that go deeper.
    (CHARGER, charger.now),
)
"""What viewers may see, in the order in which paths are tried. Pages act through the API alone."""


def routes(gateway: GatewayView, access: Access) -> list[Route]:
    """Every page."""
    return [
        *entrance.routes(access),
        *settings.routes(gateway, access),
        *(_route(path, shown, gateway) for path, shown in PAGES),
    ]


def _route(path: str, shown: Page, gateway: GatewayView) -> Route:
    async def serve(request: Request) -> Response:
        require(request, Role.VIEWER)
        return await shown(request, gateway)

    return Route(path, serve, methods=["GET"])


def shown_to_people(request: Request, problem: Problem) -> Response | None:
    """A problem as a page, and for somebody unknown the way in; None for whoever is no browser that opens a page."""
    if "text/html" not in request.headers.get("accept", "") or "hx-request" in request.headers:
        return None
    if problem.status == 401:
        return RedirectResponse("/log-in", 303)
    return page(request, "error.html", status=problem.status, problem=problem)
