"""Which places a store may be in, and what a start makes of the file that it finds there."""

# ruff: noqa: ASYNC240  (the loop of these tests has nothing to do but to wait for the disk)

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from ocpp_gateway.charger.records import MeterRecord
from ocpp_gateway.errors import StoreError
from ocpp_gateway.store import Store
from ocpp_gateway.store.sqlite_file import path_of


def url_of(database: Path) -> str:
    return f"sqlite:///{database}"


async def refusal(database: Path) -> str:
    """The one line with which the store does not open."""
    with pytest.raises(StoreError) as refused:
        await Store.open(url_of(database))
    message = str(refused.value)
    assert "\n" not in message
    assert str(database) in message or str(database.parent) in message
    return message


def overwrite(database: Path, offset: int, length: int) -> None:
    """As a failing disk does."""
    with database.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * length)


async def use(database: Path) -> None:
    """A life of a store: opened, written, closed."""
    store = await Store.open(url_of(database))
    await store.commit("SITE-1", [MeterRecord(1, 4711)])
    await store.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "gateway.db"


# ---------------------------------------------------------------- store.url


@pytest.mark.parametrize(
    ("url", "path"),
    [
        pytest.param("sqlite:////var/lib/x/gateway.db", Path("/var/lib/x/gateway.db"), id="absolute"),
        pytest.param("sqlite:///data/gateway.db", Path.cwd() / "data/gateway.db", id="relative"),
        pytest.param("sqlite:////srv/50%25/a b.db", Path("/srv/50%/a b.db"), id="percent-encoded"),
    ],
)
def test_a_sqlite_url_names_a_file(url: str, path: Path) -> None:
    assert path_of(url) == path


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("postgresql://gw:hunter2@db/gw", "only SQLite is supported today", id="another database"),
        pytest.param("sqlite+aiosqlite:////x.db", "only SQLite is supported today", id="another driver"),
        pytest.param("/var/lib/gateway.db", "only SQLite is supported today", id="a path"),
        pytest.param("", "only SQLite is supported today", id="nothing"),
        pytest.param("sqlite://", "names no file", id="no file"),
        pytest.param("sqlite:///:memory:", "names no file", id="memory"),
        pytest.param("sqlite://host/x.db", "names no file", id="two slashes"),
        pytest.param("sqlite:////x.db?mode=ro", "names no file", id="options"),
    ],
)
async def test_any_other_url_is_refused(url: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as refused:
        await Store.open(url)
    assert "sqlite" in str(refused.value)
    assert "hunter2" not in str(refused.value)


# ---------------------------------------------------------------- the directory


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    assert "does not exist: create it" in await refusal(tmp_path / "missing" / "gateway.db")


async def test_a_directory_that_takes_no_files_is_named() -> None:
    await refusal(Path("/proc/gateway.db"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_directory_of_somebody_else_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "is not writable for user id" in await refusal(tmp_path / "gateway.db")


# ---------------------------------------------------------------- the file


async def test_only_its_owner_may_read_the_store(database: Path) -> None:
    store = await Store.open(url_of(database))
    await store.commit("SITE-1", [MeterRecord(1, 1)])  # so that the WAL is there
    files = sorted(database.parent.iterdir())
    assert {file.name for file in files} >= {"gateway.db", "gateway.db-wal", "gateway.db.lock", "gateway.db.exists"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    await store.close()


async def test_fault_d_07_an_emptied_store_is_not_taken_for_a_new_one(database: Path) -> None:
    await use(database)
    database.write_bytes(b"")

    assert "is empty, but it was in use before" in await refusal(database)
    assert database.read_bytes() == b""


async def test_fault_d_07_a_store_that_is_gone_is_not_taken_for_a_new_one(database: Path) -> None:
    await use(database)
    database.unlink()

    assert "is gone, but it was in use before" in await refusal(database)
    assert not database.exists()


async def test_fault_d_07_a_store_without_its_tables_is_not_taken_for_a_new_one(database: Path) -> None:
    await use(database)
    database.unlink()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 1")  # writes a header and no table, as after the loss of a WAL

    assert "holds nothing, but it was in use before" in await refusal(database)


async def test_the_operator_can_say_that_a_lost_store_starts_anew(database: Path) -> None:
    await use(database)
    database.unlink()
    database.with_name("gateway.db.exists").unlink()

    store = await Store.open(url_of(database))
    assert (await store.load("SITE-1")).meters == ()
    await store.close()


async def test_an_empty_file_is_a_new_store_when_there_was_none(database: Path) -> None:
    database.touch()  # as a kill in the middle of the first start leaves it
    await use(database)


async def test_a_mark_that_a_kill_prevented_is_made_up_for(database: Path) -> None:
    await use(database)
    mark = database.with_name("gateway.db.exists")
    mark.unlink()
    await use(database)
    assert mark.exists()


async def test_a_file_of_another_kind_is_refused(database: Path) -> None:
    database.write_text("version: 1\ncentral_system:\n")
    assert "is not a SQLite database" in await refusal(database)
    assert database.read_text() == "version: 1\ncentral_system:\n"


async def test_a_directory_in_its_place_is_refused(database: Path) -> None:
    database.mkdir()
    assert "Is a directory" in await refusal(database)


async def test_the_database_of_another_program_is_refused(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    assert "is the database of another program" in await refusal(database)


async def test_fault_d_07_a_store_of_which_nothing_can_be_read_is_refused(database: Path) -> None:
    await use(database)
    overwrite(database, 100, 3996)  # the page that says where the tables are
    damaged = database.read_bytes()
    assert "restore a backup" in await refusal(database)
    assert database.read_bytes() == damaged
    assert [file.name for file in database.parent.iterdir() if "salvaged" in file.name or "reading" in file.name] == []


async def test_a_refusal_leaves_the_store_free(database: Path) -> None:
    database.write_text("not a database")
    await refusal(database)
    database.unlink()
    await use(database)
