"""Each rule is shown by the frame that breaks it, and by a neighbour that does not."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from hand_made_charge_point import BOOT, IDENTITY, HandMadeChargePoint, meter_values, start, status, stop
from ocpp_gateway.central.policy import USUAL, Answer, call_error, hang_up, no_answer, payload
from ocpp_gateway.central.system import CentralSystem

Said = list[tuple[str, dict[str, Any]]]


def said(*requests: dict[str, Any]) -> Said:
    """The requests with their actions, told by their fields."""
    return [(next(action for name, action in _BY_FIELD.items() if name in request), request) for request in requests]


_BY_FIELD = {
    "meterStart": "StartTransaction",
    "meterStop": "StopTransaction",
    "meterValue": "MeterValues",
    "status": "StatusNotification",
    "chargePointVendor": "BootNotification",
    "idTag": "Authorize",
}
NOTHING_SAMPLED = [{"timestamp": "2026-05-04T18:10:00Z", "sampledValue": []}]
SECOND: dict[str, Any] = {"meterStart": 6000, "timestamp": "2026-05-04T20:00:00Z"}


@pytest.mark.parametrize(
    ("requests", "rule"),
    [
        pytest.param(said(BOOT | {"firmwareVersion": ""}), "B-02", id="blank field in boot"),
        pytest.param(said({"idTag": " "}), "A-31", id="blank tag authorised"),
        pytest.param(said(start(idTag="")), "A-31", id="blank tag starts"),
        pytest.param(said(start(), stop(idTag="")), "A-31", id="blank tag stops"),
        pytest.param(said(status(0, "Charging")), "S-03", id="station charges"),
        pytest.param(said(status(3, "Available")), "S-04", id="connector above N"),
        pytest.param(said(status(-1, "Available")), "S-04", id="negative connector"),
        pytest.param(said(start(0)), "S-04", id="transaction on connector 0"),
        pytest.param(said(meter_values(3, None, context="Trigger")), "S-04", id="samples above N"),
        pytest.param(said(status(1, "Charging", "EVCommunicationError")), "S-07", id="no communication, yet charging"),
        pytest.param(said(start(), start(timestamp="2026-05-04T18:06:00Z")), "X-01", id="second start"),
        pytest.param(said(stop(7)), "X-20", id="stop of an unknown id"),
        pytest.param(said(start(), stop(meterStop=999)), "X-10", id="stop below start"),
        pytest.param(said(start(), stop(timestamp="2026-05-04T18:04:59Z")), "X-10", id="stop before start"),
        pytest.param(said(start(), stop(), stop(meterStop=6100)), "X-39", id="other stop of the same transaction"),
        pytest.param(said(meter_values()), "I3", id="samples before the start"),
        pytest.param(said(start(), stop(), meter_values()), "I3", id="samples after the stop"),
        pytest.param(said(start(), stop(), BOOT, start()), "I1", id="start again after the stop"),
        pytest.param(said(start(), meter_values(2)), "I3", id="samples of another connector"),
        pytest.param(said(start(), meter_values(0)), "M-03", id="station sample in a transaction"),
        pytest.param(said(meter_values(1, None)), "M-03", id="periodic sample outside"),
        pytest.param(said(start(), meter_values(value="2,000")), "M-06", id="comma"),
        pytest.param(said(start(), meter_values(value=" 2000")), "M-06", id="blank"),
        pytest.param(said(start(), meter_values(value="2e3")), "M-06", id="exponent"),
        pytest.param(said(start(), meter_values(value="NaN")), "M-06", id="no number"),
        pytest.param(said(start(), meter_values(measurand="Voltage")), "M-15", id="voltage in Wh by default"),
        pytest.param(said(start(), meter_values(measurand="Current.Import", unit="V")), "M-15", id="current in V"),
        pytest.param(said(start(), meter_values(location="EV")), "M-16", id="energy in the EV"),
        pytest.param(said(meter_values(0, None, context="Sample.Clock")), "M-16", id="station at an outlet"),
        pytest.param(said(start(), stop(transactionData=NOTHING_SAMPLED)), "M-25", id="no samples"),
        pytest.param(said(start(), meter_values(value="999")), "M-30", id="register below meterStart"),
        pytest.param(said(start(), meter_values(), meter_values(at=11, value="1999")), "M-30", id="register falls"),
        pytest.param(said(start(), meter_values(value="7000"), stop()), "M-30", id="meterStop below a sample"),
        pytest.param(said(start(), stop(), start(**{**SECOND, "meterStart": 5999})), "M-30", id="next start lower"),
        pytest.param(said(start(), meter_values(value="1.5", unit="kWh"), stop(meterStop=1400)), "M-30", id="kWh"),
        pytest.param(said(start() | {"vendor": "x"}), "FormationViolation", id="extra field, T-19"),
        pytest.param(said(start(timestamp="2026-05-04T18:05:00+02:00")), "PropertyConstraintViolation", id="T-21"),
        pytest.param([("Reset", {"type": "Soft"})], "T-17", id="a message of central systems"),
        pytest.param([("startTransaction", start())], "T-17", id="wrong case"),
    ],
)
async def test_a_broken_rule_is_written_down_and_the_connection_lives(
    central: CentralSystem, station: HandMadeChargePoint, requests: Said, rule: str
) -> None:
    for action, request in requests:
        await station.call(action, request)

    assert central.violations[0].startswith(f"{rule} {IDENTITY}: ")
    assert await station.call("Heartbeat", {}) == {"currentTime": central.frames[-1].payload["currentTime"]}


@pytest.mark.parametrize(
    "requests",
    [
        pytest.param(
            said(
                *(status(connector_id, "Available") for connector_id in range(3)),
                status(1, "Preparing"),
                {"idTag": "04A1"},
                start(),
                status(1, "Charging"),
                meter_values(),
                meter_values(at=11, value="230.1", measurand="Voltage", unit="V", phase="L1-N"),
                meter_values(
                    0, None, measurand="Power.Active.Import", unit="W", location="Inlet", context="Sample.Clock"
                ),
                status(1, "SuspendedEV"),
                stop(reason="EVDisconnected"),
                status(1, "Finishing"),
                status(1, "Available"),
                start(**SECOND),
                stop(2, meterStop=6000, timestamp="2026-05-04T20:05:00Z"),
            ),
            id="two sessions",
        ),
        pytest.param(said(start(), start(2), stop(2), stop(1)), id="both connectors at once"),
        pytest.param(said(status(1, "Available"), status(1, "Available")), id="the same status again"),
        pytest.param(said(status(1, "Charging"), BOOT, status(1, "Available")), id="any status after a boot"),
        pytest.param(
            said(start(), meter_values(at=20, value="3000", context="Trigger"), meter_values()),
            id="a triggered sample overtakes the queue",
        ),
        pytest.param(said(start(), meter_values(value="x", format="SignedData")), id="signed data is no number"),
        pytest.param(
            said(start(), stop(transactionData=meter_values(context="Transaction.Begin")["meterValue"])),
            id="transaction data",
        ),
    ],
)
async def test_what_is_allowed_is_no_violation(
    central: CentralSystem, station: HandMadeChargePoint, requests: Said
) -> None:
    for action, request in requests:
        await station.call(action, request)

    assert central.violations == []


MATRIX = {  # OCPP 1.6 §4.9, copied from the checklist's S-02; numbers in the order of STATUSES
    "Available": "2345789",
    "Preparing": "134569",
    "Charging": "145689",
    "SuspendedEV": "135689",
    "SuspendedEVSE": "134689",
    "Finishing": "1289",
    "Reserved": "1289",
    "Unavailable": "123459",
    "Faulted": "12345678",
}
STATUSES = [
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEV",
    "SuspendedEVSE",
    "Finishing",
    "Reserved",
    "Unavailable",
    "Faulted",
]


async def test_s_02_every_transition_is_judged_by_the_matrix(
    central: CentralSystem, station: HandMadeChargePoint
) -> None:
    for before, after in itertools.permutations(STATUSES, 2):
        await station.boot()  # any status may follow
        central.violations.clear()
        await station.call("StatusNotification", status(1, before))
        await station.call("StatusNotification", status(1, after))

        allowed = str(STATUSES.index(after) + 1) in MATRIX[before]
        assert [violation[:4] for violation in central.violations] == ([] if allowed else ["S-02"]), (before, after)


async def test_s_17_after_a_reconnect_any_status_may_come_first(
    central: CentralSystem, station: HandMadeChargePoint
) -> None:
    await station.call("StatusNotification", status(1, "Charging"))
    again = HandMadeChargePoint(central.connect_in_memory(IDENTITY))
    await again.call("StatusNotification", status(1, "Preparing"), "after")

    assert central.violations == []


async def test_b_01_nothing_but_a_boot_comes_first(central: CentralSystem, fresh: HandMadeChargePoint) -> None:
    for _ in range(2):
        await fresh.call("Heartbeat", {})

    assert [violation[:4] for violation in central.violations] == ["B-01"]  # told once


async def test_b_01_a_reconnect_needs_no_boot(central: CentralSystem, station: HandMadeChargePoint) -> None:
    again = HandMadeChargePoint(central.connect_in_memory(IDENTITY))
    await again.call("Heartbeat", {}, "after")

    assert central.violations == []


async def test_b_06_pending_allows_only_what_was_triggered(central: CentralSystem, fresh: HandMadeChargePoint) -> None:
    central.policy.registration = "Pending"
    await fresh.boot()
    await central.send_raw(IDENTITY, '[2,"t","TriggerMessage",{"requestedMessage":"StatusNotification"}]')
    await fresh.receive()
    await fresh.send(3, "t", {"status": "Accepted"})
    await fresh.call("StatusNotification", status(1, "Available"))
    assert central.violations == []

    await fresh.call("Heartbeat", {})
    assert [violation[:4] for violation in central.violations] == ["B-01"]


async def test_b_05_a_rejected_charge_point_answers_nothing(central: CentralSystem, fresh: HandMadeChargePoint) -> None:
    central.policy.registration = "Rejected"
    await fresh.boot()
    await central.send_raw(IDENTITY, '[2,"c","ClearCache",{}]')
    await fresh.receive()
    await fresh.send(3, "c", {"status": "Accepted"})

    await central.wait_for(lambda: [violation[:4] for violation in central.violations] == ["B-05"])


async def test_b_07_no_remote_start_while_pending(central: CentralSystem, fresh: HandMadeChargePoint) -> None:
    central.policy.registration = "Pending"
    await fresh.boot()
    await central.send_raw(IDENTITY, '[2,"c","RemoteStopTransaction",{"transactionId":1}]')
    await fresh.receive()
    await fresh.send(3, "c", {"status": "Accepted"})

    await central.wait_for(lambda: [violation[:4] for violation in central.violations] == ["B-07"])


async def test_b_08_the_next_boot_waits_for_the_interval(central: CentralSystem, fresh: HandMadeChargePoint) -> None:
    central.policy.registration, central.policy.interval_s = "Pending", 60
    await fresh.boot()
    await fresh.boot()

    assert [violation[:4] for violation in central.violations] == ["B-08"]


async def test_b_08_a_triggered_boot_does_not_wait(central: CentralSystem, fresh: HandMadeChargePoint) -> None:
    central.policy.registration = "Pending"
    await fresh.boot()
    await central.send_raw(IDENTITY, '[2,"t","TriggerMessage",{"requestedMessage":"BootNotification"}]')
    await fresh.receive()
    await fresh.boot()

    assert central.violations == []


async def test_t_25_one_call_at_a_time(central: CentralSystem, station: HandMadeChargePoint) -> None:
    central.policy.answer_next("Heartbeat", no_answer())
    await station.send(2, "a", "Heartbeat", {})
    await station.call("Heartbeat", {})

    assert [violation[:4] for violation in central.violations] == ["T-25"]


async def test_t_27_after_the_timeout_the_next_call_may_go(
    central: CentralSystem, station: HandMadeChargePoint
) -> None:
    central.judge.message_timeout_s = 0.0
    central.policy.answer_next("Heartbeat", no_answer())
    await station.send(2, "a", "Heartbeat", {})
    await station.call("Heartbeat", {})

    assert central.violations == []


async def test_t_15_a_message_id_is_used_for_one_message_only(
    central: CentralSystem, station: HandMadeChargePoint
) -> None:
    await station.call("Heartbeat", {}, "again")
    await station.call("Heartbeat", {}, "again")  # the same message: a retry may keep its id
    assert central.violations == []

    await station.call("StatusNotification", status(1, "Available"), "again")
    assert [violation[:4] for violation in central.violations] == ["T-15"]


async def test_t_15_ids_are_remembered_over_connections(central: CentralSystem, station: HandMadeChargePoint) -> None:
    again = HandMadeChargePoint(central.connect_in_memory(IDENTITY))
    await again.call("Heartbeat", {}, "1")  # was the boot's

    assert [violation[:4] for violation in central.violations] == ["T-15"]


async def test_t_22_a_frame_has_less_than_64_kib(central: CentralSystem, station: HandMadeChargePoint) -> None:
    await station.call("DataTransfer", {"vendorId": "x", "data": 65_536 * "x"})

    assert [violation[:4] for violation in central.violations] == ["T-22"]


@pytest.mark.parametrize("message", ["{", '[9,"1",{}]', '[2,"","Heartbeat",{}]'])
async def test_a_malformed_message_is_a_violation(
    central: CentralSystem, station: HandMadeChargePoint, message: str
) -> None:
    await station.connection.send(message)
    await station.call("Heartbeat", {})

    assert len(central.violations) == 1
    assert message in central.violations[0]


async def test_a_malformed_call_is_answered_by_its_id(central: CentralSystem, station: HandMadeChargePoint) -> None:
    await station.send(2, "mine", "Heartbeat")

    assert (await station.receive())[:3] == [4, "mine", "FormationViolation"]


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        pytest.param((3, "other", {"status": "Accepted"}), "T-16", id="answers nothing"),
        pytest.param((3, "c", {"status": "accepted"}), "PropertyConstraintViolation", id="no such status"),
        pytest.param((3, "c", {}), "ProtocolError", id="no status"),
        pytest.param((4, "c", "FormatViolation", "", {}), "T-33", id="misspelt code"),
    ],
)
async def test_answers_are_judged(
    central: CentralSystem, station: HandMadeChargePoint, answer: tuple[object, ...], rule: str
) -> None:
    await central.send_raw(IDENTITY, '[2,"c","ClearCache",{}]')
    await station.receive()
    await station.send(*answer)
    await station.call("Heartbeat", {})

    assert [violation.split()[0] for violation in central.violations] == [rule]


async def test_a_call_is_answered_once(central: CentralSystem, station: HandMadeChargePoint) -> None:
    await central.send_raw(IDENTITY, '[2,"c","ClearCache",{}]')
    await station.receive()
    for _ in range(2):
        await station.send(3, "c", {"status": "Accepted"})
    await station.call("Heartbeat", {})

    assert [violation[:4] for violation in central.violations] == ["T-16"]


async def test_i3_a_start_does_not_come_after_its_stop(central: CentralSystem, station: HandMadeChargePoint) -> None:
    await station.call("StartTransaction", start())
    await station.call("StopTransaction", stop())
    again = HandMadeChargePoint(central.connect_in_memory(IDENTITY))
    await again.call("StartTransaction", start(), "again")

    assert [violation[:3] for violation in central.violations] == ["I3 "]


async def test_t_31_an_unknown_message_is_refused(central: CentralSystem, station: HandMadeChargePoint) -> None:
    await central.send_raw(IDENTITY, '[2,"c","Nonsense",{}]')
    await station.receive()
    await station.send(3, "c", {})
    await station.call("Heartbeat", {})

    assert [violation[:4] for violation in central.violations] == ["T-31"]


@pytest.mark.parametrize(
    ("answer", "rules"),
    [
        pytest.param({"configurationKey": [], "unknownKey": []}, ["C-02"], id="empty list of unknown keys"),
        pytest.param(
            {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": "00FF"}]},
            ["Z-07"],
            id="tells its password",
        ),
        pytest.param({"configurationKey": [{"key": "AuthorizationKey", "readonly": False}]}, [], id="names it"),
    ],
)
async def test_a_configuration_is_judged(
    central: CentralSystem, station: HandMadeChargePoint, answer: dict[str, Any], rules: list[str]
) -> None:
    await central.send_raw(IDENTITY, '[2,"c","GetConfiguration",{}]')
    await station.receive()
    await station.send(3, "c", answer)
    await station.call("Heartbeat", {})

    assert [violation[:4] for violation in central.violations] == rules
    assert "00FF" not in "".join(central.violations)


@pytest.mark.parametrize(
    ("lost", "repeats_are_fine"),
    [
        pytest.param(USUAL, False, id="answered"),
        pytest.param(call_error("InternalError"), True, id="CALLERROR"),
        pytest.param(payload({"transactionId": 1}), True, id="unusable answer"),
    ],
)
async def test_i1_a_start_is_repeated_only_when_its_answer_was_lost(
    central: CentralSystem, station: HandMadeChargePoint, lost: Answer, repeats_are_fine: bool
) -> None:
    central.policy.answer_next("StartTransaction", lost)
    await station.call("StartTransaction", start())
    await station.call("StartTransaction", start())

    assert [violation[:3] for violation in central.violations] == ([] if repeats_are_fine else ["I1 "])
    assert [row.start_repeats for row in central.transactions] == [1]


async def test_i1_a_lost_connection_allows_the_same_frame_again(
    central: CentralSystem, station: HandMadeChargePoint
) -> None:
    central.policy.answer_next("StartTransaction", hang_up())
    await station.send(2, "s", "StartTransaction", start())
    with pytest.raises(EOFError):
        await station.receive()
    again = HandMadeChargePoint(central.connect_in_memory(IDENTITY))
    answer = await again.call("StartTransaction", start(), "s")

    assert central.violations == []
    assert answer["transactionId"] == 1
    assert [(row.transaction_id, row.start_repeats) for row in central.transactions] == [(1, 1)]


@pytest.mark.parametrize("lost", [call_error("InternalError"), no_answer()])
async def test_x_35_a_transaction_whose_id_was_never_told_ends_as_minus_one(
    central: CentralSystem, station: HandMadeChargePoint, lost: Answer
) -> None:
    central.judge.message_timeout_s = 0.0
    central.policy.answer_next("StartTransaction", lost)
    await station.send(2, "s", "StartTransaction", start())
    if lost.copies:
        await station.receive()
    await station.call("MeterValues", meter_values(transaction_id=-1))
    await station.call("StopTransaction", stop(-1))

    assert central.violations == []
    assert [(row.id_told, row.energy_wh, row.meter_values) for row in central.transactions] == [(False, 5000, 1)]


async def test_x_34_minus_one_is_wrong_when_the_id_is_known(
    central: CentralSystem, station: HandMadeChargePoint
) -> None:
    await station.call("StartTransaction", start())
    await station.call("StopTransaction", stop(-1))

    assert [violation[:4] for violation in central.violations] == ["X-20"]
