"""The gateway's own pages: its log, what to send to a developer, and what it is made of."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.pages.charger import place_of
from ocpp_gateway.web.pages.download import download
from ocpp_gateway.web.pages.render import page

LINES = 200
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_HEAD = {"timestamp", "level", "event", "logger", "charge_point"}


async def log(request: Request, gateway: GatewayView) -> Response:
    """`/log`: the newest lines, and what each part logs."""
    asked = {name: request.query_params.get(name) or None for name in ("charge_point", "level", "text")}
    lines = gateway.log_lines(asked["charge_point"], asked["level"], asked["text"], LINES)
    return page(
        request,
        "log.html",
        lines=[(line, _fields(line)) for line in lines],
        log_levels=gateway.log_levels(),
        levels=LEVELS,
        identities=gateway.identities(),
    )


async def support(request: Request, gateway: GatewayView) -> Response:
    """`/support`: bundles, and whether the gateway is well."""
    healthy, health = gateway.healthy()
    ready, readiness = gateway.ready()
    return page(
        request,
        "support.html",
        identities=gateway.identities(),
        healthy=healthy,
        health=health | {"store": gateway.store_state},
        ready=ready,
        readiness=readiness,
    )


async def support_bundle(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}/support-bundle.zip`."""
    content = await place_of(request, gateway).support_bundle()
    return download(f"{request.path_params['identity']}-support.zip", "application/zip", content)


async def about(request: Request, gateway: GatewayView) -> Response:
    """`/about`."""
    return page(request, "about.html", about=await gateway.about(), vendored=_vendored())


@cache
def _vendored() -> list[dict[str, Any]]:
    """What the pages are made of, as it stands in vendored.json."""
    listed = json.loads((files("ocpp_gateway.web") / "static/vendor/vendored.json").read_text())["packages"]
    return [{"name": one["name"], "version": one["version"], "licence": one["license"]} for one in listed]


def _fields(line: dict[str, Any]) -> str:
    """What a line says beside its head, as `name=value`."""
    rest = {name: value for name, value in line.items() if name not in _HEAD}
    return " ".join(f"{k}={v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)}" for k, v in rest.items())
