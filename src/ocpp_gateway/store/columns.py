"""How values that no column type fits lie in columns: moments and JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from ocpp_gateway.instant import Instant, parse_utc, resolve_stamp


def instant_columns(name: str, instant: Instant | None) -> dict[str, Any]:
    """The values of the three columns of that name; all NULL for None. Loses nothing, unlike a stamp."""
    if instant is None:
        return {f"{name}_utc": None, f"{name}_boot_id": None, f"{name}_monotonic_s": None}
    utc = None if instant.utc is None else utc_text(instant.utc)
    return {f"{name}_utc": utc, f"{name}_boot_id": instant.boot_id, f"{name}_monotonic_s": instant.monotonic_s}


def utc_text(moment: datetime) -> str:
    """An aware time as the `_utc` columns hold it: texts of one length, which sort as the moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def instant_or_none(row: RowMapping, name: str) -> Instant | None:
    """The moment in the three columns of that name, or None when they are NULL."""
    return None if row[f"{name}_boot_id"] is None else instant_of(row, name)


def instant_of(row: RowMapping, name: str) -> Instant:
    """The moment in the three columns of that name, which are not nullable."""
    utc = row[f"{name}_utc"]
    return Instant(None if utc is None else parse_utc(utc), row[f"{name}_boot_id"], row[f"{name}_monotonic_s"])


def to_json(payload: dict[str, Any]) -> str:
    """Compact JSON in ASCII. Raises ValueError for NaN and infinity, which no peer would take."""
    return json.dumps(payload, separators=(",", ":"), allow_nan=False)


def from_json(text: str) -> dict[str, Any]:
    """The payload again, equal to the one that was put in."""
    payload: dict[str, Any] = json.loads(text)
    return payload


def stamps_resolved(value: Any, *, boot_id: str, utc_at_zero: datetime) -> Any:
    """A payload, or a part of one, with every stamp of that boot filled in (`resolve_stamp`), at any depth."""
    if isinstance(value, str):
        return resolve_stamp(value, boot_id=boot_id, utc_at_zero=utc_at_zero)
    if isinstance(value, dict):
        return {
            key: stamps_resolved(item, boot_id=boot_id, utc_at_zero=utc_at_zero) for key, item in value.items()
        }
    if isinstance(value, list):
        return [stamps_resolved(item, boot_id=boot_id, utc_at_zero=utc_at_zero) for item in value]
    return value
