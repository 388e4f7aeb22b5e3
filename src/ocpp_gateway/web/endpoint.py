"""One endpoint of the API as data: its route, who may ask, what goes in, what comes out.

The routes, the check of roles and the OpenAPI document are all made from these.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ocpp_gateway.web.access import Principal, Role
from ocpp_gateway.web.gateway_view import ChargerView, GatewayView
from ocpp_gateway.web.problem import FieldError, Problem

LONGEST_TEXT = 200
"""No text that is looked for in a list is longer."""

Handler = Callable[[Request, GatewayView], Awaitable[Response]]


class Body(BaseModel):
    """What comes in, and what goes out. Strict: a number in quotation marks is no number."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path. `needs` None: anybody. `answers`: by status a JSON schema or a model of
    `answers.py` (or `Many` of one), `problem`, or None for no body."""

    method: str
    path: str
    handler: Handler
    summary: str
    needs: Role | None = Role.VIEWER
    tag: str = "gateway"
    query: Sequence[Parameter] = ()
    body: type[BaseModel] | None = None
    answers: Mapping[int, Any] = field(default_factory=lambda: {200: {}})
    media_type: str = "application/json"

    def route(self, gateway: GatewayView) -> Route:
        """The route that serves it."""

        async def serve(request: Request) -> Response:
            try:
                require(request, self.needs)
            except Problem as problem:
                principal = principal_of(request)
                if problem.status == 403 and principal is not None:
                    await gateway.audit(principal.name, "refused", f"{request.method} {request.url.path}")
                raise
            return await self.handler(request, gateway)

        return Route(self.path, serve, methods=[self.method])


def principal_of(request: Request) -> Principal | None:
    """Who asks."""
    principal: Principal | None = request.state.principal
    return principal


def require(request: Request, needs: Role | None) -> None:
    """Raises Problem 401 for somebody unknown, 403 for somebody who may not."""
    if needs is None:
        return
    principal = principal_of(request)
    if principal is None:
        raise Problem(401, "log in, or send a bearer token", headers={"WWW-Authenticate": "Bearer"})
    if principal.role < needs:
        raise Problem(403, f"this needs the role {needs.name.lower()}")


async def read_json(request: Request, model: type[M]) -> M:
    """The body as that model. Raises Problem 415, 400 or 422 with the place of each wrong value."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "the body must be application/json")
    try:
        data = json.loads(await request.body(), parse_constant=_no_such_number)
    except (ValueError, RecursionError) as exc:
        raise Problem(400, "the body is not JSON") from exc
    try:
        return model.model_validate(data)
    except ValidationError as exc:
        errors = [
            FieldError("/" + "/".join(str(part) for part in error["loc"]), error["msg"])
            for error in exc.errors(include_url=False, include_input=False)
        ]
        raise Problem(422, "the body is wrong in the places named", errors=errors) from exc


def place_of(request: Request, gateway: GatewayView) -> ChargerView:
    """The charger that the path names. Raises Problem 404."""
    place = gateway.place(request.path_params["identity"])
    if place is None:
        raise Problem(404, "no charger has this identity")
    return place


def place_of_query(request: Request, gateway: GatewayView) -> str | None:
    """The identity that `charger` in the query names, None when it names none. Raises Problem 404, 422."""
    identity = query_text(request, "charger")
    if identity is not None and identity not in gateway.identities():
        raise Problem(404, "no charger has this identity")
    return identity


def name_of(request: Request) -> str:
    """Who asks, for the audit log."""
    principal = principal_of(request)
    return "" if principal is None else principal.name


async def audit(request: Request, gateway: GatewayView, action: str, detail: str) -> None:
    """Note what was done, and by whom."""
    await gateway.audit(name_of(request), action, detail)


def paged(request: Request, rows: list[dict[str, Any]], limit: int, cursor: str, key: str) -> JSONResponse:
    """A page; a full one links to the next (RFC 8288), which begins after `key` of the last row."""
    headers = {}
    if len(rows) == limit:
        following = request.url.include_query_params(**{cursor: rows[-1][key]})
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return JSONResponse(rows, headers=headers)


def query_text(request: Request, name: str) -> str | None:
    """A text of the query; None for an empty one. Raises Problem 422 for one that is longer than any that is meant."""
    text = request.query_params.get(name)
    if text is not None and len(text) > LONGEST_TEXT:
        raise _wrong_query(name, f"must be at most {LONGEST_TEXT} characters")
    return text or None


def query_choice(request: Request, name: str, choices: Sequence[str]) -> str | None:
    """One of these words of the query. Raises Problem 422."""
    text = request.query_params.get(name)
    if text is None or text in choices:
        return text
    raise _wrong_query(name, f"must be one of {', '.join(choices)}")


def _wrong_query(name: str, detail: str) -> Problem:
    return Problem(422, "the query is wrong in the places named", errors=[FieldError(f"?{name}", detail)])


def query_integer(request: Request, name: str, default: int, *, least: int, most: int) -> int:
    """A whole number of the query. Raises Problem 422."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 19 or not least <= int(text) <= most:
        raise _wrong_query(name, f"must be a whole number of {least} to {most}")
    return int(text)


def _no_such_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")
