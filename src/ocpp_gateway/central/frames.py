"""OCPP-J frames as a central system sees them: reading a text strictly, keeping a record, printing one line.

Written from the OCPP-J 1.6 specification (§4) on its own; it shares nothing with the charge point's side, because it
is that side's judge.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NoReturn, Protocol


class Connection(Protocol):
    """One end of a transport of whole messages; `send` and `recv` raise `ConnectionClosedError` once it is closed."""

    async def send(self, text: str | bytes, /) -> None: ...

    async def recv(self) -> str | bytes: ...

    async def close(self, code: int = 1000, reason: str = "") -> None: ...


class ConnectionClosedError(EOFError):
    """The connection has ended, or there is none; `code` is the websocket close code (1006: no close frame)."""

    def __init__(self, code: int = 1006, reason: str = "") -> None:
        self.code, self.reason = code, reason
        super().__init__(f"connection closed ({code}{' ' + reason if reason else ''})")


class CallError(Exception):
    """The charge point answered with a CALLERROR."""

    def __init__(self, code: str, description: str, details: dict[str, Any]) -> None:
        self.code, self.description, self.details = code, description, details
        super().__init__(f"{code}: {description}" if description else code)


class Direction(StrEnum):
    """Seen from the central system."""

    RECEIVED = "received"
    SENT = "sent"


class Kind(StrEnum):
    """What a frame is: the three of OCPP-J §4.2, or a text that is none of them."""

    CALL = "call"
    RESULT = "result"
    ERROR = "error"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Frame:
    """One message on the wire, as it was.

    `at`: UTC, by the central system's clock. `action`: of an answer too, when the CALL it answers is known.
    `payload`: the object; of an ERROR `{"errorCode", "errorDescription", "errorDetails"}`; of a MALFORMED frame
    the reason. `text`: the message itself, so that repeats can be compared to the letter.
    """

    at: datetime
    identity: str
    direction: Direction
    kind: Kind
    message_id: str | None
    action: str | None
    payload: Any
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """The parts of a frame as they stand in it. A malformed one has the rule it breaks, and why as its payload."""

    kind: Kind
    message_id: str | None = None
    action: str | None = None
    payload: Any = None
    rule: str = ""


CALL, CALLRESULT, CALLERROR = 2, 3, 4
ERROR_CODES = frozenset(
    {
        "NotImplemented",
        "NotSupported",
        "InternalError",
        "ProtocolError",
        "SecurityError",
        "FormationViolation",
        "PropertyConstraintViolation",
        "OccurenceConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
    }
)
"""OCPP-J Table 7, in its own spelling (T-33)."""


def read_message(raw: str | bytes) -> Message:
    """The parts of a message; MALFORMED when it is no OCPP-J frame, then with its message id if that can be read."""
    if isinstance(raw, bytes):
        return _malformed("T-12", "a binary message")
    try:
        parts = json.loads(raw, parse_constant=_refuse_constant, object_pairs_hook=_object_without_twins)
    except (ValueError, RecursionError) as error:
        return _malformed("T-12", f"not JSON: {error}")
    if not isinstance(parts, list) or not parts:
        return _malformed("T-13", "not a list of parts")
    kind, length = parts[0], len(parts)
    message_id = parts[1] if length > 1 and isinstance(parts[1], str) else None
    expected = {CALL: 4, CALLRESULT: 3, CALLERROR: 5}.get(kind) if type(kind) is int else None
    if expected is None:
        return _malformed("T-18", f"unknown message type {kind!r}", message_id)
    if length != expected:
        return _malformed("T-13", f"{length} parts instead of {expected}", message_id)
    if message_id is None or not 1 <= len(message_id) <= 36:
        return _malformed("T-15", "the message id is no string of 1 to 36 characters", message_id)
    if kind == CALL:
        if not isinstance(parts[2], str):
            return _malformed("T-13", "the action is no string", message_id)
        return _with_object(Message(Kind.CALL, message_id, parts[2], parts[3]))
    if kind == CALLRESULT:
        return _with_object(Message(Kind.RESULT, message_id, payload=parts[2]))
    code, description, details = parts[2:]
    if not isinstance(code, str) or not isinstance(description, str) or not isinstance(details, dict):
        return _malformed("T-13", "a CALLERROR is [4, id, code, description, details object]", message_id)
    return Message(Kind.ERROR, message_id, payload=error_payload(code, description, details))


def error_payload(code: str, description: str, details: dict[str, Any]) -> dict[str, Any]:
    """The parts of a CALLERROR as one object, for records."""
    return {"errorCode": code, "errorDescription": description, "errorDetails": details}


def compact(value: object) -> str:
    """A value as JSON without blanks, as it goes on the wire."""
    return json.dumps(value, separators=(",", ":"))


def _with_object(message: Message) -> Message:
    if isinstance(message.payload, dict):
        return message
    return replace(message, kind=Kind.MALFORMED, payload="the payload is no object", rule="T-14")


def _malformed(rule: str, reason: str, message_id: str | None = None) -> Message:
    return Message(Kind.MALFORMED, message_id, payload=reason, rule=rule)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _object_without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object names the same field twice")
    return result


_SUFFIX = {Kind.CALL: ".req", Kind.RESULT: ".conf", Kind.ERROR: ".error", Kind.MALFORMED: ""}


def format_frame(frame: Frame) -> str:
    """A frame as one line: time (UTC), identity, `→` to or `←` from the central system, message, compact JSON.

    Values of AuthorizationKey are masked; everything that could move a terminal's cursor is escaped.
    """
    arrow = "→" if frame.direction is Direction.RECEIVED else "←"
    time = frame.at.strftime("%H:%M:%S.") + f"{frame.at.microsecond // 1000:03d}"
    if frame.kind is Kind.MALFORMED:
        name, body = "malformed", f"{frame.payload}: {compact(frame.text[:200])}"
    else:
        name, body = (frame.action or "?") + _SUFFIX[frame.kind], compact(_masked(frame.payload))
    identity = frame.identity if frame.identity.isprintable() else compact(frame.identity)
    return f"{time} {identity} {arrow} {name if name.isprintable() else compact(name)} {body}"


def _masked(payload: Any) -> Any:
    """The payload with the value beside every `"key": "AuthorizationKey"` hidden, at any depth."""
    if isinstance(payload, list):
        return [_masked(item) for item in payload]
    if not isinstance(payload, dict):
        return payload
    hidden = str(payload.get("key", "")).casefold() == "authorizationkey"
    return {name: "***" if hidden and name == "value" else _masked(value) for name, value in payload.items()}
