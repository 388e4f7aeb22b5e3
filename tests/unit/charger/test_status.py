"""What StatusNotification says: the table, the transitions, faults, glitches, and silence."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from ocpp_gateway.charger.events import LinkUp
from ocpp_gateway.charger.state import AuthorizationMode
from ocpp_gateway.charger.status import ReportedStatus, Situation, derive_status, describe, transitions
from ocpp_gateway.registers.snapshot import ChargerIdentity, ConnectorSnapshot, Derating
from ocpp_gateway.registers.vocabulary import ChargePointErrorCode as Error
from ocpp_gateway.registers.vocabulary import ChargePointStatus as S
from unit.charger.bench import DUO, Bench, mode, seconds_after

QUIET = Situation(
    transaction=False,
    nothing_offered=False,
    operative=True,
    reserved=False,
    stopped_by_us=False,
    awaiting_plug=False,
    preparing_expired=False,
    starting=False,
)
RUNNING = replace(QUIET, transaction=True)


# ---------------------------------------------------------------- the table

G_09 = [
    # register, no transaction, stopped by us, transaction, transaction at 0 W
    (S.AVAILABLE, S.AVAILABLE, S.AVAILABLE, S.SUSPENDED_EV, S.SUSPENDED_EVSE),
    (S.PREPARING, S.PREPARING, S.FINISHING, S.SUSPENDED_EV, S.SUSPENDED_EVSE),
    (S.CHARGING, S.PREPARING, S.FINISHING, S.CHARGING, S.CHARGING),
    (S.SUSPENDED_EVSE, S.PREPARING, S.FINISHING, S.SUSPENDED_EVSE, S.SUSPENDED_EVSE),
    (S.SUSPENDED_EV, S.PREPARING, S.FINISHING, S.SUSPENDED_EV, S.SUSPENDED_EVSE),
    (S.FINISHING, S.FINISHING, S.FINISHING, S.SUSPENDED_EV, S.SUSPENDED_EVSE),
    (S.RESERVED, S.AVAILABLE, S.AVAILABLE, S.SUSPENDED_EV, S.SUSPENDED_EVSE),
    (S.UNAVAILABLE, S.UNAVAILABLE, S.UNAVAILABLE, S.SUSPENDED_EVSE, S.SUSPENDED_EVSE),
    (S.FAULTED, S.FAULTED, S.FAULTED, S.FAULTED, S.FAULTED),
]
COLUMNS = {
    "no transaction": QUIET,
    "stopped by us": replace(QUIET, stopped_by_us=True),
    "transaction": RUNNING,
    "transaction at 0 W": replace(RUNNING, nothing_offered=True),
}


@pytest.mark.parametrize(
    ("register", "situation", "expected"),
    [
        pytest.param(row[0], situation, row[1 + column], id=f"{row[0]}, {name}")
        for row in G_09
        for column, (name, situation) in enumerate(COLUMNS.items())
    ],
)
def test_g_09_the_status_is_derived(register: S, situation: Situation, expected: S) -> None:
    assert derive_status(register, situation) is expected


@pytest.mark.parametrize(
    ("register", "situation", "expected"),
    [
        pytest.param(S.AVAILABLE, replace(QUIET, awaiting_plug=True), S.PREPARING, id="s-20 authorised, no car yet"),
        pytest.param(S.PREPARING, replace(QUIET, preparing_expired=True), S.FINISHING, id="s-21 took too long"),
        pytest.param(S.PREPARING, replace(RUNNING, starting=True), S.PREPARING, id="power is on its way"),
        pytest.param(S.SUSPENDED_EVSE, replace(RUNNING, starting=True), S.PREPARING, id="our gate opens"),
        pytest.param(
            S.SUSPENDED_EVSE, replace(RUNNING, starting=True, nothing_offered=True), S.SUSPENDED_EVSE, id="at 0 W"
        ),
        pytest.param(S.CHARGING, replace(RUNNING, starting=True), S.CHARGING, id="it charges already"),
        pytest.param(S.CHARGING, replace(RUNNING, operative=False), S.CHARGING, id="scheduled, still running"),
    ],
)
def test_situations_of_the_start(register: S, situation: Situation, expected: S) -> None:
    assert derive_status(register, situation) is expected


@pytest.mark.parametrize("register", list(S))
def test_r_30_an_inoperative_connector_is_unavailable_or_faulted(register: S) -> None:
    for stopped, awaiting, expired in product((False, True), repeat=3):
        situation = replace(
            QUIET, operative=False, stopped_by_us=stopped, awaiting_plug=awaiting, preparing_expired=expired
        )
        expected = S.FAULTED if register is S.FAULTED else S.UNAVAILABLE
        assert derive_status(register, situation) is expected


# ---------------------------------------------------------------- what goes with it


@pytest.mark.parametrize(
    ("error", "raw", "status", "expected"),
    [
        pytest.param(Error.NO_ERROR, 0, S.CHARGING, (Error.NO_ERROR, None), id="none"),
        pytest.param(Error.NO_ERROR, 7, S.AVAILABLE, (Error.NO_ERROR, None), id="the charger's own NoError"),
        pytest.param(Error.GROUND_FAILURE, 2, S.FAULTED, (Error.GROUND_FAILURE, "2"), id="g-03 raw number told"),
        pytest.param(Error.POWER_METER_FAILURE, 11, S.CHARGING, (Error.POWER_METER_FAILURE, "11"), id="s-06 a warning"),
        pytest.param(Error.OTHER_ERROR, 200, S.AVAILABLE, (Error.OTHER_ERROR, "200"), id="m-16 unknown number"),
        pytest.param(Error.NO_ERROR, 0, S.FAULTED, (Error.OTHER_ERROR, "0"), id="faulted without a number"),
        pytest.param(Error.NO_ERROR, None, S.FAULTED, (Error.OTHER_ERROR, "0"), id="faulted, number not read"),
        pytest.param(
            Error.EV_COMMUNICATION_ERROR, 3, S.PREPARING, (Error.EV_COMMUNICATION_ERROR, "3"), id="s-07 where it may be"
        ),
        pytest.param(Error.EV_COMMUNICATION_ERROR, 3, S.CHARGING, (Error.OTHER_ERROR, "3"), id="s-07 where it may not"),
    ],
)
def test_s_05_an_error_code_is_always_one_of_the_sixteen(
    error: Error, raw: int | None, status: S, expected: tuple[Error, str | None]
) -> None:
    told = describe(ConnectorSnapshot(1, error_code=error, error_code_raw=raw), status)
    assert (told.error_code, told.vendor_error_code) == expected
    assert told.status is status


@pytest.mark.parametrize(
    ("derating", "error", "info"),
    [
        (Derating.NONE, Error.NO_ERROR, None),
        (Derating.LEVEL_1, Error.NO_ERROR, "derating level 1"),
        (Derating.LEVEL_2, Error.NO_ERROR, "derating level 2"),
        (Derating.PAUSED, Error.HIGH_TEMPERATURE, "paused by overtemperature"),
        (Derating.SENSOR_ERROR, Error.OTHER_ERROR, "temperature sensor error"),
    ],
)
def test_s_22_derating_is_a_warning(derating: Derating, error: Error, info: str | None) -> None:
    told = describe(ConnectorSnapshot(1, derating=derating), S.CHARGING)
    assert (told.status, told.error_code, told.info) == (S.CHARGING, error, info)


def test_an_error_is_told_before_derating() -> None:
    hot = ConnectorSnapshot(
        1, error_code=Error.OVER_CURRENT_FAILURE, error_code_raw=9, derating=Derating.PAUSED, status=S.FAULTED
    )
    assert describe(hot, S.FAULTED) == ReportedStatus(
        S.FAULTED, Error.OVER_CURRENT_FAILURE, "9", "charger error code 9"
    )


@pytest.mark.parametrize(
    ("last", "target", "path"),
    [
        pytest.param(S.AVAILABLE, S.CHARGING, [S.CHARGING], id="allowed as it is"),
        pytest.param(S.FINISHING, S.CHARGING, [S.PREPARING, S.CHARGING], id="r-15 the car is still there"),
        pytest.param(S.CHARGING, S.PREPARING, [S.FINISHING, S.PREPARING], id="the car is still there after a stop"),
        pytest.param(S.AVAILABLE, S.FINISHING, [S.PREPARING, S.FINISHING], id="a car came, and was done at once"),
        pytest.param(S.PREPARING, S.UNAVAILABLE, [S.AVAILABLE, S.UNAVAILABLE], id="change availability in preparing"),
        pytest.param(S.UNAVAILABLE, S.FINISHING, [S.PREPARING, S.FINISHING], id="operative again with a car"),
    ],
)
def test_s_02_what_polling_skipped_is_told(last: S, target: S, path: list[S]) -> None:
    assert list(transitions(last, target)) == path


# ---------------------------------------------------------------- in a charge point


def test_s_01_a_session_is_told_status_by_status() -> None:
    bench = Bench().linked().online().charging()
    bench.see(status=S.SUSPENDED_EV)
    bench.charge(wh=100, seconds=30)
    bench.leave()
    assert bench.statuses() == [
        "Available", "Preparing", "Charging", "SuspendedEV", "Charging", "Finishing", "Available"
    ]  # fmt: skip


def test_s_03_the_station_is_told_apart_from_its_connectors() -> None:
    bench = Bench().linked().online().charging()
    assert bench.statuses(0) == ["Available"]
    bench.ask("ChangeAvailability", connectorId=0, type="Inoperative")
    assert bench.statuses(0) == ["Available", "Unavailable"]


def test_s_16_the_stamp_is_the_time_of_the_change() -> None:
    bench = Bench().linked().online()
    bench.see(seconds=7, status=S.PREPARING)
    assert seconds_after(bench.calls("StatusNotification")[-1]["timestamp"]) == 15 + 7


def test_b_13_a_status_without_a_known_time_has_no_stamp() -> None:
    bench = Bench().forget_the_time().linked().online()
    assert all("timestamp" not in told for told in bench.calls("StatusNotification"))


def test_s_08_what_the_vendor_says_travels_with_its_name() -> None:
    bench = Bench().linked().online()
    bench.see(status=S.FAULTED, error_code=Error.OVER_CURRENT_FAILURE, error_code_raw=9)
    told = bench.calls("StatusNotification")[-1]
    assert told["status"] == "Faulted"
    assert told["errorCode"] == "OverCurrentFailure"
    assert told["vendorErrorCode"] == "9"
    assert told["vendorId"] == "ocpp-gateway"


def test_s_10_an_error_that_vanishes_is_told_once() -> None:
    bench = Bench().linked().online()
    bench.see(error_code=Error.POWER_METER_FAILURE, error_code_raw=11)
    bench.see(error_code=Error.NO_ERROR, error_code_raw=0)
    bench.poll(3)
    told = [payload["errorCode"] for payload in bench.calls("StatusNotification") if payload["connectorId"] == 1]
    assert told == ["NoError", "PowerMeterFailure", "NoError"]


def test_s_09_the_status_before_a_fault_is_told_when_it_is_over() -> None:
    bench = Bench().linked().online().charging()
    bench.see(status=S.FAULTED, error_code=Error.GROUND_FAILURE, error_code_raw=2)
    bench.see(status=S.CHARGING, error_code=Error.NO_ERROR, error_code_raw=0)
    assert bench.statuses()[-3:] == ["Charging", "Faulted", "Charging"]


def test_s_17_what_happened_while_nobody_listened_is_not_told() -> None:
    bench = Bench().linked().online()
    bench.offline().charging()
    bench.leave()
    bench.see(status=S.PREPARING)
    bench.online(booted=False)
    assert bench.statuses() == ["Available", "Preparing"]


def test_s_13_a_limit_below_the_minimum_is_the_evse_s_doing() -> None:
    bench = Bench().linked().online().charging()
    bench.deliver()
    bench.ask("SetChargingProfile", connectorId=1, csChargingProfiles=_limit_w(3_000))
    bench.see(status=S.SUSPENDED_EV)
    assert bench.commanded_w() == 3_000
    assert bench.statuses()[-1] == "SuspendedEVSE"


def _limit_w(limit: float) -> dict[str, object]:
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        },
    }


# ---------------------------------------------------------------- unknown statuses (M-16)


def test_fault_m_16_an_unknown_status_is_kept_for_30_s_then_a_fault_with_its_number() -> None:
    bench = Bench().linked().online()
    bench.see(status=None, status_raw=99)
    bench.poll(29)
    assert bench.statuses() == ["Available"]
    bench.poll(2)
    told = bench.calls("StatusNotification")[-1]
    assert (told["status"], told["errorCode"], told["vendorErrorCode"]) == ("Faulted", "OtherError", "status 99")
    assert bench.alarms().count("unknown_status") == 1
    bench.see(status=S.AVAILABLE, status_raw=0)
    assert bench.statuses()[-1] == "Available"


def test_fault_m_16_an_unknown_status_ends_no_transaction() -> None:
    bench = Bench().linked().online().charging()
    bench.see(status=S.AVAILABLE)  # once
    bench.see(status=None, status_raw=99)
    bench.poll(120)
    assert bench.stops() == []


def test_fault_m_16_an_unknown_status_starts_no_transaction() -> None:
    bench = Bench().linked().online()
    bench.see(status=None, status_raw=65535)
    bench.poll(120)
    assert bench.starts() == []


def test_fault_m_16_an_unknown_status_opens_no_gate() -> None:
    bench = Bench().linked().online().charging()
    bench.deliver()
    bench.ask("RemoteStopTransaction", transactionId=7)
    bench.see(status=S.AVAILABLE)  # once
    bench.see(status=None, status_raw=99)
    bench.poll(10)
    assert bench.commanded_w() == 0


def test_fault_m_16_a_restart_into_an_unknown_status_ends_no_transaction() -> None:
    bench = Bench().linked().online().charging().killed_and_restarted()
    bench.unseen(status=None, status_raw=99)
    bench.linked()
    assert bench.stops() == []
    bench.see(status=S.CHARGING, status_raw=2)
    assert bench.connector().transaction is not None
    assert bench.stops() == []


# ---------------------------------------------------------------- a charger that does not answer (G-10)


def test_g_10_a_silent_charger_is_faulted_after_a_minute() -> None:
    bench = Bench().linked().online().charging()
    bench.cut()
    bench.wait(59)
    assert bench.statuses()[-1] == "Charging"
    bench.wait(2)
    for connector_id in (0, 1, 2):
        assert bench.statuses(connector_id)[-1] == "Faulted"
    told = bench.calls("StatusNotification")[-1]
    assert (told["errorCode"], told["vendorErrorCode"]) == ("OtherError", "ModbusUnreachable")


def test_g_10_a_charger_that_connects_but_is_never_read_is_silent_too() -> None:
    bench = Bench().linked().online()
    for _ in range(7):
        bench.cut().wait(10)
        bench.give(LinkUp(DUO))
    assert bench.statuses()[-1] == "Faulted"


def test_g_10_silence_is_told_while_an_end_was_awaited() -> None:
    bench = Bench().linked().online().charging()
    bench.see(status=S.AVAILABLE)
    bench.cut().wait(61)
    assert bench.statuses()[-1] == "Faulted"
    assert bench.stops() == []


def test_g_10_silence_is_told_while_it_is_unknown_what_became_of_a_transaction() -> None:
    bench = Bench().linked().online().charging().cut()
    bench.wait(5)
    bench.give(LinkUp(DUO))  # and no answer after that
    bench.cut().wait(61)
    assert bench.statuses()[-1] == "Faulted"


def test_g_10_the_status_is_what_the_charger_shows_when_it_is_back() -> None:
    bench = Bench().linked().online().charging()
    bench.cut().wait(120)
    bench.linked()
    assert bench.statuses()[-2:] == ["Faulted", "Charging"]
    assert "charger_lost_cleared" in bench.alarms()


def test_an_operator_hears_the_end_of_a_short_silence_too() -> None:
    bench = Bench().linked().online()
    bench.cut().wait(20)
    bench.linked()
    assert bench.alarms() == ["charger_lost", "charger_lost_cleared"]


def test_what_may_be_a_glitch_is_not_said() -> None:
    bench = Bench().linked().online().charging()
    for glitch in (S.AVAILABLE, S.FINISHING, S.PREPARING, S.UNAVAILABLE):
        bench.see(status=glitch)
        bench.see(status=S.CHARGING)
    assert bench.statuses() == ["Available", "Preparing", "Charging"]


# ---------------------------------------------------------------- connectors that come and go


def test_s_04_connectors_that_the_charger_turns_out_to_have_are_told() -> None:
    bench = Bench(replace(mode(AuthorizationMode.CHARGER), number_of_connectors=1)).online()
    bench.linked()
    assert bench.statuses(2) == ["Available"]
    answer = bench.ask("GetConfiguration", key=["NumberOfConnectors"])
    assert answer == {"configurationKey": [{"key": "NumberOfConnectors", "readonly": True, "value": "2"}]}


def test_a_solo_has_no_second_connector() -> None:
    bench = Bench()
    del bench.registers[2]
    bench.linked(ChargerIdentity(1, "Compleo", "SOLO", "SN-2")).online()
    assert bench.statuses(2) == []
