"""Why a limit is what it is, and the limits that others than the central system set.

A limit from here is one more member of the minimum: nothing that is sent here ever raises the power.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ocpp_gateway.charger.events import LimitSet
from ocpp_gateway.web import answers
from ocpp_gateway.web.access import Role
from ocpp_gateway.web.answers import Many
from ocpp_gateway.web.endpoint import Body, Endpoint, Parameter, audit, query_integer, read_json
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.problem import FieldError, Problem

NO_CONNECTOR = "there is no such charger or connector"


class LimitBody(Body):
    """A limit. A machine repeats it before `lifetime_s` is over; the source `operator` needs none."""

    power_w: Annotated[int, Field(description="at most this much, in W", ge=0, le=6_553_500)]
    charger: Annotated[str | None, Field(description="identity; may be absent when there is one charger")] = None
    connector_id: Annotated[int, Field(description="0 is the whole station", ge=0, le=255)] = 0
    lifetime_s: Annotated[
        float | None, Field(description="counts so long, in s; then the failsafe or this value, the lower", gt=0)
    ] = None
    failsafe_w: Annotated[int | None, Field(description="counts once the source is silent, in W", ge=0)] = None


async def _why(request: Request, gateway: GatewayView) -> Response:
    found = await gateway.why(request.path_params["identity"], request.path_params["connector_id"])
    if found is None:
        raise Problem(404, NO_CONNECTOR)
    return JSONResponse(found)


async def _limits(_: Request, gateway: GatewayView) -> Response:
    return JSONResponse(await gateway.limits())


async def _set(request: Request, gateway: GatewayView) -> Response:
    source, body = request.path_params["source"], await read_json(request, LimitBody)
    identity = _charger(gateway, body.charger, "/charger")
    _refuse_read_only(gateway)
    before = _limit_of(await gateway.limits(), identity, source, body.connector_id)
    if await gateway.why(identity, body.connector_id) is None:
        raise Problem(404, NO_CONNECTOR)
    try:
        limit = LimitSet(source, body.connector_id, body.power_w, body.lifetime_s, body.failsafe_w)
    except ValueError as exc:
        raise Problem(422, str(exc)) from exc
    if not await gateway.set_limit(identity, limit):
        raise Problem(503, "the charger's tasks do not run just now; see the log")
    if before is None or before["power_w"] != body.power_w:  # not each heartbeat
        await audit(request, gateway, "limit_set", f"{source}: {identity}/{body.connector_id}: {body.power_w} W")
    return JSONResponse(_limit_of(await gateway.limits(), identity, source, body.connector_id))


async def _remove(request: Request, gateway: GatewayView) -> Response:
    source = request.path_params["source"]
    identity = _charger(gateway, request.query_params.get("charger"), "?charger")
    connector_id = query_integer(request, "connector_id", 0, least=0, most=255)
    _refuse_read_only(gateway)
    if not await gateway.remove_limit(identity, source, connector_id):
        raise Problem(404, "there is no such limit")
    await audit(request, gateway, "limit_removed", f"{source}: {identity}/{connector_id}")
    return Response(status_code=204)


def _refuse_read_only(gateway: GatewayView) -> None:
    if gateway.read_only:
        raise Problem(409, "this gateway runs with --read-only and writes no limit")


def _charger(gateway: GatewayView, named: str | None, pointer: str) -> str:
    """The charger that is meant: nobody guesses which when there are several."""
    identities = gateway.identities()
    if named is None and len(identities) == 1:
        return identities[0]
    if named is None:
        errors = [FieldError(pointer, f"is required: this gateway has {len(identities)} chargers")]
        raise Problem(422, "which charger?", errors=errors)
    if named not in identities:
        raise Problem(404, NO_CONNECTOR)
    return named


def _limit_of(limits: list[dict[str, Any]], identity: str, source: str, connector_id: int) -> dict[str, Any] | None:
    key = {"charger": identity, "source": source, "connector_id": connector_id}
    return next((limit for limit in limits if key.items() <= limit.items()), None)


_WHICH = (
    Parameter("charger", "identity; may be absent when there is one charger"),
    Parameter("connector_id", "0 is the whole station", {"type": "integer", "minimum": 0, "maximum": 255}),
)

ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/chargers/{identity:path}/connectors/{connector_id:int}/why",
        _why,
        "Why the limit of a connector is what it is; connector 0 is the station",
        tag="limits",
        answers={200: answers.Why, 404: "problem"},
    ),
    Endpoint(
        "GET",
        "/api/v1/limits",
        _limits,
        "The limits from outside OCPP",
        tag="limits",
        answers={200: Many(answers.Limit)},
    ),
    Endpoint(
        "PUT",
        "/api/v1/limits/{source}",
        _set,
        "Set a limit, or say again that it stands",
        needs=Role.OPERATOR,
        tag="limits",
        body=LimitBody,
        answers={200: answers.Limit, 404: "problem", 409: "problem", 503: "problem"},
    ),
    Endpoint(
        "DELETE",
        "/api/v1/limits/{source}",
        _remove,
        "Remove a limit",
        needs=Role.OPERATOR,
        tag="limits",
        query=_WHICH,
        answers={204: None, 404: "problem", 409: "problem", 422: "problem"},
    ),
)
