"""Who may ask: bearer tokens, and what was done. Passwords are set on a page of their own, by people."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ocpp_gateway.web import answers
from ocpp_gateway.web.access import Access, Role
from ocpp_gateway.web.answers import Many
from ocpp_gateway.web.endpoint import Body, Endpoint, Parameter, name_of, paged, query_integer, read_json
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.problem import Problem

PAGE, MOST, HIGHEST = 50, 500, 2**63 - 1


class TokenBody(Body):
    """A new token; one of the same name ends."""

    name: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._ -]{0,63}$")]
    role: Literal["viewer", "operator"] = "viewer"


async def _tokens(request: Request, _: GatewayView) -> Response:
    tokens = _access(request).tokens()
    return JSONResponse([{"name": token.name, "role": token.role.name.lower()} for token in tokens])


async def _add(request: Request, _: GatewayView) -> Response:
    body = await read_json(request, TokenBody)
    token = await _access(request).add_token(body.name, Role[body.role.upper()], who=name_of(request))
    return JSONResponse({"name": body.name, "role": body.role, "token": token}, 201)


async def _remove(request: Request, _: GatewayView) -> Response:
    if not await _access(request).remove_token(request.path_params["name"], who=name_of(request)):
        raise Problem(404, "there is no such token")
    return Response(status_code=204)


async def _audit(request: Request, gateway: GatewayView) -> Response:
    limit = query_integer(request, "limit", PAGE, least=1, most=MOST)
    before = query_integer(request, "before", HIGHEST, least=1, most=HIGHEST)
    return paged(request, await gateway.audit_entries(before, limit), limit, "before", "number")


def _access(request: Request) -> Access:
    access: Access = request.app.state.access
    return access


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/tokens",
        _tokens,
        "The bearer tokens, by name",
        needs=Role.OPERATOR,
        tag="access",
        answers={200: Many(answers.Token)},
    ),
    Endpoint(
        "POST",
        "/api/v1/tokens",
        _add,
        "Make a bearer token; it is shown this once",
        needs=Role.OPERATOR,
        tag="access",
        body=TokenBody,
        answers={201: answers.NewToken},
    ),
    Endpoint(
        "DELETE",
        "/api/v1/tokens/{name}",
        _remove,
        "Let a bearer token count no more",
        needs=Role.OPERATOR,
        tag="access",
        answers={204: None},
    ),
    Endpoint(
        "GET",
        "/api/v1/audit",
        _audit,
        "What people and programs did, newest first",
        needs=Role.OPERATOR,
        tag="access",
        query=(
            Parameter("limit", "rows of a page", {"type": "integer", "minimum": 1, "maximum": MOST, "default": PAGE}),
            Parameter("before", "`number` of the last one of the page before", {"type": "integer", "minimum": 1}),
        ),
        answers={200: Many(answers.AuditEntry)},
    ),
)
