"""What a local operator does, end to end: over HTTP, through the core, to the charger and the central system."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2

from integration.site import IDENTITY, Site, a_site
from ocpp_gateway.simulator.ev import ElectricVehicle

CHARGER = f"/api/v1/chargers/{IDENTITY}"


@contextlib.asynccontextmanager
async def operated(folder: Path, **charger_config: Any) -> AsyncIterator[tuple[Site, httpx2.AsyncClient]]:
    async with a_site(folder, **charger_config) as site:
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        async with (
            site.gateway(port.set_result),
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{await port}", timeout=30) as client,
        ):
            await site.until(lambda: site.statuses(2) == ["Available"])
            yield site, client


async def test_somebody_is_let_charge_and_stopped_from_the_desk(tmp_path: Path) -> None:
    async with operated(tmp_path, authorization={"mode": "central_system"}) as (site, client):
        site.charger.plug(1, None, ElectricVehicle())
        await site.until(lambda: "Preparing" in site.statuses(1))
        answer = await client.post(f"{CHARGER}/connectors/1/start", json={"id_tag": "DESK"})
        assert answer.json() == {"outcome": "asks_central_system"}
        await site.until(lambda: site.told("StartTransaction", idTag="DESK"))
        await site.until(lambda: "Charging" in site.statuses(1))

        assert (await client.post(f"{CHARGER}/connectors/1/stop", json={})).status_code == 204
        await site.until(lambda: site.told("StopTransaction", reason="Other"))
        await site.until(lambda: [write.value for write in site.charger.writes if write.address == 256][-1] == 0)
        refused = await client.post(f"{CHARGER}/connectors/1/stop", json={})
        assert (refused.status_code, refused.json()["detail"]) == (409, "no transaction runs here")
        assert site.central.violations == []


async def test_a_connector_out_of_service_is_told_and_stays_so(tmp_path: Path) -> None:
    async with operated(tmp_path) as (site, client):
        answer = await client.put(f"{CHARGER}/connectors/2/availability", json={"operative": False})
        assert answer.json() == {"operative": False, "scheduled": False}
        await site.until(lambda: site.statuses(2)[-1] == "Unavailable")
        assert site.statuses(1) == ["Available"]


async def test_both_connections_are_made_anew_when_asked_for(tmp_path: Path) -> None:
    async with operated(tmp_path) as (site, client):
        for side in ("central_system", "charger"):
            assert (await client.post(f"{CHARGER}/reconnect", json={"side": side})).status_code == 204
        await site.until(lambda: len(site.told("BootNotification")) == 2)
        async with asyncio.timeout(20):
            while True:
                health = (await client.get(f"{CHARGER}/health")).json()
                if health["modbus"]["lost_links"] == 1 and health["modbus"]["connected"]:
                    break
        assert health["central_system"]["connections"] == 2
        assert "restart of the charge point" in health["central_system"]["last_loss"]
        assert health["central_system"]["connected_s"] >= 0


async def test_the_connection_to_the_central_system_is_tested_without_a_message(tmp_path: Path) -> None:
    async with operated(tmp_path) as (site, client):
        standing = (await client.post(f"{CHARGER}/test-connection", json={})).json()
        assert standing == {"reached": True, "stands_already": True, "took_s": None, "problem": None}
        await site.central.go_offline()
        async with asyncio.timeout(20):
            while (told := (await client.post(f"{CHARGER}/test-connection", json={})).json())["stands_already"]:
                pass
        assert told["reached"] is False
        assert told["problem"]
        assert len(site.told("BootNotification")) == 1
