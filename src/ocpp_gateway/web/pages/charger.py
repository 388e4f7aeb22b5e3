"""One charger's pages: what they share, what it does now, and why its limit is what it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ocpp_gateway.web.endpoint import query_integer
from ocpp_gateway.web.gateway_view import ChargerView, GatewayView
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

PLAN_S = 12 * 3600
LONGEST_PLAN_S = 7 * 86_400


def place_of(request: Request, gateway: GatewayView) -> ChargerView:
    """The charger of the path. Raises Problem 404."""
    found = gateway.place(request.path_params["identity"])
    if found is None:
        raise Problem(404, "no charger has this identity, or its tasks have not started yet")
    return found


async def tab(
    request: Request, gateway: GatewayView, name: str, *, template: str | None = None, **values: Any
) -> HTMLResponse:
    """The page of that name of the charger of the path; or another one of the same tab."""
    shown = await place_of(request, gateway).view()
    template = template or f"{name or 'charger'}.html"
    return page(request, template, charger=shown, tabs=TABS, tab_name=name, alert=alert(shown), **values)


async def now(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}`."""
    place = place_of(request, gateway)
    numbers = [connector["connector_id"] for connector in (await place.view())["connectors"]]
    return await tab(request, gateway, "", whys={number: place.why(number) for number in numbers}, most_w=most_w)


async def why(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}/why/{connector_id}`: that piece of the page, anew."""
    place, connector_id = place_of(request, gateway), request.path_params["connector_id"]
    found = place.why(connector_id)
    if found is None:
        raise Problem(404, "there is no such connector")
    return page(request, "why.html", charger=await place.view(), connector_id=connector_id, why=found)


async def registers(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}/registers`."""
    return await tab(request, gateway, "registers", registers=place_of(request, gateway).registers())


async def profiles(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}/profiles`: what is installed, and the plan that comes of it."""
    place = place_of(request, gateway)
    duration_s = query_integer(request, "duration_s", PLAN_S, least=60, most=LONGEST_PLAN_S)
    connectors = [connector["connector_id"] for connector in (await place.view())["connectors"]]
    schedules = {number: place.schedule(number, duration_s) for number in (0, *connectors)}
    return await tab(
        request, gateway, "profiles", profiles=place.profiles(), schedules=schedules, duration_s=duration_s
    )


async def configuration(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}/configuration`."""
    return await tab(request, gateway, "configuration", keys=place_of(request, gateway).configuration_keys())


async def health(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}/health`: both connections, the clock, certificates, and what was counted."""
    place, figures = place_of(request, gateway), await gateway.figures()
    counted = next((one for one in figures.chargers if one.charge_point == request.path_params["identity"]), None)
    now_s = time.time()
    ends_s = {} if counted is None else counted.certificate_ends_s
    return await tab(
        request,
        gateway,
        "health",
        health=place.health(),
        counted=counted,
        certificates={whose: (_stamp(end_s), (end_s - now_s) / 86_400) for whose, end_s in ends_s.items()},
    )


def _stamp(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat()
