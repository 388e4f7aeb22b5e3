"""The schema that the code uses is the one that the migrations make, and nothing in between ever stays on disk."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect
from sqlalchemy.pool import NullPool

from ocpp_gateway.charger.records import MeterRecord
from ocpp_gateway.errors import StoreError
from ocpp_gateway.store import Store, database, migrate
from ocpp_gateway.store.schema import metadata


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "50%" / "gateway.db"  # Alembic's configuration takes a percent sign for something else


@pytest.fixture(autouse=True)
def directory(path: Path) -> None:
    path.parent.mkdir()


@pytest.fixture
def migrated(path: Path) -> Iterator[Connection]:
    database.close_database(database.open_database(path))
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def tables_of(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def set_revision(path: Path, revision: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def test_the_migrations_make_the_schema_that_the_code_uses(migrated: Connection) -> None:
    context = MigrationContext.configure(migrated, opts={"compare_type": True})
    assert compare_metadata(context, metadata) == []


def test_constraints_are_those_of_the_schema(migrated: Connection, tmp_path: Path) -> None:
    """What `compare_metadata` does not look at: primary keys, checks, and that numbers are never reused."""
    engine = create_engine(f"sqlite:///{tmp_path}/made.db", poolclass=NullPool)
    metadata.create_all(engine)
    with engine.connect() as made:
        for table in metadata.tables:
            for look in ("get_pk_constraint", "get_check_constraints", "get_foreign_keys", "get_unique_constraints"):
                assert getattr(inspect(migrated), look)(table) == getattr(inspect(made), look)(table), (table, look)
        counting = "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%' ORDER BY name"
        of_migrated = migrated.exec_driver_sql(counting).scalars().all()
        assert of_migrated == made.exec_driver_sql(counting).scalars().all()
        assert of_migrated == ["audit", "charging_transaction", "outbox"]
    engine.dispose()


def test_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", "ocpp_gateway.store:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


def test_a_failure_in_the_middle_leaves_no_table(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise StoreError("no id today")

    with monkeypatch.context() as patch:
        patch.setattr(migrate, "uuid4", fail)  # called when all tables are made
        with pytest.raises(StoreError, match="no id today"):
            database.open_database(path)
    assert tables_of(path) == []

    database.close_database(database.open_database(path))
    assert "outbox" in tables_of(path)


def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    database.close_database(database.open_database(path))
    set_revision(path, "9999")

    with pytest.raises(StoreError, match=r"schema 9999, and this version knows only up to \d+: install the version"):
        database.open_database(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


async def test_migrating_touches_no_logger_and_prints_nothing(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root, loggers = logging.getLogger(), set(logging.root.manager.loggerDict)
    before = (root.level, list(root.handlers), list(root.filters))
    disabled = {name for name in loggers if logging.getLogger(name).disabled}
    store = await Store.open(f"sqlite:///{path}")
    await store.close()

    assert (root.level, list(root.handlers), list(root.filters)) == before
    assert {name for name in loggers if logging.getLogger(name).disabled} == disabled
    assert capfd.readouterr() == ("", "")


async def test_an_up_to_date_store_keeps_its_instance_id(path: Path) -> None:
    ids = set()
    for _ in range(2):
        store = await Store.open(f"sqlite:///{path}")
        await store.commit("SITE-1", [MeterRecord(1, 1)])
        await store.close()
        with closing(sqlite3.connect(path)) as connection:
            ids |= set(connection.execute("SELECT instance_id FROM store_meta").fetchall())
    (instance_id,) = ids
    assert path.with_name("gateway.db.exists").read_text().split() == list(instance_id)
