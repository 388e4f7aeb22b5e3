"""Values as people read them. gateway.js says the same of what comes live; a value that nobody knows is a dash."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

UNKNOWN = "–"
TAGS = frozenset({"idTag", "parentIdTag", "id_tag"})

SOURCES = {
    "installation": "the installation's maximum",
    "charger_rating": "the charger's rating",
    "connector_maximum": "the connector's maximum",
    "charge_point_max_profile": "the central system, for the whole charger",
    "tx_profile": "the central system, for this transaction",
    "tx_default_profile": "the central system, for every transaction",
    "gate": "the missing authorisation",
    "availability": "being out of service",
    "operator": "the local operator",
    "another_master": "another Modbus master",
    "store": "a store that cannot write",
    "safe_state": "a charger that does not follow",
    "station_share": "its share of the station's limit",
    "current_guard": "a phase that carried too much",
}
"""The sources of a limit in words; whatever else sets one goes by its own name."""

TONES = {
    "Available": "calm",
    "Preparing": "busy",
    "Charging": "active",
    "SuspendedEV": "waiting",
    "SuspendedEVSE": "waiting",
    "Finishing": "busy",
    "Reserved": "busy",
    "Unavailable": "off",
    "Faulted": "bad",
}
"""The colour class of an OCPP status. The word always stands beside it."""


def kw(power_w: float | None) -> str:
    """Power: `6.9 kW`."""
    return UNKNOWN if power_w is None else f"{power_w / 1000:.1f} kW"


def kwh(energy_wh: float | None) -> str:
    """Energy: `12.35 kWh`."""
    return UNKNOWN if energy_wh is None else f"{energy_wh / 1000:.2f} kWh"


def amperes(current_a: float | None) -> str:
    """Current: `10.0 A`."""
    return UNKNOWN if current_a is None else f"{current_a:.1f} A"


def phase_amperes(power_w: float | None, voltage_v: float = 230.0) -> str:
    """What a power is on each of three phases: `6 A`."""
    return UNKNOWN if power_w is None else f"{power_w / (3 * voltage_v):.3g} A"


def source(name: str | None) -> str:
    """Who sets a limit."""
    return UNKNOWN if name is None else SOURCES.get(name, name)


def tone(status: str | None) -> str:
    """The colour class of a status."""
    return TONES.get(status or "", "off")


def error(code: str) -> str:
    """An OCPP error code; nothing for none."""
    return "" if code == "NoError" else code


def age(time_s: float | None) -> str:
    """How long ago, or for how long: `4 s`, `3 min`, `2 h`, `5 d`."""
    if time_s is None:
        return UNKNOWN
    for unit, length_s in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if time_s >= 2 * length_s:
            return f"{time_s / length_s:.0f} {unit}"
    return f"{time_s:.0f} s"


def milliseconds(time_s: float | None) -> str:
    """A latency: `1.6 ms`."""
    return UNKNOWN if time_s is None else f"{time_s * 1000:.3g} ms"


def clock_time(stamp: str | None) -> str:
    """An ISO 8601 time in UTC, to be read where no script makes it local: `2026-11-22 20:04:43 UTC`."""
    if stamp is None:
        return UNKNOWN
    return f"{datetime.fromisoformat(stamp):%Y-%m-%d %H:%M:%S} UTC"


def words(name: str) -> str:
    """A name of ours as words: `lost_links` is `lost links`."""
    return name.replace("_", " ")


def percent(value: float | None, whole: float | None) -> float:
    """A part of a whole for a bar, 0 to 100."""
    return 0.0 if not value or not whole else round(min(max(100 * value / whole, 0.0), 100.0), 1)


def hex(words: Sequence[int]) -> str:  # noqa: A001 - the name that templates use
    """Registers as read; a long run of zeros at the end is cut: `5349 4D30 (+14 of 0000)`."""
    shown = [f"{word:04X}" for word in words]
    while len(shown) > 2 and shown[-1] == "0000":
        shown.pop()
    left = len(words) - len(shown)
    return " ".join(shown) if left < 2 else f"{' '.join(shown)} (+{left} of 0000)"


def label(name: str) -> str:
    """A name of ours as a label: `lost_links` is `Lost links`, without the unit that the value has."""
    if name in LABELS:
        return LABELS[name]
    spoken = words(name.removesuffix("_at").removesuffix("_s"))
    return f"{spoken[:1].upper()}{spoken[1:]}"


def masked(id_tag: str) -> str:
    """A card's ends: enough to recognise one's own."""
    return id_tag if len(id_tag) <= 4 else f"{id_tag[:2]}…{id_tag[-2:]}"


def without_tags(payload: Any) -> Any:
    """A payload with its cards masked."""
    if isinstance(payload, list):
        return [without_tags(part) for part in payload]
    if isinstance(payload, dict):
        return {
            name: masked(value) if name in TAGS and isinstance(value, str) else without_tags(value)
            for name, value in payload.items()
        }
    return payload


def gist(payload: Any) -> str:
    """The first plain values of a payload: `connectorId 1, status Charging`."""
    if not isinstance(payload, dict):
        return ""
    plain = [f"{name} {value}" for name, value in payload.items() if _is_plain(name, value)]
    return ", ".join(plain[:5])


def _is_plain(name: str, value: Any) -> bool:
    return name != "timestamp" and isinstance(value, str | int | float)


def pretty(value: Any) -> str:
    """JSON over several lines. It is text: whatever shows it escapes it."""
    return json.dumps(value, indent=2, ensure_ascii=False)


LABELS = {
    "url": "Address",
    "round_s": "A round of reads takes",
    "rounds": "Rounds of reads",
    "utc_known": "The time is known",
    "synchronised": "This machine keeps time by a server",
    "central_system_offset_s": "Central system's clock ahead by",
}


FILTERS: dict[str, Any] = {
    function.__name__: function
    for function in (
        *(kw, kwh, amperes, phase_amperes, source, error, tone, age, milliseconds, clock_time, words, percent),
        *(hex, label, masked, without_tags, gist, pretty),
    )
}
