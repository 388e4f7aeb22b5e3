"""The central system is away: what happened meanwhile is told afterwards, in order, as it was and when it was."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest

from ocpp_gateway.central.frames import Direction, Frame, Kind
from ocpp_gateway.central.policy import Policy, late
from scenario.world import MIDNIGHT, World, a_world

QUEUED = ("StartTransaction", "MeterValues", "StopTransaction")
ALICE, BOB = "04A11CE0", "04B0B0B0"


def calls(world: World, *actions: str) -> list[Frame]:
    """The CALLs of those actions as they came, repeats included."""
    return [
        frame
        for frame in world.central.frames
        if (frame.direction, frame.kind) == (Direction.RECEIVED, Kind.CALL) and frame.action in actions
    ]


def about(payload: dict[str, Any]) -> datetime:
    """The moment that a message of a transaction tells of."""
    values = payload.get("meterValue")
    return datetime.fromisoformat(values[0]["timestamp"] if values else payload["timestamp"])


def lines(frames: Sequence[Frame]) -> list[str]:
    """Each message as the moment it tells of, what it is, and whose it is."""
    return [
        f"{about(p):%H:%M:%S} {frame.action} "
        + (f"connector {p['connectorId']}" if frame.action == "StartTransaction" else f"of {p['transactionId']}")
        for frame in frames
        for p in [frame.payload]
    ]


async def online(world: World) -> None:
    """The central system is back, and has heard all that waited for it."""
    world.central.go_online()
    await world.central.wait_for(lambda: world.central.connected, 60)
    while (await world.backlog()).depth:
        await world.seconds(5)


# ---------------------------------------------------------------- one session


@pytest.mark.conformance("X-02", "X-31", "X-32", "X-33", "X-34", "X-37", "X-54", "S-23", "W-03", "M-24")
async def test_a_session_offline_with_a_kill_in_its_middle_is_told_as_it_was_while_a_start_is_answered_late(
    tmp_path: Path,
) -> None:
    policy = Policy()
    async with a_world(
        tmp_path,
        policy=policy,
        websocket=True,
        poll_interval_s=5,
        authorization={"mode": "charger"},
        configuration={"MeterValueSampleInterval": "600"},
    ) as world:
        await world.until("01:00")
        await world.central.go_offline()
        await world.until("01:10:01")
        world.plug_in(1, ALICE, wants_wh=40_000)
        await world.until("01:33")
        await world.kill()
        await world.until("01:34")
        world.start()
        await world.until("02:00:01")
        world.unplug(1)
        await world.until("02:10")
        assert calls(world, *QUEUED) == []
        backlog = await world.backlog()
        assert (backlog.depth, backlog.oldest_at) == (6, "2026-11-22T01:10:10.000Z")

        policy.answer_next("StartTransaction", late(100))
        world.central.go_online()
        await world.until("02:11:01")
        (start,) = calls(world, *QUEUED)  # its answer has not come: nothing of its transaction can go, nor anything new
        world.plug_in(2, BOB)
        await world.until("02:11:30")
        assert calls(world, *QUEUED) == [start]
        told = calls(world, "StatusNotification")
        overtaking = [f"{frame.at:%H:%M:%S} {frame.payload['status']}" for frame in told[-2:]]
        assert overtaking == ["02:11:05 Preparing", "02:11:10 Charging"]
        await world.until("02:30")

        assert lines(calls(world, *QUEUED)) == [
            "01:10:05 StartTransaction connector 1",
            "01:20:05 MeterValues of 1",
            "01:30:05 MeterValues of 1",
            "01:40:05 MeterValues of 1",
            "01:50:05 MeterValues of 1",
            "02:00:05 StopTransaction of 1",
            "02:11:05 StartTransaction connector 2",
            "02:21:05 MeterValues of 2",
        ]
        assert all(frame.at >= start.at + timedelta(seconds=100) for frame in calls(world, *QUEUED)[1:])
        first, _ = world.central.transactions
        assert (first.id_tag, first.reason, first.start_repeats) == (ALICE, "EVDisconnected", 0)
        assert first.meter_stop_wh is not None
        assert first.meter_stop_wh == pytest.approx(22_000 * 50 / 60, abs=200)
        assert world.central.violations == []


# ---------------------------------------------------------------- a week


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who comes every day, at a minute of it, and leaves at another."""

    connector_id: int
    id_tag: str
    comes: str
    leaves: str
    wants_wh: int


VISITS = (
    Visit(1, ALICE, "08:01:00", "11:31:00", 12_000),
    Visit(2, BOB, "09:17:00", "17:46:00", 22_000),
    Visit(1, "04CAFE", "19:03:00", "23:02:00", 30_000),
)
GOES, COMES = ("10:00", 1), ("12:00", 5)
"""The central system goes and comes in the middle of sessions."""

SEEN_WITHIN = timedelta(seconds=360)  # a poll while idle, and one to be sure


def moment(at: str, day: int) -> datetime:
    hours, minutes, seconds = (int(part) for part in (at + ":00").split(":")[:3])
    return MIDNIGHT + timedelta(days=day, hours=hours, minutes=minutes, seconds=seconds)


async def a_week(world: World) -> int:
    """People come and go for seven days; gives how many messages waited when the central system came back."""
    deeds: list[tuple[datetime, str, Visit | None]] = [(moment(*GOES), "away", None), (moment(*COMES), "back", None)]
    for day in range(7):
        deeds += [(moment(someone.comes, day), "comes", someone) for someone in VISITS]
        deeds += [(moment(someone.leaves, day), "leaves", someone) for someone in VISITS]
    waited = 0
    for at, deed, visit in sorted(deeds, key=lambda deed: deed[0]):
        await world.seconds((at - world.now).total_seconds())
        if visit is None:
            if deed == "away":
                await world.central.go_offline()
            else:
                waited = (await world.backlog()).depth
                await online(world)
        elif deed == "comes":
            world.plug_in(visit.connector_id, visit.id_tag, wants_wh=visit.wants_wh)
        else:
            world.unplug(visit.connector_id)
    await world.until("23:59", day=6)
    assert (await world.backlog()).depth == 0
    return waited


def week(folder: Path, *, sample_interval_s: int, **more: Any) -> Any:
    """A site whose charger decides, polled now and then."""
    return a_world(
        folder,
        poll_interval_s=60,
        idle_poll_interval_s=300,
        authorization={"mode": "charger"},
        configuration={"MeterValueSampleInterval": str(sample_interval_s)},
        **more,
    )


def samples_by_transaction(world: World) -> dict[int, list[datetime]]:
    """The moments of the MeterValues of each transaction, in the order of the wire."""
    samples: dict[int, list[datetime]] = {}
    for frame in calls(world, "MeterValues"):
        samples.setdefault(frame.payload["transactionId"], []).append(about(frame.payload))
    return samples


def assert_every_bill_is_right(world: World) -> None:
    """Each visit is one transaction, told once, with its own times and energy."""
    expected = sorted(
        ((moment(visit.comes, day), moment(visit.leaves, day), visit) for day in range(7) for visit in VISITS),
        key=lambda it: it[0],
    )
    assert len(world.central.transactions) == len(expected)
    for (comes, leaves, visit), told in zip(expected, world.central.transactions, strict=True):
        assert (told.connector_id, told.id_tag) == (visit.connector_id, visit.id_tag)
        assert comes <= datetime.fromisoformat(told.started_at) <= comes + SEEN_WITHIN
        assert told.stopped_at is not None
        assert leaves <= datetime.fromisoformat(told.stopped_at) <= leaves + SEEN_WITHIN
        assert told.energy_wh == visit.wants_wh
        assert (told.reason, told.start_repeats, told.stop_repeats) == ("EVDisconnected", 0, 0)
        assert told.transaction_id is not None
        assert told.transaction_id > 0
    assert world.central.violations == []


def assert_in_order_and_once(world: World) -> None:
    """The messages of all transactions come in the order of what they tell, none of them twice."""
    told = calls(world, *QUEUED)
    # A car's leaving is dated when it was first seen, and certain a poll later.
    assert all(about(later.payload) - about(earlier.payload) >= -SEEN_WITHIN for earlier, later in pairwise(told))
    assert len({(frame.action, str(frame.payload)) for frame in told}) == len(told)
    for transaction in world.central.transactions:
        (number,) = transaction.transaction_ids
        own = [frame for frame in told if frame.payload.get("transactionId") == number]
        stops = [] if transaction.running else ["StopTransaction"]
        assert [frame.action for frame in own] == ["MeterValues"] * (len(own) - len(stops)) + stops
        stamps = [datetime.fromisoformat(transaction.started_at), *(about(frame.payload) for frame in own)]
        assert stamps == sorted(stamps)


@pytest.mark.looptime(noop_cycles=3)
@pytest.mark.conformance("X-31", "X-32", "X-34", "X-02", "M-24", "W-03")
async def test_fault_o_25_a_week_with_four_days_offline_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    began_s = time.process_time()
    async with week(tmp_path, sample_interval_s=900) as world:
        waited = await a_week(world)

        assert waited > 250
        assert_every_bill_is_right(world)
        assert_in_order_and_once(world)
        samples = samples_by_transaction(world)
        for transaction in world.central.transactions:
            assert transaction.transaction_id is not None
            begin, end = (datetime.fromisoformat(str(at)) for at in (transaction.started_at, transaction.stopped_at))
            expected = int((end - begin).total_seconds() - 1) // 900
            stamps = samples[transaction.transaction_id]
            assert len(stamps) == expected
            assert {later - earlier for earlier, later in pairwise(stamps)} == {timedelta(seconds=900)}
        assert (await world.backlog()).thinned == 0
    assert time.process_time() - began_s <= 20


@pytest.mark.looptime(noop_cycles=3)
@pytest.mark.conformance("X-31", "X-32", "X-38", "W-03")
async def test_fault_o_26_a_week_with_a_small_queue_keeps_first_last_and_one_sample_per_quarter_of_an_hour(
    tmp_path: Path,
) -> None:
    bound = 500
    async with week(tmp_path, sample_interval_s=300, queue_bound=bound) as world:
        waited = await a_week(world)

        assert waited <= bound
        assert_every_bill_is_right(world)
        assert_in_order_and_once(world)
        samples, made, thinned_out = samples_by_transaction(world), 0, 0
        for transaction in world.central.transactions:
            assert transaction.transaction_id is not None
            begin, end = (datetime.fromisoformat(str(at)) for at in (transaction.started_at, transaction.stopped_at))
            all_of_them = [
                begin + timedelta(seconds=seconds) for seconds in range(300, int((end - begin).total_seconds()), 300)
            ]
            made += len(all_of_them)
            stamps = samples[transaction.transaction_id]
            assert set(stamps) <= set(all_of_them)
            quarters = [next(of_one) for _, of_one in groupby(all_of_them, lambda at: (at.hour, at.minute // 15))]
            assert {*quarters, all_of_them[-1]} <= set(stamps)
            thinned_out += set(stamps) == {*quarters, all_of_them[-1]}
        assert thinned_out >= 5
        assert (await world.backlog()).thinned == made - len(calls(world, "MeterValues")) > 0


# ---------------------------------------------------------------- the drain

ROUND_TRIP_S = 0.05


@pytest.mark.conformance("X-32", "X-33", "S-23", "T-25")
async def test_fault_o_25_500_messages_drain_at_one_per_round_trip_and_live_status_overtakes(tmp_path: Path) -> None:
    policy = Policy()
    async with a_world(
        tmp_path,
        policy=policy,
        poll_interval_s=5,
        authorization={"mode": "charger"},
        configuration={"MeterValueSampleInterval": "5"},
    ) as world:
        await world.seconds(60)
        await world.central.go_offline()
        world.plug_in(1, ALICE, wants_wh=100_000)
        await world.seconds(43 * 60)
        world.unplug(1)
        await world.seconds(60)
        queued = (await world.backlog()).depth
        assert queued >= 500

        for action in QUEUED:
            policy.answer_always(action, late(ROUND_TRIP_S))
        world.central.go_online()
        await world.central.wait_for(lambda: calls(world, "StartTransaction"), 60)
        await world.seconds(5)
        world.plug_in(2)
        plugged_at = world.now
        await world.central.wait_for(lambda: len(calls(world, *QUEUED)) == queued, 60)
        await world.seconds(1)

        told = calls(world, *QUEUED)[:queued]
        answered = [
            frame
            for frame in world.central.frames
            if (frame.direction, frame.kind) == (Direction.SENT, Kind.RESULT) and frame.action in QUEUED
        ][:queued]
        assert len(told) == len(answered) == queued
        drained_s = (answered[-1].at - told[0].at).total_seconds()
        assert queued * ROUND_TRIP_S - 0.001 <= drained_s <= queued * ROUND_TRIP_S / 0.9
        assert [frame.message_id for frame in told] == [frame.message_id for frame in answered]  # one at a time
        assert all(sent.at >= done.at for sent, done in zip(told[1:], answered, strict=False))
        assert_in_order_and_once(world)

        live = [frame for frame in calls(world, "StatusNotification") if frame.at > plugged_at]
        assert live[0].payload["connectorId"] == 2
        assert live[0].at - plugged_at <= timedelta(seconds=5 + 2)  # the next poll sees it, and 2 s later it is told
        assert live[0].at < told[-1].at
        assert world.central.violations == []
