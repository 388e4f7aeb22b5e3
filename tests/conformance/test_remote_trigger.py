"""Area R, 8j: TriggerMessage. What triggered MeterValues contain is shown in area M."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.commands import ACCEPTED, REJECTED, after_the_answer
from conformance.stories import STATUS, a_station, ask, charging, configure, frames, register, statuses, told
from ocpp_gateway.central.policy import Policy
from scenario.world import World, a_world

pytestmark = pytest.mark.looptime

NOT_IMPLEMENTED = {"status": "NotImplemented"}
FAULTED, OVER_CURRENT = 8, 9
ERROR_CODE = 267
AUTHORIZATION = {"mode": "central_system"}


async def trigger(world: World, message: str, connector_id: int | None = None) -> dict[str, Any]:
    place = {} if connector_id is None else {"connectorId": connector_id}
    return await ask(world, "TriggerMessage", requestedMessage=message, **place)


@pytest.mark.conformance("R-71", "R-74", "R-75", "R-76", "B-12", "R-48")
async def test_r_70_each_message_follows_its_answer(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        for message, answer, said in (
            ("Heartbeat", ACCEPTED, ["Heartbeat"]),
            (
                "StatusNotification",
                ACCEPTED,
                [f"StatusNotification {status}" for status in ("Available", "Charging", "Available")],
            ),
            ("DiagnosticsStatusNotification", ACCEPTED, ["DiagnosticsStatusNotification Idle"]),
            ("FirmwareStatusNotification", NOT_IMPLEMENTED, []),
            ("BootNotification", REJECTED, []),
        ):
            assert await trigger(world, message) == answer, message
            await world.seconds(3)
            assert after_the_answer(world, "TriggerMessage") == said, message


async def test_r_71_one_connector_or_all(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        before = len(told(world, "StatusNotification"))
        for connector_id in (2, 0, None):
            assert await trigger(world, "StatusNotification", connector_id) == ACCEPTED
            await world.seconds(3)
        connectors = [payload["connectorId"] for payload in told(world, "StatusNotification")[before:]]
        assert connectors == [2, 0, 0, 1, 2]


async def test_r_72_r_73_a_connector_counts_only_where_it_has_a_meaning(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        for message in ("StatusNotification", "MeterValues"):
            assert await trigger(world, message, 3) == REJECTED
            assert await trigger(world, message, -1) == REJECTED
        assert await trigger(world, "Heartbeat", 3) == ACCEPTED
        assert await trigger(world, "DiagnosticsStatusNotification", 99) == ACCEPTED
        before = len(told(world, "StatusNotification"))
        await world.seconds(3)
        assert len(told(world, "StatusNotification")) == before
        assert len(told(world, "DiagnosticsStatusNotification")) == 1


@pytest.mark.conformance("W-09")
async def test_r_77_a_triggered_status_is_the_present_with_its_error(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        register(world, ERROR_CODE, OVER_CURRENT)
        register(world, STATUS, FAULTED)
        await world.seconds(20)
        assert await trigger(world, "StatusNotification", 1) == ACCEPTED
        await world.seconds(2)
        first, again = told(world, "StatusNotification", connectorId=1, status="Faulted")
        assert first | {"timestamp": ""} == again | {"timestamp": ""}
        assert (again["errorCode"], again["vendorErrorCode"]) == ("OverCurrentFailure", str(OVER_CURRENT))
        assert again["timestamp"] > first["timestamp"]


async def test_r_77_a_triggered_status_does_not_wait_for_minimum_status_duration(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MinimumStatusDuration=60)
        world.plug_in(1)
        await world.seconds(20)
        assert statuses(world) == ["Available"]
        await trigger(world, "StatusNotification", 1)
        await world.seconds(2)
        assert statuses(world) == ["Available", "Preparing"]
        await world.seconds(30)
        assert statuses(world) == ["Available", "Preparing"]  # and is not said again


@pytest.mark.conformance("B-06", "B-08")
async def test_r_78_triggers_work_while_the_registration_is_pending(tmp_path: Path) -> None:
    policy = Policy(registration="Pending", interval_s=600)
    async with a_world(tmp_path, policy=policy, websocket=True, authorization=AUTHORIZATION) as world:
        await world.seconds(20)
        assert [frame.action for frame in frames(world, "BootNotification", "StatusNotification")] == [
            "BootNotification"
        ]
        for message in ("StatusNotification", "Heartbeat", "BootNotification"):
            assert await trigger(world, message) == ACCEPTED
            await world.seconds(3)
        said = [frame.action for frame in frames(world, "BootNotification", "StatusNotification", "Heartbeat")]
        assert said == ["BootNotification", *["StatusNotification"] * 3, "Heartbeat", "BootNotification"]
        policy.registration = "Accepted"
        assert await trigger(world, "BootNotification") == ACCEPTED
        await world.seconds(5)
        assert len(told(world, "BootNotification")) == 3
        assert len(told(world, "StatusNotification")) == 6
        assert world.central.violations == []
