"""One charger's pages: what they share, what it does now, and why its limit is what it is."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.pages.overview import alert, most_w
from ocpp_gateway.web.pages.render import page
from ocpp_gateway.web.problem import Problem

TABS = (
    ("", "Now"),
    ("registers", "Registers"),
    ("messages", "Messages"),
    ("queue", "Queue"),
    ("transactions", "Transactions"),
    ("profiles", "Profiles"),
    ("configuration", "Configuration"),
    ("health", "Health"),
)
"""The last part of the path, and what it is called."""


async def charger_of(request: Request, gateway: GatewayView) -> dict[str, Any]:
    """The charger of the path. Raises Problem 404."""
    found = await gateway.charger(request.path_params["identity"])
    if found is None:
        raise Problem(404, "no charger has this identity, or its tasks have not started yet")
    return found


async def tab(request: Request, gateway: GatewayView, name: str, template: str, **values: Any) -> HTMLResponse:
    """A page of the charger of the path."""
    charger = await charger_of(request, gateway)
    return page(request, template, charger=charger, tabs=TABS, tab_name=name, **values)


async def now(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}`."""
    charger = await charger_of(request, gateway)
    numbers = [connector["connector_id"] for connector in charger["connectors"]]
    whys = {number: await gateway.why(charger["identity"], number) for number in numbers}
    return await tab(request, gateway, "", "charger.html", whys=whys, alert=alert(charger), most_w=most_w)


async def why(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}/why/{connector_id}`: that piece of the page, anew."""
    charger, connector_id = await charger_of(request, gateway), request.path_params["connector_id"]
    found = await gateway.why(charger["identity"], connector_id)
    if found is None:
        raise Problem(404, "there is no such connector")
    return page(request, "why.html", charger=charger, connector_id=connector_id, why=found)
