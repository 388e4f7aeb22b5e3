"""Area B: a central system that does not say yes at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.stories import ALICE, ask, frames, limit_w, moment, told
from conformance.wire import actions, raw, sent_by
from ocpp_gateway.central.policy import Policy, call_error, no_answer, payload
from scenario.world import IDENTITY, MIDNIGHT, World, a_world

pytestmark = pytest.mark.looptime

AFTER_BOOT = ["BootNotification", *["StatusNotification"] * 3]


def _boots_at(world: World) -> list[int]:
    """Seconds since midnight of every BootNotification."""
    return [round((f.at - MIDNIGHT).total_seconds()) for f in frames(world, "BootNotification")]


async def test_b_05_b_08_rejected_is_silence_both_ways_until_the_interval_is_over(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True, policy=Policy("Rejected", interval_s=90)) as world:
        await world.seconds(30)
        world.plug_in(1, ALICE)  # nothing is told of it
        assert await raw(world, '[2,"unheard","GetConfiguration",{}]', '[2,"unheard","Explode",{}]', "no frame") == []
        await world.central.drop_connections()  # nor does a new connection make it talk
        await world.seconds(50)
        assert world.central.connected == ()  # nobody is there to be asked before the time has come
        assert actions(world) == ["BootNotification"]
        await world.seconds(30)
        assert _boots_at(world) == [0, 90]
        world.central.policy.registration = "Accepted"
        await world.seconds(100)
        assert _boots_at(world) == [0, 90, 180]
        assert actions(world)[2:6] == AFTER_BOOT
        assert len(sent_by(world)) == len([f for f in sent_by(world) if f.kind.name == "CALL"])
        (start,) = told(world, "StartTransaction")
        assert (moment(start["timestamp"]) - MIDNIGHT).total_seconds() == pytest.approx(32, abs=3)
        assert world.central.violations == []


@pytest.mark.conformance("B-10", "B-07")
async def test_b_06_b_08_pending_answers_everything_and_asks_nothing_by_itself(tmp_path: Path) -> None:
    async with a_world(
        tmp_path, websocket=True, policy=Policy("Pending", interval_s=120), authorization={"mode": "central_system"}
    ) as world:
        await world.seconds(20)
        world.plug_in(1, ALICE)
        change = {"key": "MeterValueSampleInterval", "value": "17"}
        assert await ask(world, "ChangeConfiguration", **change) == {"status": "Accepted"}
        assert await ask(world, "RemoteStartTransaction", connectorId=1, idTag=ALICE) == {"status": "Rejected"}
        assert await ask(world, "RemoteStopTransaction", transactionId=1) == {"status": "Rejected"}
        await world.seconds(60)
        assert actions(world) == ["BootNotification"]
        assert list(world.central.closings) == []
        world.central.policy.registration = "Accepted"
        await world.seconds(60)
        assert _boots_at(world) == [0, 120]
        assert actions(world)[1:5] == AFTER_BOOT
        (found,) = (await ask(world, "GetConfiguration", key=[change["key"]]))["configurationKey"]
        assert found["value"] == "17"
        assert world.central.violations == []


async def test_b_06_pending_sends_what_is_triggered_and_nothing_else(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True, policy=Policy("Pending", interval_s=600)) as world:
        await world.seconds(20)
        for requested in ("StatusNotification", "Heartbeat", "MeterValues", "DiagnosticsStatusNotification"):
            before = len(actions(world))
            assert await ask(world, "TriggerMessage", requestedMessage=requested) == {"status": "Accepted"}
            await world.seconds(1)
            assert set(actions(world)[before:]) == {requested}
        triggered = actions(world)
        await world.until("00:05:00")
        assert actions(world) == triggered
        world.central.policy.registration = "Accepted"
        assert await ask(world, "TriggerMessage", requestedMessage="BootNotification") == {"status": "Accepted"}
        await world.seconds(5)
        assert _boots_at(world) == [0, 300]
        assert actions(world)[-4:] == AFTER_BOOT
        assert world.central.violations == []


@pytest.mark.parametrize("registration", ["Pending", "Rejected"])
async def test_b_08_an_interval_of_0_is_our_own_wait(tmp_path: Path, registration: str) -> None:
    async with a_world(tmp_path, websocket=True, policy=Policy(interval_s=0)) as world:
        world.central.policy.registration = registration  # type: ignore[assignment]
        await world.until("00:03:10")
        assert _boots_at(world) == [0, 60, 120, 180]
        assert world.central.violations == []


@pytest.mark.parametrize(
    ("answer", "due_s"),
    [
        (call_error("InternalError"), 60),
        (payload({"status": "Perhaps"}), 60),
        (no_answer(), 90),  # the MessageTimeout is waited for first
    ],
)
async def test_b_09_a_boot_without_a_usable_answer_is_repeated(tmp_path: Path, answer: object, due_s: int) -> None:
    policy = Policy()
    policy.answer_next("BootNotification", answer, answer)  # type: ignore[arg-type]
    async with a_world(tmp_path, websocket=True, policy=policy) as world:
        await world.seconds(2 * due_s + 20)
        assert _boots_at(world) == [0, due_s, 2 * due_s]
        assert actions(world)[2:] == AFTER_BOOT
        assert world.central.violations == []


@pytest.mark.parametrize(("mode", "limit"), [("charger", 22_000), ("central_system", 0)])
async def test_b_11_before_the_first_yes_the_mode_decides_who_charges(tmp_path: Path, mode: str, limit: int) -> None:
    async with a_world(tmp_path, websocket=True, started=False, authorization={"mode": mode}) as world:
        world.central.offline = True
        world.start()
        await world.seconds(20)
        world.plug_in(1, ALICE, wants_wh=60_000)
        await world.seconds(60)
        assert limit_w(world) == limit
        assert (world.charger.connector(1).session_energy_wh > 0) is (limit > 0)
        world.central.go_online()
        await world.seconds(60)
        assert actions(world)[:4] == AFTER_BOOT
        (start,) = told(world, "StartTransaction")
        began_s = (moment(start["timestamp"]) - MIDNIGHT).total_seconds()
        if limit:
            assert began_s == pytest.approx(22, abs=3)  # its messages were queued
        else:
            assert began_s > 80  # the card of before was asked for first
            assert told(world, "Authorize") == [{"idTag": ALICE}]
        assert world.central.violations == []


async def test_b_01_seventy_questions_right_after_the_yes_disturb_nothing(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True) as world:
        await world.central.wait_for(lambda: told(world, "BootNotification"))
        calls = [json.dumps([2, f"{n}", "GetConfiguration", {"key": []}]) for n in range(70)]
        for call in calls:
            await world.central.send_raw(IDENTITY, call)
        await world.seconds(5)
        answers = [f for f in sent_by(world) if f.kind.name == "RESULT"]
        assert [f.message_id for f in answers] == [f"{n}" for n in range(70)]
        assert all(len(f.payload["configurationKey"]) > 30 for f in answers)
        assert actions(world) == AFTER_BOOT
        assert world.central.violations == []
