"""Asking the running gateway, found by web.host and web.port of the same gateway.yaml."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from ocpp_gateway.settings import Settings

TIMEOUT_S = 10.0

TOKEN_VARIABLE = "OCPP_GATEWAY_TOKEN"  # noqa: S105 - where the token is, not the token
"""A bearer token of the API, where the gateway asks for a password."""

HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""What listens everywhere is asked here."""


def ask(settings: Settings, method: str, path: str, body: Any = None) -> Any:
    """The gateway's answer as JSON; None when none listens there. Ends the command when the gateway refuses."""
    answer = _answer(settings, method, path, body)
    return None if answer is None else json.loads(answer) if answer else {}


def download(settings: Settings, path: str) -> bytes | None:
    """A file that the gateway makes; otherwise as `ask`."""
    return _answer(settings, "GET", path)


def _answer(settings: Settings, method: str, path: str, body: Any = None) -> bytes | None:
    import http.client

    web = settings.web
    if not web.enabled or not web.port:
        return None
    headers = {} if body is None else {"Content-Type": "application/json"}
    if token := os.environ.get(TOKEN_VARIABLE):
        headers["Authorization"] = f"Bearer {token.strip()}"
    connection = http.client.HTTPConnection(HERE.get(web.host, web.host), web.port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    if response.status >= 400:
        typer.echo(_refusal(response.status, content.decode("utf-8", "replace")), err=True)
        raise typer.Exit(1)
    return content


def _refusal(status: int, text: str) -> str:
    if status == 401:
        return f"the gateway asks for a token: put one into {TOKEN_VARIABLE}"
    try:
        problem = json.loads(text)
        details = [problem["detail"], *(f"{e['pointer']}: {e['detail']}" for e in problem.get("errors", ()))]
    except (ValueError, KeyError, TypeError):
        return f"the gateway answered with status {status}"
    return f"the gateway refused: {'; '.join(details)}"
