"""Who may use the web: passwords, tokens, and what was done. Forms of their own: a password goes through no API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ocpp_gateway.web.access import Access, AccessError, Principal, Role
from ocpp_gateway.web.endpoint import principal_of, query_integer, require
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.guard import FORM_TOKEN_FIELD, is_form_token
from ocpp_gateway.web.pages.entrance import ROLES, read_form
from ocpp_gateway.web.pages.render import page
from ocpp_gateway.web.problem import Problem

SHOWN, HIGHEST = 50, 2**63 - 1
LONGEST_NAME = 64

Change = Callable[[dict[str, str], Principal], Awaitable[str]]


def routes(gateway: GatewayView, access: Access) -> list[Route]:
    """`/settings` and the forms on it. A viewer sees the page, without the audit log and without forms."""

    async def show(
        request: Request, status: int = 200, problem: str | None = None, token: str | None = None
    ) -> Response:
        principal = principal_of(request)
        is_operator = principal is not None and principal.role >= Role.OPERATOR
        before = query_integer(request, "before", HIGHEST, least=1, most=HIGHEST)
        entries = await gateway.audit_entries(before, SHOWN) if is_operator else []
        return page(
            request,
            "settings.html",
            status=status,
            problem=problem,
            new_token=token,
            tokens=access.tokens(),
            has_password=access.has_password,
            entries=entries,
            more=len(entries) == SHOWN,
        )

    async def settings(request: Request) -> Response:
        require(request, Role.VIEWER)
        return await show(request)

    async def password(form: dict[str, str], principal: Principal) -> str:
        if form.get("password") != form.get("again"):
            raise AccessError("the two passwords differ")
        role = ROLES.get(form.get("role", ""), Role.OPERATOR)
        if role is Role.VIEWER and not access.has_password:
            raise AccessError("set the operator's password first: without it everybody here is the operator")
        await access.change_password(role, form.get("password", ""), who=principal.name)
        return ""

    async def add_token(form: dict[str, str], principal: Principal) -> str:
        name = form.get("name", "").strip()
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise AccessError(f"a token needs a name of at most {LONGEST_NAME} characters")
        return await access.add_token(name, ROLES.get(form.get("role", ""), Role.VIEWER), who=principal.name)

    async def remove_token(form: dict[str, str], principal: Principal) -> str:
        await access.remove_token(form.get("name", ""), who=principal.name)
        return ""

    def changing(change: Change) -> Callable[[Request], Awaitable[Response]]:
        async def changed(request: Request) -> Response:
            principal = principal_of(request)
            if principal is not None and principal.role < Role.OPERATOR:
                await gateway.audit(principal.name, "refused", f"POST {request.url.path}")
            require(request, Role.OPERATOR)
            form = await read_form(request)
            if principal is None or not is_form_token(principal, form.get(FORM_TOKEN_FIELD, "")):
                raise Problem(403, "the page is out of date; load it again")
            try:
                token = await change(form, principal)
            except AccessError as exc:
                return await show(request, 422, problem=str(exc))
            return await show(request, token=token) if token else RedirectResponse("/settings", 303)

        return changed

    return [
        Route("/settings", settings, methods=["GET"]),
        Route("/settings/password", changing(password), methods=["POST"]),
        Route("/settings/tokens", changing(add_token), methods=["POST"]),
        Route("/settings/tokens/remove", changing(remove_token), methods=["POST"]),
    ]
