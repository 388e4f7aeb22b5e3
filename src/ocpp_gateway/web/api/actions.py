"""What a local operator may do to a charger. Everything passes the core and its limiter: nothing here raises power.

What the charger or its mode cannot do is refused with 409 and the reason.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ocpp_gateway.web import answers
from ocpp_gateway.web.access import Role
from ocpp_gateway.web.api.chargers import CHARGER
from ocpp_gateway.web.endpoint import Body, Endpoint, Handler, audit, place_of, read_json
from ocpp_gateway.web.gateway_view import GatewayView

CONNECTOR = f"{CHARGER}/connectors/{{connector_id:int}}"


class Nothing(Body):
    """An order without any particulars: `{}`."""


class StartBody(Body):
    """Who shall be let charge."""

    id_tag: Annotated[
        str, Field(description="as on a card; the central system is asked about it", pattern="^[ -~]{1,20}$")
    ]


class AvailabilityBody(Body):
    """In service, or out of it."""

    operative: bool


class ReconnectBody(Body):
    """Whose connection."""

    side: Literal["central_system", "charger"]


async def _start(request: Request, gateway: GatewayView) -> Response:
    place, body = place_of(request, gateway), await read_json(request, StartBody)
    told = await place.start(request.path_params["connector_id"], body.id_tag)
    await audit(request, gateway, "start_asked", f"{_where(request)}: {told['outcome']}")
    return JSONResponse(told)


async def _stop(request: Request, gateway: GatewayView) -> Response:
    place, _ = place_of(request, gateway), await read_json(request, Nothing)
    await place.stop(request.path_params["connector_id"])
    await audit(request, gateway, "stop_asked", _where(request))
    return Response(status_code=204)


async def _availability(request: Request, gateway: GatewayView) -> Response:
    place, body = place_of(request, gateway), await read_json(request, AvailabilityBody)
    told = await place.set_availability(request.path_params["connector_id"], operative=body.operative)
    state = "operative" if body.operative else "inoperative"
    await audit(request, gateway, "availability_set", f"{_where(request)}: {state}")
    return JSONResponse(told)


async def _reconnect(request: Request, gateway: GatewayView) -> Response:
    place, body = place_of(request, gateway), await read_json(request, ReconnectBody)
    await place.reconnect(body.side)
    await audit(request, gateway, "reconnect_asked", f"{request.path_params['identity']}: {body.side}")
    return Response(status_code=204)


async def _test_connection(request: Request, gateway: GatewayView) -> Response:
    place, _ = place_of(request, gateway), await read_json(request, Nothing)
    told = await place.test_connection()
    await audit(request, gateway, "connection_tested", request.path_params["identity"])
    return JSONResponse(told)


def _where(request: Request) -> str:
    return f"{request.path_params['identity']}/{request.path_params['connector_id']}"


def _action(method: str, path: str, handler: Handler, **described: Any) -> Endpoint:
    """What needs an operator, takes a body, and may be refused by the state that the charger is in."""
    answers_ = described.pop("answers") | {409: "problem"}
    return Endpoint(method, path, handler, needs=Role.OPERATOR, tag="actions", answers=answers_, **described)


ENDPOINTS = (
    _action(
        "POST",
        f"{CONNECTOR}/start",
        _start,
        summary="Let somebody charge",
        body=StartBody,
        answers={200: answers.Started},
    ),
    _action(
        "POST",
        f"{CONNECTOR}/stop",
        _stop,
        summary="End the transaction, and hold 0 W until the car leaves or somebody is let charge",
        body=Nothing,
        answers={204: None},
    ),
    _action(
        "PUT",
        f"{CONNECTOR}/availability",
        _availability,
        summary="Put a connector in or out of service; connector 0 is all of them",
        body=AvailabilityBody,
        answers={200: answers.Availability},
    ),
    _action(
        "POST",
        f"{CHARGER}/reconnect",
        _reconnect,
        summary="Let go of a connection; a new one follows",
        body=ReconnectBody,
        answers={204: None},
    ),
    _action(
        "POST",
        f"{CHARGER}/test-connection",
        _test_connection,
        summary="Whether the central system can be reached and lets us in; nothing is sent to it",
        body=Nothing,
        answers={200: answers.ConnectionTest},
    ),
)
