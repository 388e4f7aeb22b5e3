"""The ledger forgets transactions long over and delivered, whole and a little at a time, and nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Select
from structlog.testing import capture_logs

from ocpp_gateway.charger.records import (
    MeterRecord,
    OutboxDone,
    OutboxRecord,
    Record,
    TransactionIdRecord,
    TransactionReading,
    TransactionRecord,
)
from ocpp_gateway.errors import StoreError
from ocpp_gateway.instant import Instant
from ocpp_gateway.store import Retention, Store, database
from ocpp_gateway.store.retention import (
    BATCH,
    LOOSE_QUERY,
    MESSAGES_QUERY,
    STAYS_QUERY,
    TRANSACTIONS_QUERY,
    Position,
    delete_expired,
)
from ocpp_gateway.store.write import ensure_charge_point, write

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
KEEP = timedelta(days=30)
CP = "SITE-1"


SENT_ONCE = "INSERT OR IGNORE INTO transmission (seq, number, message_id) SELECT seq, 1, message_id FROM outbox"


def ago(days: float) -> Instant:
    return Instant(NOW - timedelta(days=days), "boot-1", 0.0)


def a_transaction(local_id: str, stopped_at: Instant | None) -> TransactionRecord:
    return TransactionRecord(
        local_id=local_id,
        connector_id=1,
        id_tag="04A1",
        meter_start_wh=0,
        started_at=ago(99),
        last_meter_wh=0,
        last_sample_at=ago(99),
        stopped_at=stopped_at,
    )


def messages(local_id: str | None, *actions: str) -> list[OutboxRecord]:
    return [OutboxRecord(f"{local_id} {action}", action, {}, ago(99), local_id=local_id) for action in actions]


SESSION = ("StartTransaction", "MeterValues", "StopTransaction")
TABLES = ("charging_transaction", "outbox", "transmission", "transaction_reading", "transaction_id")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    connection = database.open_database(tmp_path / "gateway.db")
    yield connection
    database.close_database(connection)


def put(connection: Connection, *records: Record) -> None:
    with connection.begin():
        ensure_charge_point(connection, CP)
        for record in records:
            write(connection, CP, record)
        connection.exec_driver_sql(SENT_ONCE)


def a_session(connection: Connection, local_id: str, stopped_at: Instant | None, *actions: str) -> None:
    """A transaction with all that refers to it."""
    reading = TransactionReading(local_id, "start", ago(99), MeterRecord(1))
    name = TransactionIdRecord(local_id, f"id of {local_id}")
    put(connection, a_transaction(local_id, stopped_at), *messages(local_id, *(actions or SESSION)), reading, name)


def end(connection: Connection, *seqs: int, dead: bool = False, answered_at: Instant | None = None) -> None:
    put(connection, *(OutboxDone(seq, dead=dead, answered_at=answered_at or ago(98)) for seq in seqs))


def tidied(connection: Connection) -> int:
    """All batches; gives how many deleted anything."""
    position: Position | None = Position()
    batches = 0
    while position is not None:
        before = counts(connection)
        with connection.begin():
            position = delete_expired(connection, NOW - KEEP, position)
        batches += before != counts(connection)
    return batches


def counts(connection: Connection) -> dict[str, int]:
    with connection.begin():
        return {table: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() for table in TABLES}


def ledger(connection: Connection) -> list[str]:
    with connection.begin():
        left = connection.exec_driver_sql("SELECT message_id FROM outbox ORDER BY seq").scalars().all()
        sent = connection.exec_driver_sql("SELECT message_id FROM transmission ORDER BY seq").scalars().all()
    assert left == sent
    return list(left)


@pytest.mark.parametrize(
    ("stopped_at", "answered_at", "kept"),
    [
        pytest.param(ago(30.01), ago(30.01), False, id="over for more than 30 days"),
        pytest.param(ago(29.99), ago(29.99), True, id="over for less than 30 days"),
        pytest.param(ago(99), ago(29.99), True, id="answered less than 30 days ago"),
        pytest.param(None, ago(98), True, id="not stopped"),
        pytest.param(Instant(None, "boot-1", 5.0), ago(30.01), False, id="stopped who knows when, answered long ago"),
        pytest.param(Instant(None, "boot-1", 5.0), ago(29.99), True, id="stopped who knows when, answered of late"),
        pytest.param(Instant(None, "boot-1", 5.0), Instant(None, "boot-1", 6.0), True, id="who knows when at all"),
        pytest.param(ago(30.01), Instant(None, "boot-1", 6.0), False, id="answered who knows when, stopped long ago"),
    ],
)
def test_a_delivered_transaction_leaves_the_ledger_whole_with_its_age(
    connection: Connection, stopped_at: Instant | None, answered_at: Instant, kept: bool
) -> None:
    a_session(connection, "tx-1", stopped_at)
    end(connection, 1, 2, 3, answered_at=answered_at)
    there = counts(connection)
    assert min(there.values()) > 0

    tidied(connection)
    assert counts(connection) == (there if kept else dict.fromkeys(TABLES, 0))


@pytest.mark.parametrize("dead", [False, True], ids=["queued", "dead"])
@pytest.mark.parametrize("left", [1, 2, 3])
def test_what_waits_or_was_given_up_keeps_its_whole_transaction_however_old(
    connection: Connection, left: int, dead: bool
) -> None:
    a_session(connection, "tx-1", ago(99))
    end(connection, *{1, 2, 3} - {left})
    if dead:
        end(connection, left, dead=True)
    there = counts(connection)

    tidied(connection)
    assert counts(connection) == there


def test_messages_of_no_transaction_leave_with_the_age_of_their_answer(connection: Connection) -> None:
    put(connection, *messages(None, *["MeterValues"] * 5))
    end(connection, 1, answered_at=ago(30.01))
    end(connection, 2, answered_at=ago(29.99))
    end(connection, 3, dead=True)
    put(connection, OutboxDone(5))  # of a version that kept no answers: it counts from when it was made
    tidied(connection)

    with connection.begin():
        assert connection.exec_driver_sql("SELECT seq FROM outbox ORDER BY seq").scalars().all() == [2, 3, 4]


def test_no_number_is_given_again_when_all_rows_have_left(connection: Connection) -> None:
    a_session(connection, "tx-1", ago(99))
    end(connection, 1, 2, 3)
    tidied(connection)
    a_session(connection, "tx-2", None)

    with connection.begin():
        assert connection.exec_driver_sql("SELECT seq FROM outbox ORDER BY seq").scalars().all() == [4, 5, 6]
        assert connection.exec_driver_sql("SELECT number FROM charging_transaction").scalars().all() == [2]


def test_a_batch_is_small_and_the_next_goes_on_where_it_ended(connection: Connection) -> None:
    for number in range(3):
        a_session(connection, f"tx-{number}", ago(31), "StartTransaction", *["MeterValues"] * BATCH, "StopTransaction")
    put(connection, *messages(None, *["MeterValues"] * (BATCH + 10)))
    rows = len(ledger(connection))
    end(connection, *range(1, rows + 1))

    with connection.begin():
        position = delete_expired(connection, NOW - KEEP, Position())
    assert position == Position(1)
    assert len(ledger(connection)) == rows - BATCH
    assert counts(connection)["charging_transaction"] == 3
    assert {"tx-0 StartTransaction", "tx-0 StopTransaction"} <= set(ledger(connection))  # what tells its age goes last
    assert tidied(connection) == 5
    assert counts(connection) == dict.fromkeys(TABLES, 0)


def test_what_stays_does_not_hold_up_what_comes_after_it(connection: Connection) -> None:
    for number in range(BATCH + 1):
        put(connection, a_transaction(f"running-{number}", None))
    a_session(connection, "tx-1", ago(31))
    end(connection, 1, 2, 3)
    put(connection, *messages(None, *["MeterValues"] * (BATCH + 1)))
    end(connection, BATCH + 4)
    tidied(connection)
    assert ledger(connection) == ["None MeterValues"] * BATCH


@pytest.mark.parametrize("query", [TRANSACTIONS_QUERY, STAYS_QUERY, MESSAGES_QUERY, LOOSE_QUERY])
def test_expired_rows_are_found_by_index(connection: Connection, query: Select[Any]) -> None:
    asked = {"first": 1, "local_id": "tx-1", "answered_before": "2026"}
    of_query = {name: value for name, value in asked.items() if name in query.compile().params}
    text = query.params(of_query).compile(connection, compile_kwargs={"literal_binds": True})
    with connection.begin():
        steps = [step.detail for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()]
    assert not any("TEMP B-TREE" in step for step in steps), steps
    by_index = ("charging_transaction USING INTEGER PRIMARY KEY", "INDEX ix_outbox_local_id_action")
    assert any("SEARCH" in step and one in step for step in steps for one in by_index), steps


# ---------------------------------------------------------------- when


class Day:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def delivered_session(local_id: str, stopped_at: Instant, *, first_seq: int, samples: int) -> list[Record]:
    rows = messages(local_id, *["MeterValues"] * samples)
    done = [OutboxDone(first_seq + number, answered_at=stopped_at) for number in range(samples)]
    return [a_transaction(local_id, stopped_at), *rows, *done]


def rows_left(tmp_path: Path) -> int:
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM outbox").fetchall()
    return int(count)


async def until_left(store: Store, tmp_path: Path, count: int) -> None:
    async with asyncio.timeout(10):
        while rows_left(tmp_path) != count:
            await store.load(CP)  # behind one batch


def a_retention(day: Day, days: int = 30) -> Retention:
    return Retention(timedelta(days=days), day)


async def test_a_store_tidies_when_it_opens_until_all_is_done(tmp_path: Path) -> None:
    day = Day()
    url = f"sqlite:///{tmp_path}/gateway.db"
    store = await Store.open(url, retention=a_retention(day), now=day)
    await store.commit(CP, delivered_session("tx-1", ago(20), first_seq=1, samples=3 * BATCH))
    await store.close()
    assert rows_left(tmp_path) == 3 * BATCH

    day.now += timedelta(days=11)
    store = await Store.open(url, retention=a_retention(day), now=day)
    await until_left(store, tmp_path, 0)
    await store.close()


async def test_a_store_that_a_command_opens_forgets_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    for _ in range(2):
        store = await Store.open(url, now=Day())
        if not rows_left(tmp_path):
            await store.commit(CP, delivered_session("tx-1", ago(9999), first_seq=1, samples=3))
        await store.load(CP)
        await store.close()
    assert rows_left(tmp_path) == 3


async def test_fault_t_01_nothing_leaves_while_nobody_vouches_for_the_time(tmp_path: Path) -> None:
    day, known = Day(), [False]
    retention = Retention(KEEP, lambda: day.now if known[0] else None)
    store = await Store.open(f"sqlite:///{tmp_path}/gateway.db", retention=retention, now=day)
    await store.commit(CP, delivered_session("tx-1", ago(31), first_seq=1, samples=3))
    for meter in range(3):
        await store.commit(CP, [MeterRecord(1, meter)])
    assert rows_left(tmp_path) == 3

    known[0] = True
    await store.commit(CP, [MeterRecord(1, 5)])
    await until_left(store, tmp_path, 0)
    await store.close()


async def test_a_store_that_stays_open_tidies_with_the_first_commit_of_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[datetime] = []

    def noted(connection: Connection, before: datetime, position: Position) -> Position | None:
        if position == Position():
            begun.append(before)
        return delete_expired(connection, before, position)

    monkeypatch.setattr("ocpp_gateway.store.store.delete_expired", noted)
    day = Day()
    store = await Store.open(f"sqlite:///{tmp_path}/gateway.db", retention=a_retention(day, 10), now=day)
    await store.commit(CP, delivered_session("tx-1", ago(9), first_seq=1, samples=2))
    day.now += timedelta(hours=11.9)
    await store.commit(CP, [MeterRecord(1, 1)])
    await store.load(CP)
    assert begun == [NOW - timedelta(days=10)]

    day.now += timedelta(days=2)
    for meter in range(5):
        await store.commit(CP, [MeterRecord(1, meter)])
    await until_left(store, tmp_path, 0)
    assert begun == [NOW - timedelta(days=10), day.now - timedelta(days=10)]
    await store.close()


async def test_closing_does_not_wait_for_the_whole_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    batches: list[int] = []

    def endless(_connection: Connection, _before: datetime, position: Position) -> Position:
        assert position.transaction is not None
        batches.append(position.transaction)
        return Position(position.transaction + 1)

    monkeypatch.setattr("ocpp_gateway.store.store.delete_expired", endless)
    store = await Store.open(f"sqlite:///{tmp_path}/gateway.db", retention=a_retention(Day()))
    for number in range(20):
        await store.commit(CP, [MeterRecord(1, number)])  # each gets its turn
    assert batches == list(range(len(batches)))
    await store.close()
    for thread in threading.enumerate():
        if thread.name.startswith("store"):
            await asyncio.to_thread(thread.join)
    assert caplog.records == []  # and the batch behind the end knows that it is one


async def test_a_failure_to_tidy_is_told_and_hurts_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_connection: Connection, _before: datetime, _position: Position) -> Position:
        raise StoreError("disk I/O error")

    monkeypatch.setattr("ocpp_gateway.store.store.delete_expired", fail)
    with capture_logs() as told:
        store = await Store.open(f"sqlite:///{tmp_path}/gateway.db", retention=a_retention(Day()))
        await store.commit(CP, [MeterRecord(1, 5)])
        assert (await store.load(CP)).meters == (MeterRecord(1, 5),)
        await store.close()
    assert told == [{"event": "ledger_not_tidied", "problem": "disk I/O error", "log_level": "warning"}]
