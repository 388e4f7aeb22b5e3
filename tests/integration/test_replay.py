"""A session recorded by a gateway, exported, and played to another one: the same story reaches the central system."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from integration.site import Site, a_site
from ocpp_gateway.gateway import Gateway
from ocpp_gateway.place import Place
from ocpp_gateway.simulator.ev import ElectricVehicle
from ocpp_gateway.simulator.playing import read_recording

CAR = ElectricVehicle(energy_wanted_wh=1_500, max_current_a=32)
CARD, CARD_SHOWN = "04A1B2C3", "04***C3"


@contextlib.asynccontextmanager
async def replaying(file: Path) -> AsyncIterator[int]:
    """`ocpp-gateway simulate --replay`; gives its port."""
    command = ("-m", "ocpp_gateway", "simulate", "--replay", str(file), "--port", "0")
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        said = (await process.stdout.readline()).decode()
        yield int(said.split("127.0.0.1:")[1].split(";")[0])
    finally:
        process.kill()
        await process.communicate()


def place_of(gateway: Gateway) -> Place:
    place = gateway.place("SITE-1")
    assert place is not None
    return place


def energy_wh(site: Site) -> list[tuple[str, int | None, str | None]]:
    """Of each transaction: who, how much, and why it ended."""
    return [
        (one.id_tag, None if one.meter_stop_wh is None else one.meter_stop_wh - one.meter_start_wh, one.reason)
        for one in site.central.transactions
    ]


async def test_a_replayed_charger_makes_a_gateway_tell_the_same_statuses_and_energy(tmp_path: Path) -> None:
    bundle = tmp_path / "SITE-1-support.zip"
    async with a_site(tmp_path, authorization={"mode": "charger"}) as recorded:
        async with recorded.gateway() as gateway:
            await recorded.until(lambda: recorded.statuses(2) == ["Available"])
            recorded.charger.plug(1, CARD, CAR)
            await recorded.until(lambda: "SuspendedEV" in recorded.statuses(1))
            recorded.charger.unplug(1)
            await recorded.until(lambda: recorded.told("StopTransaction") and recorded.statuses(1)[-1] == "Available")
            bundle.write_bytes(await place_of(gateway).support_bundle())
        assert [told[0] for told in energy_wh(recorded)] == [CARD]
    again = tmp_path / "again"
    again.mkdir()
    async with a_site(again, authorization={"mode": "charger"}) as site, replaying(bundle) as port:
        site.config["chargers"][0]["modbus"]["port"] = port
        async with site.gateway():
            await site.until(lambda: site.told("StopTransaction") and site.statuses(1)[-1] == "Available", 40)
        assert site.statuses(1) == recorded.statuses(1)
        assert site.statuses(2) == recorded.statuses(2)
        assert energy_wh(site) == [(CARD_SHOWN, *told[1:]) for told in energy_wh(recorded)]
        assert site.central.violations == []


async def test_an_outage_of_the_charger_is_played_too(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        async with site.gateway() as gateway:
            await site.until(lambda: site.statuses(1))
            await site.simulator.offline(2)
            place = place_of(gateway)
            await site.until(lambda: place.poller.statistics.lost_links == 1)
            await site.until(lambda: place.poller.statistics.connected)
            site.charger.plug(1)
            await site.until(lambda: "Charging" in site.statuses(1))
            bundle = tmp_path / "bundle.zip"
            bundle.write_bytes(await place.support_bundle())
        (outage,) = read_recording(bundle).outages
        assert 1.5 < outage.until_s - outage.at_s < 20
        async with replaying(bundle) as port:
            site.config["chargers"][0]["modbus"]["port"] = port
            site.config["store"]["url"] = f"sqlite:///{tmp_path / 'again.db'}"
            async with site.gateway() as gateway:
                again = await site.until(lambda: gateway.place("SITE-1"))
                assert again is not None
                await site.until(lambda: again.poller.statistics.lost_links == 1)
                await site.until(lambda: again.poller.statistics.connected)
