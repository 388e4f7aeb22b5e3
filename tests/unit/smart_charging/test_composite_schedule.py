"""The limit in force at a moment: kinds, stacks, validity, and when it may change next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ocpp_gateway.smart_charging.composite_schedule import earliest, limit_at
from ocpp_gateway.smart_charging.profiles import ChargingProfile, Kind, Period, Purpose, RateUnit

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def profile(*periods: tuple[int, float], kind: Kind = Kind.ABSOLUTE, level: int = 0, **more: Any) -> ChargingProfile:
    fields: dict[str, Any] = {"start_schedule": T0 if kind is not Kind.RELATIVE else None, **more}
    return ChargingProfile(
        1, level, Purpose.TX_DEFAULT, kind, RateUnit.AMPERE, tuple(Period(at, limit) for at, limit in periods), **fields
    )


def at(second: float, *stack: ChargingProfile, started_s: float | None = None) -> tuple[float | None, float | None]:
    """The limit that many seconds after T0, and until when it is known to hold."""
    started = None if started_s is None else T0 + timedelta(seconds=started_s)
    in_force = limit_at([(one, started) for one in stack], T0 + timedelta(seconds=second))
    until_s = None if in_force.until is None else (in_force.until - T0).total_seconds()
    return (None if in_force.limit is None else in_force.limit.value), until_s


STEPS = profile((0, 6), (60, 10), (120, 8), duration_s=300)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param(-1, (None, 0), id="not begun"),
        pytest.param(0, (6, 60), id="v-2 the first period"),
        pytest.param(59.999, (6, 60), id="to its end"),
        pytest.param(60, (10, 120), id="p-22 the next begins"),
        pytest.param(299, (8, 300), id="p-23 the last lasts for the duration"),
        pytest.param(300, (None, None), id="p-25 then it is over"),
    ],
)
def test_p_22_a_period_holds_until_the_next(second: float, expected: tuple[float | None, float | None]) -> None:
    assert at(second, STEPS) == expected


def test_p_22_without_a_duration_the_last_period_holds_for_ever() -> None:
    assert at(10**8, profile((0, 6), (60, 10))) == (10, None)


def test_p_23_a_period_at_the_duration_or_after_is_not_executed() -> None:
    cut = profile((0, 6), (60, 10), (120, 8), duration_s=120)
    assert at(119, cut) == (10, 120)
    assert at(120, cut) == (None, None)
    assert at(130, profile((0, 6), (200, 10), duration_s=120)) == (None, None)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param(9, (None, 10), id="not valid yet"),
        pytest.param(10, (6, 20), id="p-20 valid from"),
        pytest.param(20, (None, None), id="p-20 not valid at its end"),
    ],
)
def test_p_20_a_profile_is_valid_between_two_moments(
    second: float, expected: tuple[float | None, float | None]
) -> None:
    valid = profile((0, 6), valid_from=T0 + timedelta(seconds=10), valid_to=T0 + timedelta(seconds=20))
    assert at(second, valid) == expected


def test_p_21_a_relative_schedule_counts_from_its_transaction() -> None:
    relative = profile((0, 16), (50, 20), kind=Kind.RELATIVE)
    assert at(149, relative, started_s=100) == (16, 150)  # v-4c
    assert at(150, relative, started_s=100) == (20, None)
    assert at(150, relative) == (None, None)


def test_p_14_an_absolute_schedule_without_a_start_counts_from_the_transaction() -> None:
    assert at(150, profile((0, 16), (50, 20), start_schedule=None), started_s=100) == (20, None)


@pytest.mark.parametrize(
    ("clock", "limit", "until"),
    [
        pytest.param("2026-11-22T07:59:59Z", 11_000, "2026-11-22T08:00:00Z", id="v-7 before eight"),
        pytest.param("2026-11-22T08:00:00Z", 6_000, "2026-11-22T20:00:00Z", id="v-7 at eight"),
        pytest.param("2026-11-22T20:00:00Z", 11_000, "2026-11-23T00:00:00Z", id="v-7 at twenty"),
        pytest.param("2026-11-23T00:00:00Z", 11_000, "2026-11-23T08:00:00Z", id="v-7 the next day"),
        pytest.param("2027-03-28T01:30:00Z", 11_000, "2027-03-28T08:00:00Z", id="no summer time in UTC"),
    ],
)
def test_p_21_a_daily_schedule_comes_again_every_24_hours(clock: str, limit: float, until: str) -> None:
    daily = profile(
        (0, 11_000), (28_800, 6_000), (72_000, 11_000),
        kind=Kind.RECURRING, recurrence_s=86_400, duration_s=86_400, start_schedule=datetime(2013, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    in_force = limit_at([(daily, None)], datetime.fromisoformat(clock))
    assert in_force.limit is not None
    assert (in_force.limit.value, in_force.until) == (limit, datetime.fromisoformat(until))


def test_p_21_a_recurring_schedule_does_not_begin_before_its_start() -> None:
    daily = profile((0, 10), kind=Kind.RECURRING, recurrence_s=86_400)
    assert at(-10, daily) == (None, 0)


def test_p_24_a_recurring_schedule_is_cut_at_its_cycle() -> None:
    daily = profile((0, 10), (80_000, 20), (100_000, 30), kind=Kind.RECURRING, recurrence_s=86_400)
    assert at(86_399, daily) == (20, 86_400)
    assert at(86_400, daily) == (10, 86_400 + 80_000)


def test_p_24_the_rest_of_a_cycle_falls_back_to_the_level_below() -> None:
    upper = profile((0, 10), kind=Kind.RECURRING, recurrence_s=86_400, duration_s=100, level=1)
    lower = profile((0, 6))
    assert at(50, upper, lower) == (10, 100)
    assert at(100, upper, lower) == (6, 86_400)
    assert at(86_400, upper, lower) == (10, 86_500)


def test_p_26_the_highest_level_with_a_period_in_force_counts() -> None:
    lower = profile((0, 6), (100, 8), (200, 10), duration_s=400)  # v-4
    upper = profile((0, 7), (100, 9), duration_s=150, level=1)
    told = [at(second, lower, upper)[0] for second in (0, 100, 150, 200, 400)]
    assert told == [7, 9, 8, 10, None]


def test_p_26_a_level_is_no_lower_limit() -> None:
    assert at(0, profile((0, 6)), profile((0, 32), level=1))[0] == 32


def test_p_02_the_first_of_equal_levels_wins() -> None:
    assert at(0, profile((0, 6)), profile((0, 32)))[0] == 6


def test_p_29_a_profile_that_is_valid_later_limits_nothing_now() -> None:
    assert at(0, profile((0, 6), valid_from=T0 + timedelta(hours=1))) == (None, 3600)


def test_no_profile_no_limit() -> None:
    assert at(0) == (None, None)


def test_the_earliest_of_moments_that_exist() -> None:
    assert earliest([None, T0, T0 - timedelta(1)]) == T0 - timedelta(1)
    assert earliest([None]) is None
