"""A disk that fails in the middle of a session, under a gateway that is a process: the session is told all the same."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from faults import inside_commit
from faults.disk import CuttableDisk, SmallDisk, why_no_small_one, why_not
from faults.stage import Stage, at_length, play
from faults.story import CONNECTORS
from ocpp_gateway.charger.records import ConfigurationRecord
from ocpp_gateway.store import Store

traced = pytest.mark.skipif(inside_commit.why_not() is not None, reason=str(inside_commit.why_not()))


@traced
@pytest.mark.parametrize(
    "injection",
    [
        pytest.param("pwrite64:error=EROFS:when=60..75", id="d-03 read-only for a while", marks=at_length),
        pytest.param("fdatasync:error=EIO:when=14", id="d-04 one sync fails", marks=at_length),
        pytest.param("fdatasync:error=EIO:when=14..20", id="d-04 syncs fail for a while"),
        pytest.param("pwrite64:error=ENOSPC:when=60..75", id="d-05 full for a while", marks=at_length),
    ],
)
def test_fault_d_03_d_04_d_05_a_disk_that_fails_for_a_while_costs_nothing(tmp_path: Path, injection: str) -> None:
    async def tale(stage: Stage) -> None:
        await stage.commissioned()
        gateway = await stage.start_traced(injection)
        await stage.polling()
        await stage.story.visit(1, 80)
        assert gateway.alive
        assert stage.events("charger_tasks_failed") or stage.events("store_writes_again"), "nothing was injected"
        await stage.stop(gateway)

    play(tmp_path, tale)


@traced
@at_length
@pytest.mark.timeout(120)
def test_fault_d_06_a_slow_disk_keeps_the_charger_fed_and_answers_prompt(tmp_path: Path) -> None:
    async def tale(stage: Stage) -> None:
        gateway = await stage.start_traced("fdatasync:delay_enter=1500000")
        site = stage.site
        await site.until(lambda: site.statuses(1), timeout_s=60)
        site.charger.plug(1, "SLOW")
        await site.until(lambda: site.told("StartTransaction"), timeout_s=60)
        began_s, longest_s = site.charger.now_s, 0.0
        while site.charger.now_s < began_s + 15:
            await asyncio.sleep(0.5)
            longest_s = max(longest_s, site.charger.now_s - site.charger.requests[-1].at_s)
            asked_s = asyncio.get_running_loop().time()
            await site.central.call("SITE-1", "GetConfiguration", {"key": ["HeartbeatInterval"]})
            assert asyncio.get_running_loop().time() - asked_s < 5
        assert longest_s < 15  # a quarter of the minute after which a charger falls back
        await gateway.kill()

    play(tmp_path, tale, speed=1.0, with_an_end=False)


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_fault_d_02_a_gateway_on_a_full_disk_says_so_and_begins_once_there_is_room(tmp_path: Path) -> None:
    disk, told = CuttableDisk(tmp_path, size_mb=4), tmp_path / "told"
    told.touch()

    async def tale(stage: Stage) -> None:
        filling = disk.path / "filling"
        with contextlib.suppress(OSError), filling.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1024))
        gateway = await stage.forks.start(stage.config, log=told)
        await stage.site.until(lambda: "memory_exhaustion" in told.read_text("utf-8"), timeout_s=600)
        assert "the disk is full" in told.read_text("utf-8")
        assert gateway.alive
        assert not stage.site.charger.writes
        filling.unlink()
        stage.story.born(gateway)
        await stage.site.until(lambda: all(map(stage.site.statuses, CONNECTORS)), timeout_s=600)
        await stage.polling()
        await stage.story.visit(1, 10)
        await stage.stop(gateway)
        assert "Traceback" not in told.read_text("utf-8")

    try:
        play(disk.path, tale, log=told)
    finally:
        disk.close()


@pytest.mark.skipif(why_no_small_one() is not None, reason=str(why_no_small_one()))
def test_fault_d_01_a_disk_that_fills_up_in_a_session_costs_nothing_and_is_told_until_there_is_room(
    tmp_path: Path,
) -> None:
    disk, told = SmallDisk(tmp_path, size_mb=40), tmp_path / "told"
    told.touch()

    async def tale(stage: Stage) -> None:
        gateway = await stage.start()
        await stage.site.until(lambda: all(map(stage.site.statuses, CONNECTORS)), timeout_s=600)
        await stage.site.until((disk.path / "gateway.db.reserve").exists, timeout_s=600)
        await stage.polling()
        car = asyncio.create_task(stage.story.visit(1, 60))
        await stage.site.until(lambda: stage.site.told("StartTransaction"), timeout_s=600)
        disk.fill()
        second = asyncio.create_task(stage.story.visit(2, 20))
        await stage.site.until(lambda: "memory_exhaustion" in told.read_text("utf-8"), timeout_s=600)
        await second
        disk.clear()
        await stage.site.until(lambda: "memory_exhaustion_cleared" in told.read_text("utf-8"), timeout_s=600)
        await car
        assert gateway.alive
        await stage.stop(gateway)
        assert "held_in_memory" not in told.read_text("utf-8")

    try:
        play(disk.path, tale, log=told)
    finally:
        disk.close()


async def test_fault_d_09_a_reader_that_stays_holds_up_no_commit_and_the_wal_is_used_again_after_it(
    tmp_path: Path,
) -> None:
    database = tmp_path / "gateway.db"
    store = await Store.open(f"sqlite:///{database}")
    wal = database.with_name("gateway.db-wal")

    async def commit(number: int) -> None:
        for value in range(number):
            await store.commit("SITE-1", [ConfigurationRecord("MeterValueSampleInterval", str(value))])

    await commit(1)
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM configuration").fetchall()
        await commit(1_500)  # beyond the thousand pages after which SQLite wants to move the WAL into the database
        grown = wal.stat().st_size
    await commit(1_500)
    assert wal.stat().st_size < grown * 1.1
    assert (await store.load("SITE-1")).configuration["MeterValueSampleInterval"] == "1499"
    await store.close()
