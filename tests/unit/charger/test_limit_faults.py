"""Entries of the fault catalogue about profiles that are odd, too high, or not there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ocpp_gateway.charger.events import Command, CommandKind
from ocpp_gateway.charger.why import why
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import SETTINGS, Bench
from unit.charger.test_limits import charging, limited, profile

SMALL = replace(SETTINGS, max_power_w=11_000, connector_max_power_w=None)


def refused(bench: Bench, *periods: tuple[int, Any], connector_id: int = 1, **more: Any) -> bool:
    answer = bench.ask("SetChargingProfile", connectorId=connector_id, csChargingProfiles=profile(*periods, **more))
    return answer in ({"status": "Rejected"}, "PropertyConstraintViolation")


@pytest.mark.conformance("P-48")
@pytest.mark.parametrize(("unit", "limit"), [("W", 22_000), ("A", 32)])
def test_fault_s_02_a_profile_above_the_installation_is_kept_shown_and_never_written(unit: str, limit: float) -> None:
    bench = charging(SMALL)
    limited(bench, 1, (0, limit), unit=unit)
    limited(bench, 0, (0, limit), unit=unit, purpose="ChargePointMaxProfile", profile_id=2)
    assert len(bench.shelf.stored.profiles) == 2
    written = [e.value for e in bench.effects if isinstance(e, Command)]
    assert max(written) <= 11_000
    answer = why(bench.core.point, 0, bench.now)
    assert (answer["decided_by"], answer["limit_w"]) == ("installation", 11_000)
    (shown,) = [one for one in answer["sources"] if one["name"] == "charge_point_max_profile"]
    assert (shown["limit"], shown["limit_unit"]) == (limit, unit)


@pytest.mark.conformance("P-35")
def test_fault_s_03_a_limit_of_0_is_a_pause_with_the_transaction_open() -> None:
    bench = limited(charging(), 1, (0, 0))
    assert bench.commanded_w() == 0
    bench.see(status=Status.SUSPENDED_EV)
    assert bench.statuses()[-1] == "SuspendedEVSE"
    bench.poll(3600)
    assert (bench.stops(), bench.connector().transaction is not None) == ([], True)


@pytest.mark.parametrize(
    ("limit", "unit", "written_w"),
    [
        pytest.param(-0.0, "W", 0, id="-0.0 is 0"),
        pytest.param(0.1, "W", 0, id="0.1 W"),
        pytest.param(99.9, "W", 0, id="99.9 W"),
        pytest.param(32, "A", 22_000, id="32 A is 22,080 W"),
        pytest.param(21.4, "A", 14_700, id="21.4 A is 14,766 W"),
        pytest.param(5.9, "A", 4_000, id="below 6 A the floor is written"),
    ],
)
def test_fault_s_04_odd_limits_are_rounded_down(limit: float, unit: str, written_w: int) -> None:
    assert limited(charging(), 1, (0, limit), unit=unit).commanded_w() == written_w


@pytest.mark.conformance("P-48")
@pytest.mark.parametrize(
    ("limit", "unit"),
    [
        pytest.param(-1, "W", id="negative"),
        pytest.param(-0.1, "A", id="a little negative"),
        pytest.param(float("nan"), "W", id="NaN"),
        pytest.param(float("inf"), "A", id="infinite"),
        pytest.param(1e30, "W", id="1e30 W"),
        pytest.param(7_000_000, "W", id="7 MW"),
        pytest.param(6_553_600, "W", id="65,536 steps"),
        pytest.param(9_498, "A", id="more than 65,535 steps in A"),
    ],
)
def test_fault_s_05_what_no_register_holds_is_rejected(limit: float, unit: str) -> None:
    bench = charging()
    assert refused(bench, (0, limit), unit=unit)
    assert refused(bench, (0, 6), (60, limit), unit=unit)
    assert (bench.core.point.profiles, bench.commanded_w()) == ([], 22_000)


@pytest.mark.conformance("P-48")
@pytest.mark.parametrize(("limit", "unit"), [(6_553_500, "W"), (9_497, "A")])
def test_fault_s_05_the_highest_limit_is_taken_and_capped(limit: float, unit: str) -> None:
    assert limited(charging(), 1, (0, limit), unit=unit).commanded_w() == 22_000


@pytest.mark.parametrize("value", [True, False, -1, 6_000.0, float("nan"), 6_553_501, "6000", None])
def test_fault_s_05_nothing_but_whole_watts_is_ever_commanded(value: Any) -> None:
    with pytest.raises(ValueError, match="no limit in W"):
        Command(CommandKind.LIMIT, 1, value)


@pytest.mark.conformance("P-34")
def test_fault_s_06_a_gap_is_filled_by_the_next_source_and_never_unlimited() -> None:
    bench = charging(replace(SETTINGS, connector_max_power_w=8_000))
    for level, duration_s, limit_w in ((1, 60, 5_000), (0, 120, 6_000)):
        told = profile((0, limit_w), profile_id=level + 1, stackLevel=level)
        told["chargingSchedule"]["duration"] = duration_s + int(bench.now.monotonic_s - 1000.0)
        assert bench.ask("SetChargingProfile", connectorId=1, csChargingProfiles=told) == {"status": "Accepted"}
    seen = []
    for _ in range(3):
        seen.append(bench.commanded_w())
        bench.wait(60)
    assert seen == [5_000, 6_000, 8_000]


def test_fault_s_06_a_first_period_that_starts_late_is_rejected() -> None:
    assert refused(charging(), (60, 5_000))


@pytest.mark.parametrize(
    ("connector_id", "more"),
    [
        pytest.param(1, {"transactionId": 4711}, id="another transaction"),
        pytest.param(2, {}, id="no transaction there"),
        pytest.param(0, {}, id="connector 0"),
        pytest.param(9, {}, id="no such connector"),
    ],
)
def test_fault_s_07_a_tx_profile_without_its_transaction_is_rejected(connector_id: int, more: dict[str, Any]) -> None:
    bench = charging()
    told = profile((0, 5_000), purpose="TxProfile") | more
    answer = bench.ask("SetChargingProfile", connectorId=connector_id, csChargingProfiles=told)
    assert answer in ({"status": "Rejected"}, "PropertyConstraintViolation")
    assert bench.commanded_w() == 22_000


def test_fault_s_07_a_tx_profile_for_a_transaction_that_ended_is_rejected() -> None:
    bench = charging()
    bench.leave()
    assert refused(bench, (0, 5_000), purpose="TxProfile")
