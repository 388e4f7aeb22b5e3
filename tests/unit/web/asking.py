"""The application asked as a server would ask it, with a gateway and an access that a test sets as it needs."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote, urlencode

from starlette.types import ASGIApp

from ocpp_gateway.charger.events import LimitSet
from ocpp_gateway.errors import ActionRefused
from ocpp_gateway.web.figures import GatewayFigures


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


class Fault(Exception):
    """A bug of the gateway."""


class One:
    """One charger, as the test needs it."""

    def __init__(self, shown: dict[str, Any]) -> None:
        self.shown = shown
        self.told: list[dict[str, Any]] = []
        self.asked: dict[str, Any] = {}
        self.acted: list[tuple[Any, ...]] = []
        self.objection: str | None = None

    async def view(self) -> dict[str, Any]:
        return self.shown

    def why(self, connector_id: int) -> dict[str, Any] | None:
        return {"connector_id": connector_id} if connector_id <= 2 else None

    def registers(self) -> list[dict[str, Any]]:
        return self.told

    async def messages(self, limit: int, **wanted: Any) -> list[dict[str, Any]]:
        self.asked = {"limit": limit} | wanted
        return self.told

    async def history(
        self, since_s: float | None = None, until_s: float | None = None, resolution: str | None = None
    ) -> dict[str, Any]:
        return {"connectors": []}

    def profiles(self) -> list[dict[str, Any]]:
        return self.told

    def schedule(self, connector_id: int, duration_s: int) -> dict[str, Any] | None:
        return {"connector_id": connector_id, "covered_s": duration_s, "periods": []} if connector_id <= 2 else None

    def configuration_keys(self) -> list[dict[str, Any]]:
        return self.told

    def health(self) -> dict[str, Any]:
        return {"modbus": {}, "central_system": {}, "clock": {}}

    async def start(self, connector_id: int, id_tag: str) -> dict[str, Any]:
        self._act("start", connector_id, id_tag)
        return {"outcome": "started"}

    async def stop(self, connector_id: int) -> None:
        self._act("stop", connector_id)

    async def set_availability(self, connector_id: int, *, operative: bool) -> dict[str, Any]:
        self._act("availability", connector_id, operative)
        return {"operative": operative, "scheduled": False}

    async def reconnect(self, side: str) -> None:
        self._act("reconnect", side)

    async def test_connection(self) -> dict[str, Any]:
        return {"reached": True, "stands_already": True, "took_s": None, "problem": None}

    def _act(self, *action: Any) -> None:
        if self.objection is not None:
            raise ActionRefused(self.objection)
        self.acted.append(action)

    async def support_bundle(self, *, start: str | None = None, stop: str | None = None) -> bytes:
        return b"PK"


class View:
    """A gateway with one charger, to be set as the test needs."""

    ledger: Any = None

    def __init__(self) -> None:
        self.parts = {"store": "ok", "chargers": "ok"}
        self.conditions = {"store": "ok", "configuration": "ok", "poll": "ok"}
        self.fault: Fault | None = None
        self.measured: GatewayFigures | None = None
        self.limited: dict[tuple[str, str, int], LimitSet] = {}
        self.audited: list[tuple[str, str, str]] = []
        self.runs, self.read_only = True, False
        self.ones: dict[str, One] = {}
        self.levels = {"gateway": "INFO", "modbus": "INFO"}
        self.lines: list[dict[str, Any]] = []
        self.known: dict[str, dict[str, Any]] = {"SITE-1": {"identity": "SITE-1", "connectors": []}}

    def healthy(self) -> tuple[bool, dict[str, str]]:
        if self.fault:
            raise self.fault
        return set(self.parts.values()) == {"ok"}, self.parts

    def ready(self) -> tuple[bool, dict[str, str]]:
        return set(self.conditions.values()) == {"ok"}, self.conditions

    @property
    def store_state(self) -> str:
        return self.parts["store"]

    async def chargers(self) -> list[dict[str, Any]]:
        return list(self.known.values())

    async def charger(self, identity: str) -> dict[str, Any] | None:
        return self.known.get(identity)

    def place(self, identity: str) -> One | None:
        return self.ones.setdefault(identity, One(self.known[identity])) if identity in self.known else None

    def identities(self) -> list[str]:
        return list(self.known)

    async def why(self, identity: str, connector_id: int) -> dict[str, Any] | None:
        return {"connector_id": connector_id} if identity in self.known and connector_id <= 2 else None

    async def limits(self) -> list[dict[str, Any]]:
        return [
            {"charger": identity, "source": limit.source, "connector_id": limit.connector_id, "power_w": limit.power_w}
            for (identity, _, _), limit in self.limited.items()
        ]

    async def set_limit(self, identity: str, limit: LimitSet) -> bool:
        self.limited[identity, limit.source, limit.connector_id] = limit
        return self.runs

    async def remove_limit(self, identity: str, source: str, connector_id: int) -> bool:
        return self.limited.pop((identity, source, connector_id), None) is not None

    async def audit(self, who: str, action: str, detail: str) -> None:
        self.audited.append((who, action, detail))

    async def audit_entries(self, before: int | None, limit: int) -> list[dict[str, Any]]:
        named = [
            {"number": number, "at": "2026-11-01T00:00:00.000Z", "who": who, "action": action, "detail": detail}
            for number, (who, action, detail) in enumerate(self.audited, 1)
        ]
        return [entry for entry in reversed(named) if before is None or int(str(entry["number"])) < before][:limit]

    async def figures(self) -> GatewayFigures:
        assert self.measured is not None
        return self.measured

    async def about(self) -> dict[str, Any]:
        return {"version": "0", "packages": []}

    def log_lines(
        self, charge_point: str | None, level: str | None, text: str | None, limit: int
    ) -> list[dict[str, Any]]:
        return self.lines[:limit]

    def log_levels(self) -> dict[str, str]:
        return self.levels

    def set_log_level(self, part: str, level: str) -> None:
        self.levels |= {part: level} if part in self.levels else {self.levels[part]: ""}


@dataclass
class Kept:
    """A store of credentials that lasts as long as a test."""

    passwords: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    audit: list[tuple[str, str, str]] = field(default_factory=list)

    async def keep_web_password(self, role: str, password_hash: str) -> None:
        self.passwords[role] = password_hash

    async def keep_web_token(self, name: str, role: str, token_hash: str) -> None:
        self.tokens[name] = (role, token_hash)

    async def remove_web_token(self, name: str) -> None:
        del self.tokens[name]

    async def keep_audit(self, who: str, action: str, detail: str) -> None:
        self.audit.append((who, action, detail))


class Watch:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


Ask = Callable[..., Awaitable[Answer]]


def asking(app: ASGIApp) -> Ask:
    """A client of the application: `ask(path, method, host, headers, body, form)`."""

    async def ask(
        path: str,
        method: str = "GET",
        host: str = "127.0.0.1:8080",
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Any = b"",
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        sent: list[Any] = []
        given = dict(headers or {})
        if form is not None:
            body = urlencode(form).encode()
            given.setdefault("content-type", "application/x-www-form-urlencoded")
        elif not isinstance(body, bytes):
            body = json.dumps(body).encode()
            given.setdefault("content-type", "application/json")

        received = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            message = next(received, None)
            if message is None:
                await asyncio.Event().wait()  # the client stays
            return message

        async def send(message: Any) -> None:
            sent.append(message)

        bare, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": unquote(bare),
            "raw_path": bare.encode(),
            "query_string": query.encode(),
            "client": ("192.0.2.7", 4711),
            "headers": [(b"host", host.encode())]
            + [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
        }
        with contextlib.suppress(Fault):  # raised on to the server, once answered
            await app(scope, receive, send)
        start, *bodies = sent
        found = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], found, b"".join(message.get("body", b"") for message in bodies).decode())

    return ask
