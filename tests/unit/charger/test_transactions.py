"""Transactions: their start, their end and its reason, gaps, kills, faults, and clocks that were not set."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ocpp_gateway.charger.events import ClockSet, Delivered, LinkUp
from ocpp_gateway.charger.records import MeterRecord, OutboxRecord, TransactionIdRecord, TransactionRecord
from ocpp_gateway.charger.state import AuthorizationMode
from ocpp_gateway.instant import format_utc
from ocpp_gateway.registers.snapshot import Tag
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import DUO, NINE, Bench, kept, mode, seconds_after

CENTRAL = AuthorizationMode.CENTRAL_SYSTEM


def charging(**configuration: str) -> Bench:
    """In a transaction since 19 s after nine, 5 kWh delivered in the twenty minutes after."""
    bench = Bench(**configuration).linked().online().charging()
    bench.deliver()
    bench.charge(wh=5_000, seconds=1200)
    return bench


def card(id_tag: str | None) -> Tag:
    return Tag(id_tag, unusable=False, read_s=0.0)


# ---------------------------------------------------------------- the start


def test_x_02_a_start_says_connector_card_meter_and_its_own_time() -> None:
    bench = Bench().linked().online()
    bench.see(2, status=Status.PREPARING)
    bench.card("CARD", 2)
    bench.charge(2)
    (start,) = bench.starts()
    assert start == {
        "connectorId": 2,
        "idTag": "CARD",
        "meterStart": 0,
        "timestamp": "2026-11-22T09:00:19.000Z",  # linked 15 s, plugged 1 s, the card 2 s, and the first charging
    }


def test_x_01_a_session_is_one_start_and_one_stop() -> None:
    bench = charging()
    bench.see(status=Status.SUSPENDED_EV)
    bench.charge(wh=100, seconds=60)
    bench.leave()
    bench.poll(60)
    assert bench.actions() == ["StartTransaction", "StopTransaction"]


@pytest.mark.parametrize(
    "evidence",
    [
        pytest.param({"status": Status.CHARGING}, id="the status"),
        pytest.param({"status": Status.SUSPENDED_EV, "charging_s": 1}, id="the seconds"),
        pytest.param({"status": Status.SUSPENDED_EV, "session_energy_wh": 100}, id="the energy"),
    ],
)
def test_any_evidence_of_charging_starts(evidence: dict[str, Any]) -> None:
    bench = Bench().linked().online()
    bench.see(status=Status.PREPARING)
    bench.see(**evidence)
    assert len(bench.starts()) == 1


@pytest.mark.parametrize("status", [Status.AVAILABLE, Status.FAULTED, Status.UNAVAILABLE, Status.RESERVED])
def test_s_19_counters_alone_start_nothing_without_a_car(status: Status) -> None:
    bench = Bench().linked().online()
    bench.see(status=status, charging_s=10, session_energy_wh=100)
    assert bench.starts() == []


def test_x_19_a_start_is_kept_whole_before_it_is_sent() -> None:
    bench = Bench().linked().online()
    bench.see(status=Status.PREPARING)
    effects = bench.charge()
    (transaction,) = kept(effects, TransactionRecord)
    (row,) = kept(effects, OutboxRecord)
    assert row.local_id == transaction.local_id
    assert transaction.serial_number == DUO.serial_number
    assert row.message_id != transaction.local_id


def test_x_13_a_pause_ends_nothing() -> None:
    bench = charging()
    for status in (Status.SUSPENDED_EV, Status.SUSPENDED_EVSE):
        bench.see(status=status)
        bench.poll(3600)
    assert bench.stops() == []


def test_x_09_a_car_that_never_draws_keeps_its_transaction() -> None:
    bench = Bench(mode(CENTRAL)).linked().online()
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.card("CARD")
    bench.authorize()
    bench.see(status=Status.PREPARING)
    bench.poll(600)
    assert bench.stops() == []
    assert bench.statuses()[-1] == "SuspendedEV"


def test_both_connectors_run_at_once_and_apart() -> None:
    bench = Bench().linked().online()
    bench.charging(1, id_tag="LEFT").charging(2, id_tag="RIGHT")
    bench.charge(1, wh=100, seconds=60)
    bench.charge(2, wh=300, seconds=60)
    bench.leave(1)
    assert [s["meterStop"] for s in bench.stops()] == [100]
    bench.leave(2)
    assert [s["meterStop"] for s in bench.stops()] == [100, 300]


# ---------------------------------------------------------------- the end


@pytest.mark.parametrize(
    ("shows", "reason", "id_tag"),
    [
        pytest.param({"status": Status.AVAILABLE}, "EVDisconnected", None, id="unplugged"),
        pytest.param({"status": Status.FINISHING}, None, "CARD", id="finished, its own card stands"),
        pytest.param({"status": Status.FINISHING, "tag": card(None)}, "Other", None, id="finished, no card"),
        pytest.param({"status": Status.FINISHING, "tag": card("OTHER")}, "Other", None, id="finished, another card"),
        pytest.param({"status": Status.PREPARING}, "Other", None, id="preparing again"),
        pytest.param({"status": Status.UNAVAILABLE}, "Other", None, id="unavailable"),
    ],
)
def test_x_16_an_end_must_stand_and_has_its_reason(
    shows: dict[str, Any], reason: str | None, id_tag: str | None
) -> None:
    bench = charging()
    seen_at = bench.now.plus(1).stamp()
    bench.see(**shows)
    bench.poll(2)
    assert bench.stops() == []
    bench.poll(2)
    (stop,) = bench.stops()
    assert stop["timestamp"] == seen_at  # when it was first seen
    assert (stop.get("reason"), stop.get("idTag")) == (reason, id_tag)
    assert stop["meterStop"] == 5_000


def test_x_16_two_slow_polls_are_enough() -> None:
    bench = charging()
    bench.see(status=Status.AVAILABLE, seconds=60)
    assert bench.stops() == []
    bench.poll(seconds=60)
    assert len(bench.stops()) == 1


@pytest.mark.parametrize("glitch", [Status.AVAILABLE, Status.FINISHING, Status.PREPARING, Status.UNAVAILABLE])
def test_x_16_a_return_to_charging_cancels_an_end(glitch: Status) -> None:
    bench = charging()
    for _ in range(3):
        bench.see(status=glitch)
        bench.poll()
        bench.see(status=Status.CHARGING)
    bench.poll(10)
    assert bench.stops() == []


def test_x_16_charging_seen_once_and_preparing_again_is_an_end() -> None:
    bench = Bench().linked().online()
    bench.charging()
    bench.see(status=Status.PREPARING)
    bench.poll(5)
    assert [s["reason"] for s in bench.stops()] == ["Other"]


def test_the_energy_of_a_stop_is_that_before_a_simultaneous_reset() -> None:
    bench = charging()
    bench.see(status=Status.AVAILABLE, session_energy_wh=0, charging_s=0)
    bench.poll(5)
    assert bench.stops()[0]["meterStop"] == 5_000


def test_the_last_step_of_energy_may_come_with_the_end() -> None:
    bench = charging()
    bench.see(status=Status.AVAILABLE, session_energy_wh=5_100, charging_s=1210, seconds=10)
    bench.poll(5)
    assert bench.stops()[0]["meterStop"] == 5_100


def test_x_20_a_connector_that_stays_finishing_is_stopped_once() -> None:
    bench = charging()
    bench.see(status=Status.FINISHING)
    bench.poll(3600)
    assert bench.actions() == ["StartTransaction", "StopTransaction"]


def test_x_18_a_fault_ends_a_transaction_after_five_minutes() -> None:
    bench = charging()
    bench.see(status=Status.FAULTED)
    bench.poll(299)
    assert bench.stops() == []
    bench.poll(2)
    assert [s["reason"] for s in bench.stops()] == ["Other"]


def test_x_18_a_fault_that_passes_ends_nothing() -> None:
    bench = charging()
    for _ in range(4):
        bench.see(status=Status.FAULTED)
        bench.poll(200)
        bench.see(status=Status.CHARGING)
    assert bench.stops() == []


def test_x_18_a_fault_while_an_end_was_awaited_starts_the_wait_anew() -> None:
    bench = charging()
    bench.see(status=Status.AVAILABLE)
    bench.see(status=Status.FAULTED)
    bench.poll(60)
    bench.see(status=Status.AVAILABLE)
    assert bench.stops() == []
    bench.poll(4)
    assert [s["reason"] for s in bench.stops()] == ["EVDisconnected"]


def test_x_18_the_fault_of_one_transaction_does_not_count_for_the_next() -> None:
    bench = Bench(mode(CENTRAL)).linked().online()
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.card("CARD")
    bench.authorize()
    bench.deliver()
    bench.see(status=Status.FAULTED)
    bench.ask("RemoteStopTransaction", transactionId=7)
    bench.poll(600)
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.card("OTHER")
    bench.authorize()
    bench.see(status=Status.FAULTED)
    bench.poll(60)
    assert len(bench.stops()) == 1


def test_r_24_rest_energy_after_our_stop_is_a_gap_before_the_next_start() -> None:
    bench = charging()
    bench.ask("RemoteStopTransaction", transactionId=7)
    bench.charge(wh=100, seconds=10)
    bench.leave()
    bench.see(status=Status.PREPARING, session_energy_wh=0, charging_s=0)
    bench.charging(id_tag="NEXT")
    assert bench.stops()[0]["meterStop"] == 5_000
    assert bench.starts()[1]["meterStart"] == 5_100


def test_r_24_a_charger_that_goes_on_after_our_stop_is_a_fault_after_30_s() -> None:
    bench = charging()
    bench.ask("RemoteStopTransaction", transactionId=7)
    bench.poll(29)
    assert bench.statuses()[-1] == "Finishing"
    bench.poll(4)
    assert bench.calls("StatusNotification")[-1]["vendorErrorCode"] == "UnauthorizedCharging"
    assert len(bench.starts()) == 1


def test_r_24_that_fault_is_over_when_a_new_card_opens_the_gate_again() -> None:
    bench = charging()
    bench.ask("RemoteStopTransaction", transactionId=7)
    bench.poll(40)
    assert bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP") == {"status": "Rejected"}  # it is faulted
    bench.card("NEXT")
    bench.authorize()
    bench.see(status=Status.SUSPENDED_EV)
    assert bench.statuses()[-1] == "Preparing"
    assert len(bench.starts()) == 1


# ---------------------------------------------------------------- gaps


def test_g_10_a_silent_charger_ends_nothing() -> None:
    bench = charging().cut()
    bench.wait(86_400)
    assert bench.stops() == []
    bench.unseen(session_energy_wh=10_000, charging_s=2400)
    bench.linked()
    assert (bench.stops(), len(bench.starts())) == ([], 1)
    assert bench.connector().meter.total_wh == 10_000


def test_a_link_lost_while_an_end_was_awaited_keeps_when_it_was_seen() -> None:
    bench = charging()
    seen_at = bench.now.plus(1).stamp()
    bench.see(status=Status.AVAILABLE)
    bench.cut().wait(300)
    bench.linked()
    (stop,) = bench.stops()
    assert (stop["timestamp"], stop["reason"]) == (seen_at, "EVDisconnected")


def test_a_link_lost_while_an_end_was_awaited_and_the_car_charges_ends_nothing() -> None:
    bench = charging()
    bench.see(status=Status.AVAILABLE)
    bench.cut().wait(300)
    bench.unseen(status=Status.CHARGING)
    bench.linked()
    assert bench.stops() == []


def test_in_the_first_10_s_after_a_reconnect_a_zero_proves_nothing() -> None:
    bench = charging().cut()
    bench.wait(30)
    bench.give(LinkUp(DUO))
    real = bench.registers[1]
    bench.see(status=Status.AVAILABLE, session_energy_wh=0, charging_s=0)  # the charger is starting
    bench.poll(7)
    bench.registers[1] = real
    bench.poll(30)
    assert bench.stops() == []
    assert bench.connector().meter.total_wh == 5_000


def test_what_is_seen_while_a_reconnected_charger_settles_is_no_poll_towards_an_end() -> None:
    bench = charging().cut()
    bench.wait(30)
    bench.give(LinkUp(DUO))
    bench.unseen(status=Status.AVAILABLE)
    bench.poll(seconds=5)
    bench.poll(seconds=6)
    assert bench.stops() == []
    bench.poll()
    assert [s["reason"] for s in bench.stops()] == ["EVDisconnected"]


def test_in_the_first_10_s_after_a_reconnect_an_energy_of_zero_is_no_new_segment() -> None:
    bench = charging().cut()
    bench.wait(30)
    bench.give(LinkUp(DUO))
    bench.see(session_energy_wh=0)
    bench.poll(7)
    bench.see(session_energy_wh=5_000)
    bench.poll(30)
    assert bench.connector().meter.total_wh == 5_000


def test_fault_k_09_a_transaction_begun_while_the_counters_were_those_of_the_session_before_survives_a_kill() -> None:
    bench = Bench().online().linked().charging(id_tag="FIRST")
    bench.charge(wh=2_300, seconds=520)
    bench.leave()
    bench.killed_and_restarted().online().give(LinkUp(DUO))
    bench.poll()
    bench.card("SECOND")
    bench.see(status=Status.CHARGING)  # the status was read after the car began, the counters before
    bench.see(session_energy_wh=0, charging_s=1)
    bench.charge(wh=200, seconds=5)
    bench.killed_and_restarted().online().linked()
    bench.charge(wh=100, seconds=15)
    bench.leave()
    assert [s["idTag"] for s in bench.starts()] == ["FIRST", "SECOND"]
    taken_wh = [
        stop["meterStop"] - start["meterStart"] for start, stop in zip(bench.starts(), bench.stops(), strict=True)
    ]
    assert taken_wh == [2_300, 300]


def test_fault_k_13_energy_seen_with_the_end_of_a_session_is_told_after_a_kill_in_that_moment() -> None:
    bench = charging()
    before_wh = bench.shelf.stored.open_transactions[0].last_meter_wh
    bench.charge(wh=200, seconds=60)
    last = bench.registers[1]
    assert last.session_energy_wh is not None
    assert last.charging_s is not None
    ended = {"session_energy_wh": last.session_energy_wh + 200, "charging_s": last.charging_s + 60}
    bench.see(seconds=60, status=Status.FINISHING, **ended)  # the end must stand before it is told
    bench.killed_and_restarted().online()
    bench.unseen(status=Status.AVAILABLE, session_energy_wh=0, charging_s=0)
    bench.linked()
    (stop,) = bench.stops()
    assert (stop["reason"], stop["meterStop"]) == ("PowerLoss", before_wh + 400)


def test_fault_d_08_a_meter_that_was_raised_because_the_store_went_back_is_on_nobodys_bill() -> None:
    bench = charging()
    bench.charge(wh=500, seconds=120)
    told_wh = bench.shelf.stored.open_transactions[0].last_meter_wh
    bench.shelf.keep(MeterRecord(1, told_wh + 1_000, None, None))
    bench.killed_and_restarted().online().linked()
    bench.charge(wh=500, seconds=120)
    first, second = bench.starts()
    (stop,) = bench.stops()
    assert (stop["reason"], stop["meterStop"]) == ("PowerLoss", told_wh)
    assert second["meterStart"] == told_wh + 1_000
    assert second["idTag"] in {first["idTag"], "UNKNOWN"}


def test_fault_k_09_energy_found_by_a_gateway_that_died_before_the_start_is_billed() -> None:
    bench = Bench().online().linked().charging(id_tag="FIRST")
    bench.leave()
    bench.deliver()
    shown: dict[str, Any] = {"status": Status.CHARGING, "session_energy_wh": 1_500, "charging_s": 300}
    bench.unseen(tag=Tag("SECOND", unusable=False, read_s=0.0), **shown)
    bench.killed_and_restarted(400).online()
    bench.give(LinkUp(DUO))
    bench.poll()  # the card is to be read a second time
    assert len(bench.starts()) == 1
    bench.killed_and_restarted().online().linked()
    start = bench.starts()[-1]
    bench.see(status=Status.AVAILABLE, tag=Tag(None, unusable=False, read_s=0.0))
    bench.poll(15)
    stop = bench.stops()[-1]
    assert (start["idTag"], stop["meterStop"] - start["meterStart"]) == ("SECOND", 1_500)


def test_fault_k_09_a_gap_before_the_counters_of_the_session_before_fell_splits_nothing() -> None:
    bench = Bench().online().linked().charging(id_tag="FIRST")
    bench.charge(wh=2_300, seconds=520)
    bench.leave()
    bench.card("SECOND")
    bench.see(status=Status.CHARGING)  # the counters are still those of the first
    bench.cut().wait(20)
    bench.unseen(session_energy_wh=200, charging_s=20)
    bench.linked()
    bench.charge(wh=300, seconds=30)
    bench.leave()
    assert [s["idTag"] for s in bench.starts()] == ["FIRST", "SECOND"]
    taken_wh = [
        stop["meterStop"] - start["meterStart"] for start, stop in zip(bench.starts(), bench.stops(), strict=True)
    ]
    assert taken_wh == [2_300, 500]


def begun_with_the_counters_of_the_session_before() -> Bench:
    """FIRST took 2,300 Wh in 520 s; SECOND's transaction begins while the counters still say so."""
    bench = Bench().online().linked().charging(id_tag="FIRST")
    bench.charge(wh=2_300, seconds=520)
    bench.leave()
    bench.card("SECOND")
    bench.see(status=Status.CHARGING)
    return bench


def taken_wh(bench: Bench) -> list[int]:
    return [stop["meterStop"] - start["meterStart"] for start, stop in zip(bench.starts(), bench.stops(), strict=True)]


@pytest.mark.parametrize("fallen_first", [False, True])
def test_fault_k_09_a_kill_before_the_counters_of_the_session_before_fell_splits_nothing(*, fallen_first: bool) -> None:
    bench = begun_with_the_counters_of_the_session_before()
    if fallen_first:
        bench.see(session_energy_wh=0, charging_s=1)
    bench.killed_and_restarted(20).online()
    bench.unseen(session_energy_wh=200, charging_s=20)
    bench.linked()
    bench.charge(wh=300, seconds=30)
    bench.leave()
    assert [s["idTag"] for s in bench.starts()] == ["FIRST", "SECOND"]
    assert taken_wh(bench) == [2_300, 500]


def test_fault_k_09_counters_that_fall_only_after_the_restart_split_nothing() -> None:
    bench = begun_with_the_counters_of_the_session_before()
    bench.killed_and_restarted(5).online().give(LinkUp(DUO))
    bench.poll(2)
    bench.see(session_energy_wh=0, charging_s=8)
    bench.poll(15)
    bench.charge(wh=500, seconds=100)
    bench.leave()
    assert [s["idTag"] for s in bench.starts()] == ["FIRST", "SECOND"]
    assert taken_wh(bench) == [2_300, 500]


@pytest.mark.parametrize(
    ("after", "goes_on"),
    [
        pytest.param({}, True, id="as before"),
        pytest.param({"session_energy_wh": 100}, True, id="energy alone is lower"),
        pytest.param({"charging_s": 10}, True, id="the seconds alone are lower"),
        pytest.param({"session_energy_wh": 100, "charging_s": 10}, False, id="both are lower: another session"),
        pytest.param({"tag": card("OTHER")}, False, id="another card stands there"),
        pytest.param({"tag": card(None)}, True, id="the card is gone"),
    ],
)
def test_after_a_gap_it_is_another_session_only_if_that_is_proven(after: dict[str, Any], *, goes_on: bool) -> None:
    bench = charging()
    last = bench.shelf.stored.open_transactions[0]
    bench.cut().wait(300)
    bench.unseen(**after)
    bench.linked()
    bench.poll()
    if goes_on:
        assert bench.stops() == []
    else:
        (stop,) = bench.stops()
        assert (stop["reason"], stop["meterStop"]) == ("Other", 5_000)
        assert stop["timestamp"] == last.last_sample_at.stamp()
        assert len(bench.starts()) == 2  # the car that charges now has its own


@pytest.mark.parametrize("link_lost", [True, False])
def test_a_car_seen_charging_just_before_a_gap_is_not_the_one_that_charges_after_it(*, link_lost: bool) -> None:
    bench = Bench().linked().online()
    bench.see(status=Status.PREPARING)
    bench.see(status=Status.CHARGING, charging_s=5, tag=card("FIRST"))  # read once, when the gap begins
    bench.unseen(tag=card("SECOND"), charging_s=20)
    if link_lost:
        bench.cut().wait(300)
        bench.linked()
    else:
        bench.poll(seconds=300, interrupted=True)
        bench.poll(15)
    bench.leave()
    assert [start["idTag"] for start in bench.starts()] == ["UNKNOWN", "SECOND"]
    assert len(bench.stops()) == 2


@pytest.mark.parametrize("counted_before_wh", [0, 900])
@pytest.mark.parametrize("killed", [True, False])
def test_energy_that_flowed_unseen_is_not_that_of_a_car_that_waits(*, killed: bool, counted_before_wh: int) -> None:
    bench = Bench().linked().online()
    bench.see(session_energy_wh=counted_before_wh, charging_s=counted_before_wh)
    if killed:
        bench.killed_and_restarted(600)
    else:
        bench.cut().wait(600)
    bench.unseen(status=Status.PREPARING, session_energy_wh=600, charging_s=110)  # of a car that came and went
    bench.online().linked()
    assert bench.starts() == []
    bench.see(status=Status.CHARGING, session_energy_wh=0, charging_s=1)
    bench.charge(wh=300, seconds=60)
    bench.leave()
    assert taken_wh(bench) == [300]


def test_a_gap_of_polling_alone_is_a_gap_too() -> None:
    bench = charging()
    bench.unseen(session_energy_wh=100, charging_s=10)
    bench.poll(seconds=600, interrupted=True)
    assert [s["reason"] for s in bench.stops()] == ["Other"]


def test_fault_m_22_another_charger_at_that_address_ends_it() -> None:
    bench = charging().cut()
    bench.wait(30)
    bench.linked(replace(DUO, serial_number="SN-2"))
    assert [s["reason"] for s in bench.stops()] == ["Other"]


# ---------------------------------------------------------------- kills (X-50, X-51, K-13)


def test_x_50_a_transaction_goes_on_after_a_kill() -> None:
    bench = charging(MeterValueSampleInterval="60")
    bench.killed_and_restarted(60)
    bench.unseen(session_energy_wh=5_300, charging_s=1261)
    bench.linked().online()
    sampled = len(bench.queued("MeterValues"))
    bench.poll(60)
    assert len(bench.queued("MeterValues")) == sampled + 1
    bench.charge(wh=300, seconds=60)
    bench.leave()
    assert bench.actions() == ["StartTransaction", "StopTransaction"]
    assert bench.stops()[0]["meterStop"] == 5_600


@pytest.mark.parametrize(
    "after",
    [
        pytest.param({"status": Status.AVAILABLE, "session_energy_wh": 0, "charging_s": 0}, id="k-13 all is gone"),
        pytest.param({"status": Status.AVAILABLE}, id="the car is gone"),
        pytest.param({"status": Status.FINISHING}, id="it has finished"),
        pytest.param({"session_energy_wh": 100}, id="less energy"),
        pytest.param({"charging_s": 10}, id="less time"),
        pytest.param({"tag": card("OTHER")}, id="another card"),
    ],
)
def test_x_50_what_the_charger_forgot_during_a_kill_is_stopped_as_power_loss(after: dict[str, Any]) -> None:
    bench = charging()
    last = bench.shelf.stored.open_transactions[0]
    bench.killed_and_restarted(600)
    bench.unseen(**after)
    bench.linked()
    stop = bench.stops()[0]
    assert (stop["reason"], stop["meterStop"]) == ("PowerLoss", 5_000)
    assert stop["timestamp"] == last.last_sample_at.stamp()


@pytest.mark.parametrize(
    ("after", "rest_wh"),
    [
        pytest.param({"status": Status.FINISHING}, 900, id="finished"),
        pytest.param({"status": Status.AVAILABLE}, 900, id="the car is gone"),
        pytest.param({"status": Status.AVAILABLE, "tag": card(None)}, 900, id="the car and its card are gone"),
        pytest.param({"status": Status.UNAVAILABLE}, 900, id="unavailable since"),
        pytest.param({"status": Status.AVAILABLE, "tag": card("OTHER")}, 0, id="another card was shown since"),
        pytest.param({"status": Status.AVAILABLE, "charging_s": 10}, 0, id="less time: another session"),
        pytest.param({"status": Status.AVAILABLE, "session_energy_wh": 900}, 0, id="less energy: another session"),
        pytest.param({"status": Status.AVAILABLE, "charging_s": 9_000}, 0, id="more time than has passed"),
        pytest.param({"status": Status.AVAILABLE, "charging_s": 1810}, 900, id="a little more time than has passed"),
    ],
)
def test_x_51_the_rest_of_a_session_that_ended_while_no_gateway_lived_is_billed_if_it_shows(
    after: dict[str, Any], rest_wh: int
) -> None:
    bench = charging()
    last = bench.shelf.stored.open_transactions[0].last_sample_at
    bench.killed_and_restarted(600)
    bench.unseen(**{"session_energy_wh": 5_900, "charging_s": 1441, **after})
    bench.online().linked()
    bench.poll(60)
    (stop,) = bench.stops()
    assert (stop["reason"], stop["meterStop"]) == ("PowerLoss", 5_000 + rest_wh)
    charged_on_s = min(bench.registers[1].charging_s or 0, 1201 + 611) - 1201  # 611 s after that it is looked at
    assert stop["timestamp"] == last.plus(charged_on_s if rest_wh else 0).stamp()
    assert len(bench.starts()) == 1
    assert bench.stops()[0]["meterStop"] <= bench.connector().meter.total_wh


def test_x_51_the_rest_is_not_billed_once_another_card_was_seen() -> None:
    bench = charging().killed_and_restarted(600).online()
    bench.unseen(session_energy_wh=5_900, charging_s=1441, tag=card("OTHER"), status=Status.SUSPENDED_EV)
    bench.give(LinkUp(DUO))
    bench.poll(5)
    bench.see(status=Status.AVAILABLE, tag=card(None))
    bench.poll(30)
    assert [(start["idTag"], start["meterStart"]) for start in bench.starts()] == [("CARD", 0), ("OTHER", 5_000)]
    assert [stop["meterStop"] for stop in bench.stops()] == [5_000, 5_900]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"tag": card("OTHER"), "session_energy_wh": 900, "charging_s": 150}, id="another card"),
        pytest.param({"session_energy_wh": 900, "charging_s": 150}, id="lower counters"),
    ],
)
@pytest.mark.parametrize("polls", [2, 4])
@pytest.mark.parametrize("killed", [True, False])
def test_fault_k_09_another_session_that_is_over_before_the_link_settles_is_billed(
    other: dict[str, Any], polls: int, *, killed: bool
) -> None:
    bench = charging()
    if killed:
        bench.killed_and_restarted(600).online()
    else:
        bench.cut().wait(600)
    bench.unseen(status=Status.CHARGING, **other).give(LinkUp(DUO))
    bench.poll(polls)
    bench.see(status=Status.AVAILABLE)
    bench.poll(20)
    assert [start["idTag"] for start in bench.starts()] == ["CARD", "OTHER" if "tag" in other else "UNKNOWN"]
    assert taken_wh(bench) == [5_000, 900]
    assert bench.connector().meter.total_wh == 5_900


def test_fault_k_09_counters_of_the_session_before_are_not_billed_to_a_car_that_begins_while_the_link_settles() -> None:
    bench = Bench().online().linked().charging(id_tag="FIRST")
    bench.cut().wait(600)
    bench.unseen(status=Status.PREPARING, session_energy_wh=800, charging_s=157, tag=card("SECOND")).give(LinkUp(DUO))
    bench.poll(2)
    bench.see(status=Status.CHARGING)
    bench.poll()
    bench.see(session_energy_wh=0, charging_s=2)
    bench.poll(10)
    bench.charge(wh=300, seconds=60)
    bench.leave()
    assert [start["idTag"] for start in bench.starts()] == ["FIRST", "SECOND"]
    assert taken_wh(bench) == [0, 300]


def test_fault_k_09_one_poll_of_another_session_while_the_link_settles_starts_nothing() -> None:
    bench = charging().killed_and_restarted(60).online()
    own = bench.registers[1]
    bench.give(LinkUp(DUO))
    bench.see(tag=card("OTHER"), session_energy_wh=100, charging_s=10)
    bench.registers[1] = own
    bench.poll(30)
    assert (len(bench.starts()), bench.stops()) == (1, [])


def test_fault_k_14_a_car_that_leaves_and_one_that_comes_while_the_link_settles_are_two() -> None:
    bench = charging().killed_and_restarted(20).online()
    bench.give(LinkUp(DUO))
    bench.charge(wh=100, seconds=1)
    left_at = bench.now.plus(1).stamp()
    bench.see(status=Status.AVAILABLE, tag=card(None))
    bench.see(status=Status.CHARGING, session_energy_wh=0, charging_s=1, tag=card("OTHER"))
    bench.poll(4)
    bench.charge(wh=300, seconds=60)
    bench.leave()
    assert [start["idTag"] for start in bench.starts()] == ["CARD", "OTHER"]
    assert taken_wh(bench) == [5_100, 300]
    assert bench.stops()[0]["timestamp"] <= left_at


def test_after_a_gap_the_end_of_another_cards_session_is_not_that_of_the_one_before() -> None:
    bench = charging().cut()
    bench.wait(600)
    bench.unseen(session_energy_wh=5_900, charging_s=1441, tag=card("OTHER"), status=Status.FINISHING)
    bench.give(LinkUp(DUO))
    bench.poll(5)
    bench.see(status=Status.AVAILABLE, tag=card(None))
    bench.poll(30)
    assert [(stop["reason"], stop["meterStop"]) for stop in bench.stops()] == [("Other", 5_000)]


def test_x_51_a_kill_while_the_rest_of_a_session_is_looked_at_loses_nothing() -> None:
    bench = charging()
    bench.unseen(status=Status.AVAILABLE, session_energy_wh=5_900, charging_s=1441)
    for _ in range(3):
        bench.killed_and_restarted(600).give(LinkUp(DUO))
        bench.poll(5)
    bench.killed_and_restarted(600).linked()
    assert [stop["meterStop"] for stop in bench.stops()] == [5_900]


def test_fault_k_13_no_new_start_for_the_old_card() -> None:
    bench = charging().killed_and_restarted(600)
    bench.unseen(status=Status.AVAILABLE, session_energy_wh=0, charging_s=0)
    bench.linked()
    bench.charging(id_tag=None)
    assert [s["idTag"] for s in bench.starts()] == ["CARD", "UNKNOWN"]


def test_x_50_a_transaction_outlives_a_kill_with_the_charger_away() -> None:
    bench = charging().killed_and_restarted()
    bench.online()
    bench.wait(3600)
    assert bench.stops() == []
    assert bench.statuses()[-1] == "Faulted"
    bench.linked()
    bench.charge(wh=100, seconds=60)
    bench.leave()
    assert bench.actions() == ["StartTransaction", "StopTransaction"]


def test_x_50_a_fault_after_a_kill_proves_nothing() -> None:
    bench = charging().killed_and_restarted()
    bench.unseen(status=Status.FAULTED)
    bench.linked().poll(200)
    assert bench.stops() == []
    bench.see(status=Status.CHARGING)
    bench.poll(20)
    assert bench.stops() == []


def test_x_52_the_answer_to_a_start_may_come_after_a_kill() -> None:
    bench = Bench().linked().online().charging()
    row = bench.shelf.outbox[0]
    bench.killed_and_restarted()
    bench.give(Delivered(1, row.action, row.local_id, {"transactionId": 9, "idTagInfo": {"status": "Accepted"}}, 2))
    bench.linked().online()
    assert bench.ask("RemoteStopTransaction", transactionId=9) == {"status": "Accepted"}


def test_a_kill_between_two_sightings_of_the_end_loses_nothing() -> None:
    bench = charging()
    bench.see(status=Status.AVAILABLE)
    bench.killed_and_restarted()
    bench.linked()
    assert [s["meterStop"] for s in bench.stops()] == [5_000]


def test_a_start_from_before_the_machine_started_anew_is_not_just_now() -> None:
    bench = Bench(mode(CENTRAL)).linked().online()
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.card("CARD")
    bench.authorize()
    bench.now = replace(bench.now.plus(300), boot_id="the next boot", monotonic_s=10.0)
    bench.killed_and_restarted().linked()
    bench.online()
    bench.see(status=Status.PREPARING)
    assert bench.statuses()[-1] == "SuspendedEV"


def test_a_machine_that_started_anew_counts_its_samples_on() -> None:
    bench = charging(MeterValueSampleInterval="60")
    bench.now = replace(bench.now.plus(300), boot_id="the next boot", monotonic_s=10.0)
    bench.killed_and_restarted().linked()
    sampled = len(bench.queued("MeterValues"))
    bench.poll(300)
    assert len(bench.queued("MeterValues")) == sampled + 5


# ---------------------------------------------------------------- ids


@pytest.mark.parametrize("transaction_id", [0, -1, 2**31, 2**70])
def test_x_06_any_integer_is_a_transaction_id(transaction_id: int) -> None:
    bench = Bench().linked().online().charging()
    bench.deliver(transaction_id)
    assert bench.shelf.stored.open_transactions[0].transaction_ids == {"main": str(transaction_id)}
    assert bench.ask("RemoteStopTransaction", transactionId=transaction_id) == {"status": "Accepted"}
    assert len(bench.stops()) == 1


def test_fault_o_12_two_transactions_with_one_id_are_kept_apart() -> None:
    bench = Bench().linked().online().charging(1).charging(2)
    bench.deliver(7)
    assert bench.ask("RemoteStopTransaction", transactionId=7) == {"status": "Accepted"}
    assert [c.transaction is None for c in (bench.connector(1), bench.connector(2))] == [True, False]
    assert bench.ask("RemoteStopTransaction", transactionId=7) == {"status": "Accepted"}
    assert [row.local_id for row in bench.shelf.outbox if row.action == "StopTransaction"] == [
        row.local_id for row in bench.shelf.outbox if row.action == "StartTransaction"
    ]


def test_a_late_answer_to_an_ended_transaction_is_kept_for_its_messages() -> None:
    bench = Bench().linked().online().charging()
    bench.leave()
    bench.charging(id_tag="NEXT")
    start = bench.shelf.outbox[0]
    effects = bench.give(
        Delivered(1, start.action, start.local_id, {"transactionId": 5, "idTagInfo": {"status": "Accepted"}})
    )
    assert kept(effects, TransactionIdRecord) == [TransactionIdRecord(str(start.local_id), "5")]
    transaction = bench.connector().transaction
    assert transaction is not None
    assert transaction.transaction_ids == {}


# ---------------------------------------------------------------- clocks


def test_b_13_stamps_without_a_clock_are_filled_in_later() -> None:
    bench = Bench().forget_the_time().linked().online().charging()
    bench.charge(wh=100, seconds=60)
    bench.leave()
    assert all(payload["timestamp"].startswith("@boot@") for payload in bench.starts() + bench.stops())
    bench.learn_the_time(NINE + timedelta(hours=1))
    assert seconds_after(bench.starts()[0]["timestamp"]) == pytest.approx(3600 - 65)
    assert seconds_after(bench.stops()[0]["timestamp"]) == pytest.approx(3600 - 4)


def test_b_13_a_start_that_was_awaiting_its_card_when_the_time_came_has_a_stamp() -> None:
    bench = Bench().forget_the_time().linked().online()
    bench.see(status=Status.CHARGING, charging_s=1, tag=card("CARD"))
    bench.learn_the_time(NINE)
    bench.poll()
    assert bench.starts()[0]["timestamp"] == "2026-11-22T09:00:00.000Z"


def test_b_13_an_end_that_was_awaited_when_the_time_came_has_a_stamp() -> None:
    bench = Bench().forget_the_time().linked().online().charging()
    bench.see(status=Status.AVAILABLE)
    bench.learn_the_time(NINE)
    bench.poll(5)
    assert bench.stops()[0]["timestamp"] == "2026-11-22T09:00:00.000Z"


def test_b_13_the_time_of_another_boot_changes_nothing() -> None:
    bench = Bench().forget_the_time().linked().online().charging()
    bench.give(ClockSet("another boot", format_utc(NINE)))
    transaction = bench.connector().transaction
    assert transaction is not None
    assert transaction.started_at.utc is None


def test_x_10_a_clock_set_back_puts_no_stop_before_its_start() -> None:
    bench = charging()
    bench.now = replace(bench.now, utc=NINE - timedelta(hours=1))
    bench.leave()
    assert bench.stops()[0]["timestamp"] >= bench.starts()[0]["timestamp"]


def test_x_10_the_meter_of_a_stop_is_not_below_that_of_its_start() -> None:
    bench = Bench().linked().online().charging()
    bench.deliver()
    bench.ask("RemoteStopTransaction", transactionId=7)
    assert bench.stops()[0]["meterStop"] >= bench.starts()[0]["meterStart"]
