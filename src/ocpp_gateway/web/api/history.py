"""The power history of a charger, for charts: kept over a restart, a week long, with gaps where nobody read."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ocpp_gateway.charger.history_series import RESOLUTIONS, Resolution
from ocpp_gateway.errors import StoreError
from ocpp_gateway.instant import parse_utc
from ocpp_gateway.web.endpoint import Endpoint, Parameter
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.problem import FieldError, Problem


async def _history(request: Request, gateway: GatewayView) -> Response:
    place = gateway.place(request.path_params["identity"])
    if place is None:
        raise Problem(404, "no charger has this identity")
    since_s, until_s, resolution = _moment(request, "since"), _moment(request, "until"), _resolution(request)
    if since_s is not None and until_s is not None and since_s > until_s:
        raise _wrong("since", "must not be after until")
    try:
        return JSONResponse(await place.history(since_s, until_s, resolution))
    except StoreError as exc:
        raise Problem(503, "the store cannot tell just now; see the log") from exc


def _moment(request: Request, name: str) -> float | None:
    """A moment of the query in seconds since 1970. Raises Problem 422."""
    text = request.query_params.get(name)
    try:
        return None if text is None else max(parse_utc(text).timestamp(), 0.0)
    except ValueError as exc:
        raise _wrong(name, "must be a time such as 2026-11-22T09:00:00Z") from exc


def _resolution(request: Request) -> Resolution | None:
    text = request.query_params.get("resolution")
    if text is None:
        return None
    for name in RESOLUTIONS:
        if text == name:
            return name
    raise _wrong("resolution", f"must be one of {', '.join(RESOLUTIONS)}")


def _wrong(name: str, detail: str) -> Problem:
    return Problem(422, "the query is wrong in the places named", errors=[FieldError(f"?{name}", detail)])


_TIME = {"type": "string", "format": "date-time"}
_COLUMN = {"type": "array", "items": {"type": ["number", "null"]}}
_CONNECTOR = {
    "type": "object",
    "required": ["connector_id", "at_s"],
    "properties": {
        "connector_id": {"type": "integer", "description": "0 is the station"},
        "at_s": {"type": "array", "items": {"type": "number"}, "description": "seconds since 1970"},
        **dict.fromkeys(("power_w", "power_min_w", "power_max_w", "limit_w", "limit_min_w"), _COLUMN),
        "current_a": {"type": "array", "items": _COLUMN, "description": "L1, L2, L3"},
    },
}
_ANSWER = {
    "type": "object",
    "required": ["identity", "since", "until", "resolution", "connectors"],
    "properties": {
        "identity": {"type": "string"},
        "since": {"type": ["string", "null"]},
        "until": {"type": ["string", "null"]},
        "resolution": {"enum": list(RESOLUTIONS)},
        "connectors": {"type": "array", "items": _CONNECTOR},
    },
}

ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/chargers/{identity:path}/history",
        _history,
        "Power, limit and currents of each connector; each value holds until the next, null is a gap",
        tag="chargers",
        query=(
            Parameter("since", "an hour before `until`, if absent", _TIME),
            Parameter("until", "now, if absent", _TIME),
            Parameter(
                "resolution", "what suits so long a time, if absent", {"type": "string", "enum": list(RESOLUTIONS)}
            ),
        ),
        answers={200: _ANSWER, 404: "problem", 422: "problem", 503: "problem"},
    ),
)
