"""The way in and out: log-in, log-out, and the first password."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ocpp_gateway.web.access import SESSION_S, Access, AccessError, Role
from ocpp_gateway.web.endpoint import principal_of
from ocpp_gateway.web.guard import COOKIE, FORM_TOKEN_FIELD, cookie_of, is_form_token
from ocpp_gateway.web.pages.render import page
from ocpp_gateway.web.problem import Problem

ROLES = {"operator": Role.OPERATOR, "viewer": Role.VIEWER}


def routes(access: Access) -> list[Route]:
    """`/log-in`, `/log-out`, `/set-up`."""

    async def log_in(request: Request) -> Response:
        if access.setup_code is not None:
            return RedirectResponse("/set-up", 303)
        if access.open:
            return RedirectResponse("/", 303)
        if request.method == "GET":
            return page(request, "log_in.html", problem=None)

        async def attempt(form: dict[str, str]) -> str:
            role = ROLES.get(form.get("role", "operator"), Role.OPERATOR)
            return await access.log_in(role, form.get("password", ""), _client(request))

        return await _enter(request, "log_in.html", attempt)

    async def set_up(request: Request) -> Response:
        if access.setup_code is None:
            return RedirectResponse("/", 303)
        if request.method == "GET":
            return page(request, "set_up.html", problem=None)

        async def attempt(form: dict[str, str]) -> str:
            if form.get("password") != form.get("again"):
                raise AccessError("the two passwords differ")
            return await access.set_up(form.get("code", ""), form.get("password", ""), _client(request))

        return await _enter(request, "set_up.html", attempt)

    async def log_out(request: Request) -> Response:
        principal, form = principal_of(request), await read_form(request)
        if principal is not None and not is_form_token(principal, form.get(FORM_TOKEN_FIELD, "")):
            raise Problem(403, "the page is out of date; load it again")
        access.log_out(cookie_of(request.scope))
        answer = RedirectResponse("/log-in", 303)
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    return [
        Route("/log-in", log_in, methods=["GET", "POST"]),
        Route("/set-up", set_up, methods=["GET", "POST"]),
        Route("/log-out", log_out, methods=["POST"]),
    ]


async def read_form(request: Request) -> dict[str, str]:
    """A form as pages send it; of a field that stands twice the first. Raises Problem 415 or 400."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Problem(415, "the body must be a form")
    try:
        fields = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError as exc:
        raise Problem(400, "the body is no form") from exc
    return {name: values[0] for name, values in fields.items()}


async def _enter(request: Request, template: str, attempt: Callable[[dict[str, str]], Awaitable[str]]) -> Response:
    """A session for whoever passes; the form again, with the reason, for whoever does not."""
    form = await read_form(request)
    try:
        cookie = await attempt(form)
    except AccessError as exc:
        status = 429 if exc.wait_s else 403
        again = page(request, template, status=status, problem=str(exc))
        if exc.wait_s:
            again.headers["Retry-After"] = str(int(exc.wait_s) + 1)
        return again
    answer = RedirectResponse("/", 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, cookie, int(SESSION_S), path="/", httponly=True, samesite="strict", secure=secure)
    return answer


def _client(request: Request) -> str:
    return request.client.host if request.client is not None else "unknown"
