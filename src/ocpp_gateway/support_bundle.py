"""What a developer needs to see of one charge point, as one zip without secrets; GetDiagnostics uploads it.

Settings, state, configuration keys, the last frames and log lines of this charge point and of no other: two of them
may belong to two operators. Nothing in it is a key, a password, or a whole id tag (R-50, W-11).
"""

from __future__ import annotations

import json
import platform
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import distributions
from io import BytesIO
from typing import Any

from ocpp_gateway.charger.configuration_keys import KEYS
from ocpp_gateway.flight_recorder import Exchange, Frame
from ocpp_gateway.instant import Instant, format_utc, parse_utc
from ocpp_gateway.log import REDACTED, masked_id_tag, shown_url, without_secrets
from ocpp_gateway.registers.fields import Field
from ocpp_gateway.settings import Charger, Settings

TRANSACTIONS = 50
"""So many of the last ones are in a bundle."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What goes into a bundle, as it is inside the gateway; `build` takes the secrets out of what may hold any."""

    charge_point: str
    settings: dict[str, Any]  # from `shown_settings`
    view: dict[str, Any]
    configuration_keys: Sequence[dict[str, Any]]  # as GetConfiguration answers
    transactions: Sequence[dict[str, Any]]  # the last ones, as the ledger lists them
    frames: Sequence[Frame]
    exchanges: Sequence[Exchange]
    tags: Sequence[Field]  # the registers that hold an id tag
    log_lines: Sequence[tuple[float, str]]  # from `log.recent_lines`: redacted JSON, with its monotonic time in s


def build(evidence: Evidence, now: Instant, *, start: str | None = None, stop: str | None = None) -> bytes:
    """The zip. `start` and `stop` (ISO 8601) bound its frames and log lines; of what has no known time all is in.

    Takes up to half a second, most of it for looking for secrets: a work for a thread.
    """
    between = _between(start, stop)
    about = {
        "charge_point": evidence.charge_point,
        "made_at": now.stamp(),
        "from": start,
        "to": stop,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": dict(_packages()),
    }
    return _zipped(
        {
            "about.json": _pretty(about),
            "settings.json": _pretty(evidence.settings),
            "charge_point.json": _pretty(without_secrets(evidence.view)),
            "configuration_keys.json": _pretty(without_secrets(list(evidence.configuration_keys))),
            "transactions.json": _pretty(without_secrets(list(evidence.transactions))),
            "frames.jsonl": _joined(
                json.dumps({"at": _stamp(at_s, now), "direction": direction, "frame": shown_frame(text)})
                for at_s, direction, text in evidence.frames
                if between(_utc(at_s, now))
            ),
            "modbus.jsonl": _joined(
                json.dumps({"at": _stamp(one.at_s, now)} | shown_exchange(one, evidence.tags))
                for one in evidence.exchanges
                if between(_utc(one.until_s, now))
            ),
            "log.jsonl": _joined(line for at_s, line in evidence.log_lines if between(_utc(at_s, now))),
        },
        now,
    )


def shown_settings(settings: Settings, charger: Charger) -> dict[str, Any]:
    """The settings that concern this charger. Secrets are `SecretStr` there, and come out as asterisks."""
    central = settings.central_system_of(charger)
    shown = charger.model_dump(mode="json") | {
        "central_system": central.model_dump(mode="json") | {"url": shown_url(central.url)},
        "configuration": without_secrets(charger.configuration),
    }
    for key in ("free_id_tag", "unknown_id_tag"):
        shown["authorization"][key] = masked_id_tag(shown["authorization"][key])
    return {
        "charger": shown,
        "store": settings.store.model_dump(mode="json"),
        "web": settings.web.model_dump(mode="json"),
        "log": settings.log.model_dump(mode="json"),
    }


def shown_frame(text: str) -> Any:
    """A frame's JSON without keys, passwords, credentials and whole id tags; its size only, if it is no JSON."""
    try:
        frame = json.loads(text)
        match frame:
            case [_, _, "ChangeConfiguration", {"key": key, "value": _} as payload] if str(key).lower() not in KEYS:
                payload["value"] = REDACTED  # what a key of another charger's means, nobody here knows
            case [_, _, *rest]:
                for payload in (part for part in rest if isinstance(part, dict)):
                    payload.update({key: _shown_free_text(key, payload[key]) for key in _FREE_TEXT & payload.keys()})
        return without_secrets(frame)
    except (ValueError, RecursionError):
        return _size(text)


def shown_exchange(exchange: Exchange, tags: Iterable[Field]) -> dict[str, Any]:
    """A question on Modbus with its answer, registers in hex, of an id tag what a log shows of it.

    Times in s tell the order, and when each happened (`simulate --replay`).
    """
    outcome = exchange.outcome
    shown: dict[str, Any] = {"at_s": round(exchange.at_s, 3), "until_s": round(exchange.until_s, 3)}
    if exchange.times > 1:
        shown["times"] = exchange.times
    match outcome:
        case str():
            return shown | {exchange.kind: outcome}
        case int():
            return shown | {exchange.kind: exchange.address, "count": exchange.count, "exception": outcome}
        case bytes():
            return shown | {exchange.kind: exchange.address, "words": _without_tags(exchange, outcome, tags).hex()}


def _without_tags(exchange: Exchange, data: bytes, tags: Iterable[Field]) -> bytes:
    """The registers with each id tag as a log shows it; nothing of one that was read in part."""
    shown = bytearray(data)
    for tag in tags:
        first, last = 2 * (tag.address - exchange.address), 2 * (tag.end - exchange.address)
        if tag.table.value != exchange.kind or last <= 0 or first >= len(data):
            continue
        whole = first >= 0 and last <= len(data)
        text = data[first:last].rstrip(b"\0 ").decode("ascii", "replace") if whole else ""
        mask = masked_id_tag(text).encode("ascii", "replace") if text else b""
        first, last = max(first, 0), min(last, len(data))
        shown[first:last] = mask[: last - first].ljust(last - first, b"\0")
    return bytes(shown)


_FREE_TEXT = {"location", "data"}


def _shown_free_text(key: str, value: Any) -> Any:
    """The address of an upload has credentials; DataTransfer's data may be anything, an id tag for one."""
    if key == "location" and isinstance(value, str):
        try:
            return shown_url(value)
        except ValueError:
            return REDACTED
    return _size(str(value))


def _size(text: str) -> str:
    return f"[{len(text)} characters]"


# ---------------------------------------------------------------- times


def _utc(at_s: float, now: Instant) -> datetime | None:
    """The UTC time of a moment on this boot's monotonic clock, as it is known by now."""
    return None if now.utc is None else now.utc + timedelta(seconds=at_s - now.monotonic_s)


def _stamp(at_s: float, now: Instant) -> str:
    utc = _utc(at_s, now)
    return f"{at_s:.3f} s" if utc is None else format_utc(utc)


def _between(start: str | None, stop: str | None) -> Callable[[datetime | None], bool]:
    first, last = _moment(start), _moment(stop)

    def between(utc: datetime | None) -> bool:
        return utc is None or ((first is None or utc >= first) and (last is None or utc <= last))

    return between


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_utc(text)
    except ValueError:  # a leap second, say: rather too much than nothing
        return None


# ---------------------------------------------------------------- files


def _zipped(files: dict[str, str], now: Instant) -> bytes:
    date = (1980, 1, 1, 0, 0, 0) if now.utc is None else now.utc.timetuple()[:6]  # the earliest that a zip can say
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, date), text, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _pretty(data: Any) -> str:
    return json.dumps(data, indent=2) + "\n"


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


@cache
def _packages() -> tuple[tuple[str, str], ...]:
    return tuple(sorted({(found.name, found.version) for found in distributions()}))
