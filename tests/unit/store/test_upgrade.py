"""A store made by an earlier version is opened by this one with nothing lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from ocpp_gateway.charger.records import (
    AvailabilityRecord,
    CachedTag,
    GateRecord,
    LimitRecord,
    MeterRecord,
    OutboxRecord,
    ProfileRecord,
    StoredCharger,
    TransactionRecord,
    TransactionSample,
)
from ocpp_gateway.errors import StoreError
from ocpp_gateway.instant import Instant
from ocpp_gateway.registers.snapshot import ChargerIdentity
from ocpp_gateway.store import OutboxRow, Store, database
from ocpp_gateway.store.migrate import HEAD

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
UTC_TEXT = "2026-03-01T12:00:00.000000+00:00"

ROWS = f"""
INSERT INTO store_meta VALUES ('0123456789abcdef', '2026-03-01T00:00:00+00:00');
INSERT INTO charge_point VALUES
    ('SITE-1', 2, 'Compleo', 'DUO', 'S1', '6.4.1'),
    ('SITE-2', NULL, NULL, NULL, NULL, NULL);
INSERT INTO configuration VALUES ('SITE-1', 'MeterValueSampleInterval', '60');
INSERT INTO connector VALUES ('SITE-1', 0, NULL, NULL, NULL, 0, NULL), ('SITE-1', 1, 123456, 700, 3600, 1, 1);
INSERT INTO charging_profile VALUES ('SITE-1', 1, 7, '{{"limit":16.0}}', 'tx-2', NULL, 'boot-1', 5.25);
INSERT INTO charging_transaction VALUES
    (4, 'SITE-1', 'tx-1', 1, '04A1', NULL, NULL, NULL, 1000, '{UTC_TEXT}', 'boot-1', 0.0,
     1200, '{UTC_TEXT}', 'boot-1', 0.0, 1, 0, '{UTC_TEXT}', 'boot-1', 0.0, 1200, 'Local'),
    (9, 'SITE-1', 'tx-2', 1, '04A2', 'P', 'S1', '04A2', 2000, '{UTC_TEXT}', 'boot-1', 0.0,
     2100, NULL, 'boot-1', 61.5, 1, 1, NULL, NULL, NULL, NULL, NULL);
INSERT INTO transaction_id VALUES ('tx-1', 'main', '0'), ('tx-2', 'main', '-7');
INSERT INTO outbox VALUES
    (3, 'SITE-1', 'main', 'done', 'a', 'StartTransaction', '{{}}', 'tx-1', 'x', 1, NULL, '{{}}', 'x'),
    (5, 'SITE-1', 'main', 'dead', 'b', 'MeterValues', '{{}}', 'tx-1', 'x', 9, 'InternalError', NULL, NULL),
    (8, 'SITE-1', 'main', 'queued', 'c2', 'MeterValues', '{{"n":1}}', 'tx-2', '{UTC_TEXT}', 1, 'no answer', NULL, NULL);
INSERT INTO outbox_attempt VALUES (3, 'a'), (5, 'b'), (8, 'c'), (8, 'c2');
"""
"""Of every table of the first schema at least one row."""


def rows_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All that is in the tables of the first schema, in its columns."""
    columns = {
        "charge_point": "identity, number_of_connectors, vendor, model, serial_number, firmware_version",
        "connector": "charge_point, connector_id, total_wh, register_wh, charging_s, operative, gate_closed",
    }
    tables = ["store_meta", "charge_point", "configuration", "connector", "charging_profile"]
    tables += ["charging_transaction", "transaction_id", "outbox"]
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: connection.execute(f"SELECT {columns.get(table, '*')} FROM {table} ORDER BY 1, 2").fetchall()
            for table in tables
        }


def revision_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        ((revision,),) = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return str(revision)


@pytest.fixture
def old_store(tmp_path: Path) -> Path:
    """A store of the first schema, in use since long."""
    path = tmp_path / "gateway.db"
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "ocpp_gateway.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with closing(sqlite3.connect(path)) as database:
        database.executescript(ROWS)
    path.with_name("gateway.db.exists").write_text("0123456789abcdef\n")
    assert all(rows_of(path).values())
    return path


async def test_a_store_of_the_first_schema_loses_nothing(old_store: Path) -> None:
    before = rows_of(old_store)
    noon = Instant(NOON, "boot-1", 0.0)

    store = await Store.open(f"sqlite:///{old_store}", now=lambda: NOON)
    running = TransactionRecord(
        "tx-2", 1, "04A2", 2000, noon, 2100, Instant(None, "boot-1", 61.5), "S1", "P", "04A2", {"main": "-7"},
        charging_seen=True, deauthorized=True,
    )  # fmt: skip
    assert await store.load("SITE-1") == StoredCharger(
        identity=ChargerIdentity(2, vendor="Compleo", model="DUO", serial_number="S1", firmware_version="6.4.1"),
        configuration={"MeterValueSampleInterval": "60"},
        meters=(MeterRecord(1, 123456, 700, 3600),),
        availability=(AvailabilityRecord(0, operative=False), AvailabilityRecord(1, operative=True)),
        gates=(GateRecord(1, closed=True),),
        profiles=(ProfileRecord(1, 7, {"limit": 16.0}, "tx-2", Instant(None, "boot-1", 5.25)),),
        open_transactions=(running,),
    )
    assert [transaction.local_id for transaction in await store.transactions("SITE-1", 9)] == ["tx-2", "tx-1"]
    assert await store.outbox_head("SITE-1") == OutboxRow(
        8, "c2", "MeterValues", {"n": 1}, "tx-2", "-7", False, 1, "no answer", UTC_TEXT
    )
    assert await store.outbox_thinned("SITE-1") == 0
    await store.close()

    assert revision_of(old_store) == HEAD
    assert rows_of(old_store) == before


async def test_message_ids_of_old_transmissions_stay_in_the_ledger(old_store: Path) -> None:
    with closing(sqlite3.connect(old_store)) as connection, connection:
        connection.execute("INSERT INTO outbox_attempt SELECT 8, 'again'")
    await (await Store.open(f"sqlite:///{old_store}")).close()

    with closing(sqlite3.connect(old_store)) as connection:
        kept = connection.execute("SELECT seq, number, message_id, sent_at FROM transmission ORDER BY 1, 2").fetchall()
    assert kept == [(3, 1, "a", None), (5, 1, "b", None), (8, 1, "c", None), (8, 2, "c2", None), (8, 3, "again", None)]


async def test_fault_c_07_an_upgrade_leaves_a_copy_of_the_store_that_the_old_version_can_open(old_store: Path) -> None:
    before = rows_of(old_store)
    for _ in range(2):
        await (await Store.open(f"sqlite:///{old_store}", now=lambda: NOON)).close()

    (copy,) = old_store.parent.glob("*.before-*")
    assert copy.name == f"gateway.db.before-{HEAD}"
    assert (revision_of(copy), rows_of(copy)) == ("0001", before)


async def test_an_upgraded_store_takes_what_the_old_one_could_not(old_store: Path) -> None:
    store = await Store.open(f"sqlite:///{old_store}", now=lambda: NOON)
    tag = CachedTag("04A1", "Accepted", 1)
    limit = LimitRecord("grid", 0, 4200, 60.0, 0, Instant(NOON, "boot-1", 0.0))
    await store.commit("SITE-1", [tag, TransactionSample("tx-2", {"n": 1}), limit])
    await store.commit("SITE-2", [OutboxRecord("d", "MeterValues", {}, Instant(NOON, "boot-1", 0.0))])

    charger = await store.load("SITE-1")
    assert (charger.cached_tags, charger.samples) == ((tag,), {"tx-2": ({"n": 1},)})
    assert charger.limits == (limit,)
    row = await store.outbox_head("SITE-2")
    assert row is not None
    assert row.seq == 9  # the counters went on
    await store.close()


def test_an_upgrade_that_fails_half_way_leaves_the_old_store(old_store: Path) -> None:
    with closing(sqlite3.connect(old_store)) as connection:
        connection.execute("CREATE TABLE reservation (of_the_operator TEXT)")
    before = rows_of(old_store)

    with pytest.raises(StoreError, match="table reservation already exists"):
        database.open_database(old_store)
    assert revision_of(old_store) == "0001"
    assert rows_of(old_store) == before
    with closing(sqlite3.connect(old_store)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'authorization_cache'").fetchall() == []
        connection.execute("DROP TABLE reservation")

    database.close_database(database.open_database(old_store))
    assert revision_of(old_store) == HEAD
