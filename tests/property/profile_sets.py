"""Random sets of charging profiles, and the comparison of what the product makes of them with the slow reference.

A plain seeded generator, because it is many times faster than a search; a failure names the seed that made the set.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count, pairwise
from random import Random
from typing import Any

from ocpp_gateway.charger.core import ChargerCore
from ocpp_gateway.charger.events import CallReceived, LinkUp, Reply
from ocpp_gateway.charger.limits import decide
from ocpp_gateway.charger.records import ProfileRecord, StoredCharger, TransactionRecord
from ocpp_gateway.charger.requests import ACTIONS
from ocpp_gateway.charger.state import ChargePoint, ChargePointSettings, InstalledProfile
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import Instant
from ocpp_gateway.registers.snapshot import ChargerIdentity
from ocpp_gateway.smart_charging.composite_schedule import Limit, limit_at
from ocpp_gateway.smart_charging.power import PowerRegister
from ocpp_gateway.smart_charging.profiles import DAY_S, WEEK_S, ChargingProfile, Kind, Period, Purpose, RateUnit
from property.reference import Stack, Timeline, lowest, power_w

START = datetime(2026, 3, 28, tzinfo=UTC)
LENGTH_S = 3 * DAY_S
RANDOM_SECONDS = 200
VOLTAGE_V = 230
HARDWARE_W = 33_120  # 48 A
MINIMUM_W, TOLERANCE_W = 4200, 60

Mutation = Callable[[ChargingProfile], ChargingProfile]


class Differs(AssertionError):
    """The product and the reference disagree."""


@dataclass(frozen=True, slots=True)
class ProfileSet:
    """Profiles installed at connectors 0 and 1, and when they are asked about. Times in seconds after START."""

    installed: Sequence[tuple[int, ChargingProfile]]
    transaction_s: int | None
    accepted_s: int
    asked_s: int
    connector_id: int
    duration_s: int
    unit: RateUnit

    def stack(self, purpose: Purpose) -> Stack:
        """The profiles of a purpose, those of the connector first; what is relative counts from the acceptance for the
        station, else from the transaction, without one from the question.
        """
        started_s = self.asked_s if self.transaction_s is None else self.transaction_s
        relative_start = _moment(self.accepted_s if purpose is Purpose.CHARGE_POINT_MAX else started_s)
        placed = sorted(self.installed, key=lambda one: -one[0])
        return [(profile, relative_start) for _, profile in placed if profile.purpose is purpose]


# ---------------------------------------------------------------- making them


def a_set(seed: int, number: int) -> tuple[ProfileSet, Random]:
    """One of a seed's sets, and the generator that chooses when to look."""
    random = Random(f"{seed}/{number}")
    return random_set(random), random


def random_set(random: Random) -> ProfileSet:
    """One to six profiles; times are often equal or one second apart, for that is where mistakes are made."""
    transaction_s = random.choice([None, random.randrange(DAY_S), _round(random, 0, DAY_S - 1)])
    installed: dict[tuple[int, Purpose, int], ChargingProfile] = {}
    for number in range(random.randint(1, 6)):
        purpose = random.choice([p for p in Purpose if p is not Purpose.TX or transaction_s is not None])
        connector_id = {Purpose.CHARGE_POINT_MAX: 0, Purpose.TX: 1}.get(purpose, random.randint(0, 1))
        level = random.randint(0, 3)
        installed[connector_id, purpose, level] = random_profile(random, number, purpose, level)
    return ProfileSet(
        [(connector_id, profile) for (connector_id, _, _), profile in installed.items()],
        transaction_s,
        accepted_s=random.randrange(DAY_S),
        asked_s=random.randrange(transaction_s or 0, DAY_S),
        connector_id=random.choice([0, 1, 1]),
        duration_s=random.choice([600, 3600, DAY_S, DAY_S, LENGTH_S - DAY_S]),
        unit=random.choice(list(RateUnit)),
    )


def random_profile(random: Random, number: int, purpose: Purpose, level: int) -> ChargingProfile:
    """Any profile that would be accepted, of that purpose and level."""
    kind = random.choice(list(Kind))
    recurrence_s = random.choice([DAY_S, DAY_S, WEEK_S]) if kind is Kind.RECURRING else None
    longest_s = 2 * (recurrence_s or DAY_S)
    starts_s = sorted({0, *(_round(random, 1, longest_s) for _ in range(random.randint(0, 5)))})
    unit = random.choice(list(RateUnit))
    highest = 400 if unit is RateUnit.AMPERE else 300_000  # in tenths
    periods = tuple(
        Period(start_s, random.choice([0, random.randint(0, highest)]) / 10, random.choice([1, 2, 3, 3]))
        for start_s in starts_s
    )
    valid_from_s = random.choice([None, None, _round(random, 0, LENGTH_S)])
    valid_to_s = random.choice([None, None, (valid_from_s or 0) + _round(random, 1, LENGTH_S)])
    start_s = _round(random, -3 * (recurrence_s or DAY_S), 2 * DAY_S)
    has_start = kind is Kind.RECURRING or random.random() < 0.8
    return ChargingProfile(
        number,
        level,
        purpose,
        kind,
        unit,
        periods,
        recurrence_s=recurrence_s,
        valid_from=_moment(valid_from_s),
        valid_to=_moment(valid_to_s),
        start_schedule=_moment(start_s) if has_start else None,
        duration_s=random.choice([None, _round(random, 1, longest_s), starts_s[-1] or 1]),
    )


def _round(random: Random, low: int, high: int) -> int:
    """A whole number of seconds: of hours, one beside that, or any."""
    hours = random.randint(low // 3600, high // 3600) * 3600
    return min(max(random.choice([hours, hours - 1, hours + 1, random.randint(low, high)]), low), high)


def _moment(second: int | None) -> datetime | None:
    return None if second is None else START + timedelta(seconds=second)


# ---------------------------------------------------------------- comparing


def compare_limits(given: ProfileSet, random: Random, mutation: Mutation = lambda profile: profile) -> int:
    """`limit_at` of each purpose against the reference: the limit, and that it holds as long as it says.

    At every edge of a period, one second before and after, and at random moments. Gives how many were compared.
    Raises Differs. A mutation is of what the product sees.
    """
    compared = 0
    stacks = [stack for purpose in Purpose if (stack := given.stack(purpose))]
    at_random = -(-RANDOM_SECONDS // len(stacks))
    for stack in stacks:
        timeline = Timeline(stack, START, LENGTH_S)
        told = [(mutation(profile), started) for profile, started in stack]
        for second, fraction_us in _moments(timeline.edges, LENGTH_S, at_random, random):
            now = START + timedelta(seconds=second, microseconds=fraction_us)
            in_force, expected = limit_at(told, now), timeline.at(second)
            if in_force.limit != expected:
                raise Differs(f"{now}: {in_force.limit}, not {expected}: {stack}")
            until_s = math.inf if in_force.until is None else (in_force.until - START).total_seconds()
            changes_s = timeline.changes_after(second)
            if not second < until_s <= changes_s:
                raise Differs(f"{now}: holds for {until_s} s, not {changes_s} s: {stack}")
            compared += 1
    return compared


def _moments(edges: Iterable[int], length_s: int, at_random: int, random: Random) -> Iterator[tuple[int, int]]:
    """Each edge and the seconds beside it, and random seconds; with microseconds, which change nothing."""
    for second in {beside for edge in edges for beside in (edge - 1, edge, edge + 1)}:
        if 0 <= second < length_s:
            yield second, 0
    for _ in range(at_random):
        yield int(random.random() * length_s), int(random.random() * 1_000_000)


def compare_composite(given: ProfileSet, random: Random, mutation: Mutation = lambda profile: profile) -> int:
    """GetCompositeSchedule of the connector or the station against the reference, at edges and at random seconds.

    Gives how many were compared. Raises Differs.
    """
    schedule = composite(given, mutation)
    periods = [(p["startPeriod"], (p["limit"], p["numberPhases"])) for p in schedule["chargingSchedulePeriod"]]
    starts = [start for start, _ in periods]
    repeats = any(limit == following for (_, limit), (_, following) in pairwise(periods))
    if schedule["duration"] != given.duration_s or starts != sorted({0, *starts}) or repeats:
        raise Differs(f"{schedule} for {given}")
    asked_at = START + timedelta(seconds=given.asked_s)
    maximum, default, own = (Timeline(given.stack(purpose), asked_at, given.duration_s) for purpose in Purpose)
    edges = maximum.edges | default.edges | own.edges
    compared = 0
    for second, _ in _moments(edges, given.duration_s, RANDOM_SECONDS, random):
        in_force = [HARDWARE, maximum.at(second)]
        if given.connector_id:
            in_force.append(own.at(second) or default.at(second))
        expected = lowest(filter(None, in_force), given.unit, VOLTAGE_V)
        told = periods[bisect_right(starts, second) - 1][1]
        if told != expected:
            raise Differs(f"second {second}: {told}, not {expected}: {given}")
        compared += 1
    return compared


def compare_registers(given: ProfileSet, random: Random, mutation: Mutation = lambda profile: profile) -> int:
    """What the power registers shall hold against the reference: never above the lowest limit, rounded down to 100 W.

    The charger's minimum of 4,200 W may stand for a limit of 4,140 W. Gives how many were compared. Raises Differs.
    """
    if given.transaction_s is None:  # what counts from the transaction would begin anew at every moment
        given = replace(given, transaction_s=given.asked_s)
    point = _point_with(given, mutation)
    maximum, default, own = (Timeline(given.stack(purpose), START, LENGTH_S) for purpose in Purpose)
    edges = maximum.edges | default.edges | own.edges
    compared = 0
    for second, _ in _moments(edges, LENGTH_S, 0, random):
        decision = decide(point, _instant(second))
        written_w = {0: decision.station.written_w, **decision.granted_w}
        in_force = {0: maximum.at(second), 1: own.at(second) or default.at(second)}
        for connector_id, limit in in_force.items():
            allowed_w = (
                HARDWARE_W if limit is None else min(HARDWARE_W, power_w(limit, VOLTAGE_V, of_all=connector_id == 0))
            )
            lands_w = MINIMUM_W if allowed_w >= MINIMUM_W - TOLERANCE_W else 0
            if written_w[connector_id] > max(allowed_w // 100 * 100, lands_w):
                raise Differs(f"connector {connector_id}, second {second}: {written_w}, not {allowed_w} W: {given}")
        if written_w[1] + written_w[2] > written_w[0]:
            raise Differs(f"second {second}: {written_w} is more than the station may have: {given}")
        compared += 1
    return compared


def composite(given: ProfileSet, mutation: Mutation = lambda profile: profile) -> dict[str, Any]:
    """The chargingSchedule that the product answers."""
    point = _point_with(given, mutation)
    payload = {
        "connectorId": given.connector_id,
        "duration": given.duration_s,
        "chargingRateUnit": given.unit.value,
    }
    turn = Turn(_instant(given.asked_s), str, count())
    ACTIONS["GetCompositeSchedule"](point, CallReceived("call", "GetCompositeSchedule", payload), turn)
    (reply,) = turn.effects
    assert isinstance(reply, Reply)
    schedule: dict[str, Any] = reply.payload["chargingSchedule"]
    return schedule


def _point_with(given: ProfileSet, mutation: Mutation) -> ChargePoint:
    """A station with these profiles installed, and the transaction they are for."""
    point = _a_point()
    transaction = replace(TRANSACTION, started_at=_instant(given.transaction_s or 0))
    point.connectors[1].transaction = None if given.transaction_s is None else transaction
    accepted_at = _instant(given.accepted_s)
    point.profiles[:] = [
        InstalledProfile(
            ProfileRecord(connector_id, profile.charging_profile_id, {}, None, accepted_at), mutation(profile)
        )
        for connector_id, profile in given.installed
    ]
    return point


@cache
def _a_point() -> ChargePoint:
    settings = ChargePointSettings(
        max_power_w=HARDWARE_W,
        power_register=PowerRegister(
            step_w=100, minimum_w=MINIMUM_W, nominal_voltage_v=VOLTAGE_V, tolerance_w=TOLERANCE_W
        ),
        connector_max_power_w=HARDWARE_W,
        number_of_connectors=2,
    )
    core = ChargerCore(settings, StoredCharger(), from_file={}, started_at=_instant(0), new_id=lambda: "id")
    core.handle(LinkUp(ChargerIdentity(2, "Compleo", "DUO", "1", "6.4.1")), _instant(0))
    return core.point


def _instant(second: int) -> Instant:
    return Instant(START + timedelta(seconds=second), "boot", 1000.0 + second)


HARDWARE = Limit(float(HARDWARE_W), RateUnit.WATT, 3)
TRANSACTION = TransactionRecord("local", 1, "CARD", 0, _instant(0), 0, _instant(0))


# ---------------------------------------------------------------- many


Comparison = Callable[[ProfileSet, Random], int]


def compare_many(seed: int, sets: int, *comparisons: Comparison) -> Counter[str]:
    """That many random sets, each compared in those ways. Gives how many profiles there were, and by the names of the
    comparisons how many seconds. Raises Differs with what made the set.
    """
    compared: Counter[str] = Counter()
    for number in range(sets):
        given, random = a_set(seed, number)
        compared["profiles"] += len(given.installed)
        try:
            for compare in comparisons:
                compared[compare.__name__] += compare(given, random)
        except Differs as difference:
            difference.add_note(f"seed {seed}, set {number}")
            raise
    return compared
