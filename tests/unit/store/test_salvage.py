"""A damaged store: what can be read of it goes on, what was there is kept, and somebody is told."""

# ruff: noqa: ASYNC240  (the loop of these tests has nothing to do but to wait for the disk)

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ocpp_gateway.charger.records import MeterRecord, OutboxDone, OutboxRecord, TransactionRecord
from ocpp_gateway.instant import Instant
from ocpp_gateway.store import Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON = Instant(NOW, "boot-1", 0.0)
SESSIONS = 60


def session(number: int) -> list[TransactionRecord | OutboxRecord]:
    name = f"tx-{number}"
    actions = ("StartTransaction", *["MeterValues"] * 8, "StopTransaction")
    messages = [OutboxRecord(f"{name}/{n}", action, {"n": "x" * 80}, NOON, name) for n, action in enumerate(actions)]
    return [TransactionRecord(name, 1, "04A1", 0, NOON, 0, NOON, stopped_at=NOON, meter_stop_wh=9), *messages]


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    """A closed store with sessions that nobody has been told of yet, but for the first."""
    path = tmp_path / "gateway.db"
    store = await opened(path)
    await store.commit("SITE-1", [MeterRecord(1, 4711)])
    for number in range(SESSIONS):
        await store.commit("SITE-1", session(number))
    await store.outbox_sending("SITE-1", 1, number=1, message_id="tx-0/0", sent_at=NOON.stamp(), transaction_id=None)
    await store.commit("SITE-1", [OutboxDone(1, answer={"transactionId": 7})])
    await store.close()
    return path


async def opened(path: Path) -> Store:
    return await Store.open(f"sqlite:///{path}", now=lambda: NOW)


def pages_of(path: Path, name: str) -> list[int]:
    """The numbers of the pages of a table or an index."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno"
        try:
            return [page for (page,) in connection.execute(query, (name,))]
        except sqlite3.OperationalError:
            pytest.skip("this SQLite has no dbstat")


def spoil(path: Path, offset: int, length: int) -> bytes:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * length)
    return path.read_bytes()


async def test_fault_d_07_an_overwritten_header_costs_nothing(database: Path) -> None:
    instance = database.with_name("gateway.db.exists").read_text()
    damaged = spoil(database, 16, 84)
    with capture_logs() as told:
        store = await opened(database)

    assert await store.outbox_depth("SITE-1") == SESSIONS * 10 - 1
    row = await store.outbox_head("SITE-1")
    assert row is not None
    assert (row.message_id, (await store.load("SITE-1")).meters) == ("tx-0/1", (MeterRecord(1, 4711),))
    await store.commit("SITE-1", [OutboxRecord("new", "MeterValues", {}, NOON)])
    await store.close()
    (alarm,) = [line for line in told if line["event"] == "store_salvaged"]
    assert alarm["event"] == "store_salvaged"
    assert Path(alarm["kept"]).read_bytes() == damaged
    assert database.with_name("gateway.db.exists").read_text() == instance

    again = await opened(database)  # it is a store like any other
    assert await again.outbox_depth("SITE-1") == SESSIONS * 10
    await again.close()


async def test_fault_d_07_a_spoilt_page_costs_its_own_rows_and_no_others(database: Path) -> None:
    page = pages_of(database, "outbox")[10]
    spoil(database, (page - 1) * 4096, 4096)
    with capture_logs() as told:
        store = await opened(database)
    left = await store.outbox_depth("SITE-1")
    assert SESSIONS * 10 - 1 > left > SESSIONS * 10 - 60
    assert len(await store.transactions("SITE-1", 100)) == SESSIONS
    errors = [line["event"] for line in told if line["log_level"] == "error"]
    assert errors == ["store_salvaged", "store_went_back"]

    seqs = []
    while (row := await store.outbox_head("SITE-1")) is not None:
        seqs.append(row.seq)
        await store.commit("SITE-1", [OutboxDone(row.seq)])
    assert seqs == sorted(seqs)
    assert seqs[-1] == SESSIONS * 10
    await store.close()


async def test_fault_d_07_a_spoilt_index_costs_nothing(database: Path) -> None:
    page = pages_of(database, "ix_outbox_charge_point_central_system_state_seq")[0]
    spoil(database, (page - 1) * 4096, 4096)
    store = await opened(database)
    assert await store.outbox_depth("SITE-1") == SESSIONS * 10 - 1
    await store.close()


async def test_fault_d_07_the_page_of_the_charge_points_is_made_again_from_other_rows(database: Path) -> None:
    (page,) = pages_of(database, "charge_point")
    spoil(database, (page - 1) * 4096, 4096)
    store = await opened(database)
    assert await store.outbox_depth("SITE-1") == SESSIONS * 10 - 1
    assert (await store.load("SITE-1")).meters[0].total_wh >= 4711
    await store.close()


async def test_fault_d_07_a_file_that_does_not_say_that_it_is_sqlite_is_read_where_there_was_one(
    database: Path,
) -> None:
    with database.open("r+b") as file:
        file.write(bytes(16))
    store = await opened(database)
    assert await store.outbox_depth("SITE-1") == SESSIONS * 10 - 1
    await store.close()


@pytest.mark.parametrize("header", ["whole", "lost"])
async def test_fault_d_07_a_file_whose_end_is_cut_off_costs_what_was_there(database: Path, header: str) -> None:
    os.truncate(database, database.stat().st_size - 3 * 4096 - 300)
    if header == "lost":
        spoil(database, 0, 100)
    with capture_logs() as told:
        store = await opened(database)
    assert "store_salvaged" in [line["event"] for line in told]
    assert await store.outbox_depth("SITE-1") > SESSIONS * 5
    await store.close()


async def test_the_numbers_of_lost_messages_are_not_given_again(database: Path) -> None:
    spoil(database, 16, 84)
    store = await opened(database)
    await store.commit("SITE-2", [OutboxRecord("new", "MeterValues", {}, NOON)])
    row = await store.outbox_head("SITE-2")
    assert row is not None
    assert row.seq == SESSIONS * 10 + 1
    await store.close()
