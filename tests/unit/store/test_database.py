"""How SQLite is used: the modes, the indexes, and what a disk that takes no more does to a commit."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from ocpp_gateway.charger.records import ConfigurationRecord, MeterRecord, OutboxDone, OutboxRecord
from ocpp_gateway.errors import StoreError
from ocpp_gateway.instant import Instant
from ocpp_gateway.store import Store, database
from ocpp_gateway.store.read import HEAD_QUERY

NOW = Instant(datetime(2026, 3, 1, tzinfo=UTC), "boot-1", 0.0)


def a_message(message_id: str) -> OutboxRecord:
    return OutboxRecord(message_id, "MeterValues", {}, NOW)


def rows(directory: Path, query: str) -> list[tuple[object, ...]]:
    """What another process would see."""
    with closing(sqlite3.connect(directory / "gateway.db")) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    connection = database.open_database(tmp_path / "gateway.db")
    yield connection
    database.close_database(connection)


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        pytest.param("journal_mode", "wal", id="WAL"),
        pytest.param("synchronous", 2, id="FULL: each commit is on the disk when it returns"),
        pytest.param("foreign_keys", 1, id="foreign keys"),
        pytest.param("cache_size", -512, id="a cache that is full within minutes"),
        pytest.param("busy_timeout", 5000, id="waits for a shell that writes"),
    ],
)
def test_modes(connection: Connection, pragma: str, value: object) -> None:
    assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_the_head_is_found_by_index_however_much_is_done(connection: Connection) -> None:
    compiled = HEAD_QUERY.compile(connection, compile_kwargs={"render_postcompile": True})
    parameters = tuple(
        {"charge_point": "SITE-1", "central_system": "main"}.get(name, value)
        for name, value in ((name, compiled.params[name]) for name in compiled.positiontup or ())
    )
    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", parameters).all()
    steps = [step.detail for step in plan]

    assert any("ix_outbox_charge_point_central_system_state_seq" in step for step in steps)
    assert not any(step.startswith("SCAN") or "TEMP B-TREE" in step for step in steps), steps


@contextmanager
def no_file_may_grow_beyond(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_that_takes_no_more_fails_whole_commits_and_then_works_again(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/gateway.db")
    await store.commit("SITE-1", [MeterRecord(1, 1)])
    wal = tmp_path / "gateway.db-wal"

    with no_file_may_grow_beyond(wal.stat().st_size):
        for charge_point in ("SITE-1", "SITE-2"):  # known, and not known yet
            with pytest.raises(StoreError, match=r"gateway\.db failed: "):
                await store.commit(charge_point, [MeterRecord(1, 2), ConfigurationRecord("A", "b" * 20_000)])

    assert (await store.load("SITE-1")).meters == (MeterRecord(1, 1),)
    for charge_point in ("SITE-1", "SITE-2"):
        await store.commit(charge_point, [MeterRecord(1, 3)])
    await store.close()

    store = await Store.open(f"sqlite:///{tmp_path}/gateway.db")
    for charge_point in ("SITE-1", "SITE-2"):
        assert (await store.load(charge_point)).meters == (MeterRecord(1, 3),)
    await store.close()


async def test_a_thinning_that_the_disk_did_not_take_is_made_up_for(tmp_path: Path) -> None:
    samples = [OutboxRecord(f"m-{number}", "MeterValues", {}, NOW, local_id="tx-1") for number in range(21)]
    store = await Store.open(f"sqlite:///{tmp_path}/gateway.db", queue_bound=20)
    await store.commit("SITE-1", samples[:19])
    full = no_file_may_grow_beyond((tmp_path / "gateway.db-wal").stat().st_size)
    with full, pytest.raises(StoreError, match=r"gateway\.db failed: "):
        await store.commit("SITE-1", samples[19:20])
    assert (await store.outbox_depth("SITE-1"), await store.outbox_thinned("SITE-1")) == (19, 0)

    await store.commit("SITE-1", samples[20:])
    assert (await store.outbox_depth("SITE-1"), await store.outbox_thinned("SITE-1")) == (2, 18)
    await store.close()


async def test_an_error_of_the_store_tells_no_id_tag(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/gateway.db")
    with pytest.raises(StoreError) as failed:
        await store.commit("SITE-1", [ConfigurationRecord("04A1B2C3", "\ud800"), MeterRecord(1, 1)])
    assert "04A1B2C3" not in str(failed.value)
    await store.close()


async def test_a_cancelled_commit_is_on_disk_when_the_cancellation_arrives(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/gateway.db")
    commit = asyncio.create_task(store.commit("SITE-1", [a_message(f"m-{number}") for number in range(200)]))
    await asyncio.sleep(0)  # it has begun
    commit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await commit

    assert rows(tmp_path, "SELECT count(*) FROM outbox") == [(200,)]
    await store.close()


async def test_the_first_answer_stands(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/gateway.db")
    await store.commit("SITE-1", [a_message("first")])
    await store.commit("SITE-1", [OutboxDone(1, answer={"status": "Accepted"}, answered_at=NOW)])
    await store.commit("SITE-1", [OutboxDone(1, answer={}), OutboxDone(1, dead=True)])
    await store.close()

    ended = rows(tmp_path, "SELECT state, answer, answered_at FROM outbox")
    assert ended == [("done", '{"status":"Accepted"}', "2026-03-01T00:00:00.000Z")]
