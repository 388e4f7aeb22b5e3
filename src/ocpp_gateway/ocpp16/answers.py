"""What of an answer can be used. Pure.

An answer means that the central system processed the message; refusing it over a wrong letter would make us send
a StartTransaction twice. So each action here takes what it needs and mends the rest (faults O-11, O-12).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ocpp_gateway.charger.events import RegistrationStatus
from ocpp_gateway.instant import parse_utc

AUTHORIZATION_STATUSES = ("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx")


@dataclass(frozen=True, slots=True)
class BootAnswer:
    """BootNotification.conf; `current_time` is None when it cannot be read."""

    status: RegistrationStatus
    interval_s: int
    current_time: datetime | None


def boot_answer(payload: Any) -> BootAnswer | None:
    """The answer to BootNotification, or None when it holds no status. An interval that is no number counts as 0."""
    if not isinstance(payload, dict):
        return None
    status = _one_of(payload.get("status"), tuple(RegistrationStatus))
    if status is None:
        return None
    interval_s = _integer(payload.get("interval"))
    return BootAnswer(RegistrationStatus(status), max(0, interval_s or 0), current_time(payload))


def current_time(payload: Any) -> datetime | None:
    """The central system's time in an answer that has one."""
    try:
        return parse_utc(payload["currentTime"])
    except (TypeError, KeyError, ValueError, OverflowError):
        return None


def usable_answer(action: str, payload: Any) -> dict[str, Any] | None:
    """The answer as the specification would have it, or None when what the action needs is not in it."""
    read = _READERS.get(action)
    if read is None:
        return payload if isinstance(payload, dict) else {}  # it was processed, and nothing in it matters
    return read(payload) if isinstance(payload, dict) else None


def _authorize(payload: dict[str, Any]) -> dict[str, Any] | None:
    info = payload.get("idTagInfo")
    return {"idTagInfo": _id_tag_info(info)} if isinstance(info, dict) else None


def _start_transaction(payload: dict[str, Any]) -> dict[str, Any] | None:
    transaction_id = _integer(payload.get("transactionId"))
    if transaction_id is None:
        return None
    info = payload.get("idTagInfo")
    read: dict[str, Any] = {"transactionId": transaction_id}
    return read | {"idTagInfo": _id_tag_info(info)} if isinstance(info, dict) else read


def _id_tag_info(info: dict[str, Any]) -> dict[str, Any]:
    status = _one_of(info.get("status"), AUTHORIZATION_STATUSES) or "Invalid"  # not the word Accepted is not a yes
    texts = {key: info[key] for key in ("expiryDate", "parentIdTag") if isinstance(info.get(key), str)}
    return texts | {"status": status}


def _one_of(text: Any, words: tuple[str, ...]) -> str | None:
    if not isinstance(text, str):
        return None
    return next((word for word in words if word.casefold() == text.strip().casefold()), None)


def _integer(value: Any) -> int | None:
    """An integer, also one that was sent as text or with a fraction of zero; True is none."""
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,40}(\.0+)?\s*", value):
        return int(value.partition(".")[0])
    return None


_READERS: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
    "Authorize": _authorize,
    "StartTransaction": _start_transaction,
}
