"""What Prometheus finds at a gateway that runs, who finds it, and what is left for others when files are few."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families as parse

from integration.process import config_file
from integration.site import IDENTITY, Site, a_site
from ocpp_gateway.simulator.ev import ElectricVehicle

CAR = ElectricVehicle(energy_wanted_wh=60_000, max_current_a=32)


def fetch(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


async def scrape(port: int) -> dict[tuple[Any, ...], float]:
    status, text = await asyncio.to_thread(fetch, port, "/metrics")
    assert status == 200
    return {
        (sample.name.removeprefix("ocpp_gateway_"), *sorted(sample.labels.items())): sample.value
        for family in parse(text)
        for sample in family.samples
    }


CHARGE_POINT = ("charge_point", "SITE-1")
CONNECTOR = ("connector", "1")


async def test_a_scrape_tells_of_a_session(tmp_path: Path) -> None:
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with a_site(tmp_path, speed=60.0) as site, site.gateway(port.set_result):
        await site.until(lambda: site.statuses(2) == ["Available"])
        site.charger.plug(1, "04A1B2C3", CAR)
        await site.until(lambda: site.told("MeterValues"))
        told = await scrape(await port)
        assert told["healthy",] == 1
        assert 5 < told["tasks",] <= len(asyncio.all_tasks()) + 5  # this loop is the gateway's, too
        assert told["charger_answers", CHARGE_POINT] == 1
        assert told["charger_poll_seconds_count", CHARGE_POINT] > 0
        assert told["charger_last_poll_age_seconds", CHARGE_POINT] < 5
        assert told["central_system_accepted", CHARGE_POINT] == 1
        assert told["central_system_connections_total", CHARGE_POINT] == 1
        answered = (("action", "StartTransaction"), CHARGE_POINT, ("direction", "sent"), ("result", "answered"))
        assert told["messages_total", *answered] == 1
        assert told["transactions_running", CHARGE_POINT] == 1
        assert told["transactions_started_total", CHARGE_POINT] == 1
        assert told["connector_limit_watts", CHARGE_POINT, CONNECTOR] == 22_000
        assert told["connector_limited_by", CHARGE_POINT, CONNECTOR, ("source", "connector_maximum")] == 1
        assert told["connector_power_watts", CHARGE_POINT, CONNECTOR] > 0
        assert told["connector_status", CHARGE_POINT, CONNECTOR, ("status", "Charging")] == 1
        site.charger.unplug(1)
        await site.until(lambda: site.told("StopTransaction"))
        told = await scrape(await port)
        assert told["transactions_running", CHARGE_POINT] == 0
        assert told["transactions_ended_total", CHARGE_POINT, ("reason", "EVDisconnected")] == 1


async def test_actions_that_ocpp_does_not_have_make_no_series(tmp_path: Path) -> None:
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with a_site(tmp_path) as site, site.gateway(port.set_result):
        await site.until(lambda: site.statuses(2) == ["Available"])
        for number in range(20):
            await site.central.send_raw(IDENTITY, json.dumps([2, f"id{number}", f"Invented{number}", {}]))
        refused = (("action", "unknown"), CHARGE_POINT, ("direction", "received"), ("result", "refused"))
        async with asyncio.timeout(10):
            while (await scrape(await port)).get(("messages_total", *refused)) != 20:
                pass
        assert "Invented" not in str(await scrape(await port))


async def test_fault_w_16_behind_a_reverse_proxy_a_password_is_asked_for_on_loopback_too(tmp_path: Path) -> None:
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with a_site(tmp_path) as site:
        site.config["web"]["allowed_hosts"] = ["gateway.example"]
        async with site.gateway(port.set_result):
            for path in ("/metrics", "/api/v1/chargers"):
                status, text = await asyncio.to_thread(fetch, await port, path)
                assert status == 401
                assert "SITE-1" not in text
            assert (await asyncio.to_thread(fetch, await port, "/healthz"))[0] in (200, 503)


# ---------------------------------------------------------------- few files


def at_most(files: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))


async def test_fault_c_09_with_64_files_web_clients_are_refused_and_a_session_is_served(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
        site.config["web"]["port"] = port
        command = (sys.executable, "-m", "ocpp_gateway", "run", "-c", str(config_file(site)))
        with (site.folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *command, stdout=log, stderr=log, preexec_fn=lambda: at_most(64)
            )
        try:
            await site.until(lambda: site.statuses(2) == ["Available"])
            with contextlib.ExitStack() as clients:
                for _ in range(200):
                    client = clients.enter_context(socket.socket())
                    client.setblocking(False)
                    client.connect_ex(("127.0.0.1", port))  # and say nothing, however long it takes
                await everything_anew(site)
            assert (await asyncio.to_thread(fetch, port, "/healthz"))[0] == 200
        finally:
            process.terminate()
            await process.wait()
        assert process.returncode == 0
        assert "Too many open files" not in (site.folder / "log").read_text(encoding="utf-8")


async def everything_anew(site: Site) -> None:
    """The charger and the central system hang up, and a car comes."""
    await site.simulator.drop_connections()
    await site.central.drop_connections()
    site.charger.plug(1, "04A1B2C3")
    await site.until(lambda: site.told("MeterValues"))
