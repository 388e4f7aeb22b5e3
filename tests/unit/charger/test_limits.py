"""What is commanded: the lowest limit in force, closed gates, the order of writes, and the edges of time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ocpp_gateway.charger.events import Command, CommandConfirmed, CommandKind, CommandRefused, LinkUp
from ocpp_gateway.charger.state import AuthorizationMode
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import DUO, NINE, SETTINGS, Bench, mode

CENTRAL, FREE = AuthorizationMode.CENTRAL_SYSTEM, AuthorizationMode.FREE


def profile(
    *periods: tuple[int, float],
    purpose: str = "TxDefaultProfile",
    unit: str = "W",
    kind: str = "Absolute",
    start: str | None = "2026-11-22T09:00:00Z",
    profile_id: int = 1,
    **more: Any,
) -> dict[str, Any]:
    """csChargingProfiles of (startPeriod, limit) pairs; the schedule starts when the bench does."""
    schedule: dict[str, Any] = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": at_s, "limit": limit} for at_s, limit in periods],
    }
    if start is not None:
        schedule["startSchedule"] = start
    return {
        "chargingProfileId": profile_id,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
        **more,
    }


def limited(bench: Bench, connector_id: int, *periods: tuple[int, float], **more: Any) -> Bench:
    answer = bench.ask("SetChargingProfile", connectorId=connector_id, csChargingProfiles=profile(*periods, **more))
    assert answer == {"status": "Accepted"}
    return bench


def charging(settings: Any = SETTINGS) -> Bench:
    bench = Bench(settings).linked().online().charging()
    bench.deliver()
    return bench


# ---------------------------------------------------------------- without a profile


@pytest.mark.parametrize(
    ("authorization_mode", "idle_w"),
    [(AuthorizationMode.CHARGER, 22_000), (CENTRAL, 0), (FREE, 22_000)],
    ids=["the charger decides", "the central system decides", "everyone"],
)
def test_a_01_an_idle_connector_is_held_only_where_a_yes_is_needed(
    authorization_mode: AuthorizationMode, idle_w: int
) -> None:
    bench = Bench(mode(authorization_mode)).linked()
    assert bench.commanded_w(1) == bench.commanded_w(2) == idle_w
    assert bench.commanded_w(0) == 44_000


def test_p_34_without_a_profile_the_operator_s_maximum_holds() -> None:
    bench = charging(replace(SETTINGS, max_power_w=30_050, connector_max_power_w=11_090))
    assert (bench.commanded_w(0), bench.commanded_w(1)) == (30_000, 11_000)


def test_p_34_connectors_share_what_the_station_may_have() -> None:
    bench = charging(replace(SETTINGS, max_power_w=30_000)).charging(2)
    assert (bench.commanded_w(1), bench.commanded_w(2)) == (15_000, 15_000)


def test_x_12_the_limit_stays_0_after_our_stop_until_the_car_leaves() -> None:
    bench = charging()
    bench.ask("RemoteStopTransaction", transactionId=7)
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.poll(600)
    assert bench.commanded_w() == 0
    bench.leave()
    assert bench.commanded_w() == 22_000


@pytest.mark.parametrize("polls", [1, 2, 3])
def test_a_gate_does_not_reopen_on_a_glitch(polls: int) -> None:
    bench = charging()
    bench.ask("RemoteStopTransaction", transactionId=7)
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.see(status=Status.AVAILABLE)
    bench.poll(polls - 1)
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.poll(60)
    assert bench.commanded_w() == 0


def test_a_gate_does_not_reopen_on_two_glitches_around_a_fault() -> None:
    bench = charging()
    bench.ask("RemoteStopTransaction", transactionId=7)
    bench.see(status=Status.AVAILABLE)
    bench.see(status=Status.FAULTED)
    bench.poll(30)
    bench.see(status=Status.AVAILABLE)
    assert bench.commanded_w() == 0


def test_a_gate_does_not_reopen_while_a_reconnected_charger_settles() -> None:
    bench = charging()
    bench.ask("RemoteStopTransaction", transactionId=7)
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.cut().wait(30)
    bench.give(LinkUp(DUO))
    bench.see(status=Status.AVAILABLE)
    bench.poll(7)
    assert bench.commanded_w() == 0
    bench.poll(8)
    assert bench.commanded_w() == 22_000


def test_a_gate_closed_by_us_is_closed_after_a_kill() -> None:
    bench = charging()
    bench.ask("RemoteStopTransaction", transactionId=7)
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.killed_and_restarted().linked()
    assert bench.commanded_w() == 0
    bench.leave()
    assert bench.commanded_w() == 22_000


def test_a_gate_closed_by_us_reopens_when_the_car_left_during_a_kill() -> None:
    bench = charging()
    bench.ask("RemoteStopTransaction", transactionId=7)
    bench.killed_and_restarted().unseen(status=Status.AVAILABLE)
    bench.linked()
    assert bench.commanded_w() == 22_000


def test_a_card_refused_before_its_car_came_holds_the_connector_until_its_time_is_over() -> None:
    bench = Bench(ConnectionTimeOut="60").linked().online()
    bench.card("BAD")
    bench.authorize("Invalid")
    bench.card(None)
    bench.poll(50)
    assert bench.commanded_w() == 0
    bench.poll(20)
    assert bench.commanded_w() == 22_000


# ---------------------------------------------------------------- profiles


def test_p_28_the_lowest_limit_counts() -> None:
    bench = limited(charging().charging(2), 1, (0, 8_000))
    limited(bench, 0, (0, 10_000), purpose="ChargePointMaxProfile", profile_id=2)
    assert bench.commanded_w(0) == 10_000
    assert bench.commanded_w(1) == 5_000  # half of the station's
    assert bench.commanded_w(2) == 5_000


def test_p_27_a_tx_profile_overrules_the_default_while_its_transaction_runs() -> None:
    bench = limited(charging(), 1, (0, 8_000))
    limited(bench, 1, (0, 12_000), purpose="TxProfile", profile_id=2)
    assert bench.commanded_w() == 12_000
    bench.leave()
    assert bench.commanded_w() == 8_000  # p-31: gone with its transaction


def test_p_02_a_connector_s_own_default_replaces_that_of_all() -> None:
    bench = limited(charging(), 0, (0, 8_000))
    limited(bench, 1, (0, 12_000), profile_id=2)
    assert (bench.commanded_w(1), bench.commanded_w(2)) == (12_000, 8_000)


@pytest.mark.parametrize(
    ("limit", "unit", "written_w"),
    [
        pytest.param(16, "A", 11_000, id="v-8 16 A x 3 x 230 V = 11,040 W"),
        pytest.param(6, "A", 4_200, id="p-44 4,140 W is within the tolerance of the minimum"),
        pytest.param(5.9, "A", 4_000, id="p-43 4,071 W is not"),
        pytest.param(0, "A", 0, id="p-35 0 is a pause"),
        pytest.param(0.4, "A", 200, id="v-8 276 W"),
        pytest.param(8_050, "W", 8_000, id="p-43 rounded down"),
        pytest.param(99_999, "W", 22_000, id="p-48 capped"),
    ],
)
def test_p_43_a_limit_becomes_the_steps_that_fit_into_it(limit: float, unit: str, written_w: int) -> None:
    assert limited(charging(), 1, (0, limit), unit=unit).commanded_w() == written_w


def test_p_45_amperes_count_for_the_phases_in_use() -> None:
    bench = limited(charging(), 1, (0, 16), unit="A")
    bench.see(current_a=(16.0, 0.0, 0.0))
    assert bench.commanded_w() == 11_000  # the charger divides by three: 16 A on the phase in use


def test_p_35_a_pause_keeps_the_transaction_and_ends_with_the_limit_valid_then() -> None:
    bench = limited(charging(), 1, (0, 11_000), (60, 0), (120, 6_000))
    bench.wait(60)
    assert bench.commanded_w() == 0
    bench.see(status=Status.SUSPENDED_EVSE)
    assert bench.statuses()[-1] == "SuspendedEVSE"
    bench.wait(60)
    assert bench.commanded_w() == 6_000
    assert bench.stops() == []


def test_p_33_profiles_go_on_while_the_central_system_is_away() -> None:
    bench = limited(charging(), 1, (0, 11_000), (120, 6_000)).offline()
    bench.wait(120)
    assert bench.commanded_w() == 6_000


def test_p_32_profiles_outlive_a_kill() -> None:
    bench = limited(charging(), 0, (0, 8_000), purpose="ChargePointMaxProfile").killed_and_restarted().linked()
    assert bench.commanded_w(0) == 8_000


def test_a_period_that_ended_while_the_charger_was_away_is_not_waited_for() -> None:
    bench = limited(charging(), 1, (0, 11_000), (60, 6_000)).cut()
    bench.wait(3600)  # a deadline in the past would be reached again and again
    assert bench.core.next_deadline_s is None or bench.core.next_deadline_s > bench.now.monotonic_s
    bench.linked()
    assert bench.commanded_w() == 6_000


def test_a_read_only_charge_point_waits_for_no_period_and_commands_nothing() -> None:
    bench = limited(charging(), 1, (0, 11_000), (60, 6_000))
    bench.settings = replace(SETTINGS, read_only=True)
    bench.killed_and_restarted()
    commanded = len([e for e in bench.effects if isinstance(e, Command)])
    bench.linked().wait(120)
    assert len([e for e in bench.effects if isinstance(e, Command)]) == commanded


# ---------------------------------------------------------------- without a clock (P-36)


def test_p_36_without_a_clock_the_lowest_limit_of_a_profile_counts() -> None:
    bench = Bench().forget_the_time().linked().online()
    limited(bench, 1, (0, 16_000), (60, 6_000), (120, 12_000))
    assert bench.commanded_w() == 6_000


def test_p_36_the_lowest_is_found_across_units() -> None:
    bench = Bench().forget_the_time().linked().online()
    limited(bench, 0, (0, 10), purpose="ChargePointMaxProfile", unit="A")  # 6,900 W
    limited(bench, 1, (0, 10), unit="A", profile_id=2)
    limited(bench, 0, (0, 7_000), profile_id=3)
    assert bench.commanded_w(0) == 6_900
    assert bench.commanded_w(1) == 6_900  # two cars could not charge with half of it


def test_p_36_the_lowest_is_what_means_least_at_this_charger() -> None:
    bench = Bench().forget_the_time().linked().online()
    one_phase = profile((0, 10), unit="A", profile_id=2, stackLevel=1)  # 6,900 W: it is divided by three
    one_phase["chargingSchedule"]["chargingSchedulePeriod"][0]["numberPhases"] = 1
    bench.ask("SetChargingProfile", connectorId=1, csChargingProfiles=one_phase)
    limited(bench, 1, (0, 5_000))
    assert bench.commanded_w(1) == 5_000


def test_p_36_a_relative_profile_accepted_without_a_clock_holds_when_the_time_is_known() -> None:
    bench = Bench().forget_the_time().linked().online()
    limited(bench, 0, (0, 8_000), (60, 12_000), purpose="ChargePointMaxProfile", kind="Relative", start=None)
    bench.wait(10)
    bench.learn_the_time(NINE)
    assert bench.commanded_w(0) == 8_000
    bench.wait(49)
    assert bench.commanded_w(0) == 8_000
    bench.wait(1)
    assert bench.commanded_w(0) == 12_000


def test_p_36_a_relative_profile_from_a_boot_whose_time_nobody_ever_knew_holds_its_lowest_limit() -> None:
    bench = Bench().forget_the_time().linked().online()
    limited(bench, 0, (0, 8_000), (60, 6_000), purpose="ChargePointMaxProfile", kind="Relative", start=None)
    bench.now = replace(bench.now, utc=NINE, boot_id="the next boot")
    bench.killed_and_restarted().linked()
    assert bench.commanded_w(0) == 6_000


def test_p_36_what_counts_from_a_transaction_s_start_holds_its_lowest_limit_when_that_is_unknown() -> None:
    bench = Bench().forget_the_time().linked().online().charging()
    limited(bench, 1, (0, 8_000), (600, 6_000), kind="Relative", start=None)
    bench.now = replace(bench.now, utc=NINE, boot_id="the next boot")
    bench.killed_and_restarted().linked()
    assert bench.connector().transaction is not None
    assert bench.commanded_w(1) == 6_000


def test_p_66_a_relative_default_counts_from_each_transaction_anew() -> None:
    bench = Bench().linked().online()
    limited(bench, 1, (0, 8_000), (60, 6_000), kind="Relative", start=None)
    bench.wait(600)
    assert bench.commanded_w() == 8_000
    bench.charging()
    bench.wait(60)
    assert bench.commanded_w() == 6_000


# ---------------------------------------------------------------- the order of writes, and writes that fail


def commanded(effects: list[Any]) -> list[tuple[int, int]]:
    return [(e.connector_id, e.value) for e in effects if isinstance(e, Command)]


def test_p_50_decreases_come_before_the_station_and_increases_after_it() -> None:
    bench = limited(charging(), 1, (0, 4_500))
    limited(bench, 0, (0, 10_000), purpose="ChargePointMaxProfile", profile_id=2)
    assert commanded(bench.effects)[-2:] == [(2, 5_500), (0, 10_000)]  # what connector 1 leaves over is 2's
    assert bench.ask("ClearChargingProfile", id=2) == {"status": "Accepted"}
    assert commanded(bench.effects)[-2:] == [(0, 44_000), (2, 22_000)]


def test_p_50_after_a_connect_lower_limits_are_written_first() -> None:
    bench = limited(charging(), 1, (0, 4_500))
    bench.cut().wait(5)
    effects = bench.give(LinkUp(DUO))
    assert commanded(effects) == [(1, 4_500), (2, 22_000), (0, 44_000)]


def test_p_54_a_refused_limit_is_commanded_again_after_a_while() -> None:
    bench = limited(charging(), 1, (0, 8_000))
    bench.give(CommandRefused(CommandKind.LIMIT, 1, 8_000, "exception 6"))
    assert bench.commanded_w(1) == 0
    bench.give(CommandConfirmed(CommandKind.LIMIT, 1, 0))
    bench.wait(9)
    assert bench.commanded_w(1) == 0
    bench.wait(1)
    assert bench.commanded_w(1) == 8_000


def test_p_54_a_refused_station_limit_is_commanded_again_after_a_while() -> None:
    bench = charging()
    bench.give(CommandRefused(CommandKind.LIMIT, 0, 44_000, "exception 6"))
    assert commanded(bench.poll(8)) == []
    assert commanded(bench.poll(4)) == [(0, 44_000)]


@pytest.mark.parametrize("connector_id", [0, 1])
def test_a_refusal_of_what_is_no_longer_wanted_changes_nothing(connector_id: int) -> None:
    bench = charging()
    bench.give(CommandRefused(CommandKind.LIMIT, connector_id, 123, "late"))
    assert commanded(bench.poll(20)) == []


def test_a_confirmed_limit_is_not_commanded_again() -> None:
    bench = limited(charging(), 1, (0, 8_000))
    assert bench.give(CommandConfirmed(CommandKind.LIMIT, 1, 8_000)) == []
    assert commanded(bench.poll(20)) == []


def test_a_period_ends_by_itself() -> None:
    bench = limited(charging(), 1, (0, 8_000), (600, 6_000))
    due_s = bench.core.next_deadline_s
    assert due_s is not None
    bench.wait((NINE + timedelta(seconds=600) - _utc(bench)).total_seconds())
    assert bench.commanded_w() == 6_000


def _utc(bench: Bench) -> Any:
    assert bench.now.utc is not None
    return bench.now.utc


def test_p_49_power_offered_is_what_is_commanded() -> None:
    bench = limited(charging(), 1, (0, 8_050))
    bench.charge(wh=100, seconds=60)
    values = bench.queued("MeterValues")[-1]["meterValue"][0]["sampledValue"]
    assert {v["measurand"]: v["value"] for v in values}["Power.Offered"] == "8000"


def test_a_station_limit_that_was_refused_holds_back_no_lower_one() -> None:
    bench = Bench().online().linked()
    refused = bench.commanded_w(0)
    assert refused is not None
    bench.give(CommandRefused(CommandKind.LIMIT, 0, refused, "busy"))
    lower = profile((0, 10_000), purpose="ChargePointMaxProfile")
    assert bench.ask("SetChargingProfile", connectorId=0, csChargingProfiles=lower) == {"status": "Accepted"}
    assert bench.commanded_w(0) == 10_000
