"""A disk that really is full, under a real store: the bills are kept, the meter values give way, nobody restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from faults.disk import SmallDisk, why_no_small_one
from ocpp_gateway.charger.records import OutboxRecord, Record, TransactionRecord, TransactionSample
from ocpp_gateway.errors import StoreUnavailable
from ocpp_gateway.instant import Instant
from ocpp_gateway.store import Store, care
from ocpp_gateway.store.reserve import RESERVE_BYTES
from ocpp_gateway.store.retention import Retention

pytestmark = pytest.mark.skipif(why_no_small_one() is not None, reason=str(why_no_small_one()))

CP = "SITE-1"
VALUES_S = (0, 60, 300, 890, 910, 960, 1790, 1850)
IN_NEW_WINDOWS = 3  # those at 0, 910 and 1850 s
PADDING = "x" * 8000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    small = SmallDisk(tmp_path, 26)
    yield small
    small.close()


@pytest.fixture
async def store(disk: SmallDisk) -> AsyncIterator[Store]:
    """A store with its reserve."""
    store = await Store.open(f"sqlite:///{disk.path}/gateway.db")
    assert await store.lay_by_reserve()
    yield store
    await store.close()


def at(session: int, seconds: int = 0) -> Instant:
    began = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(hours=session, seconds=seconds)
    return Instant(began, "boot", began.timestamp())


def message(session: int, action: str, seconds: int = 0, padding: str = "") -> OutboxRecord:
    payload: dict[str, Any] = {"connectorId": 1, "padding": padding}
    return OutboxRecord(f"{session}-{action}-{seconds}", action, payload, at(session, seconds), f"tx-{session}")


def transaction(session: int, **fields: Any) -> TransactionRecord:
    return TransactionRecord(f"tx-{session}", 1, "04A1", 0, at(session), 0, at(session), **fields)


async def session_stored(store: Store, session: int) -> bool:
    """A session from its start to its stop; whether all of its commits were taken."""
    stopped = transaction(session, stopped_at=at(session, 1900), meter_stop_wh=1, stop_reason="Local")
    values: list[list[Record]] = [[message(session, "MeterValues", seconds, PADDING)] for seconds in VALUES_S]
    began: list[Record] = [transaction(session), message(session, "StartTransaction")]
    ended: list[Record] = [stopped, message(session, "StopTransaction", 1900)]
    return all([await store.keep(CP, records) for records in (began, *values, ended)])


async def actions(store: Store, session: int) -> list[str]:
    """The messages of a session that are in the store, in their order."""
    query, asked = "SELECT action FROM outbox WHERE local_id = ? ORDER BY seq", (f"tx-{session}",)
    return await store.ledger(lambda it: [action for (action,) in it.exec_driver_sql(query, asked)])


async def test_fault_d_01_on_a_full_disk_bills_are_kept_and_meter_values_thinned_then_dropped(
    disk: SmallDisk, store: Store
) -> None:
    assert await session_stored(store, 0)
    disk.fill()
    with capture_logs() as told:
        kept = [await actions(store, session) for session in range(1, 400) if await session_stored(store, session)]
        assert [line["event"] for line in told if line["log_level"] == "error"] == ["memory_exhaustion"]
    assert len(kept) == 399
    assert len(await actions(store, 0)) == 2 + len(VALUES_S)
    values = [len(messages) - 2 for messages in kept]
    assert {messages[0] for messages in kept} == {"StartTransaction"}
    assert {messages[-1] for messages in kept} == {"StopTransaction"}
    assert values == sorted(values, reverse=True)
    assert values.count(IN_NEW_WINDOWS) > 10
    assert values.count(0) > 100
    dropped = sum(len(VALUES_S) - number for number in values)
    assert await store.outbox_thinned(CP) == dropped
    assert store.short_of_room
    assert not store.failed


async def test_fault_d_01_when_there_is_room_again_all_is_as_before_without_a_restart(
    disk: SmallDisk, store: Store
) -> None:
    disk.fill()
    session = 1
    while not store.short_of_room:
        assert await session_stored(store, session)
        session += 1
    assert not (disk.path / "gateway.db.reserve").exists()
    with capture_logs() as told:
        disk.clear()
        assert await session_stored(store, session)
    assert len(await actions(store, session)) == 2 + len(VALUES_S)
    assert [line["event"] for line in told] == ["memory_exhaustion_cleared"]
    assert (disk.path / "gateway.db.reserve").stat().st_size == RESERVE_BYTES


async def test_fault_d_01_samples_for_the_stop_give_way_too(disk: SmallDisk, store: Store) -> None:
    disk.fill()
    for value in range(200):
        await store.commit(CP, [OutboxRecord(f"free-{value}", "MeterValues", {"padding": PADDING}, at(0))])
    assert store.short_of_room
    await store.commit(CP, [transaction(1)])
    for seconds in VALUES_S:
        stamp = at(1, seconds).stamp()
        await store.commit(CP, [TransactionSample("tx-1", {"timestamp": stamp, "sampledValue": []})])
    samples = (await store.load(CP)).samples["tx-1"]
    assert [sample["timestamp"] for sample in samples] == [at(1, seconds).stamp() for seconds in (0, 910, 1850)]


async def test_fault_d_02_on_a_disk_that_is_full_at_the_start_the_reserve_opens_the_store(
    disk: SmallDisk, store: Store
) -> None:
    await session_stored(store, 1)
    await store.close()
    disk.fill()
    with capture_logs() as told:
        again = await Store.open(f"sqlite:///{disk.path}/gateway.db")
    assert [line["event"] for line in told if line["log_level"] == "error"] == ["memory_exhaustion"]
    assert again.short_of_room
    assert await session_stored(again, 2)
    assert (await actions(again, 2)).count("MeterValues") == IN_NEW_WINDOWS
    await again.close()


async def test_fault_d_02_without_a_reserve_it_is_told_that_the_disk_is_full(disk: SmallDisk) -> None:
    store = await Store.open(f"sqlite:///{disk.path}/gateway.db")
    await store.close()
    disk.fill()
    said = f"cannot open the store {disk.path}/gateway.db: the disk is full; make room there"
    with capture_logs(), pytest.raises(StoreUnavailable, match=f"^{said}$"):
        await Store.open(f"sqlite:///{disk.path}/gateway.db")
    disk.clear()
    store = await Store.open(f"sqlite:///{disk.path}/gateway.db")
    assert await session_stored(store, 1)
    await store.close()


async def test_fault_d_02_a_start_that_waited_for_room_tells_when_there_is_some(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(care, "CHECK_S", 0.05)
    disk.fill()
    with capture_logs() as told:
        opening = asyncio.create_task(
            care.open_when_possible(f"sqlite:///{disk.path}/gateway.db", Retention(timedelta(days=30), lambda: None))
        )
        async with asyncio.timeout(10):
            while not told:  # noqa: ASYNC110 - a log sets no event
                await asyncio.sleep(0.01)
        disk.clear()
        await (await opening).close()
    assert [line["event"] for line in told] == ["memory_exhaustion", "memory_exhaustion_cleared"]
    assert told[0]["effect"].startswith("the gateway waits for room: ")
