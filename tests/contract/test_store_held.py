"""A store that cannot write holds what it was given, in its order, and writes it when it can (faults D-01, D-05)."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from ocpp_gateway.charger.records import MeterRecord, OutboxDone, OutboxRecord, Record, TransactionRecord
from ocpp_gateway.errors import StoreError
from ocpp_gateway.instant import Instant
from ocpp_gateway.store import Store
from ocpp_gateway.store.held import MOST_METER_VALUES, HeldCommits

CP, OTHER = "SITE-1", "SITE-2"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

OpenStore = Callable[..., Awaitable[Store]]


def at(seconds: float) -> Instant:
    return Instant(NOON + timedelta(seconds=seconds), "boot-1", seconds)


def transaction(meter_wh: int = 0) -> TransactionRecord:
    return TransactionRecord("tx-1", 1, "04A1", 0, at(0), meter_wh, at(0))


def message(message_id: str, action: str = "MeterValues", seconds: float = 0.0) -> OutboxRecord:
    return OutboxRecord(message_id, action, {}, at(seconds), local_id="tx-1")


@contextlib.contextmanager
def full_disk() -> Iterator[list[Any]]:
    """This process can write nothing, and read everything; gives what it logs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with capture_logs() as told:  # the test's own output is a file
            yield told
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried each time."""
    monkeypatch.setattr("ocpp_gateway.store.store.RETRY_S", 0.0)


async def queued(store: Store, charge_point: str = CP) -> list[str]:
    rows = []
    while (row := await store.outbox_head(charge_point)) is not None:
        rows.append(row.message_id)
        await store.commit(charge_point, [OutboxDone(row.seq)])
    return rows


async def test_fault_d_05_what_cannot_be_written_waits_and_keeps_its_order(store: Store) -> None:
    await store.commit(CP, [MeterRecord(1, 1)])
    with full_disk() as told:
        assert not await store.keep(CP, [transaction(), message("start", "StartTransaction")])
        assert not await store.keep(CP, [MeterRecord(1, 100), transaction(100)])
        assert not await store.keep(CP, [message("values")])
        assert not await store.keep(CP, [])
        assert store.failed
    assert await store.keep(CP, [message("stop", "StopTransaction")])
    assert [line["event"] for line in told if line["log_level"] == "error"] == [
        "memory_exhaustion",
        "held_in_memory",
    ]

    loaded = await store.load(CP)
    assert (loaded.meters, loaded.open_transactions[0].last_meter_wh) == ((MeterRecord(1, 100),), 100)
    assert await queued(store) == ["start", "values", "stop"]
    assert not store.failed


async def test_what_waits_is_written_without_anything_new(store: Store) -> None:
    await store.commit(CP, [MeterRecord(1, 1)])
    with full_disk():
        assert not await store.keep(CP, [message("start")])
    assert await store.keep(CP, [])
    assert await queued(store) == ["start"]


async def test_fault_d_05_what_waits_outlives_the_tasks_that_gave_it(store: Store) -> None:
    await store.commit(CP, [MeterRecord(1, 1)])
    with full_disk():
        assert not await store.keep(CP, [transaction(7)])
        with pytest.raises(StoreError):
            await store.load(CP)  # nothing older is ever told instead
    assert (await store.load(CP)).open_transactions == (transaction(7),)


async def test_what_waits_is_written_at_the_end(open_store: OpenStore) -> None:
    store = await open_store()
    await store.commit(CP, [MeterRecord(1, 1)])
    with full_disk():
        assert not await store.keep(CP, [message("start")])
    store = await open_store()
    assert await queued(store) == ["start"]


async def test_one_charge_point_s_trouble_is_not_another_s_order(store: Store) -> None:
    for charge_point in (CP, OTHER):
        await store.commit(charge_point, [MeterRecord(1, 1)])
    with full_disk():
        assert not await store.keep(CP, [message("a")])
        assert not await store.keep(OTHER, [message("b")])
    assert await store.keep(OTHER, [message("c")])
    assert await queued(store) == []
    assert await store.keep(CP, [])
    assert (await queued(store), await queued(store, OTHER)) == (["a"], ["b", "c"])


async def test_fault_d_04_a_commit_that_was_written_after_all_is_not_written_twice(store: Store) -> None:
    started: list[Record] = [transaction(), message("start", "StartTransaction")]
    with full_disk():
        assert not await store.keep(CP, started)
    await store.commit(OTHER, [MeterRecord(1, 1)])
    held, store._in_memory = store._in_memory, {}
    await store.commit(CP, started)  # as if the disk had taken it, and only the sync had failed
    store._in_memory = held
    assert await store.keep(CP, [message("values")])
    assert await queued(store) == ["start", "values"]


async def test_what_can_never_be_written_is_refused_at_once(store: Store) -> None:
    with pytest.raises(StoreError, match="cannot hold a value"):
        await store.keep(CP, [OutboxRecord("m", "MeterValues", {"nan": float("nan")}, at(0))])
    assert await store.keep(CP, [])


# ---------------------------------------------------------------- memory


def test_a_poll_takes_the_place_of_the_one_before() -> None:
    held = HeldCommits()
    for second in range(1000):
        held.add([MeterRecord(1, second), transaction(second)])
    held.add([message("values")])
    held.add([MeterRecord(1, 5000), transaction(5000)])
    assert held.commits == [
        [MeterRecord(1, 999), transaction(999)],
        [message("values")],
        [MeterRecord(1, 5000), transaction(5000)],
    ]


def test_fault_d_01_many_meter_values_are_thinned_and_a_start_and_a_stop_stay() -> None:
    held = HeldCommits()
    held.add([transaction(), message("start", "StartTransaction")])
    for minute in range(2 * MOST_METER_VALUES):
        held.add([transaction(minute), message(f"m-{minute}", seconds=60.0 * minute)])
    held.add([message("stop", "StopTransaction")])

    left = [record.message_id for commit in held.commits for record in commit if isinstance(record, OutboxRecord)]
    assert (left[0], left[1], left[2], left[-1]) == ("start", "m-0", "m-15", "stop")
    assert len(left) < MOST_METER_VALUES + 2
    assert len(left) - 2 + held.thinned == 2 * MOST_METER_VALUES
