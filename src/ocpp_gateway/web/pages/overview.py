"""The first page: all chargers in one look, and what is wrong with which."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.pages.render import page


async def overview(request: Request, gateway: GatewayView) -> Response:
    """`/`."""
    chargers = [charger | {"alert": alert(charger)} for charger in await gateway.chargers()]
    template = "sums.html" if request.query_params.get("part") == "sums" else "overview.html"
    return page(
        request,
        template,
        chargers=chargers,
        sums=sums(chargers),
        store_state=gateway.store_state,
        read_only=gateway.read_only,
        most_w=most_w,
    )


def alert(charger: dict[str, Any]) -> str:
    """The first thing that somebody should look at; empty when there is none."""
    modbus, central = charger["modbus"], charger["central_system"]
    outbox = central["outbox"] or {}
    faulted = [c for c in charger["connectors"] if c["status"] == "Faulted"]
    if modbus["unreachable"] or not modbus["connected"]:
        return f"does not answer: {modbus['last_error'] or 'not connected'}"
    if faulted:
        first = faulted[0]
        code = first["vendor_error_code"] or first["error_code"]
        return f"connector {first['connector_id']}: {code}{': ' + first['info'] if first['info'] else ''}"
    if not central["connected"]:
        return f"central system: {central['last_problem'] or 'not connected'}"
    if central["registration"] not in (None, "Accepted"):
        return f"central system: registration {central['registration']}"
    if outbox.get("dead_letters"):
        return f"{outbox['dead_letters']} messages given up"
    return ""


def sums(chargers: list[dict[str, Any]]) -> dict[str, Any]:
    """All chargers in a few numbers. The power of a charger that does not answer is unknown, and left out."""
    reachable = [one for one in chargers if one["modbus"]["connected"] and not one["modbus"]["unreachable"]]
    connectors = [connector for charger in chargers for connector in charger["connectors"]]
    boxes = [charger["central_system"]["outbox"] or {} for charger in chargers]
    ages_s = [box["oldest_age_s"] for box in boxes if box.get("oldest_age_s") is not None]
    return {
        "chargers": len(chargers),
        "connectors": len(connectors),
        "power_w": sum((c["registers"] or {}).get("power_w") or 0 for one in reachable for c in one["connectors"]),
        "allowed_w": sum(charger["power_limit_commanded_w"] or 0 for charger in chargers),
        "charging": sum(connector["status"] == "Charging" for connector in connectors),
        "faulted": sum(connector["status"] == "Faulted" for connector in connectors),
        "reachable": len(reachable),
        "connected": sum(c["central_system"]["connected"] for c in chargers),
        "queued": sum(box.get("messages", 0) for box in boxes),
        "dead_letters": sum(box.get("dead_letters", 0) for box in boxes),
        "oldest_age_s": max(ages_s, default=None),
    }


def most_w(charger: dict[str, Any], connector: dict[str, Any]) -> int:
    """The full length of a connector's bar: what one connector can have at most."""
    return int(charger["max_power_w"]) // max(len(charger["connectors"]), 1)
