"""Limits reckoned slowly and plainly, second by second: what the product's reckoning is compared with.

Of the product it uses nothing but profiles and limits as data. A timeline is a row of bytes, one for each second; the
profiles of a stack are painted on it from the lowest level to the highest, so what shows at the end is what prevails.
Source: OCPP 1.6 §3.13, §7.8 to §7.14; conformance P-20 to P-28, P-41, P-64.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from ocpp_gateway.smart_charging.composite_schedule import Limit
from ocpp_gateway.smart_charging.profiles import ChargingProfile, Kind, RateUnit

Stack = Sequence[tuple[ChargingProfile, datetime | None]]
"""Profiles of one purpose, each with the moment that a Relative schedule counts from. The first of equals prevails."""


class Timeline:
    """What a stack limits at each whole second from `start` on; up to 255 periods in all."""

    def __init__(self, stack: Stack, start: datetime, length_s: int) -> None:
        self.start, self.length_s = start, length_s
        self.edges: set[int] = set()
        self._row = bytearray(length_s)
        self._limits: list[Limit | None] = [None]
        from_highest = sorted(stack, key=lambda one: -one[0].stack_level)
        for profile, relative_start in reversed(from_highest):
            self._paint(profile, relative_start)
        self.changes = sorted(
            edge for edge in self.edges if 0 < edge < length_s and self._row[edge] != self._row[edge - 1]
        )

    def at(self, second: int) -> Limit | None:
        """The limit at that second."""
        return self._limits[self._row[second]]

    def changes_after(self, second: int) -> float:
        """The first second after that one at which another period prevails; infinity when there is none."""
        following = bisect_right(self.changes, second)
        return self.changes[following] if following < len(self.changes) else math.inf

    def _paint(self, profile: ChargingProfile, relative_start: datetime | None) -> None:
        colours = []
        for period in profile.periods:
            colours.append(len(self._limits))
            self._limits.append(Limit(period.limit, profile.unit, period.number_phases))
        valid_s = self._second(profile.valid_from, -math.inf), self._second(profile.valid_to, math.inf)
        for cycle_s, cycle_end_s in self._cycles(profile, relative_start):
            end_s = cycle_end_s if profile.duration_s is None else min(cycle_end_s, cycle_s + profile.duration_s)
            starts_s = [cycle_s + period.start_s for period in profile.periods]
            for colour, from_s, to_s in zip(colours, starts_s, [*starts_s[1:], math.inf], strict=True):
                self._fill(colour, max(from_s, valid_s[0], 0), min(to_s, end_s, valid_s[1], self.length_s))

    def _fill(self, colour: int, from_s: float, to_s: float) -> None:
        if from_s < to_s:
            first, end = math.ceil(from_s), math.ceil(to_s)
            self.edges |= {first, end}
            self._row[first:end] = bytes([colour]) * (end - first)

    def _cycles(self, profile: ChargingProfile, relative_start: datetime | None) -> Iterator[tuple[float, float]]:
        """When the schedule begins, in seconds, and when it would begin anew: once, or each day or week."""
        begins = profile.start_schedule
        if profile.kind is Kind.RELATIVE or begins is None:
            begins = relative_start
        if begins is None:
            return
        begin_s = self._second(begins, 0)
        if profile.recurrence_s is None:
            yield begin_s, math.inf
            return
        while begin_s < self.length_s:
            yield begin_s, begin_s + profile.recurrence_s
            begin_s += profile.recurrence_s

    def _second(self, moment: datetime | None, otherwise: float) -> float:
        return otherwise if moment is None else (moment - self.start) / timedelta(seconds=1)


def lowest(limits: Iterable[Limit], unit: RateUnit, nominal_voltage_v: int) -> tuple[float, int]:
    """The lowest of some limits in a unit, one decimal, rounded down; and the lowest of their numbers of phases."""
    tenths, phases = zip(
        *((_tenths(unit, limit, nominal_voltage_v), limit.number_phases) for limit in limits), strict=True
    )
    return min(tenths) / 10, min(phases)


def power_w(limit: Limit, nominal_voltage_v: int, *, of_all: bool) -> float:
    """The power of a limit in W at a charger that divides its power by three, before current flows; `of_all`: of all
    connectors together, whose amperes are on the phases named.
    """
    if limit.unit is RateUnit.WATT:
        return limit.value
    return round(limit.value * 10) * nominal_voltage_v * (limit.number_phases if of_all else 3) / 10


def _tenths(unit: RateUnit, limit: Limit, nominal_voltage_v: int) -> int:
    """A limit has one decimal at the most (P-16), so in tenths all is whole numbers."""
    value, factor = round(limit.value * 10), nominal_voltage_v * limit.number_phases
    if limit.unit is unit:
        return value
    return value * factor if unit is RateUnit.WATT else value // factor
