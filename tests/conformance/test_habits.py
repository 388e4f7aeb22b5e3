"""What real central systems do, played back: the habits of Home Assistant's OCPP integration and of CitrineOS."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.commands import ACCEPTED, REJECTED, remote_start, remote_stop
from conformance.stories import (
    ALICE,
    BOB,
    FULL_W,
    a_station,
    ask,
    charging,
    limit_w,
    offline,
    online,
    statuses,
    told,
)
from ocpp_gateway.central.policy import Policy, payload
from ocpp_gateway.registers.vocabulary import Table
from scenario.world import IDENTITY, a_world

pytestmark = pytest.mark.looptime

CENTRAL = {"mode": "central_system"}

MEASURANDS = (
    "Current.Export",
    "Current.Import",
    "Current.Offered",
    "Energy.Active.Export.Register",
    "Energy.Active.Import.Register",
    "Energy.Reactive.Export.Register",
    "Energy.Reactive.Import.Register",
    "Energy.Active.Export.Interval",
    "Energy.Active.Import.Interval",
    "Energy.Reactive.Export.Interval",
    "Energy.Reactive.Import.Interval",
    "Frequency",
    "Power.Active.Export",
    "Power.Active.Import",
    "Power.Factor",
    "Power.Offered",
    "Power.Reactive.Export",
    "Power.Reactive.Import",
    "RPM",
    "SoC",
    "Temperature",
    "Voltage",
)
"""Every measurand of OCPP 1.6 §7.31."""
SUPPORTED = ("Current.Import", "Energy.Active.Import.Register", "Power.Active.Import", "Power.Offered", "Voltage")
ASKED_FOR = (
    "NumberOfConnectors",
    "HeartbeatInterval",
    "SupportedFeatureProfiles",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "WebSocketPingInterval",
    "MeterValuesSampledData",
    "MeterValueSampleInterval",
    "ClockAlignedDataInterval",
)


def on_connect() -> Iterator[tuple[str, dict[str, Any]]]:
    """What Home Assistant sends to every charge point that connects, as fast as it is answered."""
    for key in ASKED_FOR:
        yield "GetConfiguration", {"key": [key]}
    for measurand in MEASURANDS:
        yield "ChangeConfiguration", {"key": "MeterValuesSampledData", "value": measurand}
    yield "ChangeConfiguration", {"key": "MeterValuesSampledData", "value": ",".join(SUPPORTED)}
    yield "ChangeAvailability", {"connectorId": 0, "type": "Operative"}
    for connector_id in (0, 1):
        yield "TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": connector_id}


@pytest.mark.conformance("T-29", "T-26", "C-07", "M-09", "W-21")
@pytest.mark.parametrize("at_once", [True, False], ids=["all at once", "one after the other"])
async def test_seventy_commands_in_the_first_seconds_after_boot(tmp_path: Path, at_once: bool) -> None:
    async with a_world(tmp_path, websocket=True, authorization=CENTRAL) as world:
        await world.central.wait_for(lambda: world.central.calls("BootNotification"), 60)
        began_at, commands = world.now, [*on_connect(), *on_connect()]
        assert len(commands) == 70
        answers: list[dict[str, Any]] = []
        if at_once:
            calls = (world.central.call(IDENTITY, action, payload, raw=True) for action, payload in commands)
            answers = list(await asyncio.gather(*calls))
        else:
            for action, command in commands:
                answers.append(await ask(world, action, **command))
        assert (world.now - began_at).total_seconds() < 2

        for (action, command), answer in zip(commands, answers, strict=True):
            measurand = command.get("value", "")
            refused = action == "ChangeConfiguration" and measurand in MEASURANDS and measurand not in SUPPORTED
            if action == "GetConfiguration":
                assert [item["key"] for item in answer["configurationKey"]] == command["key"]
            else:
                assert answer == (REJECTED if refused else ACCEPTED), command
        await world.seconds(5)
        assert len(told(world, "BootNotification")) == 1
        assert [payload["status"] for payload in told(world, "StatusNotification")] == ["Available"] * (3 + 4)

        await charging(world)  # and it is a charge point as any other
        await world.seconds(60)
        measured = {
            sample["measurand"]
            for values in told(world, "MeterValues")
            for value in values["meterValue"]
            for sample in value["sampledValue"]
        }
        assert measured == set(SUPPORTED)
        assert world.central.violations == []


@pytest.mark.conformance("M-09", "C-08")
async def test_measurands_are_probed_one_at_a_time(tmp_path: Path) -> None:
    """Whoever probes believes Accepted: what no register gives is Rejected, and leaves the last good value."""
    async with a_station(tmp_path) as world:
        believed = []
        for measurand in MEASURANDS:
            answer = await ask(world, "ChangeConfiguration", key="MeterValuesSampledData", value=measurand)
            if answer == ACCEPTED:
                believed.append(measurand)
            else:
                assert answer == REJECTED
            kept = await ask(world, "GetConfiguration", key=["MeterValuesSampledData"])
            assert kept["configurationKey"][0]["value"] == (believed or [DEFAULT])[-1]
        assert tuple(believed) == SUPPORTED
        whole = ",".join(MEASURANDS)
        assert await ask(world, "ChangeConfiguration", key="MeterValuesSampledData", value=whole[:500]) == REJECTED


DEFAULT = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,Power.Offered"


async def test_a_tag_of_twenty_random_characters_starts_and_stops(tmp_path: Path) -> None:
    tag = "k3JzQ9wLx0PbR7tYmA1c"
    async with a_station(tmp_path) as world:
        world.plug_in(1)
        await world.seconds(20)
        assert await remote_start(world, 1, tag) == ACCEPTED
        await world.seconds(20)
        assert [start["idTag"] for start in told(world, "StartTransaction")] == [tag]


# ---------------------------------------------------------------- 0 A for the whole charge point


def station_limit(limit_a: float) -> dict[str, Any]:
    return {
        "connectorId": 0,
        "csChargingProfiles": {
            "chargingProfileId": 8,
            "stackLevel": 8,
            "chargingProfileKind": "Relative",
            "chargingProfilePurpose": "ChargePointMaxProfile",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}],
            },
        },
    }


@pytest.mark.conformance("W-10", "W-11", "S-12", "S-13")
@pytest.mark.parametrize("mode", ["central_system", "charger"])
async def test_a_relative_limit_of_0_a_pauses_the_station_and_lifted_it_goes_on(tmp_path: Path, mode: str) -> None:
    async with a_station(tmp_path, mode=mode) as world:
        await charging(world)
        assert await ask(world, "SetChargingProfile", **station_limit(0.0)) == ACCEPTED
        await world.seconds(20)
        assert limit_w(world, 1) == 0
        assert world.charger.read(Table.HOLDING, 0, 1) == (0,)
        assert statuses(world, 1)[-1] == "SuspendedEVSE"
        taken_wh = world.charger.connector(1).session_energy_wh
        samples = len(told(world, "MeterValues"))
        await offline(world)  # it outlasts the connection and the process
        await world.seconds(60)
        await online(world)
        await world.kill()
        world.start()
        await world.seconds(600)
        assert world.charger.connector(1).session_energy_wh == taken_wh
        assert len(told(world, "MeterValues")) >= samples + 9
        assert statuses(world, 1)[-1] == "SuspendedEVSE"
        assert told(world, "StopTransaction") == []

        assert await ask(world, "SetChargingProfile", **station_limit(16.0)) == ACCEPTED  # the same id replaces
        await world.seconds(30)
        both = mode == "charger"  # an open connector without a car keeps the least that lets one begin (P-51)
        assert limit_w(world, 1) == (11_000 - 4_200 if both else 11_000)  # of 16 A x 3 x 230 V, 11,040 W
        assert statuses(world, 1)[-1] == "Charging"
        assert await ask(world, "ClearChargingProfile") == ACCEPTED
        await world.seconds(30)
        assert limit_w(world, 1) == FULL_W
        assert len(told(world, "StartTransaction")) == 1
        assert told(world, "StopTransaction") == []


async def test_a_station_at_0_a_takes_a_new_car_and_charges_it_when_the_limit_is_lifted(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await ask(world, "SetChargingProfile", **station_limit(0.0))
        world.plug_in(1, ALICE)
        await world.seconds(60)
        assert [start["idTag"] for start in told(world, "StartTransaction")] == [ALICE]
        assert statuses(world)[-1] == "SuspendedEVSE"
        await ask(world, "SetChargingProfile", **station_limit(32.0))
        await world.seconds(30)
        assert statuses(world)[-1] == "Charging"
        assert told(world, "StopTransaction") == []


# ---------------------------------------------------------------- transaction ids


@pytest.mark.conformance("W-20", "X-34", "A-25")
@pytest.mark.parametrize("status", ["Invalid", "ConcurrentTx"])
async def test_transaction_0_of_a_refused_start_is_stopped_by_that_id(tmp_path: Path, status: str) -> None:
    """CitrineOS answers a start it refuses with transactionId 0: neither nothing nor a failure."""
    policy = Policy()
    policy.answer_next("StartTransaction", payload({"transactionId": 0, "idTagInfo": {"status": status}}))
    async with a_station(tmp_path, policy=policy) as world:
        world.plug_in(1, ALICE)
        await world.seconds(60)
        assert len(told(world, "StartTransaction")) == 1
        assert [(stop["transactionId"], stop["reason"]) for stop in told(world, "StopTransaction")] == [
            (0, "DeAuthorized")
        ]
        assert limit_w(world) == 0


@pytest.mark.conformance("W-20", "X-34")
async def test_transaction_0_runs_its_course_over_a_kill(tmp_path: Path) -> None:
    async with a_station(tmp_path, policy=Policy(next_transaction_id=lambda: 0)) as world:
        assert await charging(world) == 0
        await world.kill()
        world.start()
        await world.seconds(130)
        assert {values["transactionId"] for values in told(world, "MeterValues", connectorId=1)} == {0}
        assert await remote_stop(world, 0) == ACCEPTED
        await world.seconds(10)
        assert [stop["transactionId"] for stop in told(world, "StopTransaction")] == [0]


@pytest.mark.conformance("X-34", "X-20")
async def test_one_id_for_two_transactions_mixes_nothing_up(tmp_path: Path) -> None:
    """Home Assistant's ids are seconds of the clock: what starts in the same second has the same id."""
    async with a_world(
        tmp_path, websocket=True, policy=Policy(next_transaction_id=lambda: 1795328881), authorization=CENTRAL
    ) as world:
        await world.seconds(20)
        world.plug_in(1)
        world.plug_in(2, number_of_phases=1)
        await world.seconds(20)
        assert await remote_start(world, 1, ALICE) == ACCEPTED
        assert await remote_start(world, 2, BOB) == ACCEPTED
        await world.seconds(600)
        world.unplug(1)
        await world.seconds(60)
        assert statuses(world, 1)[-1] == "Available"
        assert statuses(world, 2)[-1] in {"Charging", "SuspendedEV"}
        world.unplug(2)
        await world.seconds(60)
        one, two = told(world, "StopTransaction")
        assert one["transactionId"] == two["transactionId"] == 1795328881
        assert one["meterStop"] == world.connector(1).meter.total_wh > two["meterStop"] > 0
        assert two["meterStop"] == world.connector(2).meter.total_wh


# ---------------------------------------------------------------- all keys


@pytest.mark.conformance("C-01")
async def test_an_empty_list_of_keys_means_all(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        everything = await ask(world, "GetConfiguration", key=[])
        assert everything == await ask(world, "GetConfiguration")
        assert len(everything["configurationKey"]) > 40
        assert "unknownKey" not in everything
