"""The frames between one charge point and its central system as questions with their answers, for people.

Nothing in it is a key, a password, or a whole id tag.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ocpp_gateway.flight_recorder import Frame
from ocpp_gateway.instant import Instant
from ocpp_gateway.support_bundle import shown_frame

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4
OTHER_SIDE = {"sent": "received", "received": "sent"}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which pairs: `before` a number; of this action, direction, result; with that text somewhere in what is shown."""

    action: str | None = None
    direction: str | None = None
    result: str | None = None
    text: str | None = None
    before: int | None = None


@dataclass(slots=True)
class _Pair:
    number: int
    at_s: float
    direction: str
    message_id: str
    action: str
    text: str
    answer: str | None = None
    answered_s: float | None = None
    result: str = "unanswered"


def pairs(
    frames: Sequence[Frame], now: Instant, wanted: Filter = Filter(), *, first: int = 0, limit: int = 100
) -> list[dict[str, Any]]:
    """The newest first, ready for JSON. `first` is the number of the first frame; numbers go on as frames are dropped.

    `result`: answered, error, unanswered, or malformed. Costs 50 µs a frame at the most: a work for a thread.
    """
    found: list[dict[str, Any]] = []
    for pair in reversed(list(_paired(frames, first))):
        if len(found) == limit:
            break
        if wanted.before is not None and pair.number >= wanted.before:
            continue
        asked = ((wanted.action, pair.action), (wanted.direction, pair.direction), (wanted.result, pair.result))
        if any(want is not None and want != has for want, has in asked):
            continue
        shown = _shown(pair, now)
        if wanted.text is None or wanted.text.casefold() in json.dumps(shown, ensure_ascii=False).casefold():
            found.append(shown)
    return found


def _paired(frames: Iterable[Frame], first: int) -> list[_Pair]:
    told: list[_Pair] = []
    open_calls: dict[tuple[str, str], _Pair] = {}
    for number, (at_s, direction, text) in enumerate(frames, first):
        match _read(text):
            case [int(kind), str(message_id), str(action), *_] if kind == CALL:
                pair = _Pair(number, at_s, direction, message_id, action, text)
                open_calls[direction, message_id] = pair
                told.append(pair)
            case [int(kind), str(message_id), *_] if kind in {CALL_RESULT, CALL_ERROR}:
                asked = open_calls.pop((OTHER_SIDE.get(direction, ""), message_id), None)
                result = "answered" if kind == CALL_RESULT else "error"
                if asked is None:  # its question came before the oldest frame that is kept
                    told.append(_Pair(number, at_s, direction, message_id, "", "", text, at_s, result))
                else:
                    asked.answer, asked.answered_s, asked.result = text, at_s, result
            case _:
                told.append(_Pair(number, at_s, direction, "", "", text, result="malformed"))
    return told


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _shown(pair: _Pair, now: Instant) -> dict[str, Any]:
    asked = shown_frame(pair.text) if pair.text else None
    if isinstance(asked, list) and len(asked) > 3:
        asked = asked[3]
    return {
        "number": pair.number,
        "at": now.plus(pair.at_s - now.monotonic_s).stamp(),
        "direction": pair.direction,
        "action": pair.action or None,
        "message_id": pair.message_id or None,
        "latency_s": None if pair.answered_s is None or not pair.text else round(pair.answered_s - pair.at_s, 4),
        "result": pair.result,
        "request": asked,
        "response": None if pair.answer is None else _answer(pair.answer),
    }


def _answer(text: str) -> Any:
    """What an answer says: the payload of a result; code, description and details of an error."""
    match shown_frame(text):
        case [3, _, payload, *_]:
            return payload
        case [4, _, *rest]:
            return dict(zip(("code", "description", "details"), rest, strict=False))
        case other:
            return other
