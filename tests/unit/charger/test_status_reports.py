"""When a status is said, and with which time."""

from __future__ import annotations

from ocpp_gateway.charger.events import SessionDown
from ocpp_gateway.registers.vocabulary import ChargePointErrorCode
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import Bench


def test_s_11_a_status_that_waits_for_a_lost_session_sets_no_deadline_that_is_over() -> None:
    bench = Bench(MinimumStatusDuration="5").linked().online()
    bench.see(status=Status.PREPARING)
    bench.give(SessionDown())
    bench.wait(20)  # would never end
    assert bench.statuses() == ["Available"]
    bench.online(booted=False)
    assert bench.statuses() == ["Available", "Preparing"]


def test_s_11_a_status_that_had_to_stand_is_told_with_the_time_of_its_change() -> None:
    bench = Bench(MinimumStatusDuration="5").linked().online()
    changed_at = bench.now.plus(1).stamp()
    bench.see(status=Status.PREPARING)
    bench.poll(10)
    assert bench.calls("StatusNotification")[-1] == {
        "connectorId": 1,
        "status": "Preparing",
        "errorCode": "NoError",
        "timestamp": changed_at,
    }


def test_s_15_a_cable_that_is_pulled_in_a_transaction_is_told() -> None:
    bench = Bench().linked().online()
    bench.see(status=Status.CHARGING, charging_s=10)
    bench.see(status=Status.CHARGING, charging_s=11)
    pulled_at = bench.now.plus(1).stamp()
    bench.see(status=Status.AVAILABLE)
    bench.poll(5)
    assert bench.statuses() == ["Available", "Charging", "Finishing", "Available"]
    pulled, _ = bench.calls("StatusNotification")[-2:]
    assert (pulled["info"], pulled["errorCode"], pulled["timestamp"]) == ("EV side disconnected", "NoError", pulled_at)


def test_s_07_an_error_of_the_car_is_told_as_another_one_where_it_may_not_stand() -> None:
    """A warning with four statuses; a charger of another mapping may show it with any."""
    bench = Bench().linked().online()
    error = ChargePointErrorCode.EV_COMMUNICATION_ERROR
    bench.see(status=Status.PREPARING, error_code=error, error_code_raw=2)
    bench.see(status=Status.AVAILABLE)
    found = [(p["status"], p["errorCode"]) for p in bench.calls("StatusNotification") if p["connectorId"] == 1]
    assert found == [("Available", "NoError"), ("Preparing", "EVCommunicationError"), ("Available", "OtherError")]
