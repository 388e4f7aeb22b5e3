"""The virtual meter: one energy total per connector that never falls, from a session register that does.

The charger counts energy per session in 100 Wh steps and resets; OCPP wants a register that only grows
(OCPP 1.6 §7.31). The total takes in what the register proves and nothing else: no interpolation.
Source: conformance M-30 to M-39; faults M-17.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ocpp_gateway.charger.records import MeterRecord

POLLS_TO_CONFIRM_A_DROP = 3
PLAUSIBILITY_FACTOR = 1.5
STEP_WH = 100
BACK_AT_LEAST_S = 10
"""Counters that run a little faster than time, or are read a little late, are not back from anywhere."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A reading that is not believed yet: a fall of the register, or a leap no charger can make."""

    register_wh: int
    charging_s: int | None
    polls: int
    is_drop: bool


@dataclass(frozen=True, slots=True)
class Meter:
    """The meter's whole state. `read_s` is the monotonic time of the last believed reading, None after a start.

    `fell_from` is what the counters were before the last reading, when that one was believed to be a fall.
    """

    record: MeterRecord
    read_s: float | None = None
    suspicion: Suspicion | None = None
    fell_from: MeterRecord | None = None

    @property
    def total_wh(self) -> int:
        """The register that OCPP sees, in Wh."""
        return self.record.total_wh


def feed(
    meter: Meter, *, register_wh: int, charging_s: int | None, now_s: float, rated_power_w: float, zero_proves: bool
) -> Meter:
    """The meter after one reading of the session registers.

    `zero_proves` is False in the first seconds after a reconnect, when a fall means nothing yet (decisions, Energy).
    """
    if meter.fell_from is not None and _is_back(meter, meter.fell_from, register_wh, charging_s, now_s):
        meter = replace(meter, record=replace(meter.fell_from, total_wh=meter.total_wh))
    record = meter.record
    if record.register_wh is None:  # the first reading ever: where the register stands is not this meter's energy
        return Meter(MeterRecord(record.connector_id, record.total_wh, register_wh, charging_s), now_s)
    if register_wh < record.register_wh:
        return _fallen(meter, register_wh, charging_s, now_s, rated_power_w, zero_proves=zero_proves)

    grown_wh = register_wh - record.register_wh
    if grown_wh and not _plausible(meter, grown_wh, charging_s, now_s, rated_power_w):
        doubt = meter.suspicion
        if doubt is None or doubt.is_drop or not doubt.register_wh <= register_wh <= doubt.register_wh + 2 * STEP_WH:
            return replace(meter, suspicion=Suspicion(register_wh, charging_s, 1, is_drop=False), fell_from=None)
    return Meter(MeterRecord(record.connector_id, record.total_wh + grown_wh, register_wh, charging_s), now_s)


def _fallen(
    meter: Meter, register_wh: int, charging_s: int | None, now_s: float, rated_power_w: float, *, zero_proves: bool
) -> Meter:
    """A fall is a candidate; falling seconds or three polls confirm it, a return to the old value cancels it.

    A confirmed one is a new segment, and all that the register shows is its energy; unless no charger can deliver
    so much since the last reading: then the register was corrected, and only what it grows from here on counts.
    """
    record, doubt = meter.record, meter.suspicion
    polls = doubt.polls + 1 if doubt is not None and doubt.is_drop else 1
    seconds_fell = charging_s is not None and record.charging_s is not None and charging_s < record.charging_s
    if not zero_proves or (not seconds_fell and polls < POLLS_TO_CONFIRM_A_DROP):
        return replace(meter, suspicion=Suspicion(register_wh, charging_s, polls, is_drop=True), fell_from=None)
    segment = replace(meter, record=replace(record, charging_s=0)) if seconds_fell else meter
    believed = meter.read_s is None or _plausible(segment, register_wh, charging_s, now_s, rated_power_w)
    total_wh = record.total_wh + (register_wh if believed else 0)
    return Meter(MeterRecord(record.connector_id, total_wh, register_wh, charging_s), now_s, fell_from=record)


def _is_back(meter: Meter, fell_from: MeterRecord, register_wh: int, charging_s: int | None, now_s: float) -> bool:
    """Whether one odd reading made a fall: both counters are back, the seconds faster than time goes (M-34)."""
    odd = meter.record
    if meter.read_s is None or charging_s is None or odd.charging_s is None:
        return False
    if fell_from.register_wh is None or fell_from.charging_s is None:
        return False
    too_fast = charging_s - odd.charging_s > 2 * (now_s - meter.read_s) + BACK_AT_LEAST_S
    return too_fast and register_wh >= fell_from.register_wh and charging_s >= fell_from.charging_s


def _plausible(meter: Meter, grown_wh: int, charging_s: int | None, now_s: float, rated_power_w: float) -> bool:
    """Whether a charger can deliver that: rated power x max(time, growth of seconds) x 1.5, and one step."""
    elapsed_s = 0.0 if meter.read_s is None else now_s - meter.read_s
    if charging_s is not None and meter.record.charging_s is not None:
        elapsed_s = max(elapsed_s, charging_s - meter.record.charging_s)
    return grown_wh <= rated_power_w * elapsed_s / 3600 * PLAUSIBILITY_FACTOR + STEP_WH
