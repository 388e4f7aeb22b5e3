"""A phase that carries more than its limit: what is written is lowered until it does not, and the operator is told."""

from __future__ import annotations

from typing import Any

import pytest

from ocpp_gateway.charger.events import Alarm, CommandConfirmed, CommandKind
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import Bench
from unit.charger.test_limits import limited
from unit.charger.test_register_watch import Watched

pytestmark = pytest.mark.conformance("P-45")


def one_phase_car(ampere: float, *, limit_a: float = 16) -> Bench:
    """It charges on one phase under a profile in A, and its current does not follow what is written."""
    bench = Bench()
    bench.obeys = True
    bench.linked().online().charging()
    bench.deliver()
    limited(bench, 1, (0, limit_a), unit="A")
    bench.poll(40)
    draw(bench, ampere)
    return bench


def draw(bench: Bench, ampere: float) -> None:
    bench.unseen(1, current_a=(ampere, 0.0, 0.0), status=Status.CHARGING, charging_s=None)  # nobody counts seconds


def told(bench: Bench) -> list[dict[str, Any]]:
    return [e.fields for e in bench.effects if isinstance(e, Alarm) and e.event == "current_above_limit"]


def test_a_current_above_its_limit_for_10_s_lowers_what_is_written() -> None:
    bench = one_phase_car(32.0)
    bench.poll(10)
    assert bench.commanded_w() == 11_000
    bench.poll(1)
    assert bench.commanded_w() == 5_400  # 11,000 W x 15.9 A / 32 A
    assert told(bench) == [{"connector_id": 1, "current_a": 32.0, "limit_a": 15.9, "power_w": 5_400}]


def test_it_waits_30_s_for_the_charger_to_follow_before_it_lowers_again() -> None:
    bench = one_phase_car(32.0)
    bench.poll(40)
    assert bench.commanded_w() == 5_400
    draw(bench, 23.5)
    bench.poll(1)
    assert bench.commanded_w() == 3_600
    draw(bench, 15.9)
    bench.poll(600)
    assert bench.commanded_w() == 3_600
    assert len(told(bench)) == 1


def test_a_lower_limit_that_the_charger_has_not_acted_on_yet_is_no_offence() -> None:
    bench = one_phase_car(16.0)
    bench.ask("ClearChargingProfile", id=1)
    limited(bench, 1, (0, 10), unit="A")
    bench.poll(29)
    assert bench.commanded_w() == 6_900
    draw(bench, 10.0)
    bench.poll(60)
    assert (bench.commanded_w(), told(bench)) == (6_900, [])


@pytest.mark.parametrize("ampere", [15.9, 16.0, 16.9])
def test_what_pilot_and_meter_may_be_off_by_is_no_offence(ampere: float) -> None:
    bench = one_phase_car(ampere)
    bench.poll(120)
    assert (bench.commanded_w(), told(bench)) == (11_000, [])


def test_a_peak_shorter_than_10_s_is_no_offence() -> None:
    bench = one_phase_car(32.0)
    for _ in range(5):
        draw(bench, 32.0)
        bench.poll(9)
        draw(bench, 16.0)
        bench.poll(1)
    assert told(bench) == []


def test_a_limit_in_w_is_a_third_on_each_phase() -> None:
    bench = Bench()
    bench.obeys = True
    limited(bench.linked().online().charging(), 1, (0, 11_000))
    bench.poll(40)
    draw(bench, 32.0)
    bench.poll(11)
    assert bench.commanded_w() == 5_400


def test_a_lower_limit_is_lowered_by_as_much_at_once() -> None:
    bench = one_phase_car(32.0)
    bench.poll(11)
    draw(bench, 15.0)
    bench.ask("ClearChargingProfile", id=1)
    limited(bench, 1, (0, 8), unit="A")
    assert bench.commanded_w() == 2_700  # half of it, as before


def test_the_guard_ends_with_the_transaction_and_that_is_told() -> None:
    bench = one_phase_car(32.0)
    bench.poll(11)
    bench.leave()
    assert bench.commanded_w() == 11_000
    assert "current_above_limit_cleared" in bench.alarms()


def test_while_the_current_is_well_below_what_is_written_rises_step_by_step() -> None:
    bench = one_phase_car(32.0)
    bench.poll(11)
    draw(bench, 8.0)
    bench.poll(299)
    assert bench.commanded_w() == 5_400
    bench.poll(2)
    assert bench.commanded_w() == 6_000  # 1 A a phase more
    bench.poll(300)
    assert bench.commanded_w() == 6_700
    bench.poll(3_000)
    assert bench.commanded_w() == 11_000
    assert "current_above_limit_cleared" in bench.alarms()


def paused_by_the_guard() -> Bench:
    """A car that went on with 32 A whatever was written, until it was paused."""
    bench = one_phase_car(32.0)
    bench.poll(11 + 31 + 31 + 31)
    assert (bench.commanded_w() or 0) < 1_400
    draw(bench, 0.0)
    return bench


def test_a_car_that_went_on_until_it_was_paused_gets_another_chance_with_a_higher_limit() -> None:
    bench = paused_by_the_guard()
    bench.poll(600)
    assert (bench.commanded_w() or 0) < 1_400
    bench.ask("ClearChargingProfile", id=1)
    bench.poll(1)
    assert bench.commanded_w() == 22_000


def test_a_car_that_went_on_until_it_was_paused_may_try_its_minimum_every_15_minutes() -> None:
    bench = paused_by_the_guard()
    for _ in range(3):
        bench.poll(880)
        assert (bench.commanded_w() or 0) < 4_200
        bench.poll(30)
        assert bench.commanded_w() == 4_200
        draw(bench, 32.0)  # it has not learned
        bench.poll(12)
        assert (bench.commanded_w() or 0) < 4_200
        draw(bench, 0.0)
    bench.poll(910)
    draw(bench, 5.0)  # it has
    bench.poll(3_600)
    assert bench.commanded_w() == 11_000
    assert bench.alarms().count("current_above_limit") == 1
    assert bench.alarms()[-1] == "current_above_limit_cleared"


def test_fault_s_14_a_car_that_draws_what_another_master_wrote_is_not_to_blame() -> None:
    bench = Watched()
    bench.linked().online().charging()
    limited(bench, 1, (0, 16), unit="A")
    bench.poll(40)
    draw(bench, 32.0)
    for _ in range(90):
        bench.held_w[1] = 22_000
        bench.poll(1)
    bench.poll(29)  # the last of his values may still act
    assert (bench.commanded_w(), told(bench)) == (11_000, [])
    bench.poll(12)
    assert told(bench) != []  # nobody wrote it since


def test_fault_s_14_currents_are_not_judged_before_ours_is_read_back_again() -> None:
    bench = one_phase_car(32.0)
    bench.obeys = False
    bench.unseen(1, power_limit_w=22_000)
    bench.poll(60)
    assert (bench.commanded_w(), told(bench)) == (11_000, [])
    bench.unseen(1, power_limit_w=11_000)
    bench.give(CommandConfirmed(CommandKind.LIMIT, 1, 11_000))
    bench.poll(28)
    assert told(bench) == []
    bench.poll(14)
    assert told(bench) != []


def test_p_47_phases_that_were_seen_are_remembered_in_a_pause() -> None:
    bench = Bench()
    bench.obeys = True
    bench.linked().online().charging()
    answer = bench.ask(
        "SetChargingProfile",
        connectorId=1,
        csChargingProfiles={
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 15, "numberPhases": 1}],
            },
        },
    )
    assert answer == {"status": "Accepted"}
    assert bench.commanded_w() == 10_300  # before current flows one phase is taken at its word
    bench.see(current_a=(15.0, 15.0, 15.0))
    assert bench.commanded_w() == 3_400  # 15 A in all
    bench.see(current_a=(0.0, 0.0, 0.0), status=Status.SUSPENDED_EVSE)
    assert bench.commanded_w() == 3_400
    bench.leave()
    assert bench.commanded_w() == 10_300


@pytest.mark.parametrize(
    ("limit", "unit", "written_w"),
    [(-0.0, "W", 0), (0.1, "W", 0), (99.9, "W", 0), (4_140, "W", 4_200), (32, "A", 22_000), (21.4, "A", 14_700)],
)
def test_fault_s_04_odd_limits_are_rounded_down(limit: float, unit: str, written_w: int) -> None:
    assert limited(Bench().linked().online().charging(), 1, (0, limit), unit=unit).commanded_w() == written_w


def test_fault_s_04_a_negative_limit_is_rejected() -> None:
    bench = Bench().linked().online().charging()
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": -1}]},
    }
    assert bench.ask("SetChargingProfile", connectorId=1, csChargingProfiles=profile) == {"status": "Rejected"}
    assert bench.commanded_w() == 22_000
