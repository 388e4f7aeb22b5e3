"""The site test, walked by somebody who does what it says, and by somebody who does not."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from integration.site import Site, a_site
from ocpp_gateway.charger.events import LimitSet


async def commission(site: Site, port: int, *arguments: object, obey: bool = True) -> tuple[int | None, str]:
    """Runs the command; whoever obeys does to the simulated charger what each step asks for."""
    file = site.folder / "gateway.yaml"
    with file.open("w") as stream:
        YAML().dump(site.config | {"web": {"port": port}}, stream)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "ocpp_gateway", "commission", "SITE-1", "-c", str(file)),
        *("--report", str(site.folder / "report"), *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = ""
    async for line in process.stdout:
        said += line.decode()
        if obey:
            _do(site, line.decode())
    return await process.wait(), said


def _do(site: Site, line: str) -> None:
    if line.startswith("Plug:"):
        site.charger.plug(1)
    elif line.startswith("Card:"):
        site.charger.present_tag(1, "04A1B2C3D4")
    elif line.startswith("Unplug:"):
        site.charger.unplug(1)


def report_of(site: Site) -> tuple[dict[str, Any], str]:
    [file] = (site.folder / "report").glob("*.json")
    return json.loads(file.read_text()), file.with_suffix(".html").read_text()


@pytest.fixture
def ports() -> asyncio.Queue[int]:
    return asyncio.Queue()


async def test_every_step_that_is_seen_is_told_as_shown(tmp_path: Path, ports: asyncio.Queue[int]) -> None:
    async with a_site(tmp_path, speed=30.0) as site, site.gateway(ports.put_nowait):
        code, said = await commission(site, await ports.get(), "--wait", 25)
        assert code == 0, said
        told, page = report_of(site)
    outcomes = {step["name"]: step["outcome"] for step in told["steps"]}
    assert outcomes.pop("fallback") == "skipped"  # none is configured
    assert set(outcomes.values()) == {"shown"}
    assert told["charger"]["serial_number"] == "SIM0000001"
    assert told["limits"]["max_power_w"] == 44_000
    pause = next(step for step in told["steps"] if step["name"] == "pause")
    assert pause["evidence"] == pause["evidence"] | {"status": "SuspendedEVSE", "power_w": 0.0, "transaction": True}
    assert "SIM0000001" in page
    assert "04A1B2C3D4" not in json.dumps(told) + page + said
    limits = [frame.payload["status"] for frame in site.told("StatusNotification", connectorId=1)]
    assert "SuspendedEVSE" in limits  # the central system saw it too


async def test_what_is_not_seen_is_told_as_not_shown_and_no_limit_is_left(
    tmp_path: Path, ports: asyncio.Queue[int]
) -> None:
    skipped = ("--skip", "plug", "--skip", "tag", "--skip", "charge", "--skip", "unplug")
    async with a_site(tmp_path) as site, site.gateway(ports.put_nowait) as gateway:
        port = await ports.get()
        await site.until(lambda: site.statuses(2))  # before, there is nobody to keep a limit
        assert await gateway.set_limit("SITE-1", LimitSet("operator", 1, 5000, None, None))
        code, said = await commission(site, port, "--wait", 1, *skipped, obey=False)
        assert code == 1, said
        assert [(limit["source"], limit["power_w"]) for limit in await gateway.limits()] == [("operator", 5000)]
        told, page = report_of(site)
    outcomes = {step["name"]: step["outcome"] for step in told["steps"]}
    assert outcomes == {
        "reach": "shown",
        "registers": "shown",
        "central-system": "shown",
        "plug": "skipped",
        "tag": "skipped",
        "charge": "skipped",
        "pause": "not shown",
        "resume": "not shown",
        "unplug": "skipped",
        "fallback": "skipped",
    }
    assert "not shown" in page


async def test_nobody_walks_on_when_the_charger_cannot_be_reached(tmp_path: Path, ports: asyncio.Queue[int]) -> None:
    async with a_site(tmp_path) as site:
        site.config["chargers"][0]["modbus"]["port"] = 1  # nobody listens there
        async with site.gateway(ports.put_nowait):
            code, said = await commission(site, await ports.get(), "--wait", 1)
        told, page = report_of(site)
    assert code == 1
    assert "no Modbus TCP connection to 127.0.0.1:1: " in said
    assert "Without the charger nothing more can be seen; the test ends here." in said
    assert "Registers:" not in said
    assert [(step["name"], step["outcome"]) for step in told["steps"]] == [("reach", "not shown")]
    assert "no Modbus TCP connection to 127.0.0.1:1: " in page


async def test_a_report_that_cannot_be_written_is_told_before_the_walk(
    tmp_path: Path, ports: asyncio.Queue[int]
) -> None:
    async with a_site(tmp_path) as site, site.gateway(ports.put_nowait):
        (site.folder / "report").write_text("no directory")
        code, said = await commission(site, await ports.get(), "--wait", 1, obey=False)
    assert (code, said) == (1, f"cannot write to {site.folder / 'report'}: File exists\n")


async def test_a_gateway_that_does_not_run_is_one_line(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        code, said = await commission(site, 1)
    assert (code, said) == (1, "the gateway does not run, or not with this file\n")
