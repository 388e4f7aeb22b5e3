"""Why is it 6 A? One answer by the API and the command line; and the limits that others than the central system set."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from ruamel.yaml import YAML

from integration.site import Site, a_site
from ocpp_gateway.gateway import Gateway
from ocpp_gateway.registers.vocabulary import Table

PROFILE = {
    "chargingProfileId": 7,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}]},
}


class Commands:
    """The command line beside a running gateway, with its configuration file."""

    def __init__(self, site: Site, gateway: Gateway, port: int) -> None:
        self.site, self.gateway, self.port = site, gateway, port
        self.file = site.folder / "gateway.yaml"
        with self.file.open("w") as stream:
            YAML().dump(site.config | {"web": {"port": port}}, stream)

    async def __call__(self, *args: object, exit_code: int = 0) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "ocpp_gateway", *map(str, args), "-c", str(self.file)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        assert process.returncode == exit_code, out.decode()
        return out.decode()


@pytest.fixture
async def commands(tmp_path: Path) -> AsyncIterator[Commands]:
    ports: asyncio.Queue[int] = asyncio.Queue()
    async with a_site(tmp_path, authorization={"mode": "free"}) as site, site.gateway(ports.put_nowait) as gateway:
        yield Commands(site, gateway, await ports.get())


def limit_w(site: Site, connector_id: int) -> int:
    """What the charger's limit register holds."""
    return 100 * site.charger.read(Table.HOLDING, 240 + 16 * connector_id, 1)[0]


async def why(commands: Commands, connector_id: int) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(await commands("why", "SITE-1", connector_id, "--json"))
    return told


async def test_why_names_every_source_who_won_the_sum_and_what_became_of_it(commands: Commands) -> None:
    site = commands.site
    await site.until(lambda: site.statuses(2))
    site.charger.plug(1)
    await site.until(lambda: site.told("StartTransaction"))
    await site.server.central.call("SITE-1", "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE})
    await site.until(lambda: limit_w(site, 1) == 4200)
    told = await why(commands, 1)
    assert told["gateway_runs"]
    assert told["decided_by"] == "tx_default_profile"
    assert told["limit_w"] == 4140
    assert told["command"] == told["command"] | {"power_w": 4200, "register_value": 42}
    assert told["read_back"]["register_address"] == 256
    assert {source["name"] for source in told["sources"]} >= {"installation", "connector_maximum", "tx_default_profile"}
    lines = (await commands("why", "SITE-1", 1)).splitlines()
    assert lines[0].startswith("SITE-1, connector 1: 4200 W: tx_default_profile, profile 7: 6 A on 3 phases; 3 x 6 A")
    assert any(line.startswith("> tx_default_profile") for line in lines)
    assert any(line.startswith("Read: 4200 W, holding register 256 = 42") for line in lines)


async def test_an_operators_limit_is_set_listed_and_taken_back(commands: Commands) -> None:
    site = commands.site
    await site.until(lambda: limit_w(site, 1) == 22_000)
    said = await commands("limit", "set", "SITE-1", 11_000, "--connector", 1)
    assert said == "operator allows SITE-1, connector 1, 11000 W\n"
    await site.until(lambda: limit_w(site, 1) == 11_000)
    assert (await why(commands, 1))["decided_by"] == "operator"
    listed = await commands("limit", "list")
    assert listed == "SITE-1, connector 1: operator said 11000 W, counts 11000 W, until removed\n"
    await commands("limit", "remove", "SITE-1", "--connector", 1)
    await site.until(lambda: limit_w(site, 1) == 22_000)
    assert await commands("limit", "list") == ""
    assert "there is no such limit" in await commands("limit", "remove", "SITE-1", "--connector", 1, exit_code=1)


async def test_fault_s_15_a_machines_limit_needs_a_lifetime_and_stays_when_it_falls_silent(commands: Commands) -> None:
    site = commands.site
    await site.until(lambda: limit_w(site, 1) == 22_000)
    refused = await commands("limit", "set", "SITE-1", 8000, "--source", "grid", exit_code=1)
    assert refused == "the gateway refused: every source but operator must give a lifetime_s\n"
    await commands("limit", "set", "SITE-1", 8000, "--source", "grid", "--for", 0.3)
    await site.until(lambda: limit_w(site, 1) + limit_w(site, 2) <= 8000)
    async with asyncio.timeout(20):
        while "silent" not in await commands("limit", "list"):
            pass
    assert limit_w(site, 1) + limit_w(site, 2) <= 8000


async def test_a_stopped_gateway_answers_from_its_store(tmp_path: Path) -> None:
    async with a_site(tmp_path, authorization={"mode": "free"}) as site:
        async with site.gateway() as gateway:
            await site.until(lambda: site.statuses(2))
            request = {"connectorId": 1, "csChargingProfiles": PROFILE}
            await site.server.central.call("SITE-1", "SetChargingProfile", request)
        stopped = Commands(site, gateway, 1)
        told = await why(stopped, 1)
        assert not told["gateway_runs"]
        assert told["decided_by"] == "tx_default_profile"
        assert told["command"]["power_w"] is None
        assert told["read_back"]["power_w"] is None
        said = await stopped("why", "SITE-1", 1)
        assert "The gateway does not run" in said
        assert said.endswith("Charger: not asked, as the gateway does not run\n")
        assert "no charger of this file is called SITE-9" in await stopped("why", "SITE-9", 1, exit_code=1)
        assert "SITE-1 has no connector 7" in await stopped("why", "SITE-1", 7, exit_code=1)
        assert "does not run" in await stopped("limit", "list", exit_code=1)


async def test_a_charger_that_was_never_reached_is_not_told_as_faulted(tmp_path: Path) -> None:
    ports: asyncio.Queue[int] = asyncio.Queue()
    async with a_site(tmp_path) as site:
        site.config["chargers"][0]["modbus"]["port"] = 1  # nobody listens there
        async with site.gateway(ports.put_nowait) as gateway:
            commands = Commands(site, gateway, await ports.get())
            said = await commands("why", "SITE-1", 1)
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{commands.port}") as client:
                page = (await client.get("/chargers/SITE-1/why/1")).text
    assert '<li class="waiting"><span class="what">Read back</span><b>–</b><small>never read</small>' in page
    assert said.endswith("Read: never\nCharger: has not been reached yet\n")
