"""Area T, frame by frame: what leaves is exact, what arrives may be anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.stories import a_station, ask, charging, clear_tag, configure, moment, statuses, swipe, told
from conformance.wire import actions, raw, refusal, sent_by
from ocpp_gateway.central.policy import Policy, call_error
from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.options import ChargerOptions
from scenario.world import IDENTITY, a_world

pytestmark = pytest.mark.looptime

CALLS: dict[str, Any] = {"GetConfiguration": {}, "ClearCache": {}, "UnlockConnector": {"connectorId": 1}}
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
    },
}


@pytest.mark.conformance("T-14", "T-15", "T-19", "T-21")
async def test_t_12_t_13_every_frame_of_a_session_is_exact(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        await ask(world, "TriggerMessage", requestedMessage="Heartbeat")
        for action, payload in CALLS.items():
            await world.central.call(IDENTITY, action, payload)
        await refusal(world, "UpdateFirmware", {})
        await clear_tag(world)
        await swipe(world, "A11CE0")
        world.unplug(1)
        await world.seconds(60)

        frames = sent_by(world)
        seen = {frame.kind.name for frame in frames}
        assert seen == {"CALL", "RESULT", "ERROR"}
        for frame in frames:
            assert frame.text.isascii()
            parts = json.loads(frame.text)
            assert len(parts) == {2: 4, 3: 3, 4: 5}[parts[0]]
            assert isinstance(parts[1], str)
            assert 1 <= len(parts[1]) <= 36
        ids = [frame.message_id for frame in frames if frame.kind.name == "CALL"]
        assert len(set(ids)) == len(ids)
        (heartbeat,) = (frame for frame in frames if frame.action == "Heartbeat" and frame.kind.name == "CALL")
        assert json.loads(heartbeat.text)[3] == {}
        for payload in (*told(world, "StatusNotification"), *told(world, "StartTransaction")):
            assert payload["timestamp"].endswith("Z")


@pytest.mark.parametrize("call_id", ["x", " ", "17", "ä", "a" * 36, '"\\'])
async def test_t_16_an_odd_id_comes_back(tmp_path: Path, call_id: str) -> None:
    async with a_station(tmp_path) as world:
        (answer,) = await raw(world, json.dumps([2, call_id, "ClearCache", {}]))
        assert answer == [3, call_id, {"status": "Accepted"}]


async def test_t_14_null_is_an_empty_payload(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        (answer,) = await raw(world, '[2,"1","ClearCache",null]')
        assert answer == [3, "1", {"status": "Accepted"}]


REFUSED: list[tuple[str, object, str]] = [
    ("Explode", {}, "NotImplemented"),
    ("clearcache", {}, "NotImplemented"),
    ("UpdateFirmware", {"location": "ftp://x", "retrieveDate": "2026-11-22T00:00:00Z"}, "NotSupported"),
    ("InstallCertificate", {}, "NotSupported"),
    ("BootNotification", {}, "NotSupported"),
    ("UnlockConnector", {}, "ProtocolError"),
    ("RemoteStartTransaction", {"connectorId": 1}, "ProtocolError"),
    ("ClearCache", {"colour": "red"}, "FormationViolation"),
    ("UnlockConnector", {"connectorId": "1"}, "TypeConstraintViolation"),
    ("UnlockConnector", {"connectorId": 1.5}, "TypeConstraintViolation"),
    ("UnlockConnector", [], "TypeConstraintViolation"),
    ("Reset", {"type": "Medium"}, "PropertyConstraintViolation"),
    ("RemoteStartTransaction", {"idTag": "T" * 21}, "PropertyConstraintViolation"),
    (
        "ReserveNow",
        {"connectorId": 1, "expiryDate": "soon", "idTag": "T", "reservationId": 1},
        "PropertyConstraintViolation",
    ),
]


@pytest.mark.conformance("T-17", "T-33", "T-36", "W-01", "W-02")
async def test_t_31_t_32_t_34_each_mistake_gets_its_code(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        found = [(action, payload, await refusal(world, action, payload)) for action, payload, _ in REFUSED]
        assert found == REFUSED
        assert (await ask(world, "ClearCache")) == {"status": "Accepted"}


async def test_t_35_a_wrong_profile_or_unit_is_a_property_constraint_violation(tmp_path: Path) -> None:
    wrong_kind = PROFILE | {"chargingProfileKind": "Sometimes"}
    wrong_unit = {"connectorId": 1, "duration": 60, "chargingRateUnit": "VA"}
    async with a_station(tmp_path) as world:
        for action, payload in (
            ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": wrong_kind}),
            ("SetChargingProfile", {"connectorId": 3, "csChargingProfiles": PROFILE}),
            ("SetChargingProfile", {"connectorId": -1, "csChargingProfiles": PROFILE}),
            ("GetCompositeSchedule", wrong_unit),
        ):
            assert await refusal(world, action, payload) == "PropertyConstraintViolation", (action, payload)
        assert await refusal(world, "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE}) == ""


MALFORMED = (
    b"\xff\xfe\x00\x01",
    b'[2,"binary","ClearCache",{}]',
    "",
    "no json",
    "{}",
    "[]",
    "7",
    "[2]",
    '["2","1","ClearCache",{}]',
    '[2,{},"ClearCache",{}]',
    '[2,"","ClearCache",{}]',
    "[" * 5000,
    '[3,"nobody-asked",{}]',
    '[4,"nobody-asked","Oops","",{}]',
    '[4,"x"]',
    '[9,"x","ClearCache",{}]',
)


@pytest.mark.conformance("T-12a", "T-18", "T-28", "T-36", "W-27")
async def test_t_37_what_cannot_be_read_is_ignored_and_ends_nothing(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True) as world:
        await world.seconds(20)
        for frame in MALFORMED:
            assert await raw(world, frame) == [], frame
        for odd in ('[2,"id",["ClearCache"],{}]', '[2,"id","ClearCache"]', '[2,"id","ClearCache",{},{}]', '[2,"id",{'):
            ((kind, call_id, code, _, details),) = await raw(world, odd)
            assert (kind, call_id, code, details) == (4, "id", "FormationViolation", {})
        assert (await ask(world, "ClearCache")) == {"status": "Accepted"}
        assert list(world.central.closings) == []


async def test_t_38_a_refusal_repeats_no_secret(tmp_path: Path) -> None:
    secret = "0123456789abcdef0123456789abcdef01234567"
    async with a_world(tmp_path, websocket=True) as world:
        await world.seconds(20)
        for payload in ({"value": secret}, {"key": "AuthorizationKey", "value": secret, "colour": secret}, secret):
            assert await refusal(world, "ChangeConfiguration", payload)
        await raw(world, f'[2,"id","ChangeConfiguration",{{"value":"{secret}"')
        assert len([frame for frame in sent_by(world) if frame.kind.name == "ERROR"]) == 4
        assert not any(secret in frame.text for frame in sent_by(world))


async def test_t_39_an_unknown_error_code_is_a_failure_to_process(tmp_path: Path) -> None:
    policy = Policy()
    policy.answer_next("StartTransaction", call_error("WhoKnows", "no idea", {"x": [1]}))
    policy.answer_next("StatusNotification", *[call_error("WhoKnows")] * 4)
    async with a_station(tmp_path, policy=policy) as world:
        world.plug_in(1, "A11CE0", wants_wh=60_000)
        await world.seconds(90)
        first, second = (f for f in sent_by(world) if f.action == "StartTransaction")
        assert first.payload == second.payload
        assert first.message_id != second.message_id
        assert (second.at - first.at).total_seconds() == pytest.approx(60, abs=1)
        assert len(world.central.transactions) == 1
        assert list(world.central.closings) == []


@pytest.mark.conformance("B-02")
async def test_t_20_what_a_charger_says_is_cut_to_length(tmp_path: Path) -> None:
    options = ChargerOptions(serial_number="SERIAL-NUMBER-0123456789-0123456789")
    async with a_world(tmp_path, websocket=True, options=options) as world:
        await world.seconds(20)
        for word in range(10):
            world.charger.set_raw(Table.INPUT, 4096 + word, 0x4142)
        world.plug_in(1, None)
        await world.seconds(30)
        (boot,) = told(world, "BootNotification")
        assert all(len(boot[name]) <= 25 for name in boot if name.endswith("SerialNumber"))
        assert boot["chargePointSerialNumber"] == options.serial_number[: len(boot["chargePointSerialNumber"])]
        assert [t.id_tag for t in world.central.transactions] == ["AB" * 10]
        assert world.central.violations == []


@pytest.mark.parametrize(
    "expiry",
    ["2026-11-22T01:30:00+01:00", "2026-11-21T19:30:00.5-05:00", "2026-11-22T00:30:00", "2026-11-22T00:30:00.123456Z"],
)
async def test_t_21_times_of_any_offset_are_understood(tmp_path: Path, expiry: str) -> None:
    async with a_station(tmp_path, poll_interval_s=5.0, idle_poll_interval_s=60.0) as world:
        reservation = {"connectorId": 1, "expiryDate": expiry, "idTag": "A11CE0", "reservationId": 1}
        assert await refusal(world, "ReserveNow", reservation) == ""
        await world.until("00:29:55")
        assert statuses(world) == ["Available", "Reserved"]
        await world.until("00:30:05")
        assert statuses(world) == ["Available", "Reserved", "Available"]
        at = moment(told(world, "StatusNotification", connectorId=1)[-1]["timestamp"])
        assert f"{at:%H:%M:%S}" in {"00:30:00", "00:30:01"}


async def test_t_22_a_long_question_is_answered_and_one_too_long_costs_only_the_connection(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        number = await charging(world)
        answer = await ask(world, "DataTransfer", vendorId="elsewhere", data="x" * 200_000)
        assert answer == {"status": "UnknownVendorId"}
        before = len(actions(world))
        await world.central.send_raw(IDENTITY, json.dumps([2, "1", "DataTransfer", {"vendorId": "x" * 300_000}]))
        await world.seconds(60)
        assert list(world.central.closings) == [(IDENTITY, 1009)]
        assert [a for a in actions(world)[before:] if a != "MeterValues"] == ["StatusNotification"] * 3
        assert statuses(world)[-1] == "Charging"
        assert await ask(world, "RemoteStopTransaction", transactionId=number) == {"status": "Accepted"}


async def test_t_22_own_frames_stay_below_64_kib(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(
            world,
            StopTxnSampledData="Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage",
            MeterValueSampleInterval=1,
        )
        number = await charging(world, wants_wh=60_000)
        await world.seconds(120)
        await ask(world, "RemoteStopTransaction", transactionId=number)
        await world.seconds(5)
        (stop,) = (f for f in sent_by(world) if f.action == "StopTransaction")
        assert 50_000 < len(stop.text) < 65_536  # as much as there is room for
        contexts = [v["sampledValue"][0]["context"] for v in stop.payload["transactionData"]]
        assert (contexts[0], contexts[-1]) == ("Transaction.Begin", "Transaction.End")
        assert set(contexts[1:-1]) == {"Sample.Periodic"}


async def test_t_29_seventy_calls_at_once_are_answered_in_order(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True) as world:
        await world.central.wait_for(lambda: told(world, "StatusNotification", connectorId=2))
        calls = {f"{number}": list(CALLS)[number % len(CALLS)] for number in range(72)}
        answers = await raw(world, *(json.dumps([2, name, action, CALLS[action]]) for name, action in calls.items()))
        assert [answer[:2] for answer in answers] == [[3, name] for name in calls]
        assert world.central.violations == []


async def test_t_30_a_call_is_executed_once_when_its_id_comes_twice(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        call = json.dumps([2, "twice", "RemoteStartTransaction", {"connectorId": 1, "idTag": "A11CE0"}])
        first, second = await raw(world, call, call)
        assert sorted([first[:2], second[:2]]) == [[3, "twice"], [4, "twice"]]
        await world.seconds(5)
        assert statuses(world) == ["Available", "Preparing"]
