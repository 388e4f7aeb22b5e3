"""One gateway per store, under whatever name it has, and whatever becomes of the files beside it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ocpp_gateway.charger.records import MeterRecord
from ocpp_gateway.errors import StoreError
from ocpp_gateway.store import Store, care
from ocpp_gateway.store.lock import StoreLock


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite:///{tmp_path}/gateway.db")
    await store.commit("SITE-1", [MeterRecord(1, 4711)])
    yield store
    await store.close()


@pytest.mark.parametrize("way", ["symbolic link", "symbolic link to the directory", "lock deleted", "hard link"])
async def test_fault_d_10_a_second_gateway_is_refused_under_every_name(
    running: Store, tmp_path: Path, way: str
) -> None:
    database = other = tmp_path / "gateway.db"
    match way:
        case "symbolic link":
            other = tmp_path / "link.db"
            other.symlink_to(database)
        case "symbolic link to the directory":
            (tmp_path / "link").symlink_to(tmp_path)
            other = tmp_path / "link/gateway.db"
        case "lock deleted":
            database.with_name("gateway.db.lock").unlink()
        case _:
            (tmp_path / "elsewhere").mkdir()
            other = tmp_path / "elsewhere/gateway.db"
            os.link(database, other)
    with pytest.raises(StoreError, match="in use by another gateway"):
        await Store.open(f"sqlite:///{other}")


def test_fault_d_10_a_database_that_was_made_since_is_held_as_well(tmp_path: Path) -> None:
    database = tmp_path / "gateway.db"
    lock = StoreLock(database)
    database.touch()
    lock.follow()
    database.with_name("gateway.db.lock").unlink()
    with pytest.raises(StoreError, match="in use by another gateway"):
        StoreLock(database)
    lock.release()
    StoreLock(database).release()


@pytest.mark.parametrize("way", ["deleted", "emptied", "replaced"])
async def test_fault_d_07_a_store_that_is_lost_under_the_gateway_is_told_once(
    running: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(care, "CHECK_S", 0.0)
    database = tmp_path / "gateway.db"
    assert not running.look()
    assert not running.failed
    content = database.read_bytes()
    if way == "emptied":
        os.truncate(database, 0)
    else:
        database.rename(tmp_path / "away.db")
    if way == "replaced":
        database.write_bytes(content)
    with capture_logs() as told:
        watching = asyncio.create_task(care.watch(running))
        for _ in range(5):
            await running.lay_by_reserve()
        watching.cancel()
    assert [line["event"] for line in told if line["log_level"] == "error"] == ["store_lost"]
    assert running.failed
