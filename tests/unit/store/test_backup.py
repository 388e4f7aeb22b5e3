"""Copies of a store: whole, beside a running gateway, and put back without giving a number twice."""

# ruff: noqa: ASYNC240  (the loop of these tests has nothing to do but to wait for the disk)

from __future__ import annotations

import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ocpp_gateway.charger.records import MeterRecord, OutboxDone, OutboxRecord
from ocpp_gateway.errors import StoreError
from ocpp_gateway.instant import Instant
from ocpp_gateway.store import Store
from ocpp_gateway.store.backup import back_up, restore
from ocpp_gateway.store.migrate import HEAD

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CP = "SITE-1"


def message(name: str) -> OutboxRecord:
    return OutboxRecord(name, "MeterValues", {}, Instant(NOW, "boot-1", 0.0))


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
