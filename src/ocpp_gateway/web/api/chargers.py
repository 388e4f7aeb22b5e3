"""Chargers as JSON: all that each shows of itself."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ocpp_gateway.web import answers
from ocpp_gateway.web.answers import Many
from ocpp_gateway.web.endpoint import (
    Endpoint,
    Parameter,
    paged,
    place_of,
    query_choice,
    query_integer,
    query_text,
)
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.problem import Problem

CHARGER = "/api/v1/chargers/{identity:path}"

PAGE, MOST, HIGHEST = 50, 500, 2**63 - 1
DAY_S, WEEK_S = 86_400, 604_800

DIRECTIONS = ("sent", "received")
RESULTS = ("answered", "error", "unanswered", "malformed")


async def _chargers(_: Request, gateway: GatewayView) -> Response:
    return JSONResponse(await gateway.chargers())


async def _charger(request: Request, gateway: GatewayView) -> Response:
    return JSONResponse(await place_of(request, gateway).view())


async def _registers(request: Request, gateway: GatewayView) -> Response:
    return JSONResponse(place_of(request, gateway).registers())


async def _messages(request: Request, gateway: GatewayView) -> Response:
    limit = query_integer(request, "limit", PAGE, least=1, most=MOST)
    rows = await place_of(request, gateway).messages(
        limit,
        before=query_integer(request, "before", HIGHEST, least=0, most=HIGHEST),
        action=query_text(request, "action"),
        direction=query_choice(request, "direction", DIRECTIONS),
        result=query_choice(request, "result", RESULTS),
        text=query_text(request, "text"),
    )
    return paged(request, rows, limit, "before", "number")


async def _queue(request: Request, gateway: GatewayView) -> Response:
    place_of(request, gateway)
    limit = query_integer(request, "limit", PAGE, least=1, most=MOST)
    after = query_integer(request, "after", 0, least=0, most=HIGHEST)
    rows = await gateway.ledger.queued(request.path_params["identity"], after, limit)
    return paged(request, rows, limit, "after", "seq")


async def _profiles(request: Request, gateway: GatewayView) -> Response:
    return JSONResponse(place_of(request, gateway).profiles())


async def _schedule(request: Request, gateway: GatewayView) -> Response:
    duration_s = query_integer(request, "duration_s", DAY_S, least=1, most=WEEK_S)
    found = place_of(request, gateway).schedule(request.path_params["connector_id"], duration_s)
    if found is None:
        raise Problem(404, "there is no such connector")
    return JSONResponse(found)


async def _configuration(request: Request, gateway: GatewayView) -> Response:
    return JSONResponse(place_of(request, gateway).configuration_keys())


async def _health(request: Request, gateway: GatewayView) -> Response:
    return JSONResponse(place_of(request, gateway).health())


async def _support_bundle(request: Request, gateway: GatewayView) -> Response:
    content = await place_of(request, gateway).support_bundle()
    headers = {"Content-Disposition": 'attachment; filename="support-bundle.zip"'}
    return Response(content, media_type="application/zip", headers=headers)


_LIMIT = Parameter("limit", "rows of a page", {"type": "integer", "minimum": 1, "maximum": MOST, "default": PAGE})

ENDPOINTS = (
    Endpoint(
        "GET", "/api/v1/chargers", _chargers, "Every charger", tag="chargers", answers={200: Many(answers.Charger)}
    ),
    Endpoint(
        "GET",
        f"{CHARGER}/registers",
        _registers,
        "Every register as last read, raw and decoded",
        tag="chargers",
        answers={200: Many(answers.Register)},
    ),
    Endpoint(
        "GET",
        f"{CHARGER}/messages",
        _messages,
        "The last OCPP messages, each question with its answer, newest first",
        tag="chargers",
        query=(
            _LIMIT,
            Parameter("before", "`number` of the last one of the page before", {"type": "integer", "minimum": 0}),
            Parameter("action", "only this action, `Heartbeat`"),
            Parameter("direction", "who asked", {"type": "string", "enum": list(DIRECTIONS)}),
            Parameter("result", "how it ended", {"type": "string", "enum": list(RESULTS)}),
            Parameter("text", "anywhere in what is shown, in any case"),
        ),
        answers={200: Many(answers.Message)},
    ),
    Endpoint(
        "GET",
        f"{CHARGER}/queue",
        _queue,
        "The messages that wait for delivery, in its order",
        tag="chargers",
        query=(_LIMIT, Parameter("after", "`seq` of the last one of the page before", {"type": "integer"})),
        answers={200: Many(answers.QueuedMessage)},
    ),
    Endpoint(
        "GET",
        f"{CHARGER}/profiles",
        _profiles,
        "The installed charging profiles",
        tag="chargers",
        answers={200: Many(answers.Profile)},
    ),
    Endpoint(
        "GET",
        f"{CHARGER}/connectors/{{connector_id:int}}/schedule",
        _schedule,
        "What will be the limit, in steps with the source that sets each; connector 0 is the station",
        tag="chargers",
        query=(
            Parameter(
                "duration_s", "so far ahead", {"type": "integer", "minimum": 1, "maximum": WEEK_S, "default": DAY_S}
            ),
        ),
        answers={200: answers.Schedule, 404: "problem"},
    ),
    Endpoint(
        "GET",
        f"{CHARGER}/configuration",
        _configuration,
        "The OCPP configuration keys, and who set them",
        tag="chargers",
        answers={200: Many(answers.ConfigurationKey)},
    ),
    Endpoint(
        "GET",
        f"{CHARGER}/health",
        _health,
        "How well it can be reached, and how well the central system can",
        tag="chargers",
        answers={200: answers.Health},
    ),
    Endpoint(
        "GET",
        f"{CHARGER}/support-bundle",
        _support_bundle,
        "A zip of what a developer needs to see, without secrets",
        tag="chargers",
        answers={200: {"type": "string", "format": "binary"}},
        media_type="application/zip",
    ),
)

LAST = (
    # An identity may hold a '/', percent-encoded or not; so this comes after all that go deeper.
    Endpoint("GET", CHARGER, _charger, "One charger", tag="chargers", answers={200: answers.Charger}),
)
