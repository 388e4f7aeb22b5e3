"""OCPP-J frames: text in, one of five values out, and back. Pure; no text that a peer can send makes it raise.

A CALL is read strictly, an answer tolerantly: a question we do not understand can be refused, an answer we refuse
makes us ask the same thing again.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_INTEGER_DIGITS = 40
"""Beyond 64 bits, since a central system may number its transactions so; far from where `int` refuses or gets slow."""

MAX_MESSAGE_ID = 255
"""The specification says 36 (J§4.1.4); a longer id is served all the same, as long as nobody posts novels in it."""

MAX_DESCRIPTION = 255

FORMATION_VIOLATION = "FormationViolation"

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4

_READABLE_CALL_ID = re.compile(r'\s*\[\s*2\s*,\s*"([^"\\\x00-\x1f]{1,36})"\s*,')
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


@dataclass(frozen=True, slots=True)
class CallFrame:
    """The peer asks. The payload is whatever JSON it was, `{}` when it was null (T-14)."""

    message_id: str
    action: str
    payload: Any


@dataclass(frozen=True, slots=True)
class ResultFrame:
    """The peer answers. The payload is whatever JSON it was, `{}` when it was null or an empty list."""

    message_id: str
    payload: Any


@dataclass(frozen=True, slots=True)
class ErrorFrame:
    """The peer could not process what we asked; any code is taken, also one that J Table 7 does not know (T-39)."""

    message_id: str
    code: str
    description: str


@dataclass(frozen=True, slots=True)
class MalformedFrame:
    """Nothing of the above. With a `call_id` it was a CALL and is answered by a CALLERROR, else by nothing (T-37)."""

    reason: str
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class UnknownFrame:
    """A list with a MessageTypeNumber that is none of the three: ignored (T-18)."""


Frame = CallFrame | ResultFrame | ErrorFrame | MalformedFrame | UnknownFrame


def parse_frame(received: str | bytes) -> Frame:
    """The frame that a websocket message holds. A binary message is malformed, whatever is in it (T-12a)."""
    if isinstance(received, bytes):
        return MalformedFrame("a binary message")
    try:
        elements = _loads(received)
    except (ValueError, RecursionError) as exc:
        return MalformedFrame(f"not usable JSON: {exc}"[:MAX_DESCRIPTION], _readable_call_id(received))
    if not isinstance(elements, list) or not elements:
        return MalformedFrame("not a JSON list with elements")
    if "\\u" in received and (whole := _whole_text(elements)) != elements:  # half a surrogate pair: JSON, but no text
        if elements[0] == CALL:
            return MalformedFrame("a text that is no Unicode", _readable_call_id(received))
        elements = whole
    message_type, *rest = elements
    if type(message_type) is not int:
        return MalformedFrame("the MessageTypeNumber is no integer")
    if message_type not in (CALL, CALL_RESULT, CALL_ERROR):
        return UnknownFrame()
    if not rest or not isinstance(rest[0], str) or not 0 < len(rest[0]) <= MAX_MESSAGE_ID:
        return MalformedFrame("the message id is no text of a usable length")
    message_id, *rest = rest
    if message_type == CALL:
        return _call(message_id, rest)
    if message_type == CALL_RESULT:
        return ResultFrame(message_id, _nothing_is_empty(rest[0] if rest else None))
    code, description = ([text if isinstance(text, str) else "" for text in rest[:2]] + ["", ""])[:2]
    return ErrorFrame(message_id, code[:MAX_DESCRIPTION], description[:MAX_DESCRIPTION])


def render_call(message_id: str, action: str, payload: dict[str, Any]) -> str:
    """A CALL as it goes over the wire: compact, US-ASCII (T-12, T-13). Raises ValueError for NaN or infinity."""
    return _encode([CALL, message_id, action, payload])


def render_result(message_id: str, payload: dict[str, Any]) -> str:
    """A CALLRESULT. Raises ValueError for NaN or infinity."""
    return _encode([CALL_RESULT, message_id, payload])


def render_error(message_id: str, code: str, description: str = "") -> str:
    """A CALLERROR; the details are always empty, so that they can hold no secret (T-13, T-38)."""
    return _encode([CALL_ERROR, message_id, code, description[:MAX_DESCRIPTION], {}])


def _call(message_id: str, rest: list[Any]) -> CallFrame | MalformedFrame:
    if len(rest) != 2:
        return MalformedFrame(f"a CALL has 4 elements, not {len(rest) + 2}", message_id)
    action, payload = rest
    if not isinstance(action, str):
        return MalformedFrame("the action is no text", message_id)
    return CallFrame(message_id, action, {} if payload is None else payload)


def _readable_call_id(text: str) -> str | None:
    call = _READABLE_CALL_ID.match(text)
    return call[1] if call else None


def _whole_text(elements: list[Any]) -> list[Any]:
    """The same, with a question mark for each half of a surrogate pair."""
    mended: list[Any] = json.loads(json.dumps(elements, ensure_ascii=False).encode("utf-8", "replace"))
    return mended


def _nothing_is_empty(payload: Any) -> Any:
    """`{}` for null (T-14) and for `[]`, which is how PHP writes an empty object."""
    return {} if payload is None or payload == [] else payload


def _loads(text: str) -> Any:
    """The JSON value of a text. Raises ValueError or RecursionError for what no OCPP message needs."""
    if len(text) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} characters")
    value = _decode(text)
    if text.count("[") + text.count("{") > MAX_DEPTH:  # else it cannot be deeper, and most frames are not
        _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        if depth == MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        depth += 1
        inside = (item.values() if isinstance(item, dict) else item for item in level)
        level = [child for children in inside for child in children if isinstance(child, (dict, list))]


def _integer(text: str) -> int:
    if len(text) > MAX_INTEGER_DIGITS:
        raise ValueError(f"an integer of more than {MAX_INTEGER_DIGITS} digits")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number beyond what a double can hold")
    return value


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


_decode = json.JSONDecoder(parse_int=_integer, parse_float=_finite, parse_constant=_no_constant).decode
