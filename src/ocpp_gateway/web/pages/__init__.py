"""The pages for people: templates filled on the server, made live by the stream of events."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ocpp_gateway.web.access import Access
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.pages import entrance
from ocpp_gateway.web.problem import Problem


def routes(gateway: GatewayView, access: Access) -> list[Route]:
    """Every page."""
    return entrance.routes(access)


def asked_to_log_in(request: Request, problem: Problem) -> Response | None:
    """Somebody unknown who wants to see a page is shown the way in; None for everybody else."""
    if problem.status != 401 or "text/html" not in request.headers.get("accept", ""):
        return None
    return RedirectResponse("/log-in", 303)
