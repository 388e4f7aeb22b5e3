"""Area X: what is queued, in which order it leaves, and what overtakes it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from conformance.stories import (
    ALICE,
    BOB,
    a_station,
    ask,
    charging,
    clear_tag,
    configure,
    frames,
    moment,
    offline,
    online,
    swipe,
    told,
)
from ocpp_gateway.central.policy import Policy, call_error, hang_up
from scenario.world import World

pytestmark = pytest.mark.looptime

QUEUED = ("StartTransaction", "MeterValues", "StopTransaction")


def _when(payload: dict[str, object]) -> str:
    """The time that a transaction-related message is about."""
    values = payload.get("meterValue")
    return str(values[0]["timestamp"] if isinstance(values, list) else payload["timestamp"])


def _queued(world: World) -> list[tuple[str, object]]:
    """Those messages in the order of the wire: action, and connector or transaction."""
    return [
        (f.action or "", f.payload.get("connectorId", f.payload.get("transactionId"))) for f in frames(world, *QUEUED)
    ]


@pytest.mark.conformance("X-31", "X-34", "X-37", "W-03", "M-24")
async def test_x_31_a_whole_session_offline_is_told_afterwards_as_it_was(tmp_path: Path) -> None:
    async with a_station(tmp_path, mode="charger") as world:
        await configure(world, MeterValueSampleInterval=60)
        await offline(world)
        await world.until("00:02")
        world.plug_in(1, ALICE, wants_wh=60_000)
        await world.until("00:04:30")
        world.unplug(1)
        await world.until("00:06")
        assert frames(world, *QUEUED) == []
        await online(world)
        told_on = frames(world, *QUEUED)
        assert [frame.action for frame in told_on] == [
            "StartTransaction",
            "MeterValues",
            "MeterValues",
            "StopTransaction",
        ]
        (transaction,) = world.central.transactions
        assert {frame.payload["transactionId"] for frame in told_on[1:]} == {transaction.transaction_id}
        assert [_when(frame.payload)[11:16] for frame in told_on] == ["00:02", "00:03", "00:04", "00:04"]
        assert (transaction.reason, transaction.meter_start_wh) == ("EVDisconnected", 0)
        assert transaction.meter_stop_wh is not None
        assert 800 <= transaction.meter_stop_wh <= 1_000  # 22 kW for two minutes and a half
        assert all(frame.at >= world.now.replace(minute=6, second=0) for frame in told_on)


async def test_x_31_a_transaction_that_loses_the_connection_is_told_to_its_end(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MeterValueSampleInterval=60)
        transaction_id = await charging(world)
        await offline(world)
        await world.seconds(165)
        await clear_tag(world)
        await swipe(world, ALICE)
        stopped_by = world.now
        await online(world)
        assert [action for action, _ in _queued(world)] == ["StartTransaction", *["MeterValues"] * 3, "StopTransaction"]
        (stop,) = told(world, "StopTransaction")
        assert (stop["transactionId"], stop.get("reason", "Local")) == (transaction_id, "Local")
        assert moment(stop["timestamp"]) <= stopped_by


@pytest.mark.conformance("X-54")
async def test_x_32_the_order_is_that_of_the_events_over_all_connectors(tmp_path: Path) -> None:
    async with a_station(tmp_path, mode="charger") as world:
        await configure(world, MeterValueSampleInterval=60)
        await offline(world)
        world.plug_in(1, ALICE)
        await world.seconds(30)
        world.plug_in(2, BOB)
        await world.seconds(100)
        world.unplug(1)
        await world.seconds(30)
        world.plug_in(1, BOB)
        await world.seconds(60)
        world.unplug(2)
        await world.seconds(20)
        await world.kill()  # the order outlasts that as well
        world.start()
        await world.seconds(10)
        await online(world)
        world.unplug(1)
        await world.seconds(30)
        stamps = [moment(_when(frame.payload)) for frame in frames(world, *QUEUED)]
        # A car's leaving is dated when it was first seen, and certain 3 s later.
        assert all((later - earlier).total_seconds() > -4 for earlier, later in pairwise(stamps))
        ids = {t.transaction_id: (t.connector_id, t.id_tag) for t in world.central.transactions}
        assert list(ids.values()) == [(1, ALICE), (2, BOB), (1, BOB)]
        stops = [ids[stop["transactionId"]] for stop in told(world, "StopTransaction")]
        assert stops == [(1, ALICE), (2, BOB), (1, BOB)]


@pytest.mark.conformance("X-30", "X-46", "X-34")
async def test_x_32_x_33_new_ones_wait_behind_a_repeat_and_other_messages_overtake(tmp_path: Path) -> None:
    policy = Policy()
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, MeterValueSampleInterval=15, TransactionMessageRetryInterval=90)
        policy.answer_next("StartTransaction", call_error("InternalError"))
        world.plug_in(1, ALICE)
        await world.seconds(20)
        (refused,) = frames(world, "StartTransaction")
        world.plug_in(2, BOB)
        await world.seconds(30)
        await ask(world, "TriggerMessage", requestedMessage="MeterValues", connectorId=1)
        await world.seconds(5)
        overtaking = [f for f in world.central.frames if f.direction.name == "RECEIVED" and f.at > refused.at]
        assert {frame.action for frame in overtaking if frame.kind.name == "CALL"} == {
            "Authorize",
            "StatusNotification",
            "MeterValues",
        }
        (triggered,) = told(world, "MeterValues")
        assert {sample["context"] for sample in triggered["meterValue"][0]["sampledValue"]} == {"Trigger"}
        assert "transactionId" not in triggered  # it is not known yet
        await world.seconds(60)
        assert _queued(world)[:2] == [("StartTransaction", 1), ("MeterValues", 1)]  # refused; triggered
        first, second = frames(world, "StartTransaction")[:2]
        assert 90 <= (second.at - first.at).total_seconds() <= 91
        later = frames(world, *QUEUED)[2:]
        assert later[0].payload == first.payload
        stamps = [moment(_when(frame.payload)) for frame in later]
        assert stamps == sorted(stamps)
        assert {"StartTransaction", "MeterValues"} == {frame.action for frame in later}
        assert {t.connector_id for t in world.central.transactions} == {1, 2}


@pytest.mark.conformance("W-05", "X-40", "T-46")
async def test_x_39_a_start_whose_answer_was_lost_is_repeated_to_the_letter_and_makes_no_second(tmp_path: Path) -> None:
    policy = Policy()
    policy.answer_next("StartTransaction", hang_up(), hang_up())
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, TransactionMessageAttempts=1)  # a lost connection is no attempt
        world.plug_in(1, ALICE)
        await world.seconds(120)
        texts = [frame.text for frame in frames(world, "StartTransaction")]
        assert len(texts) == 3
        assert len(set(texts)) == 1
        (transaction,) = world.central.transactions
        assert transaction.start_repeats == 2
        answer = await ask(world, "RemoteStopTransaction", transactionId=transaction.transaction_id)
        assert answer == {"status": "Accepted"}


@pytest.mark.conformance("X-39")
async def test_x_38_what_is_queued_is_on_disk_before_anybody_hears_of_it(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        await world.seconds(60)
        await ask(world, "RemoteStopTransaction", transactionId=transaction_id)
        await world.kill()  # the answer has left, the StopTransaction may not have
        world.start()
        await world.seconds(30)
        stops = {str(stop) for stop in told(world, "StopTransaction")}
        assert len(stops) == 1
        assert world.central.transactions[0].reason == "Remote"
