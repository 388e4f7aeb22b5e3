"""What every request passes before anything answers it: size, Host, origin, and who asks.

Pure ASGI, around the whole application. Whatever it lets through carries its `Principal` in `request.state.principal`.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocpp_gateway.web.access import Access, Principal
from ocpp_gateway.web.problem import Problem

COOKIE = "ogw_session"
FORM_TOKEN_HEADER = "x-form-token"  # noqa: S105 - a header's name
FORM_TOKEN_FIELD = "form_token"  # noqa: S105

LARGEST_BODY = 64 * 1024
MOST_HEADERS = 64
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every answer. A longer-lived Cache-Control is set by what serves a file that never changes."""


class Guard:
    """The middleware. `is_own_host` tells whether a Host header's name is one of this gateway's."""

    def __init__(self, app: ASGIApp, access: Access, is_own_host: Callable[[str], bool]) -> None:
        self._app, self._access, self._is_own_host = app, access, is_own_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # neither websockets nor lifespan are served
        answering = False

        async def with_headers(message: Message) -> None:
            nonlocal answering
            if message["type"] == "http.response.start":
                answering = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            scope.setdefault("state", {})["principal"] = self._admit(scope)
            await self._app(scope, _bounded(receive), with_headers)
        except Problem as problem:
            if answering:
                raise
            await problem.response()(scope, receive, with_headers)

    def _admit(self, scope: Scope) -> Principal | None:
        """Who asks, None for nobody known. Raises Problem for what no page of ours would send."""
        if len(scope["headers"]) > MOST_HEADERS:
            raise Problem(431, f"more than {MOST_HEADERS} headers")
        headers = Headers(scope=scope)
        if not self._is_own_host(host_name(headers.get("host", ""))):
            raise Problem(421, "this gateway does not go by that name; see web.allowed_hosts")
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > LARGEST_BODY:
            raise Problem(413, f"the body is larger than {LARGEST_BODY} bytes")
        bearer = _bearer(headers)
        principal = self._access.who(_cookie(headers), bearer)
        if bearer is None and _from_browser(headers):
            self._check_origin(scope, headers, principal)
        elif bearer is None and scope["method"] not in SAFE_METHODS and _cookie(headers) is not None:
            raise Problem(403, "a browser that does not say which page asks is not believed")
        return principal

    def _check_origin(self, scope: Scope, headers: Headers, principal: Principal | None) -> None:
        """Another site's page may lead here, and do nothing else (CSRF)."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        safe = scope["method"] in SAFE_METHODS
        led_here = safe and headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if origin not in (None, "null") and _name_and_port(origin or "") != headers.get("host"):
            raise Problem(403, "another site's page asked")
        if site not in (None, "same-origin", "none") and not led_here:
            raise Problem(403, "another site's page asked")
        if safe or principal is None:
            return
        content_type = headers.get("content-type", "")
        form = scope["method"] == "POST" and content_type.startswith("application/x-www-form-urlencoded")
        if not form and not is_form_token(principal, headers.get(FORM_TOKEN_HEADER, "")):
            raise Problem(403, f"the page is out of date; load it again ({FORM_TOKEN_HEADER} is missing or old)")


def is_form_token(principal: Principal, token: str) -> bool:
    """Whether a form was made for this principal's own page. Forms of pages carry it in `FORM_TOKEN_FIELD`."""
    return secrets.compare_digest(token.encode(), principal.form_token.encode()) and bool(token)


def host_name(host: str) -> str:
    """The name in a Host header, without its port, in lower case."""
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[").lower()
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()


def own_hosts(host: str, allowed: tuple[str, ...] = ()) -> Callable[[str], bool]:
    """What Host headers are this gateway's, for the address it listens on.

    Names only when they are known: a page elsewhere can make its own name point here (DNS rebinding). An IP address
    cannot be made to point elsewhere, so where any address is listened on, any is answered.
    """
    names = {"localhost", "127.0.0.1", "::1", host.lower(), *(name.lower() for name in allowed)}
    anywhere = host in ("0.0.0.0", "::")

    def is_own(name: str) -> bool:
        return name in names or (anywhere and _is_address(name))

    return is_own


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _name_and_port(origin: str) -> str:
    return origin.partition("://")[2]


def _from_browser(headers: Headers) -> bool:
    return "origin" in headers or "sec-fetch-site" in headers


def _bearer(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _cookie(headers: Headers) -> str | None:
    # As browsers mean it: cookies know no ports, and one odd cookie of another server here must lock nobody out.
    return cookie_parser(headers.get("cookie", "")).get(COOKIE)


def principal_in(access: Access, scope: Scope) -> Principal | None:
    """Who a request comes from, as things stand now: a stream outlives sessions and tokens."""
    headers = Headers(scope=scope)
    return access.who(_cookie(headers), _bearer(headers))


def cookie_of(scope: Scope) -> str | None:
    """The session's cookie in a request, if any."""
    return _cookie(Headers(scope=scope))


def _bounded(receive: Receive) -> Receive:
    """A body without a length is cut off where it gets too large."""
    received = 0

    async def bounded() -> Any:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > LARGEST_BODY:
            raise Problem(413, f"the body is larger than {LARGEST_BODY} bytes")
        return message

    return bounded
