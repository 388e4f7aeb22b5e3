"""What each CALL of the central system is answered, and what follows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ocpp_gateway.charger.events import CallReceived, Persist, RegistrationStatus, Reply, Restart, SessionUp
from ocpp_gateway.charger.records import AvailabilityRecord
from ocpp_gateway.charger.state import AuthorizationMode
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import SETTINGS, Bench, kept, mode

CENTRAL, CHARGER, FREE = AuthorizationMode.CENTRAL_SYSTEM, AuthorizationMode.CHARGER, AuthorizationMode.FREE
ACCEPTED, REJECTED, SCHEDULED = {"status": "Accepted"}, {"status": "Rejected"}, {"status": "Scheduled"}


def central(**configuration: str) -> Bench:
    return Bench(mode(CENTRAL), **configuration).linked().online()


def charging(**settings: Any) -> Bench:
    bench = Bench(replace(SETTINGS, **settings)).linked().online().charging()
    bench.deliver(7)
    return bench


# ---------------------------------------------------------------- RemoteStartTransaction


def test_r_14_a_remote_start_awaits_its_plug() -> None:
    bench = central()
    assert bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP") == ACCEPTED
    assert bench.statuses()[-1] == "Preparing"
    assert bench.commanded_w() == 0
    bench.see(status=Status.SUSPENDED_EVSE)
    assert [s["idTag"] for s in bench.starts()] == ["APP"]  # r-19
    assert bench.commanded_w() == 22_000


def test_r_14_a_remote_start_of_a_plugged_car_starts_at_once() -> None:
    bench = central()
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP")
    assert len(bench.starts()) == 1
    assert bench.calls("Authorize") == []  # a-28


def test_r_14_a_remote_start_that_nobody_used_is_over() -> None:
    bench = central(ConnectionTimeOut="60")
    bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP")
    bench.poll(61)
    assert bench.statuses() == ["Available", "Preparing", "Available"]
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.poll(5)
    assert (bench.starts(), bench.commanded_w()) == ([], 0)


@pytest.mark.parametrize(("answer", "starts"), [("Accepted", 1), ("Blocked", 0)])
def test_r_18_a_remote_start_is_authorised_where_that_is_asked_for(answer: str, starts: int) -> None:
    bench = central(AuthorizeRemoteTxRequests="true")
    bench.see(status=Status.SUSPENDED_EVSE)
    assert bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP") == ACCEPTED
    assert bench.starts() == []
    bench.authorize(answer)
    assert len(bench.starts()) == starts


def test_r_10_the_answer_comes_before_what_follows_it() -> None:
    bench = central()
    bench.see(status=Status.SUSPENDED_EVSE)
    effects = bench.give(CallReceived("call", "RemoteStartTransaction", {"connectorId": 1, "idTag": "APP"}))
    acting = [e for e in effects if not isinstance(e, Persist)]
    assert isinstance(acting[0], Reply)


@pytest.mark.parametrize("connector_id", [0, 3, -1])
def test_r_11_a_remote_start_of_no_connector_is_rejected(connector_id: int) -> None:
    assert central().ask("RemoteStartTransaction", connectorId=connector_id, idTag="APP") == REJECTED


def test_r_12_a_remote_start_of_a_busy_connector_is_rejected() -> None:
    bench = central()
    bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP")
    assert bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP") == REJECTED  # awaits its plug
    bench.see(status=Status.SUSPENDED_EVSE)
    assert bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP") == REJECTED  # runs
    assert len(bench.starts()) == 1


@pytest.mark.parametrize("status", [Status.FAULTED, Status.UNAVAILABLE])
def test_s_19_a_remote_start_of_a_broken_connector_is_rejected(status: Status) -> None:
    bench = central()
    bench.see(status=status)
    assert bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP") == REJECTED


def test_r_13_a_remote_start_of_an_inoperative_connector_is_rejected() -> None:
    bench = central()
    bench.ask("ChangeAvailability", connectorId=1, type="Inoperative")
    assert bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP") == REJECTED


def test_r_13_a_remote_start_of_a_silent_charger_is_rejected() -> None:
    bench = central().cut()
    bench.wait(61)
    assert bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP") == REJECTED


def test_r_15_a_remote_start_in_finishing_starts_anew() -> None:
    bench = central()
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP")
    bench.deliver(7)
    bench.charge()
    bench.ask("RemoteStopTransaction", transactionId=7)
    bench.see(status=Status.SUSPENDED_EVSE)
    assert bench.ask("RemoteStartTransaction", connectorId=1, idTag="AGAIN") == ACCEPTED
    bench.charge()
    assert [s["idTag"] for s in bench.starts()] == ["APP", "AGAIN"]
    assert bench.statuses()[-3:] == ["Finishing", "Preparing", "Charging"]


def test_r_16_without_a_connector_the_first_that_may_start_does() -> None:
    bench = central()
    assert bench.ask("RemoteStartTransaction", idTag="ONE") == ACCEPTED
    assert bench.ask("RemoteStartTransaction", idTag="TWO") == ACCEPTED
    assert bench.ask("RemoteStartTransaction", idTag="THREE") == REJECTED
    bench.see(2, status=Status.SUSPENDED_EVSE)
    assert [(s["connectorId"], s["idTag"]) for s in bench.starts()] == [(2, "TWO")]


@pytest.mark.parametrize("authorization_mode", [CHARGER, FREE])
def test_where_the_charger_decides_a_remote_start_is_not_ours_to_give(authorization_mode: AuthorizationMode) -> None:
    bench = Bench(mode(authorization_mode)).linked().online()
    assert bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP") == REJECTED
    bench.see(status=Status.PREPARING)
    assert bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP") == REJECTED


def test_where_our_limit_alone_holds_a_plugged_car_a_remote_start_lifts_it() -> None:
    bench = charging()
    bench.authorize()
    bench.ask("RemoteStopTransaction", transactionId=7)
    bench.see(status=Status.SUSPENDED_EVSE)
    assert bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP") == ACCEPTED
    assert bench.commanded_w() == 22_000
    bench.charge()
    assert [s["idTag"] for s in bench.starts()] == ["CARD", "APP"]


# ---------------------------------------------------------------- RemoteStopTransaction


def test_r_22_a_remote_stop_ends_power_and_transaction() -> None:
    bench = charging()
    assert bench.ask("RemoteStopTransaction", transactionId=7) == ACCEPTED
    assert [s["reason"] for s in bench.stops()] == ["Remote"]
    assert "idTag" not in bench.stops()[0]
    assert bench.commanded_w() == 0
    assert bench.statuses()[-1] == "Finishing"
    bench.leave()
    assert bench.statuses()[-1] == "Available"


def test_r_23_a_remote_stop_of_an_unknown_transaction_is_rejected() -> None:
    bench = charging()
    assert bench.ask("RemoteStopTransaction", transactionId=8) == REJECTED
    assert bench.stops() == []


def test_r_23_a_transaction_whose_id_is_not_known_yet_cannot_be_stopped_by_it() -> None:
    bench = Bench().linked().online().charging()
    assert bench.ask("RemoteStopTransaction", transactionId=0) == REJECTED


def test_r_23_a_second_remote_stop_is_rejected() -> None:
    bench = charging()
    bench.ask("RemoteStopTransaction", transactionId=7)
    assert bench.ask("RemoteStopTransaction", transactionId=7) == REJECTED
    assert len(bench.stops()) == 1


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("RemoteStartTransaction", {"connectorId": 2, "idTag": "APP"}),
        ("RemoteStopTransaction", {"transactionId": 7}),
    ],
)
def test_b_07_remote_commands_are_rejected_while_pending(action: str, payload: dict[str, Any]) -> None:
    bench = Bench(mode(CENTRAL)).linked().online().charging()
    bench.deliver(7)
    bench.offline().give(SessionUp(RegistrationStatus.PENDING, 60, booted=True))
    assert bench.ask(action, **payload) == REJECTED
    assert bench.stops() == []


# ---------------------------------------------------------------- ChangeAvailability


def test_r_26_an_idle_connector_changes_at_once() -> None:
    bench = Bench().linked().online()
    assert bench.ask("ChangeAvailability", connectorId=1, type="Inoperative") == ACCEPTED
    assert (bench.statuses()[-1], bench.commanded_w()) == ("Unavailable", 0)
    assert bench.ask("ChangeAvailability", connectorId=1, type="Operative") == ACCEPTED
    assert (bench.statuses()[-1], bench.commanded_w()) == ("Available", 22_000)
    assert bench.statuses(2) == ["Available"]


def test_r_26_what_is_so_already_is_accepted_without_a_word() -> None:
    bench = Bench().linked().online()
    said = len(bench.calls("StatusNotification"))
    assert bench.ask("ChangeAvailability", connectorId=1, type="Operative") == ACCEPTED
    assert len(bench.calls("StatusNotification")) == said


def test_r_26_a_running_transaction_is_waited_for() -> None:
    bench = charging()
    assert bench.ask("ChangeAvailability", connectorId=1, type="Inoperative") == SCHEDULED
    assert (bench.statuses()[-1], bench.commanded_w()) == ("Charging", 22_000)
    bench.leave()
    assert (bench.statuses()[-1], bench.commanded_w()) == ("Unavailable", 0)
    assert [s["reason"] for s in bench.stops()] == ["EVDisconnected"]


def test_r_29_operative_cancels_what_was_scheduled() -> None:
    bench = charging()
    bench.ask("ChangeAvailability", connectorId=1, type="Inoperative")
    assert bench.ask("ChangeAvailability", connectorId=1, type="Operative") == ACCEPTED
    bench.leave()
    assert bench.statuses()[-1] == "Available"


def test_r_27_connector_0_is_all_and_those_without_a_transaction_change_at_once() -> None:
    bench = charging()
    assert bench.ask("ChangeAvailability", connectorId=0, type="Inoperative") == SCHEDULED
    assert (bench.statuses(1)[-1], bench.statuses(2)[-1]) == ("Charging", "Unavailable")
    bench.leave()
    assert bench.statuses(1)[-1] == "Unavailable"


@pytest.mark.parametrize("connector_id", [3, -1])
def test_r_29_no_such_connector_is_rejected(connector_id: int) -> None:
    bench = Bench().linked().online()
    assert bench.ask("ChangeAvailability", connectorId=connector_id, type="Inoperative") == REJECTED


def test_r_28_availability_outlives_a_kill() -> None:
    bench = Bench().linked().online()
    effects = bench.give(CallReceived("c", "ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}))
    assert kept(effects, AvailabilityRecord) == [AvailabilityRecord(n, operative=False) for n in (0, 1, 2)]
    bench.killed_and_restarted().linked().online()
    assert [bench.statuses(n)[-1] for n in (0, 1, 2)] == ["Unavailable"] * 3  # s-14
    assert bench.commanded_w() == 0


@pytest.mark.parametrize(
    ("status", "told"),
    [
        pytest.param(Status.AVAILABLE, ["Unavailable"], id="available"),
        pytest.param(Status.PREPARING, ["Available", "Unavailable"], id="preparing goes by way of available"),
        pytest.param(Status.FINISHING, ["Unavailable"], id="finishing"),
        pytest.param(Status.FAULTED, [], id="a fault stays a fault"),
        pytest.param(Status.UNAVAILABLE, [], id="the charger itself is unavailable"),
    ],
)
def test_s_02_change_availability_in_each_status(status: Status, told: list[str]) -> None:
    bench = Bench().linked().online()
    bench.see(status=status)
    said = len(bench.statuses())
    assert bench.ask("ChangeAvailability", connectorId=1, type="Inoperative") == ACCEPTED
    assert bench.statuses()[said:] == told
    assert bench.commanded_w() == 0


def test_r_30_an_inoperative_connector_starts_nothing_by_itself() -> None:
    bench = Bench().linked().online()
    bench.ask("ChangeAvailability", connectorId=1, type="Inoperative")
    bench.charging()
    assert bench.starts() == []


def test_an_authorisation_does_not_outlive_inoperative() -> None:
    bench = central()
    bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP")
    bench.ask("ChangeAvailability", connectorId=1, type="Inoperative")
    bench.ask("ChangeAvailability", connectorId=1, type="Operative")
    bench.see(status=Status.SUSPENDED_EVSE)
    assert bench.starts() == []


def test_a_fault_that_ends_leaves_an_inoperative_connector_unavailable() -> None:
    bench = Bench().linked().online()
    bench.see(status=Status.FAULTED)
    bench.ask("ChangeAvailability", connectorId=1, type="Inoperative")
    bench.see(status=Status.AVAILABLE)
    assert bench.statuses()[-2:] == ["Faulted", "Unavailable"]


# ---------------------------------------------------------------- Reset


@pytest.mark.parametrize("kind", ["Soft", "Hard"])
def test_r_32_a_reset_stops_every_transaction_and_then_restarts(kind: str) -> None:
    bench = Bench().linked().online().charging(1).charging(2)
    effects = bench.give(CallReceived("call", "Reset", {"type": kind}))
    assert [s["reason"] for s in bench.stops()] == [f"{kind}Reset"] * 2
    assert isinstance(next(e for e in effects if not isinstance(e, Persist)), Reply)
    assert Restart() not in effects
    bench.deliver()
    assert bench.effects.count(Restart()) == 1


def test_r_32_a_reset_does_not_wait_for_ever_for_its_stops_to_be_told() -> None:
    bench = Bench().linked().online().charging()
    bench.ask("Reset", type="Soft")
    bench.wait(120)
    assert bench.effects.count(Restart()) == 1


def test_r_32_a_reset_without_a_transaction_restarts_at_once() -> None:
    assert Restart() in Bench().linked().online().give(CallReceived("call", "Reset", {"type": "Hard"}))


def test_r_35_after_a_reset_nobody_is_authorised() -> None:
    bench = central()
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.ask("RemoteStartTransaction", connectorId=1, idTag="APP")
    bench.ask("RemoteStartTransaction", connectorId=2, idTag="APP")
    bench.ask("Reset", type="Soft")
    bench.see(2, status=Status.SUSPENDED_EVSE)
    bench.poll(10)
    assert len(bench.starts()) == 1
    assert bench.commanded_w(1) == bench.commanded_w(2) == 0


def test_where_the_charger_decides_a_car_that_charges_on_has_a_new_transaction_after_a_reset() -> None:
    bench = charging()
    bench.charge(wh=5_000, seconds=1200)
    bench.ask("Reset", type="Soft")
    bench.deliver()
    bench.poll(3)
    assert [(s["idTag"], s["meterStart"]) for s in bench.starts()] == [("CARD", 0), ("CARD", 5_000)]


def test_r_33_availability_outlives_a_reset() -> None:
    bench = Bench().linked().online()
    bench.ask("ChangeAvailability", connectorId=1, type="Inoperative")
    bench.ask("Reset", type="Hard")
    bench.offline().online()
    assert bench.statuses()[-1] == "Unavailable"


# ---------------------------------------------------------------- UnlockConnector, DataTransfer


@pytest.mark.parametrize("connector_id", [0, 1, 9])
def test_r_38_nothing_can_be_unlocked(connector_id: int) -> None:
    bench = charging()
    assert bench.ask("UnlockConnector", connectorId=connector_id) == {"status": "NotSupported"}
    assert bench.stops() == []  # r-39


def test_r_42_a_foreign_vendor_is_unknown() -> None:
    assert Bench().online().ask("DataTransfer", vendorId="other", data="{}") == {"status": "UnknownVendorId"}


def test_r_42_our_own_vendor_without_a_known_message_is_said_so() -> None:
    assert Bench().online().ask("DataTransfer", vendorId="ocpp-gateway", messageId="?") == {
        "status": "UnknownMessageId"
    }


# ---------------------------------------------------------------- SetChargingProfile, ClearChargingProfile


def tx_profile(purpose: str = "TxProfile", *, profile_id: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "chargingProfileId": profile_id,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7_000}],
        },
        **more,
    }


@pytest.mark.parametrize(
    ("connector_id", "profile", "answer"),
    [
        pytest.param(1, tx_profile(), ACCEPTED, id="p-04 for the running transaction"),
        pytest.param(1, tx_profile(transactionId=7), ACCEPTED, id="p-04 for it by its id"),
        pytest.param(1, tx_profile(transactionId=8), REJECTED, id="p-04 for another"),
        pytest.param(2, tx_profile(), REJECTED, id="p-03 no transaction there"),
        pytest.param(0, tx_profile(), REJECTED, id="p-03 not of the station"),
        pytest.param(1, tx_profile("TxDefaultProfile"), ACCEPTED, id="p-02 of one connector"),
        pytest.param(0, tx_profile("TxDefaultProfile"), ACCEPTED, id="p-02 of all"),
        pytest.param(0, tx_profile("ChargePointMaxProfile"), ACCEPTED, id="p-01 of the station"),
        pytest.param(1, tx_profile("ChargePointMaxProfile"), REJECTED, id="p-01 not of a connector"),
        pytest.param(3, tx_profile("TxDefaultProfile"), "PropertyConstraintViolation", id="p-09 no such connector"),
        pytest.param(-1, tx_profile("TxDefaultProfile"), "PropertyConstraintViolation", id="p-09 negative"),
        pytest.param(
            1, tx_profile("TxDefaultProfile", recurrencyKind="Daily"), REJECTED, id="p-13 recurrency without recurring"
        ),
        pytest.param(1, tx_profile("TxDefaultProfile", validFrom="soon"), REJECTED, id="no date"),
    ],
)
def test_a_profile_is_taken_where_it_belongs(
    connector_id: int, profile: dict[str, Any], answer: dict[str, str] | str
) -> None:
    bench = charging()
    assert bench.ask("SetChargingProfile", connectorId=connector_id, csChargingProfiles=profile) == answer


def test_p_05_a_tx_profile_by_id_is_rejected_while_the_id_is_not_known() -> None:
    bench = Bench().linked().online().charging()
    profile = tx_profile(transactionId=7)
    assert bench.ask("SetChargingProfile", connectorId=1, csChargingProfiles=profile) == REJECTED


def test_p_17_a_profile_is_kept_before_it_is_accepted() -> None:
    bench = charging()
    payload = {"connectorId": 1, "csChargingProfiles": tx_profile("TxDefaultProfile")}
    effects = bench.give(CallReceived("c", "SetChargingProfile", payload))
    assert isinstance(effects[0], Persist)
    assert isinstance(effects[1], Reply)


def test_p_11_a_profile_replaces_its_predecessor() -> None:
    bench = charging()
    for profile_id in (1, 1, 2):
        profile = tx_profile("TxDefaultProfile", profile_id=profile_id)
        bench.ask("SetChargingProfile", connectorId=1, csChargingProfiles=profile)
    assert [p.charging_profile_id for p in bench.shelf.stored.profiles] == [2]


def test_p_31_a_tx_profile_is_forgotten_with_its_transaction_even_after_a_kill() -> None:
    bench = charging()
    bench.ask("SetChargingProfile", connectorId=1, csChargingProfiles=tx_profile())
    bench.killed_and_restarted()
    bench.unseen(status=Status.AVAILABLE)
    bench.linked()
    assert bench.shelf.stored.profiles == ()
    assert bench.commanded_w() == 22_000


@pytest.mark.parametrize(
    ("criteria", "left"),
    [
        pytest.param({}, [], id="p-70 all"),
        pytest.param({"id": 2, "connectorId": 9}, [1, 3], id="p-70 the id alone counts"),
        pytest.param({"connectorId": 0}, [2, 3], id="p-71 of the station"),
        pytest.param({"chargingProfilePurpose": "TxDefaultProfile"}, [1], id="p-70 by purpose"),
        pytest.param({"connectorId": 1, "stackLevel": 0}, [1, 3], id="p-70 all criteria together"),
    ],
)
def test_p_70_what_is_cleared(criteria: dict[str, Any], left: list[int]) -> None:
    bench = charging()
    for connector_id, purpose, profile_id in (
        (0, "ChargePointMaxProfile", 1),
        (1, "TxDefaultProfile", 2),
        (2, "TxDefaultProfile", 3),
    ):
        profile = tx_profile(purpose, profile_id=profile_id)
        bench.ask("SetChargingProfile", connectorId=connector_id, csChargingProfiles=profile)
    assert bench.ask("ClearChargingProfile", **criteria) == ACCEPTED
    assert [p.charging_profile_id for p in bench.shelf.stored.profiles] == left


def test_p_70_nothing_to_clear_is_unknown() -> None:
    assert charging().ask("ClearChargingProfile", id=9) == {"status": "Unknown"}


# ---------------------------------------------------------------- --read-only


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("RemoteStartTransaction", {"connectorId": 2, "idTag": "APP"}),
        ("RemoteStopTransaction", {"transactionId": 7}),
        ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}),
        ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": tx_profile()}),
    ],
)
def test_read_only_rejects_what_it_could_not_do(action: str, payload: dict[str, Any]) -> None:
    bench = charging(read_only=True)
    assert bench.ask(action, **payload) == REJECTED
    assert (bench.stops(), bench.commanded_w()) == ([], None)
