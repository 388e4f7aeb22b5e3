"""Who may charge, in each of the three modes: cards, the central system's word, and what follows a no."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ocpp_gateway.charger.events import Delivered, Failure
from ocpp_gateway.charger.state import AuthorizationMode
from ocpp_gateway.registers.snapshot import Tag
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import SETTINGS, Bench, mode

CHARGER, CENTRAL, FREE = AuthorizationMode.CHARGER, AuthorizationMode.CENTRAL_SYSTEM, AuthorizationMode.FREE
REFUSALS = ["Invalid", "Blocked", "Expired", "ConcurrentTx"]


def central(**configuration: str) -> Bench:
    return Bench(mode(CENTRAL), **configuration).linked().online()


def charger(**configuration: str) -> Bench:
    return Bench(SETTINGS, **configuration).linked().online()


def plugged(bench: Bench, card: str = "CARD") -> Bench:
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.card(card)
    return bench


# ---------------------------------------------------------------- the central system decides


def test_a_05_no_energy_before_the_yes() -> None:
    bench = plugged(central())
    assert bench.calls("Authorize") == [{"idTag": "CARD"}]
    assert (bench.commanded_w(), bench.starts()) == (0, [])
    bench.authorize()
    assert bench.commanded_w() == 22_000
    assert [s["idTag"] for s in bench.starts()] == ["CARD"]


@pytest.mark.parametrize("status", REFUSALS)
def test_a_08_a_refused_card_starts_nothing(status: str) -> None:
    bench = plugged(central())
    said = bench.statuses()
    bench.authorize(status)
    bench.poll(90)
    assert (bench.starts(), bench.commanded_w()) == ([], 0)
    assert bench.statuses()[: len(said)] == said
    assert "id_tag_refused" in bench.alarms()


def test_a_08_a_yes_that_has_expired_is_a_no() -> None:
    bench = plugged(central())
    bench.authorize(expiryDate="2026-11-22T08:59:59Z")
    assert bench.starts() == []


@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.ERROR])
def test_a_09_no_usable_answer_is_a_no(failure: Failure) -> None:
    bench = plugged(central(AllowOfflineTxForUnknownId="true"))
    bench.unanswered(failure)
    assert bench.starts() == []


@pytest.mark.parametrize(("allowed", "starts"), [("true", 1), ("false", 0)])
def test_a_16_while_the_central_system_is_away_an_unknown_card_starts_where_that_is_allowed(
    allowed: str, starts: int
) -> None:
    bench = plugged(central(AllowOfflineTxForUnknownId=allowed).offline())
    assert bench.calls("Authorize") == []
    assert len(bench.starts()) == starts


def test_a_09_a_connection_lost_before_the_answer_leaves_it_to_the_offline_rules() -> None:
    bench = plugged(central(AllowOfflineTxForUnknownId="true"))
    bench.unanswered(Failure.OFFLINE)
    assert len(bench.starts()) == 1


def test_x_01_a_card_may_come_before_the_plug() -> None:
    bench = central()
    bench.card("CARD")
    bench.authorize()
    assert bench.statuses()[-1] == "Preparing"
    assert bench.commanded_w() == 0
    bench.see(status=Status.SUSPENDED_EVSE)
    assert len(bench.starts()) == 1


@pytest.mark.parametrize(("plug_at_s", "starts"), [pytest.param(55, 1, id="in time"), pytest.param(65, 0, id="late")])
def test_x_08_the_plug_is_awaited_for_connection_time_out(plug_at_s: int, starts: int) -> None:
    bench = central(ConnectionTimeOut="60")
    bench.card("CARD")
    bench.authorize()
    bench.poll(plug_at_s)
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.poll(3)
    assert len(bench.starts()) == starts


def test_s_21_an_authorisation_that_nobody_used_ends_in_available() -> None:
    bench = central(ConnectionTimeOut="60")
    bench.card("CARD")
    bench.authorize()
    bench.poll(61)
    assert bench.statuses() == ["Available", "Preparing", "Available"]


def test_s_21_a_car_without_a_card_ends_in_finishing() -> None:
    bench = central(ConnectionTimeOut="60")
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.poll(61)
    assert bench.statuses() == ["Available", "Preparing", "Finishing"]


def test_x_08_no_connection_time_out_waits_for_ever() -> None:
    bench = central(ConnectionTimeOut="0")
    bench.card("CARD")
    bench.authorize()
    bench.poll(1)
    bench.wait(86_400)
    bench.see(status=Status.SUSPENDED_EVSE)
    assert len(bench.starts()) == 1


def test_a_card_accepted_in_finishing_starts_by_way_of_preparing() -> None:
    bench = central(ConnectionTimeOut="60")
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.poll(61)
    bench.card("LATE")
    bench.authorize()
    bench.charge()
    assert bench.statuses()[-3:] == ["Finishing", "Preparing", "Charging"]
    assert len(bench.starts()) == 1


def test_a_10_the_starting_card_stops_without_asking() -> None:
    bench = plugged(central())
    bench.authorize()
    bench.charge()
    bench.card(None)
    bench.card("card")  # a-04: case does not matter
    assert len(bench.calls("Authorize")) == 1
    (stop,) = bench.stops()
    assert (stop["idTag"], "reason" in stop) == ("card", False)
    assert bench.commanded_w() == 0


def test_a_17_the_starting_card_stops_while_the_central_system_is_away() -> None:
    bench = plugged(central())
    bench.authorize()
    bench.charge()
    bench.offline().card(None)
    bench.card("CARD")
    assert len(bench.stops()) == 1


def test_a_11_another_card_stops_nothing() -> None:
    bench = plugged(central())
    bench.authorize()
    bench.card("OTHER")
    bench.authorize()
    bench.poll(5)
    assert bench.stops() == []
    assert bench.connector().transaction is not None


@pytest.mark.parametrize("learnt_from", ["Authorize", "StartTransaction"])
def test_a_12_a_card_of_the_same_group_stops(learnt_from: str) -> None:
    bench = plugged(central())
    if learnt_from == "Authorize":
        bench.authorize(parentIdTag="FAMILY")
        bench.deliver()
    else:
        bench.authorize()
        _start_answered(bench, {"status": "Accepted", "parentIdTag": "FAMILY"})
    bench.card("SPOUSE")
    bench.authorize(parentIdTag="family")
    (stop,) = bench.stops()
    assert (stop["idTag"], "reason" in stop) == ("SPOUSE", False)


def test_a_12_a_card_of_another_group_stops_nothing() -> None:
    bench = plugged(central())
    bench.authorize(parentIdTag="FAMILY")
    bench.card("STRANGER")
    bench.authorize(parentIdTag="OTHERS")
    assert bench.stops() == []


def test_a_13_a_card_is_not_compared_with_a_group_s_name() -> None:
    bench = plugged(central())
    bench.authorize(parentIdTag="FAMILY")
    bench.card("FAMILY")
    bench.authorize()
    assert bench.stops() == []


def test_a_30_a_card_shown_after_the_stop_stops_nothing_a_second_time() -> None:
    bench = plugged(central())
    bench.authorize()
    bench.card(None)
    bench.card("CARD")
    bench.card(None)
    bench.card("CARD")
    assert len(bench.stops()) == 1
    bench.authorize()  # it may start a new transaction
    assert len(bench.starts()) == 2


def test_r_30_a_card_at_an_inoperative_connector_is_not_asked_for() -> None:
    bench = central()
    bench.ask("ChangeAvailability", connectorId=1, type="Inoperative")
    plugged(bench)
    assert (bench.calls("Authorize"), bench.starts()) == ([], [])


def test_a_02_energy_without_a_yes_is_a_fault_and_nobody_s_transaction() -> None:
    bench = central()
    bench.see(status=Status.CHARGING, charging_s=1)
    for second in range(2, 40):
        bench.see(charging_s=second)
    assert bench.starts() == []
    told = bench.calls("StatusNotification")[-1]
    assert (told["status"], told["vendorErrorCode"]) == ("Faulted", "UnauthorizedCharging")
    assert bench.alarms().count("energy_without_authorization") == 1


def test_a_02_that_fault_is_over_when_the_energy_stops() -> None:
    bench = central()
    bench.see(status=Status.CHARGING, charging_s=1)
    bench.poll(40)
    bench.see(status=Status.SUSPENDED_EVSE)
    assert bench.statuses()[-1] == "Preparing"


def test_a_02_that_fault_is_over_when_somebody_is_authorised() -> None:
    bench = central()
    bench.see(status=Status.CHARGING, charging_s=1)
    bench.poll(40)
    bench.card("CARD")
    bench.authorize()
    bench.charge()
    bench.poll(60)
    assert bench.statuses()[-1] == "Charging"


def test_both_connectors_ask_and_start_apart() -> None:
    bench = central()
    for connector_id, card in ((1, "LEFT"), (2, "RIGHT")):
        bench.see(connector_id, status=Status.SUSPENDED_EVSE)
        bench.card(card, connector_id)
        bench.authorize()
    assert [(s["connectorId"], s["idTag"]) for s in bench.starts()] == [(1, "LEFT"), (2, "RIGHT")]
    bench.leave(1)
    assert bench.connector(2).transaction is not None


def test_two_cards_under_way_at_once_are_not_mixed_up() -> None:
    bench = central()
    for connector_id, card in ((1, "LEFT"), (2, "RIGHT")):
        bench.see(connector_id, status=Status.SUSPENDED_EVSE)
        bench.card(card, connector_id)
    bench.authorize("Invalid")  # the last one asked
    assert bench.starts() == []
    bench.effects = [e for e in bench.effects if getattr(e, "payload", None) != {"idTag": "RIGHT"}]
    bench.authorize()
    assert [(s["connectorId"], s["idTag"]) for s in bench.starts()] == [(1, "LEFT")]


# ---------------------------------------------------------------- the charger decides


def test_the_charger_s_own_start_is_a_transaction_before_any_answer() -> None:
    bench = charger().charging()
    assert [s["idTag"] for s in bench.starts()] == ["CARD"]
    assert bench.calls("Authorize") == [{"idTag": "CARD"}]


@pytest.mark.parametrize("status", REFUSALS)
def test_a_25_a_card_refused_while_it_charges_ends_the_transaction(status: str) -> None:
    bench = charger().charging()
    bench.authorize(status)
    assert [s["reason"] for s in bench.stops()] == ["DeAuthorized"]
    assert bench.commanded_w() == 0


def test_a_25_a_card_refused_before_the_charger_starts_holds_it() -> None:
    bench = plugged(charger())
    bench.authorize("Invalid")
    assert bench.commanded_w() == 0
    bench.charge()  # the charger has not acted yet
    assert bench.starts() == []


def test_a_new_card_lifts_what_a_refused_one_closed() -> None:
    bench = plugged(charger(), "BAD")
    bench.authorize("Invalid")
    bench.card("GOOD")
    bench.authorize()
    assert bench.commanded_w() == 22_000
    bench.charge()
    assert [s["idTag"] for s in bench.starts()] == ["GOOD"]


def test_a_card_refused_at_last_does_not_hold_somebody_else_s_transaction() -> None:
    bench = charger().charging(id_tag="FIRST")
    bench.authorize()
    bench.card("OTHER")
    bench.authorize("Invalid")
    assert bench.stops() == []
    assert bench.commanded_w() == 22_000


def test_a_refused_card_reaches_its_own_transaction_though_another_was_shown_since() -> None:
    bench = charger().charging(id_tag="BAD")
    bench.card("OTHER")
    bench.effects = [e for e in bench.effects if getattr(e, "payload", None) != {"idTag": "OTHER"}]
    bench.authorize("Invalid")
    assert [s["reason"] for s in bench.stops()] == ["DeAuthorized"]


def test_a_10_the_starting_card_is_the_charger_s_business() -> None:
    bench = charger().charging()
    bench.card(None)
    bench.card("CARD")
    assert bench.stops() == []


def test_read_only_refuses_nobody() -> None:
    bench = Bench(replace(SETTINGS, read_only=True)).linked().online().charging()
    bench.authorize("Invalid")
    bench.deliver(status="Invalid")
    assert (bench.stops(), bench.commanded_w()) == ([], None)


# ---------------------------------------------------------------- StartTransaction.conf


@pytest.mark.parametrize("authorization_mode", [CHARGER, FREE])
@pytest.mark.parametrize("status", REFUSALS)
def test_a_25_a_refused_start_is_stopped_as_deauthorized(authorization_mode: AuthorizationMode, status: str) -> None:
    bench = Bench(mode(authorization_mode)).linked().online().charging()
    bench.deliver(status=status)
    assert [s["reason"] for s in bench.stops()] == ["DeAuthorized"]
    assert bench.commanded_w() == 0


def test_a_25_where_it_may_go_on_only_its_energy_ends() -> None:
    bench = charger(StopTransactionOnInvalidId="false").charging()
    bench.deliver(status="Blocked")
    assert (bench.stops(), bench.commanded_w()) == ([], 0)
    bench.see(status=Status.SUSPENDED_EVSE)
    assert bench.statuses()[-1] == "SuspendedEVSE"
    bench.killed_and_restarted().linked()
    assert bench.commanded_w() == 0
    bench.leave()
    assert [s["reason"] for s in bench.stops()] == ["EVDisconnected"]


def test_a_25_a_start_refused_after_the_car_left_closes_nothing() -> None:
    bench = charger().charging()
    bench.leave()
    bench.deliver(status="Invalid")
    assert len(bench.stops()) == 1
    assert bench.commanded_w() == 22_000


def test_a_25_a_start_refused_after_the_car_left_does_not_reach_the_next_transaction() -> None:
    bench = charger().charging(id_tag="SAME")
    bench.leave()
    bench.see(status=Status.PREPARING, session_energy_wh=0, charging_s=0)
    bench.charging(id_tag="SAME")
    _start_answered(bench, {"status": "Invalid"})  # the first one's
    assert bench.connector().transaction is not None
    assert len(bench.stops()) == 1


def test_x_43_an_answer_without_id_tag_info_is_a_yes() -> None:
    bench = charger().charging()
    _start_answered(bench, None)
    assert bench.stops() == []


@pytest.mark.parametrize(
    ("transmissions", "stops"), [pytest.param(1, 1, id="first try"), pytest.param(2, 0, id="a repeat meets itself")]
)
def test_fault_o_14_a_repeat_that_is_concurrent_with_itself_goes_on(transmissions: int, stops: int) -> None:
    bench = charger().charging()
    bench.deliver(status="ConcurrentTx", transmissions=transmissions)
    assert len(bench.stops()) == stops
    transaction = bench.shelf.stored.open_transactions
    assert [t.transaction_ids for t in transaction] == [{"main": "7"}] * (1 - stops)


def test_after_a_refusal_a_new_card_starts_anew_without_unplugging() -> None:
    bench = charger().charging(id_tag="BAD")
    bench.deliver(status="Invalid")
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.card("GOOD")
    bench.authorize()
    bench.charge()
    assert [s["idTag"] for s in bench.starts()] == ["BAD", "GOOD"]


# ---------------------------------------------------------------- everyone


def test_in_free_mode_the_first_charging_starts_for_the_free_tag() -> None:
    bench = Bench(mode(FREE, free_id_tag="GUEST")).linked().online()
    bench.charging(id_tag=None)
    assert [s["idTag"] for s in bench.starts()] == ["GUEST"]


def test_in_free_mode_an_unreadable_tag_bothers_nobody() -> None:
    bench = Bench(mode(FREE)).linked().online()
    bench.see(status=Status.CHARGING, charging_s=1, tag=Tag(None, unusable=True, read_s=0.0))
    assert [s["idTag"] for s in bench.starts()] == ["FREE"]


def _start_answered(bench: Bench, info: dict[str, Any] | None) -> None:
    """The first StartTransaction is answered with that idTagInfo."""
    row = next(row for row in bench.shelf.outbox if row.action == "StartTransaction")
    payload: dict[str, Any] = {"transactionId": 7}
    if info is not None:
        payload["idTagInfo"] = info
    bench.give(Delivered(1, row.action, row.local_id, payload))
