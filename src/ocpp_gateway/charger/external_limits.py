"""Limits from outside OCPP: the operator's own, and those of machines that must say them again and again.

A machine that goes silent is not believed to allow what it last allowed: its failsafe counts, or its last value,
the lower, until it speaks again or is removed. Source: faults.md 4.6, S-15.
"""

from __future__ import annotations

from dataclasses import dataclass

from ocpp_gateway.charger.events import LimitRemoved, LimitSet
from ocpp_gateway.charger.limit_border import OPERATOR
from ocpp_gateway.charger.records import LimitForgotten, LimitRecord
from ocpp_gateway.charger.state import ChargePoint
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import Instant


@dataclass(frozen=True, slots=True)
class Standing:
    """How a limit stands: what counts of it in W, when that ends by itself, and whether its source is silent."""

    power_w: int
    until: Instant | None
    silent: bool


def standing(limit: LimitRecord, now: Instant) -> Standing:
    """What counts of a limit now. One whose age nobody can tell is silent."""
    if limit.lifetime_s is None:
        return Standing(limit.power_w, None, silent=False)
    age_s = _age_s(limit.set_at, now)
    if age_s is not None and age_s < limit.lifetime_s:
        return Standing(limit.power_w, now.plus(limit.lifetime_s - age_s), silent=False)
    failsafe_w = limit.power_w if limit.failsafe_w is None else limit.failsafe_w
    return Standing(min(limit.power_w, failsafe_w), None, silent=True)


def _age_s(set_at: Instant, now: Instant) -> float | None:
    """Seconds since then; None when no clock relates the two, or the clock was set back in between."""
    if set_at.boot_id == now.boot_id:
        return now.monotonic_s - set_at.monotonic_s
    if set_at.utc is None or now.utc is None or now.utc < set_at.utc:
        return None
    return (now.utc - set_at.utc).total_seconds()


def limits_of(point: ChargePoint, connector_id: int) -> list[LimitRecord]:
    """The limits on one connector (0: the station), the operator's first."""
    found = [limit for limit in point.limits.values() if limit.connector_id == connector_id]
    return sorted(found, key=lambda limit: (limit.source != OPERATOR, limit.source))


def set_limit(point: ChargePoint, event: LimitSet, turn: Turn) -> None:
    """Keep what a source allows, in place of what it allowed there before."""
    limit = LimitRecord(
        event.source, event.connector_id, event.power_w, event.lifetime_s, event.failsafe_w, set_at=turn.now
    )
    point.limits[limit.source, limit.connector_id] = limit
    turn.persist(limit)


def remove_limit(point: ChargePoint, event: LimitRemoved, turn: Turn) -> None:
    """Forget what a source allowed there, if it did."""
    if point.limits.pop((event.source, event.connector_id), None) is not None:
        turn.persist(LimitForgotten(event.source, event.connector_id))


def notice_silence(point: ChargePoint, turn: Turn) -> None:
    """Tell the operator which sources fell silent, and which are back or gone."""
    if not point.limits and not point.silent:
        return
    stand = {key: standing(limit, turn.now) for key, limit in point.limits.items()}
    silent = {key for key, one in stand.items() if one.silent}
    for source, connector_id in sorted(silent - point.silent):
        power_w = stand[source, connector_id].power_w
        turn.alarm("limit_source_silent", source=source, connector_id=connector_id, power_w=power_w)
    for source, connector_id in sorted(point.silent - silent):
        turn.alarm("limit_source_silent", cleared=True, source=source, connector_id=connector_id)
    point.silent = silent
    ends = [one.until.monotonic_s for one in stand.values() if one.until is not None]
    point.silent_from_s = min(ends, default=None)
