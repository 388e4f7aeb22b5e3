"""GetCompositeSchedule against the vectors of the research (EVerest, OCTT), and the traps about limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ocpp_gateway.charger.state import AuthorizationMode
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import REGISTER, SETTINGS, Bench, mode

HARDWARE_A = 31.8  # 22 kW / 3 / 230 V, cut to a decimal

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
    bench = Bench(mode(AuthorizationMode.CENTRAL_SYSTEM)).online().linked()
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


def test_p_28_vector_1_the_lowest_of_the_purposes_counts_and_tx_overrules_the_default(bench: Bench) -> None:
    install(bench, 1, "ChargePointMaxProfile", schedule([(0, 10)], duration=86_400), connector_id=0)
    default = [(0, 6), (60, 10), (120, 8), (180, 25), (260, 8)]
    install(bench, 2, "TxDefaultProfile", schedule(default, duration=300))
    install(bench, 3, "TxProfile", schedule([(0, 8), (50, 11), (140, 16), (200, 6), (240, 12)], duration=240))
    assert composite(bench, 400) == [(0, 8), (50, 10), (200, 6), (240, 10), (260, 8), (300, 10)]


def test_vector_2_a_default_profile_alone_is_its_own_composite(bench: Bench) -> None:
    install(bench, 1, "TxDefaultProfile", schedule([(0, 6), (60, 10), (120, 8)], duration=300))
    assert composite(bench, 300) == [(0, 6), (60, 10), (120, 8)]


@pytest.mark.conformance("W-24")
def test_p_65_vector_3_time_without_a_profile_tells_the_hardware_s_maximum(bench: Bench) -> None:
    install(bench, 1, "TxProfile", schedule([(0, 6), (60, 10), (120, 8)], duration=260))
    assert composite(bench, 300) == [(0, 6), (60, 10), (120, 8), (260, HARDWARE_A)]


def test_p_25_vector_4_after_the_higher_level_s_duration_the_lower_one_holds(bench: Bench) -> None:
    lower = [(0, 6), (50, 5), (100, 8), (200, 10)]
    install(bench, 1, "TxDefaultProfile", schedule(lower, duration=400))
    install(bench, 2, "TxDefaultProfile", schedule([(0, 7), (100, 9)], duration=150), level=1)
    assert composite(bench, 550) == [(0, 7), (100, 9), (150, 8), (200, 10), (400, HARDWARE_A)]


def test_p_24_vector_4b_a_recurring_profile_begins_anew_each_day(bench: Bench) -> None:
    daily: dict[str, Any] = {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}
    install(bench, 1, "TxDefaultProfile", schedule([(0, 14), (5000, 16), (15_000, 20)]), **daily)
    upper = schedule([(0, 10), (10_000, 22), (20_000, 6)], duration=86_400)
    install(bench, 2, "TxDefaultProfile", upper, level=1, **daily)
    assert composite(bench, 172_800) == [
        (0, 10),
        (10_000, 22),
        (20_000, 6),
        (86_400, 10),
        (96_400, 22),
        (106_400, 6),
    ]


def test_p_02_profiles_of_the_station_and_of_a_connector_are_one_stack() -> None:
    bench = Bench(mode(AuthorizationMode.CENTRAL_SYSTEM)).online().linked()
    relative: dict[str, Any] = {"chargingProfileKind": "Relative"}
    install(bench, 1, "TxDefaultProfile", schedule([(0, 16), (100, 20)], start=False), **relative)
    above = schedule([(0, 10), (50, 6)], duration=200, start=False)
    install(bench, 2, "TxDefaultProfile", above, connector_id=0, level=1, **relative)
    assert composite(bench, 300) == [(0, 10), (50, 6), (200, 20)]


def test_p_70_vector_5_a_cleared_profile_is_gone_from_the_composite_at_once(bench: Bench) -> None:
    install(bench, 1, "TxDefaultProfile", schedule([(0, 6), (60, 8), (200, 10)]), level=1)
    assert composite(bench, 100) == [(0, 6), (60, 8)]
    assert bench.ask("ClearChargingProfile", stackLevel=1, chargingProfilePurpose="TxProfile") == {"status": "Unknown"}
    assert bench.ask("ClearChargingProfile", stackLevel=1) == {"status": "Accepted"}
    assert composite(bench, 100) == [(0, HARDWARE_A)]


def test_p_68_amperes_are_told_in_watts_when_watts_are_asked_for(bench: Bench) -> None:
    install(bench, 1, "TxProfile", schedule([(0, 16)]))
    assert composite(bench, 60, chargingRateUnit="W") == [(0, 11_040)]  # 16 A x 3 x 230 V


def test_p_60_a_connector_that_does_not_exist_has_no_schedule(bench: Bench) -> None:
    assert bench.ask("GetCompositeSchedule", connectorId=3, duration=60) == {"status": "Rejected"}


@pytest.mark.conformance("W-28")
def test_w_28_a_one_phase_car_is_not_let_above_its_amperes_and_six_amperes_do_not_pause_it(bench: Bench) -> None:
    bench.see(current_a=(31.0, 0.0, 0.0))
    install(bench, 1, "TxProfile", schedule([(0, 16)]))
    # The charger divides by three whatever the car uses: 3 x 16 A x 230 V = 11,040 W is 16 A on its one phase.
    assert bench.commanded_w(1) == 11_000
    install(bench, 1, "TxProfile", schedule([(0, 6)]))
    # 6 A x 3 x 230 V = 4,140 W; the charger's minimum, 4,200 W, lies within the tolerance of 60 W.
    assert bench.commanded_w(1) == 4_200


def test_vector_8_without_a_tolerance_limits_are_only_ever_rounded_down() -> None:
    strict = replace(SETTINGS, power_register=replace(REGISTER, tolerance_w=0))
    bench = Bench(strict).online().linked()
    for limit_a, steps in ((16, 110), (6, 41), (0.4, 2), (0, 0)):
        install(bench, 1, "TxDefaultProfile", schedule([(0, limit_a)]))
        assert bench.commanded_w(1) == steps * 100
