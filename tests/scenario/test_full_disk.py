"""Nothing can be written: cars charge all the same, power stays limited, and all is told once the disk is back."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from ocpp_gateway.central.frames import Direction, Frame, Kind
from scenario.world import IDENTITY, World, a_world

ALICE, BOB = "04A11CE0", "04B0B0B0"
PROFILE: dict[str, Any] = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "startSchedule": "2020-01-01T00:00:00Z",
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6000.0}],
    },
}
POLL_S = 5
CONFIGURATION = {"MeterValueSampleInterval": "600"}


@contextlib.contextmanager
def full_disk() -> Iterator[list[Any]]:
    """This process can write nothing, and read everything; gives what it logs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with capture_logs() as told:
            yield told
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def told(world: World) -> list[tuple[str, dict[str, Any]]]:
    """What the central system heard of transactions, each frame once."""
    heard: dict[str, Frame] = {}
    for frame in world.central.frames:
        if (frame.direction, frame.kind) == (Direction.RECEIVED, Kind.CALL) and frame.action in {
            "StartTransaction",
            "MeterValues",
            "StopTransaction",
        }:
            heard.setdefault(frame.message_id or "", frame)
    return [(frame.action or "", frame.payload) for frame in heard.values()]


def moment(payload: dict[str, Any]) -> datetime:
    """When a message says that it was."""
    values = payload.get("meterValue")
    return datetime.fromisoformat(values[0]["timestamp"] if values else payload["timestamp"])


def without_time(action: str, payload: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A message but for its moment, which a poll more or less may move."""
    if "meterValue" in payload:
        return action, payload | {"meterValue": [value | {"timestamp": None} for value in payload["meterValue"]]}
    return action, payload | {"timestamp": None}


async def day(world: World, disk: contextlib.AbstractContextManager[Any]) -> Any:
    """Alice charges from 01:00 to 02:00, Bob from 01:20 to 01:40; the disk is what it is from 01:10 to 01:50."""
    await world.until("01:00")
    world.plug_in(1, ALICE, wants_wh=40_000)
    await world.until("01:10:01")
    with disk as logged:
        await world.until("01:20")
        world.plug_in(2, BOB, wants_wh=40_000)
        await world.until("01:40")
        world.unplug(2)
        await world.until("01:50")
    await world.until("02:00")
    world.unplug(1)
    await world.until("02:10")
    return logged


async def test_fault_d_01_d_03_sessions_on_a_full_disk_are_told_as_they_were(tmp_path: Path) -> None:
    stories = {}
    for name, disk in (("sound", contextlib.nullcontext()), ("full", full_disk())):
        (tmp_path / name).mkdir()
        async with a_world(
            tmp_path / name,
            poll_interval_s=POLL_S,
            authorization={"mode": "charger"},
            configuration=CONFIGURATION,
        ) as world:
            logged = await day(world, disk)
            assert (await world.backlog()).depth == 0
            stories[name] = told(world)

    bare = {name: [without_time(*message) for message in story] for name, story in stories.items()}
    assert bare["full"] == bare["sound"]
    for (_, full), (_, sound) in zip(stories["full"], stories["sound"], strict=True):
        assert abs(moment(full) - moment(sound)) <= timedelta(seconds=POLL_S)
    assert [action for action, _ in stories["full"]].count("StartTransaction") == 2
    errors = [line["event"] for line in logged if line["log_level"] == "error"]
    assert errors == ["memory_exhaustion", "held_in_memory"]


async def test_fault_d_03_power_stays_limited_and_no_promise_is_made(tmp_path: Path) -> None:
    async with a_world(
        tmp_path, poll_interval_s=POLL_S, authorization={"mode": "charger"}, configuration=CONFIGURATION
    ) as world:
        await world.until("01:00")
        world.plug_in(1, ALICE, wants_wh=40_000)
        await world.until("01:10")
        with full_disk():
            async with asyncio.TaskGroup() as tasks:
                asked = tasks.create_task(
                    world.central.call(
                        IDENTITY,
                        "SetChargingProfile",
                        {"connectorId": 1, "csChargingProfiles": PROFILE},
                        timeout_s=60,
                    )
                )
                await world.seconds(20)
                assert world.connector(1).commanded_w == 6000
                assert not asked.done()
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert asked.result() == {"status": "Accepted"}
        assert world.store is not None
        assert len((await world.store.load(IDENTITY)).profiles) == 1


async def test_fault_d_03_where_it_is_refused_no_new_session_gets_energy_until_it_can_be_stored(tmp_path: Path) -> None:
    async with a_world(
        tmp_path,
        poll_interval_s=POLL_S,
        authorization={"mode": "charger"},
        configuration=CONFIGURATION,
        refuse_unstored=True,
    ) as world:
        await world.until("01:00")
        world.plug_in(1, ALICE, wants_wh=40_000)
        await world.until("01:10:01")
        with full_disk():
            await world.until("01:20")  # Alice's meter is the first that cannot be stored
            world.plug_in(2, BOB, wants_wh=40_000)
            await world.until("01:25")
            assert world.connector(1).commanded_w == 22_000
            assert (world.connector(2).commanded_w, world.connector(2).transaction) == (0, None)
            assert world.connector(2).meter.total_wh == 0
        await world.until("01:26")
        assert world.connector(2).commanded_w == 22_000
        assert world.connector(2).transaction is not None
        await world.until("02:00")
        world.unplug(1)
        world.unplug(2)
        await world.until("02:10")
        started = [payload for action, payload in told(world) if action == "StartTransaction"]
        assert [payload["connectorId"] for payload in started] == [1, 2]


async def test_fault_d_03_a_session_whose_own_start_cannot_be_stored_waits_too(tmp_path: Path) -> None:
    async with a_world(
        tmp_path,
        poll_interval_s=POLL_S,
        authorization={"mode": "charger"},
        configuration=CONFIGURATION,
        refuse_unstored=True,
    ) as world:
        await world.until("01:00")
        with full_disk() as logged:
            world.plug_in(1, ALICE, wants_wh=40_000)
            await world.until("01:10")
            assert world.connector(1).commanded_w == 0
            assert world.connector(1).meter.total_wh <= 200
        assert [line for line in logged if line["event"] == "new_sessions_wait_for_the_store"]
        await world.until("01:20")
        assert world.connector(1).commanded_w == 22_000
        assert world.connector(1).meter.total_wh > 1000
        assert [action for action, _ in told(world)].count("StartTransaction") == 1
