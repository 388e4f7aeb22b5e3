"""Whether the gateway knows that it is not well, and that it is well again."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
import trustme

from integration.site import a_site
from ocpp_gateway import supervisor
from ocpp_gateway.store import care, database


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is waited for, at a tenth of its time or less."""
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_S", 0.1)
    monkeypatch.setattr(care, "CHECK_S", 0.2)
    monkeypatch.setattr(supervisor, "FIRST_WAIT_S", 0.1)
    monkeypatch.setattr(supervisor, "LONGEST_WAIT_S", 0.4)
    monkeypatch.setattr(supervisor, "RECOVERED_AFTER_S", 1.0)


@contextlib.contextmanager
def nobody_can_write_to(database_file: Path) -> Iterator[None]:
    """Another program holds the database's write lock."""
    other = sqlite3.connect(database_file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


def errors(lines: list[Any]) -> list[Any]:
    return [line for line in lines if line["log_level"] in ("error", "critical")]


def failures(lines: list[Any]) -> list[Any]:
    return [line for line in lines if line["event"] == "charger_tasks_failed"]


async def test_a_store_that_cannot_write_is_told_in_one_line_and_makes_the_gateway_unhealthy(tmp_path: Path) -> None:
    async with a_site(tmp_path, authorization={"mode": "free"}) as site, site.gateway() as gateway:
        await site.until(lambda: site.statuses(2))
        assert gateway.healthy() == (True, {"store": "ok", "chargers": "ok"})
        with structlog.testing.capture_logs() as lines:
            with nobody_can_write_to(tmp_path / "gateway.db"):
                site.charger.plug(1)
                await site.until(lambda: errors(lines))
                assert gateway.healthy() == (False, {"store": "cannot write; see the log", "chargers": "ok"})
                assert not site.told("StartTransaction")
            await site.until(lambda: gateway.healthy()[0])
            await site.until(lambda: site.told("StartTransaction"))
        (failure,) = errors(lines)
        assert failure["event"] == "held_in_memory"
        assert "database is locked" in failure["problem"]
        assert [line["event"] for line in lines].count("store_writes_again") == 1


async def test_a_file_that_became_unusable_is_told_in_one_line_and_used_once_it_is_mended(tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_text("no certificate")
    async with a_site(tmp_path) as site:
        site.config["central_system"] = {"url": "wss://127.0.0.1:1/ocpp", "ca_file": roots}
        with structlog.testing.capture_logs() as lines:
            async with site.gateway() as gateway:
                await site.until(lambda: gateway.healthy()[1]["chargers"] != "ok")
                assert gateway.healthy()[1]["store"] == "ok"
                assert [line["problem"] for line in failures(lines)] == [
                    f"{roots}: central_system.ca_file: does not hold PEM certificates"
                ]
                roots.write_bytes(trustme.CA().cert_pem.bytes())
                await site.until(lambda: gateway.healthy()[0])
