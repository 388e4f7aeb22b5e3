"""The ledger forgets delivered meter values of transactions long over, a little at a time, and nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs

from ocpp_gateway.charger.records import MeterRecord, OutboxDone, OutboxRecord, Record, TransactionRecord
from ocpp_gateway.errors import StoreError
from ocpp_gateway.instant import Instant
from ocpp_gateway.store import Store, database
from ocpp_gateway.store.retention import BATCH, EXPIRED_QUERY, RETENTION, delete_expired
from ocpp_gateway.store.write import ensure_charge_point, write

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
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


def end(connection: Connection, *seqs: int, dead: bool = False) -> None:
    put(connection, *(OutboxDone(seq, dead=dead) for seq in seqs))


def tidied(connection: Connection, first: int = 0) -> int | None:
    with connection.begin():
        return delete_expired(connection, stopped_before=NOW - RETENTION, first=first)


def ledger(connection: Connection) -> list[str]:
    with connection.begin():
        left = connection.exec_driver_sql("SELECT message_id FROM outbox ORDER BY seq").scalars().all()
        sent = connection.exec_driver_sql("SELECT message_id FROM transmission ORDER BY seq").scalars().all()
    assert left == sent
    return list(left)


@pytest.mark.parametrize(
    ("stopped_at", "kept"),
    [
        pytest.param(ago(30.01), False, id="stopped more than 30 days ago"),
        pytest.param(ago(29.99), True, id="stopped less than 30 days ago"),
        pytest.param(None, True, id="not stopped"),
        pytest.param(Instant(None, "boot-1", 5.0), True, id="stopped at a time that nobody knows"),
    ],
)
def test_delivered_meter_values_go_with_the_age_of_their_transaction(
    connection: Connection, stopped_at: Instant | None, kept: bool
) -> None:
    put(connection, a_transaction("tx-1", stopped_at), *messages("tx-1", *SESSION))
    end(connection, 1, 2, 3)

    assert tidied(connection) is None
    assert ledger(connection) == ["tx-1 StartTransaction", *["tx-1 MeterValues"] * kept, "tx-1 StopTransaction"]


def test_what_is_queued_or_dead_stays_however_old(connection: Connection) -> None:
    put(connection, a_transaction("tx-1", ago(99)), *messages("tx-1", "MeterValues", "MeterValues", "MeterValues"))
    put(connection, *messages(None, "MeterValues"), *messages("tx-unknown", "MeterValues"))
    end(connection, 1, 4, 5)
    end(connection, 2, dead=True)
    tidied(connection)

    assert ledger(connection) == ["tx-1 MeterValues", "tx-1 MeterValues", "None MeterValues", "tx-unknown MeterValues"]


def test_a_batch_is_small_and_the_next_goes_on_where_it_ended(connection: Connection) -> None:
    for number in range(3):
        local_id = f"tx-{number}"
        put(connection, a_transaction(local_id, ago(31)), *messages(local_id, *["MeterValues"] * (BATCH // 2 + 10)))
    rows = len(ledger(connection))
    end(connection, *range(1, rows + 1))

    second = tidied(connection)
    assert second == 2
    assert len(ledger(connection)) == rows - BATCH
    assert tidied(connection, second) is None
    assert ledger(connection) == []


def test_expired_rows_are_found_by_index(connection: Connection) -> None:
    asked = EXPIRED_QUERY.params(first=1, stopped_before="2026").compile(
        connection, compile_kwargs={"literal_binds": True}
    )
    with connection.begin():
        steps = [step.detail for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}").all()]
    assert any(step.startswith("SEARCH charging_transaction USING INTEGER PRIMARY KEY") for step in steps), steps
    assert any("ix_outbox_local_id_action" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


# ---------------------------------------------------------------- when


class Day:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def delivered_session(local_id: str, stopped_at: Instant, *, first_seq: int, samples: int) -> list[Record]:
    rows = messages(local_id, *["MeterValues"] * samples)
    done = [OutboxDone(first_seq + number) for number in range(samples)]
    return [a_transaction(local_id, stopped_at), *rows, *done]


def rows_left(tmp_path: Path) -> int:
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM outbox").fetchall()
    return int(count)


async def until_left(store: Store, tmp_path: Path, count: int) -> None:
    async with asyncio.timeout(10):
        while rows_left(tmp_path) != count:
            await store.load(CP)  # behind one batch


async def test_a_store_tidies_when_it_opens_until_all_is_done(tmp_path: Path) -> None:
    day = Day()
    url = f"sqlite:///{tmp_path}/gateway.db"
    store = await Store.open(url, now=day)
    await store.commit(CP, delivered_session("tx-1", ago(20), first_seq=1, samples=3 * BATCH))
    await store.close()
    assert rows_left(tmp_path) == 3 * BATCH

    day.now += timedelta(days=11)
    store = await Store.open(url, now=day)
    await until_left(store, tmp_path, 0)
    await store.close()


async def test_a_store_that_stays_open_tidies_with_the_first_commit_of_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[datetime] = []

    def noted(connection: Connection, *, stopped_before: datetime, first: int) -> int | None:
        begun.append(stopped_before)
        return delete_expired(connection, stopped_before=stopped_before, first=first)

    monkeypatch.setattr("ocpp_gateway.store.store.delete_expired", noted)
    day = Day()
    store = await Store.open(f"sqlite:///{tmp_path}/gateway.db", now=day)
    await store.commit(CP, delivered_session("tx-1", ago(29), first_seq=1, samples=2))
    day.now += timedelta(hours=11.9)
    await store.commit(CP, [MeterRecord(1, 1)])
    await store.load(CP)
    assert begun == [NOW - RETENTION]

    day.now += timedelta(days=2)
    for meter in range(5):
        await store.commit(CP, [MeterRecord(1, meter)])
    await until_left(store, tmp_path, 0)
    assert begun == [NOW - RETENTION, day.now - RETENTION]
    await store.close()


async def test_closing_does_not_wait_for_the_whole_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    batches: list[int] = []

    def endless(_connection: Connection, *, stopped_before: datetime, first: int) -> int:
        batches.append(first)
        return first + 1

    monkeypatch.setattr("ocpp_gateway.store.store.delete_expired", endless)
    store = await Store.open(f"sqlite:///{tmp_path}/gateway.db")
    for number in range(20):
        await store.commit(CP, [MeterRecord(1, number)])  # each gets its turn
    assert batches == list(range(len(batches)))
    await store.close()
    for thread in threading.enumerate():
        if thread.name.startswith("store"):
            await asyncio.to_thread(thread.join)
    assert caplog.records == []  # and the batch behind the end knows that it is one


async def test_a_failure_to_tidy_is_told_and_hurts_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_connection: Connection, *, stopped_before: datetime, first: int) -> int:
        raise StoreError("disk I/O error")

    monkeypatch.setattr("ocpp_gateway.store.store.delete_expired", fail)
    with capture_logs() as told:
        store = await Store.open(f"sqlite:///{tmp_path}/gateway.db")
        await store.commit(CP, [MeterRecord(1, 5)])
        assert (await store.load(CP)).meters == (MeterRecord(1, 5),)
        await store.close()
    assert told == [{"event": "ledger_not_tidied", "problem": "disk I/O error", "log_level": "warning"}]
