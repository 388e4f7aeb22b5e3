"""A queue that has reached its bound loses meter values in between, and nothing else (faults 4.4, O-26)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ocpp_gateway.charger.records import OutboxDone, OutboxRecord
from ocpp_gateway.errors import StoreError
from ocpp_gateway.instant import Instant
from ocpp_gateway.store import Store

MIDNIGHT = Instant(datetime(2026, 3, 1, tzinfo=UTC), "boot-1", 0.0)
CP = "SITE-1"
BOUND = 30

OpenStore = Callable[..., Awaitable[Store]]


def message(name: str, minute: float, action: str = "MeterValues", **changes: Any) -> OutboxRecord:
    return replace(OutboxRecord(name, action, {}, MIDNIGHT.plus(60 * minute), local_id="tx-1"), **changes)


def samples(minutes: Sequence[float], local_id: str = "tx-1", **changes: Any) -> list[OutboxRecord]:
    """Meter values of one transaction, named by it and their minute."""
    return [message(f"{local_id}@{minute:g}", minute, local_id=local_id, **changes) for minute in minutes]


def session(local_id: str, minutes: Sequence[float]) -> list[OutboxRecord]:
    """A transaction as an offline charger queues it."""
    return [
        message(f"{local_id} start", minutes[0], "StartTransaction", local_id=local_id),
        *samples(minutes, local_id),
        message(f"{local_id} stop", minutes[-1], "StopTransaction", local_id=local_id),
    ]


async def transmitted(store: Store, seq: int) -> None:
    """That message goes out, for the first time."""
    await store.outbox_sending(CP, seq, number=1, message_id="sent", sent_at="@boot@0", transaction_id=None)


async def drained(store: Store, charge_point: str = CP, central_system: str = "main") -> list[str]:
    """The message ids in the order of their delivery; the queue is empty then."""
    names = []
    while (row := await store.outbox_head(charge_point, central_system)) is not None:
        names.append(row.message_id)
        await store.commit(charge_point, [OutboxDone(row.seq)])
    return names


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    return await open_store(queue_bound=BOUND)


async def test_fault_o_26_a_full_queue_keeps_first_last_and_one_per_quarter_of_an_hour(store: Store) -> None:
    for record in session("tx-1", range(28))[:-1]:
        await store.commit(CP, [record])
    assert await store.outbox_depth(CP) == BOUND - 1
    assert await store.outbox_thinned(CP) == 0

    await store.commit(CP, [message("tx-1 stop", 28, "StopTransaction")])  # number 30

    assert await store.outbox_thinned(CP) == 25
    assert await drained(store) == ["tx-1 start", "tx-1@0", "tx-1@15", "tx-1@27", "tx-1 stop"]


async def test_fault_o_26_the_oldest_transaction_is_thinned_first_and_only_as_many_as_needed(store: Store) -> None:
    older, newer = session("tx-1", range(10)), session("tx-2", range(10, 24))
    await store.commit(CP, [*older[:5], *newer[:5], *older[5:], *newer[5:]])
    assert await store.outbox_thinned(CP) == 0  # 28 rows
    await store.commit(CP, samples([60, 61], "tx-3"))

    assert await store.outbox_thinned(CP) == 8  # 2 of 10 stay
    left = await drained(store)
    assert [name for name in left if name.startswith("tx-1")] == ["tx-1 start", "tx-1@0", "tx-1@9", "tx-1 stop"]
    assert [name for name in left if name.startswith("tx-2")] == [record.message_id for record in newer]


@pytest.mark.conformance("X-38")
async def test_fault_o_26_starts_and_stops_stay_beyond_the_bound(store: Store) -> None:
    bills = [
        message(f"m-{number}", 0, ("StartTransaction", "StopTransaction")[number % 2], local_id=f"tx-{number // 2}")
        for number in range(BOUND + 20)
    ]
    await store.commit(CP, bills)

    assert await store.outbox_depth(CP) == BOUND + 20
    assert await store.outbox_thinned(CP) == 0


def idle(minutes: Sequence[float], **changes: Any) -> list[OutboxRecord]:
    """Meter values of no transaction: clock-aligned ones of an idle charger."""
    return [replace(record, local_id=None) for record in samples(minutes, "idle", **changes)]


async def test_the_oldest_values_of_no_transaction_go_before_any_of_a_transaction(store: Store) -> None:
    running = session("tx-1", range(10))[:-1]
    await store.commit(CP, [*running[:6], *idle(range(15)), *running[6:]])
    assert await store.outbox_depth(CP) == 26
    await store.commit(CP, idle(range(15, 19)))  # at the bound: a tenth of it goes

    assert await store.outbox_thinned(CP) == 3
    expected = [*running[:6], *idle(range(3, 15)), *running[6:], *idle(range(15, 19))]
    assert await drained(store) == [record.message_id for record in expected]


async def test_values_of_a_transaction_go_when_those_of_none_are_not_enough(store: Store) -> None:
    await store.commit(CP, [*session("tx-1", range(26)), *idle([26])])
    assert await store.outbox_thinned(CP) == 0
    await store.commit(CP, idle([27]))

    assert await drained(store) == ["tx-1 start", "tx-1@0", "tx-1@15", "tx-1@25", "tx-1 stop"]
    assert await store.outbox_thinned(CP) == 25


async def test_years_offline_with_nothing_but_values_of_no_transaction_stay_within_the_bound(store: Store) -> None:
    deepest = 0
    for minute in range(500):
        await store.commit(CP, idle([minute]))
        deepest = max(deepest, await store.outbox_depth(CP))

    assert deepest < BOUND
    left = await drained(store)
    assert left[0] == "idle@0"  # the head, which may be in delivery
    assert left[1:] == [f"idle@{minute}" for minute in range(501 - len(left), 500)]


async def test_a_value_of_no_transaction_that_is_or_was_in_delivery_stays(store: Store) -> None:
    await store.commit(CP, idle(range(29)))
    head = await store.outbox_head(CP)
    await transmitted(store, 3)
    await store.commit(CP, idle([29]))

    assert await store.outbox_head(CP) == head
    assert (await drained(store))[:4] == ["idle@0", "idle@2", "idle@5", "idle@6"]


async def test_what_was_transmitted_once_stays(store: Store) -> None:
    await store.commit(CP, samples(range(29)))
    for seq in (3, 4):
        await transmitted(store, seq)
    await store.commit(CP, samples([29]))

    assert await drained(store) == ["tx-1@0", "tx-1@2", "tx-1@3", "tx-1@15", "tx-1@29"]


async def test_the_head_in_delivery_stays_even_when_the_bound_is_passed_many_times(store: Store) -> None:
    first = samples([0.0])[0]
    await store.commit(CP, [first])
    row = await store.outbox_head(CP)
    assert row is not None
    for minute in range(1, 500):
        await store.commit(CP, samples([minute / 10]))

    assert await store.outbox_head(CP) == row
    await transmitted(store, row.seq)


async def test_a_delivered_first_sample_leaves_its_place_to_the_next_in_the_queue(store: Store) -> None:
    await store.commit(CP, samples(range(5)))
    for seq in (1, 2):
        await store.commit(CP, [OutboxDone(seq)])
    await store.commit(CP, samples(range(5, 32)))

    assert await drained(store) == ["tx-1@2", "tx-1@15", "tx-1@30", "tx-1@31"]


async def test_each_central_system_and_charge_point_has_a_bound_of_its_own(store: Store) -> None:
    await store.commit("SITE-2", samples(range(29), "tx-2"))
    await store.commit(CP, samples(range(29)))
    await store.commit(CP, samples(range(29), central_system="second"))
    assert await store.outbox_thinned(CP) == 0

    await store.commit(CP, samples([29], central_system="second"))
    assert await store.outbox_depth(CP) == 29
    assert await store.outbox_depth(CP, "second") == 3
    assert await store.outbox_depth("SITE-2") == 29
    assert (await store.outbox_thinned(CP), await store.outbox_thinned("SITE-2")) == (27, 0)

    await store.commit(CP, samples([29]))
    assert await store.outbox_depth("SITE-2") == 29


async def test_the_bound_counts_what_is_queued_before_a_restart_and_not_what_is_done(open_store: OpenStore) -> None:
    store = await open_store(queue_bound=BOUND)
    await store.commit(CP, samples(range(-20, 0), "tx-0"))
    assert len(await drained(store)) == 20
    await store.commit(CP, samples(range(28)))
    store = await open_store(queue_bound=BOUND)
    await store.commit(CP, samples([28]))
    assert await store.outbox_thinned(CP) == 0

    await store.commit(CP, samples([29]))
    assert await store.outbox_thinned(CP) == 27


async def test_the_number_thinned_survives_a_restart_and_grows(open_store: OpenStore) -> None:
    store = await open_store(queue_bound=BOUND)
    await store.commit(CP, samples(range(30)))
    assert await store.outbox_thinned(CP) == 27

    store = await open_store(queue_bound=BOUND)
    assert await store.outbox_thinned(CP) == 27
    await store.commit(CP, samples(range(30, 60)))
    assert await store.outbox_thinned(CP) == 27 + 28  # of 33, minutes 0, 15, 30, 45 and 59 stay
    assert await store.outbox_depth(CP) == 5
    assert await store.outbox_thinned("SITE-9") == 0


async def test_a_commit_that_fails_thins_nothing(store: Store) -> None:
    await store.commit(CP, samples(range(29)))
    with pytest.raises(StoreError):
        await store.commit(CP, [*samples([29]), OutboxDone(4711)])
    assert (await store.outbox_depth(CP), await store.outbox_thinned(CP)) == (29, 0)

    await store.commit(CP, samples([29]))
    assert (await store.outbox_depth(CP), await store.outbox_thinned(CP)) == (3, 27)


@pytest.mark.parametrize("bound", [1, 2, 9])
async def test_a_small_bound_works_too(open_store: OpenStore, bound: int) -> None:
    store = await open_store(queue_bound=bound)
    for minute in range(14):
        await store.commit(CP, samples([minute]))

    left = await drained(store)
    assert left[0] == "tx-1@0"
    assert left[-1] == "tx-1@13"
    assert len(left) <= bound + 2


async def test_a_small_bound_is_not_stopped_by_a_transaction_with_nothing_to_thin(open_store: OpenStore) -> None:
    store = await open_store(queue_bound=4)
    await store.commit(CP, [*samples([0], "tx-1"), *samples([1, 2, 3], "tx-2")])

    assert await drained(store) == ["tx-1@0", "tx-2@1", "tx-2@3"]


@pytest.mark.conformance("X-32", "X-38")
async def test_fault_o_26_a_week_offline_keeps_the_order_and_every_bill(open_store: OpenStore) -> None:
    store = await open_store(queue_bound=1000)
    sessions = [session(f"tx-{number}", range(number * 360, number * 360 + 300)) for number in range(28)]
    deepest = 0
    for records in sessions:
        for begin in range(0, len(records), 50):
            await store.commit(CP, records[begin : begin + 50])
            deepest = max(deepest, await store.outbox_depth(CP))
    thinned = await store.outbox_thinned(CP)
    left = await drained(store)

    everything = [record.message_id for records in sessions for record in records]
    kept = set(left)
    assert deepest < 1000
    assert thinned == len(everything) - len(left)
    assert left == [name for name in everything if name in kept]
    for records in sessions:
        names = [record.message_id for record in records]
        assert {names[0], names[1], names[-2], names[-1], *names[1:-1:15]} <= kept
