"""Copies of a store: whole, beside a running gateway, and put back without giving a number twice."""

# ruff: noqa: ASYNC240  (the loop of these tests has nothing to do but to wait for the disk)

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ocpp_gateway.charger.records import (
    MeterRecord,
    OutboxDone,
    OutboxRecord,
    Record,
    TransactionRecord,
    TransactionSample,
)
from ocpp_gateway.errors import StoreError
from ocpp_gateway.instant import Instant
from ocpp_gateway.store import Store, ledger
from ocpp_gateway.store.backup import back_up, restore
from ocpp_gateway.store.migrate import HEAD

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON = Instant(NOW, "boot-1", 0.0)
CP = "SITE-1"


def message(name: str) -> OutboxRecord:
    return OutboxRecord(name, "MeterValues", {}, NOON)


async def opened(url: str) -> Store:
    return await Store.open(url, now=lambda: NOW)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/gateway.db"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy.db"


@pytest.fixture
async def running(url: str, copy: Path) -> AsyncIterator[Store]:
    """A store that was backed up while it was open, and has gone on since."""
    store = await opened(url)
    await store.commit(CP, [MeterRecord(1, 100), message("old")])
    back_up(url, copy)
    await store.commit(CP, [MeterRecord(1, 200), OutboxDone(1), message("new")])
    yield store
    await store.close()


async def test_a_copy_is_what_the_store_was_at_that_moment(running: Store, copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT total_wh FROM connector").fetchall() == [(100,)]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


async def test_a_file_that_is_there_is_not_overwritten(running: Store, url: str, copy: Path) -> None:
    with pytest.raises(StoreError, match="is there already"):
        back_up(url, copy)


async def test_fault_d_08_a_restored_copy_gives_no_number_again_and_no_meter_goes_back(
    running: Store, url: str, copy: Path, tmp_path: Path
) -> None:
    await running.close()
    aside = restore(url, copy, NOW)

    store = await opened(url)
    assert (await store.load(CP)).meters == (MeterRecord(1, 200),)
    await store.commit(CP, [OutboxDone(1), message("after")])
    row = await store.outbox_head(CP)
    assert row is not None
    assert (row.message_id, row.seq) == ("after", 3)  # 2 was given before the restore
    await store.close()
    assert aside == tmp_path / "gateway.db.replaced-20260301T120000Z"
    with closing(sqlite3.connect(aside)) as connection:
        assert connection.execute("SELECT total_wh FROM connector").fetchall() == [(200,)]


def started(number: int, *more: Record, meter_wh: int = 0) -> list[Record]:
    name = f"tx-{number}"
    began = TransactionRecord(name, 1, "04A1", meter_wh, NOON, meter_wh, NOON, transaction_ids={"main": "7"})
    return [began, OutboxRecord(f"{name}/start", "StartTransaction", {}, NOON, name), MeterRecord(1, meter_wh), *more]


def killed(folder: Path, database: Path, parts: tuple[str, ...] = ("", "-wal", "-shm", ".exists", ".floor")) -> str:
    """A store as a kill leaves it, of these files; its url."""
    folder.mkdir()
    for part in parts:
        shutil.copy(f"{database}{part}", folder)
    return f"sqlite:///{folder}/gateway.db"


@pytest.mark.parametrize("left", ["all", "damaged", "gone", "no wal", "no floor"])
async def test_fault_d_08_within_one_step_a_restore_lets_no_meter_go_back(
    url: str, copy: Path, tmp_path: Path, left: str
) -> None:
    store = await opened(url)
    await store.commit(CP, started(1, meter_wh=1_400))
    back_up(url, copy)
    await store.commit(CP, [MeterRecord(1, 2_000), message("new")])  # told, and in the step of the copy
    url = killed(tmp_path / "killed", tmp_path / "gateway.db")
    await store.close()
    database = tmp_path / "killed/gateway.db"
    if left == "gone":
        database.unlink()
    elif left == "damaged":
        database.write_bytes(b"\xa5" * 8192)
    elif left == "no wal":
        for suffix in ("-wal", "-shm"):
            database.with_name(f"gateway.db{suffix}").unlink()
    elif left == "no floor":
        database.with_name("gateway.db.floor").unlink()

    restore(url, copy, NOW)
    with capture_logs() as told:
        store = await opened(url)
    (meter,) = (await store.load(CP)).meters
    assert meter.total_wh == 2_000 if left in ("all", "no floor") else 2_000 <= meter.total_wh <= 2_400
    assert [line["event"] for line in told if line["log_level"] == "error"] == ["store_went_back"]
    await store.commit(CP, [message("after")])
    (seq,) = await store.ledger(lambda it: it.exec_driver_sql("SELECT max(seq) FROM outbox").one())
    assert seq > 2
    await store.close()


async def test_fault_d_08_a_transaction_that_was_stopped_since_the_copy_is_not_stopped_again(
    url: str, copy: Path, tmp_path: Path
) -> None:
    store = await opened(url)
    sample = TransactionSample("tx-1", {"timestamp": NOON.stamp(), "sampledValue": []})
    await store.commit(CP, started(1, sample))
    await store.commit(CP, started(2))
    back_up(url, copy)
    ended = TransactionRecord("tx-1", 1, "04A1", 0, NOON, 2_000, NOON, stopped_at=NOON, meter_stop_wh=2_000)
    await store.commit(CP, [OutboxDone(1, answer={}), ended, OutboxRecord("stop", "StopTransaction", {}, NOON, "tx-1")])
    await store.outbox_sending(CP, 3, number=1, message_id="stop", sent_at=NOON.stamp(), transaction_id="7")
    await store.commit(CP, [OutboxDone(3, answer={}), message("of no transaction")])
    url = killed(tmp_path / "killed", tmp_path / "gateway.db")
    await store.close()

    restore(url, copy, NOW)
    store = await opened(url)
    known = await store.load(CP)
    assert [it.local_id for it in known.open_transactions] == ["tx-2"]
    rows = await store.ledger(lambda it: it.exec_driver_sql("SELECT seq, action, state FROM outbox").all())
    assert [tuple(row) for row in rows] == [
        (1, "StartTransaction", "done"),
        (2, "StartTransaction", "queued"),
        (3, "StopTransaction", "done"),
    ]
    (told,) = await store.ledger(lambda it: ledger.named(it, "tx-1"))
    assert (told["meter_stop_wh"], [len(it["transmissions"]) for it in told["messages"]]) == (2_000, [0, 1])
    await store.close()


async def test_a_restore_beside_the_wal_of_a_store_that_is_gone_keeps_that_aside(
    running: Store, url: str, copy: Path, tmp_path: Path
) -> None:
    url = killed(tmp_path / "killed", tmp_path / "gateway.db", ("-wal", "-shm", ".exists", ".floor"))
    assert restore(url, copy, NOW) is None
    store = await opened(url)
    assert await store.outbox_depth(CP) == 1
    await store.close()
    assert (tmp_path / "killed/gateway.db.replaced-20260301T120000Z-wal").exists()


async def test_a_copy_takes_the_place_of_a_store_that_was_lost(
    running: Store, url: str, copy: Path, tmp_path: Path
) -> None:
    await running.close()
    (tmp_path / "gateway.db").unlink()
    assert restore(url, copy, NOW) is None
    store = await opened(url)
    assert await store.outbox_depth(CP) == 1
    await store.close()


async def test_a_copy_may_be_named_from_where_one_stands(
    running: Store, url: str, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running.close()
    monkeypatch.chdir(copy.parent)
    assert restore(url, Path(copy.name), NOW) is not None
    assert list(copy.parent.glob("*.part")) == []


async def test_two_restores_within_a_second_keep_both_stores_aside(running: Store, url: str, copy: Path) -> None:
    await running.close()
    first, second = restore(url, copy, NOW), restore(url, copy, NOW)
    assert first is not None
    assert second is not None
    for aside, meter_wh in ((first, 200), (second, 100)):
        with closing(sqlite3.connect(aside)) as connection:
            assert connection.execute("SELECT total_wh FROM connector").fetchall() == [(meter_wh,)]


async def test_nothing_is_restored_under_a_running_gateway(running: Store, url: str, copy: Path) -> None:
    with pytest.raises(StoreError, match="in use by another gateway"):
        restore(url, copy, NOW)


async def test_the_copy_of_another_store_is_refused(running: Store, url: str, copy: Path, tmp_path: Path) -> None:
    await running.close()
    other = tmp_path / "other"
    other.mkdir()
    await (await opened(f"sqlite:///{other}/gateway.db")).close()
    with pytest.raises(StoreError, match="is the copy of another store"):
        restore(f"sqlite:///{other}/gateway.db", copy, NOW)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is no copy of a store"), (b"version: 1\n" * 99, "is no copy of a store"), (None, "there is no file")],
)
async def test_what_is_no_copy_is_refused(url: str, copy: Path, content: bytes | None, says: str) -> None:
    await (await opened(url)).close()
    if content is not None:
        copy.write_bytes(content)
    with pytest.raises(StoreError, match=says):
        restore(url, copy, NOW)
    await (await opened(url)).close()


async def test_fault_c_07_a_copy_of_a_newer_version_is_refused(running: Store, url: str, copy: Path) -> None:
    await running.close()
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=f"schema 9999, and this version knows only up to {HEAD}"):
        restore(url, copy, NOW)
