"""Whether the charger's own fallback acted in a silence of ours: what is known of that, told to the operator.

A charger falls back when nobody asked it anything for a multiple of its interval. What it falls back to stands in
a register; whether it did stands in none. So the silence is judged, and what the registers held after it is told.
Source: registers.md 3 (Watchdog); faults S-12, M-21, T-07.
"""

from __future__ import annotations

from ocpp_gateway.charger.events import LinkUp
from ocpp_gateway.charger.state import ChargePoint
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import Instant

WAS, MAY_HAVE_BEEN = "fallback_was_active", "fallback_may_have_been_active"


def judge_silence(point: ChargePoint, event: LinkUp, turn: Turn) -> None:
    """Tell whether the charger fell back before this connection; it stands until our limits read back."""
    factor, found, masters = point.settings.fallback_trigger_factor, event.found, point.other_masters
    known, masters.fallback = masters.fallback, None
    if factor is None or found is None:
        return
    intervals = (found.fallback_interval_s, None if known is None else known[1])
    at_most_s = event.silence_s if event.silence_s is not None else _since_last_sample_s(point, turn.now)
    alarm = verdict(event.silence_s, at_most_s, intervals, factor)
    if masters.silence_told not in (None, alarm):
        turn.alarm(str(masters.silence_told), cleared=True)
    masters.silence_told = alarm
    if alarm is not None:
        turn.alarm(
            alarm,
            silence_s=_rounded(event.silence_s),
            silence_at_most_s=_rounded(at_most_s),
            station_power_limit_w=found.station_power_limit_w,
            power_limits_w=[connector.power_limit_w for connector in found.connectors],
            fallback_power_w=found.fallback_power_w,
            fallback_interval_s=found.fallback_interval_s,
        )


def limits_stand(point: ChargePoint, turn: Turn) -> None:
    """A limit was read back. Once all are, what the fallback had set is gone."""
    told = point.other_masters.silence_told
    if told is None or point.station_confirmed_w is None or point.station_confirmed_w != point.station_commanded_w:
        return
    if all(c.confirmed_w is not None and c.confirmed_w == c.commanded_w for c in point.connectors.values()):
        point.other_masters.silence_told = None
        turn.alarm(told, cleared=True)


def verdict(
    silence_s: float | None, at_most_s: float | None, intervals_s: tuple[int | None, ...], factor: int
) -> str | None:
    """The alarm that a silence is worth: fallback was active, may have been, or None for surely not.

    `intervals_s` are the readings of the charger's interval before and after; the shorter one counts, 0 is never.
    `silence_s` was measured; where it is None, it was `at_most_s` long, or nobody knows. The charger acts after
    `factor` intervals by its document, after one at the earliest.
    """
    read = [interval_s for interval_s in intervals_s if interval_s is not None]
    interval_s = min((one for one in read if one > 0), default=None)
    if interval_s is None:
        return None if read else MAY_HAVE_BEEN
    if silence_s is not None and silence_s > factor * interval_s:
        return WAS
    return None if at_most_s is not None and at_most_s <= interval_s else MAY_HAVE_BEEN


def _since_last_sample_s(point: ChargePoint, now: Instant) -> float | None:
    """Seconds since the newest stored sample: a gateway before this one asked then. None when there is none."""
    stamps = [c.transaction.last_sample_at for c in point.connectors.values() if c.transaction is not None]
    ages = [_age_s(stamp, now) for stamp in stamps]
    return min((age_s for age_s in ages if age_s is not None and age_s >= 0), default=None)


def _age_s(stamp: Instant, now: Instant) -> float | None:
    if stamp.boot_id == now.boot_id:
        return now.monotonic_s - stamp.monotonic_s
    return None if stamp.utc is None or now.utc is None else (now.utc - stamp.utc).total_seconds()


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
