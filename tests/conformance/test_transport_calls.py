"""Area T, question by question: one at a time, none for ever, and what a lost connection does to them."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from conformance.stories import a_station, ask, charging, configure, frames, moment, statuses, told
from conformance.wire import knocks_at, sent_by, with_pings
from ocpp_gateway.central.policy import Policy, hang_up, late, no_answer
from scenario.world import IDENTITY, a_world

pytestmark = pytest.mark.looptime


@pytest.mark.conformance("T-15", "W-26")
async def test_t_25_behind_slow_answers_the_calls_leave_one_by_one_and_in_order(tmp_path: Path) -> None:
    policy = Policy()
    for action in ("StatusNotification", "Authorize", "StartTransaction", "MeterValues"):
        policy.answer_always(action, late(4))
    async with a_station(tmp_path, policy=policy) as world:
        world.plug_in(1, "A11CE0")
        world.plug_in(2, "B0B0B0")
        await world.seconds(200)
        calls = [f for f in sent_by(world) if f.kind.name == "CALL" and f.action != "BootNotification"]
        assert {f.action for f in calls} == {"StatusNotification", "Authorize", "StartTransaction", "MeterValues"}
        assert all((after.at - before.at).total_seconds() >= 4 for before, after in pairwise(calls))
        for connector_id in (1, 2):
            times = [moment(p["timestamp"]) for p in told(world, "StatusNotification", connectorId=connector_id)]
            assert times == sorted(times)
            assert statuses(world, connector_id)[-1] == "Charging"


@pytest.mark.conformance("W-21", "T-28")
async def test_t_26_questions_are_answered_while_ours_is_open(tmp_path: Path) -> None:
    policy = Policy()
    policy.answer_next("StartTransaction", late(25))
    async with a_station(tmp_path, policy=policy) as world:
        world.plug_in(1, "A11CE0", wants_wh=60_000)
        await world.central.wait_for(lambda: told(world, "StartTransaction"), 60)
        asked_at = world.now
        assert (await ask(world, "GetConfiguration", key=["MessageTimeout"]))["configurationKey"]
        assert await ask(world, "TriggerMessage", requestedMessage="Heartbeat") == {"status": "Accepted"}
        assert (world.now - asked_at).total_seconds() < 1
        assert told(world, "Heartbeat") == []  # its turn comes after the answer
        await world.seconds(30)
        (started,), (beat,) = frames(world, "StartTransaction"), frames(world, "Heartbeat")
        assert (beat.at - started.at).total_seconds() == pytest.approx(25, abs=0.5)


async def test_t_27_after_messagetimeout_the_next_call_goes(tmp_path: Path) -> None:
    policy = Policy()
    async with a_station(tmp_path, policy=policy) as world:
        world.central.judge.message_timeout_s = 7
        await configure(world, MessageTimeout=7)
        policy.answer_next("StatusNotification", no_answer())
        world.plug_in(1)
        world.plug_in(2)
        await world.seconds(20)
        first, second = frames(world, "StatusNotification")[3:]
        assert (first.payload["connectorId"], second.payload["connectorId"]) == (1, 2)
        assert (second.at - first.at).total_seconds() == pytest.approx(7, abs=0.1)


async def test_t_28_a_late_answer_gives_the_transaction_its_id(tmp_path: Path) -> None:
    policy = Policy(next_transaction_id=iter([77, 78]).__next__)
    policy.answer_next("StartTransaction", late(70))
    async with a_station(tmp_path, policy=policy) as world:
        world.plug_in(1, "A11CE0", wants_wh=60_000)
        await world.seconds(100)
        assert len(told(world, "StartTransaction")) == 1
        assert {payload["transactionId"] for payload in told(world, "MeterValues")} == {77}
        assert await ask(world, "RemoteStopTransaction", transactionId=77) == {"status": "Accepted"}
        await world.seconds(5)
        (stop,) = told(world, "StopTransaction")
        assert stop["transactionId"] == 77
        # An answer to a question that nobody asked changes nothing.
        await world.central.send_raw(IDENTITY, json.dumps([3, "nobody", {"transactionId": 5}]))
        assert await ask(world, "ClearCache") == {"status": "Accepted"}


@pytest.mark.conformance("X-39", "W-05")
async def test_t_46_a_lost_connection_repeats_the_same_frame_and_counts_no_attempt(tmp_path: Path) -> None:
    policy = Policy()
    policy.answer_next("StartTransaction", *[hang_up()] * 5)  # more often than TransactionMessageAttempts
    async with a_station(tmp_path, policy=policy) as world:
        world.plug_in(1, "A11CE0", wants_wh=60_000)
        await world.seconds(240)
        starts = frames(world, "StartTransaction")
        assert len(starts) == 6
        assert len({frame.text for frame in starts}) == 1
        lost_s = [(after.at - before.at).total_seconds() for before, after in pairwise(starts)]
        assert max(lost_s) < 30  # nobody waited for the answer's time to be over
        assert len(world.central.transactions) == 1
        assert statuses(world)[-1] == "Charging"


@pytest.mark.conformance("B-18", "W-07")
async def test_t_45_a_reconnect_is_no_boot_unless_the_charger_says_otherwise(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        await configure(world, HeartbeatInterval=777)
        before = world.now
        await world.central.drop_connections()
        await world.seconds(60)
        told_again = [f for f in frames(world, "BootNotification", "StatusNotification") if f.at > before]
        assert [(f.action, f.payload["connectorId"], f.payload["status"]) for f in told_again] == [
            ("StatusNotification", 0, "Available"),
            ("StatusNotification", 1, "Charging"),
            ("StatusNotification", 2, "Available"),
        ]
        assert len(told(world, "StartTransaction")) == 1
        (interval,) = (await ask(world, "GetConfiguration", key=["HeartbeatInterval"]))["configurationKey"]
        assert interval["value"] == "777"  # only a boot's answer sets it
        world.charger.options = world.charger.options.__class__(firmware_version="7.0.0")
        world.link.cut = True
        await world.seconds(30)
        world.link.cut = False
        await world.seconds(60)
        assert [boot["firmwareVersion"] for boot in told(world, "BootNotification")] == ["6.4.1", "7.0.0"]


@pytest.mark.conformance("T-41", "T-42", "T-47")
async def test_w_04_a_half_open_link_is_noticed_by_its_pongs_and_left(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True, started=False) as world:
        assert world.server is not None
        with_pings(world)
        knocks = knocks_at(world)
        world.start()
        await world.seconds(100)
        await configure(world, WebSocketPingInterval=0)
        await world.seconds(40)
        world.server.black_hole()
        await world.until("00:04")
        assert len(knocks) == 1  # without pings nobody notices
        world.server.recover()
        await configure(world, WebSocketPingInterval=20)
        await world.seconds(60)
        world.server.black_hole()
        at_s = (world.now.minute * 60 + world.now.second) + 0.0
        await world.seconds(45)
        assert len(knocks) == 2
        assert 10 <= knocks[1] - at_s <= 20 + 10 + 5  # a ping is due, a pong awaited, then the usual wait
        world.server.recover()
        await world.seconds(60)
        assert world.central.connected == (IDENTITY,)
        assert statuses(world, 0)[-1] == "Available"
        assert world.central.violations == []


async def test_t_43_pings_come_sooner_than_all_attempts_of_a_message(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        keys = ["WebSocketPingInterval", "TransactionMessageAttempts", "TransactionMessageRetryInterval"]
        answer = await ask(world, "GetConfiguration", key=keys)
        ping_s, attempts, retry_s = (int(key["value"]) for key in answer["configurationKey"])
        assert 0 < ping_s < attempts * retry_s


@pytest.mark.conformance("B-16")
@pytest.mark.parametrize("interval_s", [0, 1_000_000])
async def test_t_44_once_a_day_at_least_there_is_a_heartbeat(tmp_path: Path, interval_s: int) -> None:
    async with a_station(tmp_path, idle_poll_interval_s=3600.0) as world:
        await configure(world, HeartbeatInterval=interval_s)
        await world.until("01:00", day=1)
        beats = [(f.at.day, f.at.hour, f.at.minute) for f in frames(world, "Heartbeat")]
        assert beats == [(23, 0, 0)]
