"""A central system whose answers are errors or odd, or that does not say yes for long (faults O-05, O-10, T-04)."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ocpp_gateway.central.frames import Direction, Frame, Kind
from ocpp_gateway.central.policy import Policy, call_error, payload
from ocpp_gateway.ocpp16.rpc import Connection
from scenario.world import IDENTITY, MIDNIGHT, World, a_world

CODES = (
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
    "NoSuchCodeAtAll",
)
CALLS = ("BootNotification", "StatusNotification", "Heartbeat", "StartTransaction", "MeterValues", "StopTransaction")
RETRY_INTERVAL_S = 2


def _calls(world: World, action: str) -> list[Frame]:
    received = [f for f in world.central.frames if (f.direction, f.kind) == (Direction.RECEIVED, Kind.CALL)]
    return [frame for frame in received if frame.action == action]


async def test_fault_o_10_every_error_to_every_call_loses_nothing(tmp_path: Path) -> None:
    policy = Policy(interval_s=30)
    for action in CALLS:
        policy.answer_next(action, *map(call_error, CODES))
    configuration = {
        "TransactionMessageAttempts": str(len(CODES) + 1),
        "TransactionMessageRetryInterval": str(RETRY_INTERVAL_S),
        "MeterValueSampleInterval": "60",
    }
    async with a_world(tmp_path, policy=policy, poll_interval_s=5, configuration=configuration) as world:
        await world.seconds(60 * len(CODES) + 30)
        assert len(_calls(world, "BootNotification")) == len(CODES) + 1
        for _ in CODES:
            await world.central.call(IDENTITY, "TriggerMessage", {"requestedMessage": "StatusNotification"})
            await world.seconds(1)
        world.plug_in(1, "04A1B2C3", wants_wh=60_000)
        await world.seconds(1_200)
        world.unplug(1)
        await world.seconds(400)
        assert all(len(_calls(world, action)) > len(CODES) for action in CALLS)
        for action in ("StartTransaction", "StopTransaction"):
            sent = _calls(world, action)
            waits = [(later.at - earlier.at).total_seconds() for earlier, later in pairwise(sent)]
            assert waits == [RETRY_INTERVAL_S * number for number in range(1, len(CODES) + 1)]
            assert len({str(frame.payload) for frame in sent}) == 1
        assert world.store is not None
        (transaction,) = await world.store.transactions(IDENTITY, 1)
        dead = (await world.backlog()).dead
        assert dead == len(CODES) // 2  # MeterValues are sent twice, and then give way to the next
        told = {str(frame.payload) for frame in _calls(world, "MeterValues")}
        before = len(_calls(world, "MeterValues"))
        await world.store.resend_transaction(IDENTITY, transaction.local_id)
        assert list(world.central.closings) == []
        await world.kill()
        world.start()
        await world.seconds(60)
        again = _calls(world, "MeterValues")[before:]
        assert len(again) == dead
        assert {str(frame.payload) for frame in again} < told
        backlog = await world.backlog()
        assert (backlog.depth, backlog.dead) == (0, 0)


@pytest.mark.parametrize("told", ["", "yesterday", "2026-13-45T99:00:00Z", "22.11.2026 12:00", 7, None, [], {}])
async def test_fault_t_04_a_time_that_is_none_is_not_taken_and_breaks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Any
) -> None:
    policy = Policy(interval_s=10)
    policy.answer_always("Heartbeat", payload({"currentTime": told}))
    async with a_world(tmp_path, policy=policy, poll_interval_s=5) as world:
        monkeypatch.setattr(world.clock, "_synchronised", lambda: False)
        await world.seconds(60)
        assert len(_calls(world, "Heartbeat")) >= 3
        world.plug_in(1, "04A1B2C3")
        await world.seconds(60)
        assert [transaction.running for transaction in world.central.transactions] == [True]
        assert world.now == MIDNIGHT + timedelta(seconds=120)
        assert list(world.central.closings) == []


async def test_fault_o_05_what_happened_in_hours_of_pending_is_told_in_order_after_the_yes(tmp_path: Path) -> None:
    policy = Policy("Pending", interval_s=600)
    async with a_world(
        tmp_path,
        policy=policy,
        queue_bound=100,
        poll_interval_s=60,
        idle_poll_interval_s=60,
        configuration={"MeterValueSampleInterval": "60"},
    ) as world:
        for hour in (1, 3, 5):
            await world.until(f"{hour}:00")
            world.plug_in(1, f"CARD{hour}", wants_wh=60_000)
            await world.until(f"{hour + 1}:00")
            answer = await world.central.call(IDENTITY, "GetConfiguration", {"key": ["HeartbeatInterval"]})
            assert answer["configurationKey"]
            world.unplug(1)
        await world.until("06:30")
        received = {frame.action for frame in world.central.frames if frame.direction is Direction.RECEIVED}
        assert received == {"BootNotification", "GetConfiguration"}
        backlog = await world.backlog()
        assert backlog.depth <= 100
        assert backlog.thinned > 0
        policy.registration = "Accepted"
        await world.until("06:50")
        assert (await world.backlog()).depth == 0
        assert [one.id_tag for one in world.central.transactions] == ["CARD1", "CARD3", "CARD5"]
        assert not any(transaction.running for transaction in world.central.transactions)
        assert world.central.violations == []


@pytest.mark.parametrize(
    ("status", "asked", "knocks"),
    [(429, "120", [0, 125, 250]), (503, "86400", [0, 305, 610]), (503, "-5", [0, 8, 19]), (429, "soon", [0, 8, 19])],
)
async def test_fault_o_01_a_central_system_is_given_the_time_that_it_asks_for(
    tmp_path: Path, status: int, asked: str, knocks: list[float]
) -> None:
    async with a_world(tmp_path, websocket=True, started=False, poll_interval_s=60, idle_poll_interval_s=60) as world:
        assert world.server is not None
        world.server.status, world.server.headers = status, {"Retry-After": asked}
        seen: list[float] = []
        connect = world.connect

        async def noted() -> Connection:
            seen.append((world.now - MIDNIGHT).total_seconds())
            return await connect()

        world.connect = noted
        world.start()
        await world.seconds(700)
        assert seen[:3] == pytest.approx(knocks, abs=1)
        world.server.status = None
        await world.seconds(310)
        assert world.central.connected == (IDENTITY,)
