"""Values that stand still although a car charges: each could be true, and all are old. Pure.

The seconds charged must grow then. A charger may count them slowly, or by the minute; but then its meter moves, and
a voltage that did not change by a tenth in a minute was not measured in it. So all must stand. Source: faults M-15.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ocpp_gateway.registers.snapshot import ConnectorSnapshot
from ocpp_gateway.registers.vocabulary import ChargePointStatus
from ocpp_gateway.smart_charging.power import phases_in_use

STOOD_FOR_S = 60.0
STOOD_FOR_READS = 3  # a charger that is polled by the minute may show the same twice


@dataclass(frozen=True, slots=True)
class Stillness:
    """What a charging connector shows, and how long it has shown that, in seconds and in reads."""

    shows: tuple[object, ...]
    since_s: float
    seen_s: float
    reads: int = 1

    @property
    def is_frozen(self) -> bool:
        """Whether this is no measurement any more."""
        return self.reads >= STOOD_FOR_READS and self.seen_s - self.since_s >= STOOD_FOR_S


def watched(before: Stillness | None, registers: ConnectorSnapshot, now_s: float) -> Stillness | None:
    """The stillness after a read; None where nothing has to move: no car charges, or nobody counts its seconds."""
    flows = (registers.power_w or 0.0) > 0.0 or phases_in_use(registers.current_a) is not None
    if registers.status is not ChargePointStatus.CHARGING or registers.charging_s is None or not flows:
        return None
    shows = (
        registers.charging_s,
        registers.session_energy_wh,
        registers.power_w,
        registers.current_a,
        registers.voltage_v,
    )
    if before is None or before.shows != shows:
        return Stillness(shows, now_s, now_s)
    return replace(before, seen_s=now_s, reads=before.reads + 1)


def unmeasured(registers: ConnectorSnapshot) -> ConnectorSnapshot:
    """The registers without what is measured from moment to moment; counters only grow, and stay."""
    return replace(registers, power_w=None, current_a=(None, None, None), voltage_v=(None, None, None))
