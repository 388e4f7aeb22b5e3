"""Area X: messages that are not processed, and how often they are tried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.stories import ALICE, a_station, ask, charging, configure, frames, statuses, told
from ocpp_gateway.central.policy import Policy, call_error, no_answer, payload
from scenario.world import World

pytestmark = pytest.mark.looptime


def _seconds_after_the_first(world: World, action: str) -> list[int]:
    sent = frames(world, action)
    return [round((frame.at - sent[0].at).total_seconds()) for frame in sent]


@pytest.mark.conformance("X-40", "X-39")
async def test_x_41_x_42_a_refused_start_is_sent_three_times_after_60_and_120_seconds(tmp_path: Path) -> None:
    policy = Policy()
    policy.answer_always("StartTransaction", call_error("InternalError"))
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, TransactionMessageAttempts=3, TransactionMessageRetryInterval=60)
        world.plug_in(1, ALICE)
        await world.seconds(600)
        assert _seconds_after_the_first(world, "StartTransaction") == [0, 60, 180]
        sent = frames(world, "StartTransaction")
        assert len({str(frame.payload) for frame in sent}) == 1
        assert len({frame.message_id for frame in sent}) == 3


@pytest.mark.conformance("X-36", "X-42")
async def test_x_35_after_a_dead_start_the_rest_goes_with_minus_one(tmp_path: Path) -> None:
    policy = Policy()
    policy.answer_always("StartTransaction", call_error("InternalError"))
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, TransactionMessageRetryInterval=10, MeterValueSampleInterval=30)
        world.plug_in(1, ALICE)
        await world.seconds(100)
        world.unplug(1)
        await world.seconds(30)
        told_on = [frame.action for frame in frames(world, "StartTransaction", "MeterValues", "StopTransaction")]
        assert told_on[:3] == ["StartTransaction"] * 3
        assert set(told_on[3:-1]) == {"MeterValues"}
        assert told_on[-1] == "StopTransaction"
        assert {sample["transactionId"] for sample in told(world, "MeterValues")} == {-1}
        (stop,) = told(world, "StopTransaction")
        assert (stop["transactionId"], stop["reason"]) == (-1, "EVDisconnected")
        assert statuses(world)[-1] == "Available"


async def test_x_40_no_answer_on_a_living_connection_is_an_attempt(tmp_path: Path) -> None:
    policy = Policy()
    policy.answer_next("StartTransaction", no_answer())
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, MessageTimeout=30, TransactionMessageRetryInterval=60, HeartbeatInterval=20)
        world.plug_in(1, ALICE)
        await world.seconds(300)
        assert _seconds_after_the_first(world, "StartTransaction") == [0, 180]  # 4 x 30 s of patience, then 60 s
        (transaction,) = world.central.transactions
        assert transaction.start_repeats == 1
        assert len(told(world, "BootNotification")) == 1
        answer = await ask(world, "RemoteStopTransaction", transactionId=transaction.transaction_id)
        assert answer == {"status": "Accepted"}


async def test_x_43_a_bad_status_is_no_failure(tmp_path: Path) -> None:
    policy = Policy()
    policy.answer_next("StartTransaction", payload({"transactionId": 5, "idTagInfo": {"status": "Invalid"}}))
    async with a_station(tmp_path, policy=policy) as world:
        world.plug_in(1, ALICE)
        await world.seconds(400)
        assert len(frames(world, "StartTransaction")) == 1
        (stop,) = told(world, "StopTransaction")
        assert (stop["transactionId"], stop["reason"]) == (5, "DeAuthorized")


async def test_x_44_one_attempt_is_one_transmission(tmp_path: Path) -> None:
    policy = Policy()
    policy.answer_always("StartTransaction", call_error("GenericError"))
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, TransactionMessageAttempts=1, TransactionMessageRetryInterval=1)
        world.plug_in(1, ALICE)
        await world.seconds(120)
        assert len(frames(world, "StartTransaction")) == 1
        world.unplug(1)
        await world.seconds(20)
        assert [stop["transactionId"] for stop in told(world, "StopTransaction")] == [-1]


@pytest.mark.parametrize("answer", [{}, {"transactionId": "soon", "idTagInfo": {"status": "Accepted"}}, []])
async def test_x_45_an_answer_without_an_id_is_a_failure(tmp_path: Path, answer: Any) -> None:
    policy = Policy()
    policy.answer_next("StartTransaction", payload(answer))
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, TransactionMessageRetryInterval=10)
        world.plug_in(1, ALICE)
        await world.seconds(60)
        assert _seconds_after_the_first(world, "StartTransaction") == [0, 10]
        (transaction,) = world.central.transactions
        answer = await ask(world, "RemoteStopTransaction", transactionId=transaction.transaction_id)
        assert answer == {"status": "Accepted"}


@pytest.mark.conformance("X-42", "X-46")
async def test_w_08_a_stop_that_is_never_taken_neither_stalls_the_queue_nor_goes_for_ever(tmp_path: Path) -> None:
    policy = Policy()
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, TransactionMessageAttempts=2, TransactionMessageRetryInterval=20)
        await charging(world)
        policy.answer_always("StopTransaction", call_error("InternalError"))
        world.unplug(1)
        await world.seconds(15)
        assert statuses(world)[-1] == "Available"
        world.plug_in(1, "B0B0B0")
        await world.seconds(120)
        assert _seconds_after_the_first(world, "StopTransaction") == [0, 20]
        assert [start["idTag"] for start in told(world, "StartTransaction")] == [ALICE, "B0B0B0"]
        last_stop, second_start = frames(world, "StartTransaction", "StopTransaction")[-2:]
        assert (last_stop.action, second_start.action) == ("StopTransaction", "StartTransaction")
