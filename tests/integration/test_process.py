"""The gateway as systemd sees it: ready, alive, stopping; and ended by the signals that end a service."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integration.process import gateway_process, logged
from integration.site import Site, a_site
from ocpp_gateway import front
from ocpp_gateway.charger.core import ChargerCore
from ocpp_gateway.gateway import Gateway
from ocpp_gateway.process import tell_systemd
from ocpp_gateway.settings import Settings
from ocpp_gateway.store import Store


@contextlib.asynccontextmanager
async def systemd_listening(site: Site, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """What the gateway says to its service manager, while it says it."""
    path, said = site.folder / "notify", []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listening:
        listening.bind(str(path))
        loop = asyncio.get_running_loop()
        loop.add_reader(listening, lambda: said.extend(listening.recv(1000).decode().splitlines()))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        try:
            yield said
        finally:
            loop.remove_reader(listening)


async def test_systemd_hears_that_it_is_ready_how_it_goes_and_that_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    async with a_site(tmp_path) as site, systemd_listening(site, monkeypatch) as said:
        async with gateway_process(site) as process:
            await site.until(lambda: "STATUS=1 of 1 chargers answer, 1 are connected to their central system" in said)
            assert said[0] == "READY=1"
            await site.until(lambda: said.count("WATCHDOG=1") >= 3)
            process.send_signal(signal.SIGTERM)
            await process.wait()
        assert said[-1] == "STOPPING=1"
        assert "SITE-1" not in str(said)


async def test_a_process_whose_loop_hangs_tells_the_watchdog_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    async with (
        a_site(tmp_path) as site,
        systemd_listening(site, monkeypatch) as said,
        gateway_process(site) as process,
    ):
        await site.until(lambda: "WATCHDOG=1" in said)
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.1)  # what was on its way
        heard = len(said)
        await asyncio.sleep(0.5)
        assert len(said) == heard
        process.send_signal(signal.SIGCONT)
        await site.until(lambda: len(said) > heard)


async def test_a_gateway_with_an_owner_that_hangs_tells_how_it_goes_and_not_that_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000")
    async with a_site(tmp_path) as site, systemd_listening(site, monkeypatch) as said:
        gateway = Gateway(Settings.model_validate(site.config))
        telling = asyncio.create_task(tell_systemd(gateway))
        await site.until(lambda: "WATCHDOG=1" in said)
        monkeypatch.setattr(gateway, "stuck", lambda: True)
        await site.until(lambda: said[-2:] == [said[-1]] * 2)  # two datagrams without a WATCHDOG=1 between
        said.clear()
        await site.until(lambda: len(said) > 3)
        telling.cancel()
    assert {line.partition("=")[0] for line in said} == {"STATUS"}


async def test_an_owner_that_never_comes_back_from_an_event_makes_the_gateway_unhealthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "STUCK_AFTER_S", 0.2)
    async with a_site(tmp_path, authorization={"mode": "free"}) as site, site.gateway() as gateway:
        await site.until(lambda: site.statuses(2))
        assert not gateway.stuck()
        never = asyncio.Event()

        async def hang(*_: object) -> bool:
            await never.wait()
            return True

        monkeypatch.setattr(Store, "keep", hang)
        site.charger.plug(1)
        await site.until(gateway.stuck)
        healthy, parts = gateway.healthy()
        assert not healthy
        assert parts["chargers"].startswith("one of them takes no events")


async def test_a_charger_whose_tasks_failed_is_not_stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "STUCK_AFTER_S", 0.1)

    def fail(*_: object) -> list[object]:
        raise RuntimeError("a bug of ours")

    async with a_site(tmp_path) as site, site.gateway() as gateway:
        await site.until(lambda: site.statuses(2))
        monkeypatch.setattr(ChargerCore, "handle", fail)
        await site.until(lambda: gateway.healthy()[1]["chargers"].startswith("the tasks of"))
        await asyncio.sleep(0.2)
        assert not gateway.stuck()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_fault_c_06_a_second_signal_ends_the_gateway_as_cleanly_as_one(tmp_path: Path, number: int) -> None:
    async with a_site(tmp_path, speed=60.0) as site:
        async with gateway_process(site) as process:
            await site.until(lambda: site.statuses(2) == ["Available"])
            site.charger.plug(1, "04A1B2C3")
            await site.until(lambda: site.told("MeterValues"))
            process.send_signal(number)
            while process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await process.wait()
            assert process.returncode == 0
        assert len(logged(site, "gateway_stopped")) == 1
        async with gateway_process(site):
            told = len(site.told("MeterValues"))
            await site.until(lambda: len(site.told("MeterValues")) > told)
        assert len(site.told("StartTransaction")) == 1
        assert site.central.violations == []


async def test_fault_d_10_a_second_gateway_on_the_same_store_ends_at_once_and_connects_to_nobody(
    tmp_path: Path,
) -> None:
    async with a_site(tmp_path) as site, site.gateway():
        await site.until(lambda: site.statuses(2) == ["Available"])
        async with gateway_process(site) as second, asyncio.timeout(10):
            assert await second.wait() != 0
        said = (site.folder / "log").read_text(encoding="utf-8")
        assert f"in use by another gateway, process {os.getpid()}" in said
        assert len(site.told("BootNotification")) == 1
        assert list(site.central.closings) == []
