"""The limit at a moment and the composite schedule are those of a slow, plain reckoning; 100,000 sets: `make fuzz`."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.smart_charging.composite_schedule import limit_at
from ocpp_gateway.smart_charging.profiles import ChargingProfile, Kind, Period, Purpose, RateUnit
from property.profile_sets import (
    START,
    Differs,
    Mutation,
    a_set,
    compare_composite,
    compare_limits,
    compare_many,
    compare_registers,
)
from property.reference import Timeline

SETS_A_SEED = 2_500


@pytest.mark.conformance("P-02", "P-20", "P-21", "P-22", "P-23", "P-24", "P-25", "P-26", "P-27", "P-41", "P-63", "P-68")
@pytest.mark.parametrize("seed", range(4))
def test_p_28_10_000_random_sets_are_reckoned_as_second_by_second(seed: int) -> None:
    compared = compare_many(seed, SETS_A_SEED, compare_limits, compare_composite)
    assert min(compared["compare_limits"], compared["compare_composite"]) >= 200 * SETS_A_SEED


def test_fault_s_01_no_register_holds_more_than_any_set_allows() -> None:
    assert compare_many(4, 500, compare_registers)["compare_registers"] > 10_000


# ---------------------------------------------------------------- and mistakes are found


def forgets_valid_to(profile: ChargingProfile) -> ChargingProfile:
    return replace(profile, valid_to=None)


def forgets_the_duration(profile: ChargingProfile) -> ChargingProfile:
    return replace(profile, duration_s=None)


def forgets_the_recurrence_cut(profile: ChargingProfile) -> ChargingProfile:
    """A day or week that is only over when its schedule is."""
    if profile.recurrence_s is None:
        return profile
    return replace(profile, recurrence_s=max(profile.recurrence_s, profile.duration_s or profile.periods[-1].start_s))


def waits_for_one_second(profile: ChargingProfile) -> ChargingProfile:
    return replace(profile, valid_to=None if profile.valid_to is None else profile.valid_to + timedelta(seconds=1))


@pytest.mark.parametrize(
    "mutation", [forgets_valid_to, forgets_the_duration, forgets_the_recurrence_cut, waits_for_one_second]
)
@pytest.mark.parametrize("compare", [compare_limits, compare_composite, compare_registers])
def test_a_reckoning_that_forgets_something_is_found(mutation: Mutation, compare: Any) -> None:
    found = 0
    for number in range(200):
        given, random = a_set(0, number)
        try:
            compare(given, random, mutation)
        except Differs:
            found += 1
    assert found >= 3


# ---------------------------------------------------------------- small sets, which shrink

CYCLE_S, LENGTH_S = 40, 140  # a day that is short enough to be walked through second by second


@st.composite
def profiles(draw: st.DrawFn) -> ChargingProfile:
    kind = draw(st.sampled_from(Kind))
    starts = sorted(draw(st.sets(st.integers(1, 50), max_size=3)))
    valid_from, length = draw(st.none() | st.integers(0, 60)), draw(st.none() | st.integers(1, 60))
    more: dict[str, Any] = {
        "valid_from": None if valid_from is None else START + timedelta(seconds=valid_from),
        "valid_to": None if length is None else START + timedelta(seconds=(valid_from or 0) + length),
        "duration_s": draw(st.none() | st.integers(1, 60)),
        "recurrence_s": CYCLE_S if kind is Kind.RECURRING else None,
    }
    if kind is Kind.RECURRING or (kind is Kind.ABSOLUTE and draw(st.booleans())):
        more["start_schedule"] = START + timedelta(seconds=draw(st.integers(-60, 60)))
    periods = tuple(Period(start, float(draw(st.integers(0, 32)))) for start in [0, *starts])
    return ChargingProfile(1, draw(st.integers(0, 3)), Purpose.TX_DEFAULT, kind, RateUnit.AMPERE, periods, **more)


@given(st.lists(profiles(), max_size=4), st.none() | st.integers(-20, 20))
def test_p_26_the_limit_is_that_of_a_plain_reckoning_at_every_second(
    stack: list[ChargingProfile], started_s: int | None
) -> None:
    started = None if started_s is None else START + timedelta(seconds=started_s)
    with_start = [(profile, started) for profile in stack]
    timeline = Timeline(with_start, START, LENGTH_S)
    for second in range(LENGTH_S):
        now = START + timedelta(seconds=second)
        in_force = limit_at(with_start, now)
        assert in_force.limit == timeline.at(second)
        # It holds until then at least: whoever sleeps until then misses nothing.
        until_s = math.inf if in_force.until is None else (in_force.until - START).total_seconds()
        assert second < until_s <= timeline.changes_after(second)
