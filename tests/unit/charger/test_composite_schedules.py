"""GetCompositeSchedule against the vectors of the research (EVerest, OCTT), and the traps about limits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ocpp_gateway.charger.state import AuthorizationMode
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import REGISTER, SETTINGS, Bench, mode

HARDWARE_A = 48  # Everest's maximum, which stands in its vectors where no profile limits
WIDE = {"max_power_w": 66_240, "connector_max_power_w": 33_120}  # 48 A x 3 x 230 V = 33,120 W

Periods = Sequence[tuple[int, float]]


def schedule(periods: Periods, *, duration: int | None = None, unit: str = "A", start: bool = True) -> dict[str, Any]:
    pairs = [{"startPeriod": at_s, "limit": limit} for at_s, limit in periods]
    whole: dict[str, Any] = {"chargingRateUnit": unit, "chargingSchedulePeriod": pairs}
    if duration is not None:
        whole["duration"] = duration
    return whole | ({"startSchedule": "START"} if start else {})


@pytest.fixture
def bench() -> Bench:
    """A car charges at connector 1."""
    bench = Bench(mode(AuthorizationMode.CENTRAL_SYSTEM, **WIDE)).online().linked()
    bench.see(status=Status.PREPARING, status_raw=1)
    bench.card("04A1B2C3")
    bench.authorize()
    bench.deliver()
    bench.see(status=Status.CHARGING, status_raw=2, charging_s=1)
    return bench


def install(
    bench: Bench,
    profile_id: int,
    purpose: str,
    schedule: dict[str, Any],
    *,
    connector_id: int = 1,
    level: int = 0,
    **more: Any,
) -> None:
    """Install a profile that starts now."""
    if schedule.get("startSchedule") == "START":
        schedule = schedule | {"startSchedule": bench.now.stamp()}
    profile = {
        "chargingProfileId": profile_id,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
    } | more
    answer = bench.ask("SetChargingProfile", connectorId=connector_id, csChargingProfiles=profile)
    assert answer == {"status": "Accepted"}


def composite(bench: Bench, duration: int, *, connector_id: int = 1, **more: Any) -> Periods:
    answer = bench.ask("GetCompositeSchedule", connectorId=connector_id, duration=duration, **more)
    assert isinstance(answer, dict)
    assert (answer["status"], answer["chargingSchedule"]["duration"]) == ("Accepted", duration)
    assert "startSchedule" not in answer["chargingSchedule"]  # P-61
    return [(p["startPeriod"], p["limit"]) for p in answer["chargingSchedule"]["chargingSchedulePeriod"]]


def with_phases(*periods: tuple[int, float, int], start: bool = True) -> dict[str, Any]:
    pairs = [{"startPeriod": at_s, "limit": limit, "numberPhases": number} for at_s, limit, number in periods]
    return schedule([], start=start) | {"chargingSchedulePeriod": pairs}


def phases(bench: Bench, duration: int) -> Sequence[tuple[int, float, int]]:
    """The composite schedule of connector 1 with its numbers of phases."""
    answer = bench.ask("GetCompositeSchedule", connectorId=1, duration=duration)
    assert isinstance(answer, dict)
    found = answer["chargingSchedule"]["chargingSchedulePeriod"]
    return [(p["startPeriod"], p["limit"], p["numberPhases"]) for p in found]


# ---------------------------------------------------------------- the vectors


def test_v_1_p_27_p_28_p_63_the_lowest_of_the_purposes_counts_and_tx_overrules_the_default(bench: Bench) -> None:
    install(bench, 1, "ChargePointMaxProfile", schedule([(0, 10)], duration=86_400), connector_id=0)
    default = [(0, 6), (60, 10), (120, 8), (180, 25), (260, 8)]
    install(bench, 2, "TxDefaultProfile", schedule(default, duration=300))
    install(bench, 3, "TxProfile", schedule([(0, 8), (50, 11), (140, 16), (200, 6), (240, 12)], duration=240))
    assert composite(bench, 400) == [(0, 8), (50, 10), (200, 6), (240, 10), (260, 8), (300, 10)]


def test_v_2_a_default_profile_alone_is_its_own_composite(bench: Bench) -> None:
    install(bench, 1, "TxDefaultProfile", schedule([(0, 6), (60, 10), (120, 8)], duration=300))
    assert composite(bench, 300) == [(0, 6), (60, 10), (120, 8)]


@pytest.mark.conformance("W-24")
def test_v_3_p_65_time_without_a_profile_tells_the_hardware_s_maximum(bench: Bench) -> None:
    """Decided: the hardware's maximum, not -1 and not a gap."""
    install(bench, 1, "TxProfile", schedule([(0, 6), (60, 10), (120, 8)], duration=260))
    assert composite(bench, 300) == [(0, 6), (60, 10), (120, 8), (260, HARDWARE_A)]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param([], [(0, 7), (100, 9), (150, 8), (200, 10)], id="TC_072"),
        pytest.param([(50, 5)], [(0, 7), (100, 9), (150, 8), (200, 10)], id="Everest, with a period that is hidden"),
    ],
)
def test_v_4_p_25_after_the_higher_level_s_duration_the_lower_one_holds(
    bench: Bench, more: Periods, told: Periods
) -> None:
    lower = sorted([(0, 6), *more, (100, 8), (200, 10)])
    install(bench, 1, "TxDefaultProfile", schedule(lower, duration=400))
    install(bench, 2, "TxDefaultProfile", schedule([(0, 7), (100, 9)], duration=150), level=1)
    assert composite(bench, 400) == told
    assert composite(bench, 550) == [*told, (400, HARDWARE_A)]


def test_v_4a_p_62_the_station_tells_its_own_bound_and_each_connector_what_it_may_within() -> None:
    bench = Bench(mode(AuthorizationMode.CENTRAL_SYSTEM, **WIDE)).online().linked()
    station = [(0, 18), (50, 24), (100, 14), (200, 24)]
    install(bench, 1, "ChargePointMaxProfile", schedule(station, duration=800), connector_id=0)
    install(bench, 2, "TxDefaultProfile", schedule([(0, 16), (100, 20)], duration=400))
    install(bench, 3, "TxDefaultProfile", schedule([(0, 10), (100, 16)], duration=500), connector_id=2)
    assert composite(bench, 700, connector_id=0) == station
    assert composite(bench, 900) == [(0, 16), (100, 14), (200, 20), (400, 24), (800, HARDWARE_A)]
    assert composite(bench, 400, connector_id=2) == [(0, 10), (100, 14), (200, 16)]


@pytest.mark.parametrize(
    ("kind", "upper_s", "told"),
    [
        pytest.param(
            "Daily",
            86_400,
            [(0, 10), (10_000, 22), (20_000, 6), (86_400, 10), (96_400, 22), (106_400, 6)],
            id="test_recurring_2",
        ),
        pytest.param("Weekly", 86_400, [(0, 10), (10_000, 22), (20_000, 6), (86_400, 20)], id="test_recurring_3"),
    ],
)
def test_v_4b_p_21_p_24_a_recurring_profile_begins_anew_and_what_its_cycle_lacks_is_the_lower_level_s(
    bench: Bench, kind: str, upper_s: int, told: Periods
) -> None:
    recurring: dict[str, Any] = {"chargingProfileKind": "Recurring", "recurrencyKind": kind}
    install(bench, 1, "TxDefaultProfile", schedule([(0, 14), (5000, 16), (15_000, 20)]), **recurring)
    upper = schedule([(0, 10), (10_000, 22), (20_000, 6)], duration=upper_s)
    install(bench, 2, "TxDefaultProfile", upper, level=1, **recurring)
    assert composite(bench, 172_800) == told


def test_v_4c_p_21_a_relative_profile_counts_from_the_transaction() -> None:
    """test_relative_1; the numbers of phases are told too, so 16 A on one phase comes before 20 A on three."""
    bench = Bench(mode(AuthorizationMode.CENTRAL_SYSTEM, **WIDE)).online().linked()
    bench.see(status=Status.PREPARING, status_raw=1)
    bench.card("04A1B2C3")
    bench.authorize()  # the car is plugged, so its transaction begins now
    relative = with_phases((0, 16, 1), (50, 20, 3), start=False)
    install(bench, 1, "TxProfile", relative, chargingProfileKind="Relative")
    assert phases(bench, 90) == [(0, 16, 1), (50, 20, 3)]
    bench.wait(20)
    assert phases(bench, 90) == [(0, 16, 1), (30, 20, 3)]


def test_v_4c_p_68_levels_in_watts_and_in_amperes_are_one_stack(bench: Bench) -> None:
    """test_relative_3."""
    watts = schedule([(0, 11_000), (90, 22_000)], unit="W")
    install(bench, 1, "TxDefaultProfile", watts, connector_id=0, level=1)
    install(bench, 2, "TxDefaultProfile", schedule([(0, 32), (6, 20), (12, 8)]), connector_id=0, level=2)
    assert composite(bench, 90) == [(0, 32), (6, 20), (12, 8)]


@pytest.mark.parametrize(
    "criteria",
    [{"id": 1}, {"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1}, {}],
    ids=["by id", "by criteria", "all"],
)
def test_v_5_p_70_p_72_a_cleared_profile_is_gone_from_the_composite_at_once(
    bench: Bench, criteria: dict[str, Any]
) -> None:
    install(bench, 1, "TxDefaultProfile", schedule([(0, 6), (60, 8), (200, 10)]), level=1)
    assert composite(bench, 300) == [(0, 6), (60, 8), (200, 10)]
    assert bench.commanded_w() == 4_200
    assert bench.ask("ClearChargingProfile", stackLevel=1, chargingProfilePurpose="TxProfile") == {"status": "Unknown"}
    assert bench.ask("ClearChargingProfile", **criteria) == {"status": "Accepted"}
    assert composite(bench, 300) == [(0, HARDWARE_A)]
    assert bench.commanded_w() == 33_100  # at once, in the same turn


def test_v_6_p_32_a_maximum_is_replaced_by_the_next_and_stays_cleared_after_a_restart(bench: Bench) -> None:
    station = {"connector_id": 0}
    install(bench, 1, "ChargePointMaxProfile", schedule([(0, 10)]), **station)
    install(bench, 2, "ChargePointMaxProfile", schedule([(0, 20)]), **station)
    assert composite(bench, 300, **station) == [(0, 20)]
    bench.killed_and_restarted().linked()
    assert composite(bench, 300, **station) == [(0, 20)]
    assert bench.ask("ClearChargingProfile", id=1) == {"status": "Unknown"}
    assert bench.ask("ClearChargingProfile", id=2) == {"status": "Accepted"}
    for _ in range(2):
        assert composite(bench, 300, **station) == [(0, 2 * HARDWARE_A)]
        bench.killed_and_restarted().linked()


@pytest.mark.parametrize(
    ("at", "steps"),
    [("07:59:59", 110), ("08:00:00", 60), ("19:59:59", 60), ("20:00:00", 110), ("23:59:59", 110), ("00:00:00", 110)],
)
def test_v_7_p_21_the_specification_s_example_day_by_its_clock(at: str, steps: int) -> None:
    """S§3.13.7, in the power register's steps of 100 W."""
    hours, minutes, seconds = map(int, at.split(":"))
    bench = Bench().online().linked()
    whole = schedule([(0, 11_000), (28_800, 6_000), (72_000, 11_000)], duration=86_400, unit="W", start=False)
    whole["startSchedule"] = "2013-01-01T00:00:00Z"
    recurring: dict[str, Any] = {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}
    install(bench, 1, "TxDefaultProfile", whole, **recurring)
    for day in (23, 24):  # a day later it is the same
        moment = datetime(2026, 11, day, hours, minutes, seconds, tzinfo=UTC)
        bench.wait((moment - bench.now.utc).total_seconds())  # type: ignore[operator]
        assert bench.commanded_w() == 100 * steps


@pytest.mark.parametrize(("limit_a", "steps"), [(16, 110), (6, 41), (0.4, 2), (0, 0)])
def test_v_8_p_43_without_a_tolerance_limits_are_only_ever_rounded_down(limit_a: float, steps: int) -> None:
    strict = replace(SETTINGS, power_register=replace(REGISTER, tolerance_w=0))
    bench = Bench(strict).online().linked()
    install(bench, 1, "TxDefaultProfile", schedule([(0, limit_a)]))
    assert bench.commanded_w(1) == steps * 100


# ---------------------------------------------------------------- and what they do not show


def test_p_02_profiles_of_the_station_and_of_a_connector_are_one_stack() -> None:
    """test_relative_2."""
    bench = Bench(mode(AuthorizationMode.CENTRAL_SYSTEM, **WIDE)).online().linked()
    relative: dict[str, Any] = {"chargingProfileKind": "Relative"}
    install(bench, 1, "TxDefaultProfile", schedule([(0, 16), (100, 20)], start=False), **relative)
    above = schedule([(0, 10), (50, 6)], duration=200, start=False)
    install(bench, 2, "TxDefaultProfile", above, connector_id=0, level=1, **relative)
    assert composite(bench, 300) == [(0, 10), (50, 6), (200, 20)]


def test_p_64_periods_that_differ_in_phases_alone_are_two_and_the_lowest_number_counts(bench: Bench) -> None:
    """Decided as Everest has it (test_combined_2): merged only where limit and phases are equal."""
    install(bench, 1, "TxDefaultProfile", with_phases((0, 20, 2), (60, 20, 3), (120, 20, 3), (180, 30, 1)))
    assert phases(bench, 200) == [(0, 20, 2), (60, 20, 3), (180, 30, 1)]
    install(bench, 2, "ChargePointMaxProfile", schedule([(0, 24)]), connector_id=0)
    assert phases(bench, 200) == [(0, 20, 2), (60, 20, 3), (180, 24, 1)]  # 24 A also on one phase


def test_p_64_limits_are_told_as_they_are_not_as_the_register_takes_them(bench: Bench) -> None:
    install(bench, 1, "TxDefaultProfile", schedule([(0, 6.0), (60, 15.9)]))
    assert composite(bench, 100) == [(0, 6.0), (60, 15.9)]
    assert bench.commanded_w() == 4_200


def test_p_64_a_change_between_two_seconds_shows_at_the_second_and_none_is_named_twice(bench: Bench) -> None:
    for second in range(4):
        at_half = schedule([(0, 10 + second)], start=False) | {"startSchedule": bench.now.plus(0.5 + second).stamp()}
        install(bench, second, "TxDefaultProfile", at_half, level=second)
    assert composite(bench, 10) == [(0, HARDWARE_A), (1, 10), (2, 11), (3, 12), (4, 13)]


@pytest.mark.parametrize(
    ("limit", "unit", "asked", "told"),
    [
        pytest.param(16, "A", "W", 11_040, id="16 A x 3 x 230 V"),
        pytest.param(11_040, "W", "A", 16, id="and back"),
        pytest.param(11_000, "W", "A", 15.9, id="15.94 A, rounded down"),
        pytest.param(16, "A", None, 16, id="P-64 amperes when nothing is asked for"),
    ],
)
def test_p_41_p_68_units_are_converted_by_the_nominal_voltage(
    bench: Bench, limit: float, unit: str, asked: str | None, told: float
) -> None:
    bench.see(voltage_v=(245.0, 245.0, 245.0))  # what is measured does not count
    install(bench, 1, "TxProfile", schedule([(0, limit)], unit=unit))
    wish: dict[str, Any] = {} if asked is None else {"chargingRateUnit": asked}
    assert composite(bench, 60, **wish) == [(0, told)]
    assert bench.commanded_w() == 11_000


def test_p_60_a_connector_that_does_not_exist_has_no_schedule(bench: Bench) -> None:
    assert bench.ask("GetCompositeSchedule", connectorId=3, duration=60) == {"status": "Rejected"}


def test_p_66_without_a_transaction_it_is_as_if_one_began_now() -> None:
    bench = Bench(mode(AuthorizationMode.CENTRAL_SYSTEM, **WIDE)).online().linked()
    relative = schedule([(0, 16), (100, 20)], start=False)
    install(bench, 1, "TxDefaultProfile", relative, chargingProfileKind="Relative")
    for _ in range(2):
        assert composite(bench, 200) == [(0, 16), (100, 20)]
        bench.wait(60)


def test_p_67_a_long_answer_is_cut_to_what_a_frame_may_have(bench: Bench) -> None:
    steps = schedule([(60 * n, 10 + n % 2) for n in range(100)])
    daily: dict[str, Any] = {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}
    install(bench, 1, "TxDefaultProfile", steps, **daily)
    answer = bench.ask("GetCompositeSchedule", connectorId=1, duration=2**31 - 1)
    assert isinstance(answer, dict)
    told = answer["chargingSchedule"]
    assert len(told["chargingSchedulePeriod"]) == 1000  # more than ChargingScheduleMaxPeriods
    assert told["duration"] == 10 * 86_400  # where the 1001st would begin
    assert len(json.dumps(answer)) < 65_536


def test_p_67_a_year_is_the_most_that_is_looked_ahead(bench: Bench) -> None:
    install(bench, 1, "TxDefaultProfile", schedule([(0, 10)]))
    answer = bench.ask("GetCompositeSchedule", connectorId=1, duration=2**31 - 1)
    assert isinstance(answer, dict)
    assert answer["chargingSchedule"]["duration"] == 31_536_000


def test_p_67_what_changes_often_and_shows_nothing_costs_no_more_than_it_may(bench: Bench) -> None:
    steps = schedule([(n, 10) for n in range(100)])
    daily: dict[str, Any] = {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}
    install(bench, 1, "TxDefaultProfile", steps, **daily)
    answer = bench.ask("GetCompositeSchedule", connectorId=1, duration=31_536_000)
    assert isinstance(answer, dict)
    told = answer["chargingSchedule"]
    assert told["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 10, "numberPhases": 3}]
    assert told["duration"] == 50 * 86_400  # 5,000 moments


@pytest.mark.conformance("W-28", "P-44", "P-45")
def test_w_28_a_one_phase_car_is_not_let_above_its_amperes_and_six_amperes_do_not_pause_it(bench: Bench) -> None:
    bench.see(current_a=(31.0, 0.0, 0.0))
    install(bench, 1, "TxProfile", schedule([(0, 16)]))
    # The charger divides by three whatever the car uses: 3 x 16 A x 230 V = 11,040 W is 16 A on its one phase.
    assert bench.commanded_w(1) == 11_000
    install(bench, 1, "TxProfile", schedule([(0, 6)]))
    # 6 A x 3 x 230 V = 4,140 W; the charger's minimum, 4,200 W, lies within the tolerance of 60 W.
    assert bench.commanded_w(1) == 4_200
