"""A part of the store is lost while no gateway runs: no number is given twice, and no meter goes back (faults D-08)."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ocpp_gateway.charger.records import MeterRecord, OutboxRecord, Record, TransactionRecord
from ocpp_gateway.instant import Instant
from ocpp_gateway.store import Store
from ocpp_gateway.store.backup import back_up
from ocpp_gateway.store.floor import METER_STEP_WH, NUMBERS
from ocpp_gateway.store.reader import read_store

CP = "SITE-1"
NOON = Instant(datetime(2026, 11, 22, 12, tzinfo=UTC), "boot", 0.0)
PARTS = ("", "-wal", "-shm")


def session(number: int) -> list[Record]:
    return [
        TransactionRecord(f"tx-{number}", 1, "04A1", 0, NOON, 0, NOON, stopped_at=NOON, meter_stop_wh=0),
        OutboxRecord(f"start-{number}", "StartTransaction", {}, NOON, f"tx-{number}"),
        MeterRecord(1, number * 200, number * 200, number),
    ]


async def life(folder: Path, sessions: range) -> Store:
    """A store that held these sessions, still open."""
    store = await Store.open(f"sqlite:///{folder}/gateway.db")
    for number in sessions:
        await store.commit(CP, session(number))
    return store


def copied(store: Path, folder: Path, parts: tuple[str, ...] = PARTS) -> Path:
    """As a kill leaves it, or as `cp` takes it away: with these parts."""
    folder.mkdir(exist_ok=True)
    for part in parts:
        file = store / f"gateway.db{part}"
        if file.exists():
            shutil.copy(file, folder)
    return folder


async def numbers(store: Store) -> dict[str, int]:
    """The next number of a message and of a transaction, used up by asking."""
    await store.commit(CP, session(1_000_000))
    query = "SELECT (SELECT max(seq) FROM outbox), (SELECT max(number) FROM charging_transaction)"
    row = await store.ledger(lambda it: it.exec_driver_sql(query).one())
    return {"message": row[0], "transaction": row[1]}


def alarms(told: list[Any]) -> list[Mapping[str, Any]]:
    return [line for line in told if line["log_level"] == "error"]


async def test_fault_d_08_without_its_wal_no_number_and_no_meter_goes_back(tmp_path: Path) -> None:
    running = await life(tmp_path, range(1, 331))
    killed = copied(tmp_path, tmp_path / "killed", ("", ".exists", ".floor"))  # and nothing of what the WAL held
    last = (await running.load(CP)).meters[0].total_wh
    await running.close()

    with capture_logs() as told:
        store = await Store.open(f"sqlite:///{killed}/gateway.db")
    (alarm,) = alarms(told)
    assert alarm["event"] == "store_went_back"
    meter = (await store.load(CP)).meters[0]
    assert last <= meter.total_wh <= last + METER_STEP_WH
    assert meter.register_wh is None  # what it grew meanwhile is in that already
    new = await numbers(store)
    assert 330 < new["message"] <= 330 + NUMBERS + 1
    assert 330 < new["transaction"] <= 330 + NUMBERS + 1
    assert alarm["messages_from"] == new["message"]
    await store.close()


async def test_a_look_into_the_store_of_a_dead_gateway_is_no_alarm_at_the_next_start(tmp_path: Path) -> None:
    running = await life(tmp_path, range(1, 3))
    killed = copied(tmp_path, tmp_path / "killed", (*PARTS, ".exists", ".floor"))
    await running.close()
    url = f"sqlite:///{killed}/gateway.db"
    back_up(url, tmp_path / "copy.db")
    read_store(url, lambda it: it.exec_driver_sql("SELECT 1").one())
    with closing(sqlite3.connect(killed / "gateway.db")) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what any program that may write does when it closes
    with capture_logs() as told:
        await (await life(killed, range(0))).close()
    assert alarms(told) == []


async def test_fault_d_08_an_old_copy_put_in_its_place_goes_on_exactly_where_the_store_stood(tmp_path: Path) -> None:
    await (await life(tmp_path, range(1, 50))).close()
    copy = copied(tmp_path, tmp_path / "copy")
    await (await life(tmp_path, range(50, 78))).close()
    copied(copy, tmp_path)

    with capture_logs() as told:
        store = await Store.open(f"sqlite:///{tmp_path}/gateway.db")
    assert [alarm["event"] for alarm in alarms(told)] == ["store_went_back"]
    assert (await store.load(CP)).meters == (MeterRecord(1, 77 * 200, None, 49),)
    assert await numbers(store) == {"message": 78, "transaction": 78}
    await store.close()

    with capture_logs() as told:
        await (await life(tmp_path, range(0))).close()
    assert alarms(told) == []  # it is told once


async def test_fault_d_08_a_meter_that_the_copy_does_not_know_is_not_begun_anew(tmp_path: Path) -> None:
    await (await life(tmp_path, range(0))).close()
    copy = copied(tmp_path, tmp_path / "copy")
    await (await life(tmp_path, range(1, 40))).close()
    copied(copy, tmp_path)

    store = await life(tmp_path, range(0))
    assert (await store.load(CP)).meters == (MeterRecord(1, 39 * 200),)
    await store.close()


@pytest.mark.parametrize("sessions", [1, 40, 260])
async def test_fault_d_08_a_kill_is_no_alarm_and_costs_no_number(tmp_path: Path, sessions: int) -> None:
    running = await life(tmp_path, range(1, 1 + sessions))
    killed = copied(tmp_path, tmp_path / "killed", (*PARTS, ".exists", ".floor"))
    await running.close()
    with capture_logs() as told:
        store = await life(killed, range(0))
    assert alarms(told) == []
    assert (await store.load(CP)).meters == (MeterRecord(1, sessions * 200, sessions * 200, sessions),)
    assert await numbers(store) == {"message": sessions + 1, "transaction": sessions + 1}
    await store.close()


async def test_a_store_begun_anew_on_purpose_has_no_floor(tmp_path: Path) -> None:
    await (await life(tmp_path, range(1, 40))).close()
    for part in (*PARTS, ".exists"):
        (tmp_path / f"gateway.db{part}").unlink(missing_ok=True)
    with capture_logs() as told:
        store = await life(tmp_path, range(0))
    assert alarms(told) == []
    assert await numbers(store) == {"message": 1, "transaction": 1}
    await store.close()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mark": 1}', "\x00", "[[", '{"instance_id": "x", "steps": "a"}'])
async def test_a_floor_that_cannot_be_read_is_told_and_made_anew(tmp_path: Path, text: str) -> None:
    await (await life(tmp_path, range(1, 3))).close()
    floor = tmp_path / "gateway.db.floor"
    floor.write_text(text)
    with capture_logs() as told:
        store = await life(tmp_path, range(0))
    assert [line["event"] for line in told if line["log_level"] == "warning"] == ["floor_unreadable"]
    await store.close()
    assert json.loads(floor.read_text())["meters"] == {CP: {"1": 400}}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
METERS = st.dictionaries(st.text(max_size=3), st.dictionaries(st.sampled_from(["1", "²", "-1", "x"]), JSON, max_size=2))
FIELDS = ("steps", "outbox", "charging_transaction", "meters", "exact", "instance_id", "else")
SPOILT = st.tuples(st.sampled_from(FIELDS), JSON | st.integers(2**30, 2**65)) | st.tuples(st.just("meters"), METERS)


@given(content=st.binary() | JSON.map(lambda it: json.dumps(it).encode()) | st.lists(SPOILT, min_size=1, max_size=3))
@example(content=b"\xff\xfe\x00")
@example(content=[("steps", "a")])
@example(content=[("meters", {"\ud800": {"1": 1}})])
@example(content=b"[" * 100_000)
@settings(max_examples=60, deadline=None)
def test_fault_d_07_any_content_of_the_floor_lets_the_gateway_start(content: bytes | list[tuple[str, Any]]) -> None:
    async def start() -> None:
        with TemporaryDirectory() as name:
            folder = Path(name)
            await (await life(folder, range(1, 3))).close()
            floor = folder / "gateway.db.floor"
            if isinstance(content, bytes):
                floor.write_bytes(content)
            else:
                floor.write_text(json.dumps(json.loads(floor.read_text()) | dict(content)))
            store = await life(folder, range(3, 4))
            assert (await numbers(store))["message"] > 3
            await store.close()

    asyncio.run(start())


async def test_the_floor_is_written_rarely(tmp_path: Path) -> None:
    store = await life(tmp_path, range(0))
    floor, versions = tmp_path / "gateway.db.floor", set()
    for number in range(1, 201):
        await store.commit(CP, [MeterRecord(1, number * 10), OutboxRecord(f"{number}", "MeterValues", {}, NOON)])
        versions.add(floor.stat().st_ino if floor.exists() else 0)
    await store.close()
    assert len(versions) <= 200 / (NUMBERS / 2) + 200 * 10 / METER_STEP_WH + 1
