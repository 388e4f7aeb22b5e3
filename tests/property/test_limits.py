"""What is written never exceeds what is allowed; and the limit at a moment is that of a slow, plain reckoning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.smart_charging.composite_schedule import limit_at
from ocpp_gateway.smart_charging.power import PowerRegister, share, written_power_w
from ocpp_gateway.smart_charging.profiles import ChargingProfile, Kind, Period, Purpose, RateUnit

registers = st.builds(
    lambda step_w, minimum_steps, tolerance_w: PowerRegister(step_w, step_w * minimum_steps, 230.0, tolerance_w),
    st.sampled_from([1, 10, 100, 1000]),
    st.integers(0, 60),
    st.integers(0, 200),
)
watts = st.integers(0, 100_000) | st.floats(0, 100_000)


@given(watts, watts, registers)
def test_p_43_what_is_written_exceeds_the_limit_only_for_the_minimum_and_never_the_cap(
    limit_w: float, cap_w: float, register: PowerRegister
) -> None:
    written_w = written_power_w(limit_w, cap_w, register)
    assert 0 <= written_w <= cap_w
    assert written_w % register.step_w == 0
    if written_w > limit_w:
        assert written_w == register.minimum_w
        assert written_w - limit_w <= register.tolerance_w
    else:
        assert min(limit_w, cap_w) - written_w < register.step_w  # nothing is given away


@given(st.floats(0, 1, exclude_max=True), registers)
def test_p_35_nothing_is_written_for_less_than_a_step(of_a_step: float, register: PowerRegister) -> None:
    assert written_power_w(of_a_step * register.step_w, 100_000, register) == 0


@given(watts, watts, watts, registers)
def test_a_higher_limit_is_never_written_lower(
    limit_w: float, other_w: float, cap_w: float, register: PowerRegister
) -> None:
    lower_w, higher_w = sorted((limit_w, other_w))
    assert written_power_w(lower_w, cap_w, register) <= written_power_w(higher_w, cap_w, register)


steps = st.integers(0, 1000).map(lambda n: 100 * n)


@given(steps, st.dictionaries(st.integers(1, 6), steps))
def test_p_50_the_connectors_together_never_exceed_the_station(station_w: int, wanted_w: dict[int, int]) -> None:
    granted_w = share(station_w, wanted_w, 100)
    assert granted_w.keys() == wanted_w.keys()
    assert sum(granted_w.values()) <= station_w
    for connector_id, power_w in granted_w.items():
        assert 0 <= power_w <= wanted_w[connector_id]
        assert power_w % 100 == 0
    left_w = station_w - sum(granted_w.values())
    assert left_w < 100 * len(wanted_w) or granted_w == wanted_w  # nothing is kept from those who want more


@given(steps, st.dictionaries(st.integers(1, 6), steps))
def test_p_50_who_wants_more_does_not_get_less(station_w: int, wanted_w: dict[int, int]) -> None:
    granted_w = share(station_w, wanted_w, 100)
    by_wish = sorted(wanted_w, key=lambda connector_id: (wanted_w[connector_id], granted_w[connector_id]))
    in_that_order = [granted_w[connector_id] for connector_id in by_wish]
    assert in_that_order == sorted(in_that_order)


# ---------------------------------------------------------------- limit_at against a plain reckoning

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CYCLE_S = 40  # a day that is short enough to be walked through second by second


@st.composite
def profiles(draw: st.DrawFn) -> ChargingProfile:
    kind = draw(st.sampled_from(Kind))
    starts = sorted(draw(st.sets(st.integers(1, 50), max_size=3)))
    valid_from, length = draw(st.none() | st.integers(0, 60)), draw(st.none() | st.integers(1, 60))
    more: dict[str, Any] = {
        "valid_from": None if valid_from is None else T0 + timedelta(seconds=valid_from),
        "valid_to": None if length is None else T0 + timedelta(seconds=(valid_from or 0) + length),
        "duration_s": draw(st.none() | st.integers(1, 60)),
        "recurrence_s": CYCLE_S if kind is Kind.RECURRING else None,
    }
    if kind is Kind.RECURRING or (kind is Kind.ABSOLUTE and draw(st.booleans())):
        more["start_schedule"] = T0 + timedelta(seconds=draw(st.integers(-60, 60)))
    periods = tuple(Period(start, float(draw(st.integers(0, 32)))) for start in [0, *starts])
    return ChargingProfile(1, draw(st.integers(0, 3)), Purpose.TX_DEFAULT, kind, RateUnit.AMPERE, periods, **more)


def plain_limit(stack: list[ChargingProfile], second: int, started_s: int | None) -> float | None:
    """§3.13 read aloud: of the profiles valid now with a period in force now the highest level, the first of equals."""
    prevailing: tuple[int, float] | None = None
    now = T0 + timedelta(seconds=second)
    for profile in stack:
        if profile.valid_from is not None and now < profile.valid_from:
            continue
        if profile.valid_to is not None and now >= profile.valid_to:
            continue
        if profile.start_schedule is not None:
            begins_s: int | None = int((profile.start_schedule - T0).total_seconds())
        else:
            begins_s = started_s
        if begins_s is None or second < begins_s:
            continue
        into_s = second - begins_s
        while profile.kind is Kind.RECURRING and into_s >= CYCLE_S:
            into_s -= CYCLE_S
        if profile.duration_s is not None and into_s >= profile.duration_s:
            continue
        limit = [period.limit for period in profile.periods if period.start_s <= into_s][-1]
        if prevailing is None or profile.stack_level > prevailing[0]:
            prevailing = (profile.stack_level, limit)
    return None if prevailing is None else prevailing[1]


@given(st.lists(profiles(), max_size=4), st.none() | st.integers(-20, 20))
def test_p_26_the_limit_is_that_of_a_plain_reckoning_at_every_second(
    stack: list[ChargingProfile], started_s: int | None
) -> None:
    started = None if started_s is None else T0 + timedelta(seconds=started_s)
    with_start = [(profile, started) for profile in stack]
    expected = [plain_limit(stack, second, started_s) for second in range(140)]
    for second in range(130):
        now = T0 + timedelta(seconds=second)
        in_force = limit_at(with_start, now)
        assert (None if in_force.limit is None else in_force.limit.value) == expected[second]
        if in_force.until is not None:
            assert in_force.until > now
        # It holds until then at least: whoever sleeps until then misses nothing.
        until_s = 140 if in_force.until is None else min(int((in_force.until - T0).total_seconds()), 140)
        assert set(expected[second:until_s]) == {expected[second]}
