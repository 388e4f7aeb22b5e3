"""Limits when something else goes wrong, over real sockets: the catalogue's group S."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from integration.power.watched import (
    ACCEPTED,
    CONNECTOR_1,
    CONNECTOR_2,
    FALLBACK_INTERVAL,
    FALLBACK_POWER,
    WatchedCharger,
    install,
    online,
    profile,
    watched,
)
from integration.process import gateway_process, logged
from integration.site import Site, a_site
from ocpp_gateway.gateway import Gateway
from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.settings import Settings
from ocpp_gateway.simulator.ev import ElectricVehicle
from ocpp_gateway.store import Store

CAR = ElectricVehicle(energy_wanted_wh=60_000, max_current_a=32)


@contextlib.asynccontextmanager
async def gateway_with_web(site: Site) -> AsyncIterator[int]:
    """The gateway in this process, and the port of its web."""
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    gateway = Gateway(Settings.model_validate(site.config))
    running = asyncio.create_task(gateway.run(port.set_result), name="gateway")
    try:
        yield await port
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_fault_s_03_a_limit_of_nothing_pauses_the_car_and_keeps_its_transaction(tmp_path: Path) -> None:
    async with a_site(tmp_path, charger_class=WatchedCharger) as site, site.gateway():
        charger = watched(site)
        await online(site)
        charger.plug(1, "04A1B2C3", CAR)
        await site.until(lambda: site.statuses(1)[-1:] == ["Charging"])
        assert await install(site, 1, profile((0, 0))) == ACCEPTED
        await site.until(lambda: site.statuses(1)[-1] == "SuspendedEVSE")
        assert charger.holds(CONNECTOR_1) == 0
        assert await install(site, 1, profile((0, 11_000))) == ACCEPTED
        await site.until(lambda: site.statuses(1)[-1] == "Charging")

        assert charger.holds(CONNECTOR_1) == 110
        assert len(site.told("StartTransaction")) == 1
        assert site.told("StopTransaction") == []


async def test_fault_s_08_profiles_that_end_while_offline_make_way_within_a_second(tmp_path: Path) -> None:
    async with a_site(tmp_path, charger_class=WatchedCharger) as site, site.gateway():
        charger = watched(site)
        await online(site)
        began_s = round(time.time(), 3)
        over = profile((0, 6_000), start_s=began_s, duration_s=2, chargingProfileId=2, stackLevel=1)
        under = profile((0, 9_000), start_s=began_s, duration_s=4)
        assert [await install(site, 1, wanted) for wanted in (over, under)] == [ACCEPTED, ACCEPTED]
        await charger.comes_to_hold(CONNECTOR_1, 60)
        await site.central.go_offline()
        await charger.seen(lambda: [a.value for a in charger.written(CONNECTOR_1)][-3:] == [60, 90, 220])

        *_, back_to_under, back_to_all = charger.written(CONNECTOR_1)
        assert 2 <= back_to_under.at_s - began_s <= 3
        assert 4 <= back_to_all.at_s - began_s <= 5  # 220 is what the installation stands there


async def test_fault_s_10_no_profile_touches_the_fallback_registers(
    tmp_path: Path,
) -> None:
    """The catalogue has them follow each limit; they may be flash, and follow their setting alone."""
    fallback = {"power_w": 6_000, "after_s": 60}
    async with a_site(tmp_path, charger_class=WatchedCharger, fallback=fallback) as site:
        charger = watched(site)
        for boots, limits_w in enumerate(((4_500, 9_000, 0), (12_000, 5_000)), start=1):
            async with site.gateway():
                await online(site, boots)
                for limit_w in limits_w:
                    assert await install(site, 1, profile((0, limit_w))) == ACCEPTED
                    await charger.comes_to_hold(CONNECTOR_1, limit_w // 100)

        written = [(write.address, write.value) for write in charger.written(FALLBACK_POWER, FALLBACK_INTERVAL)]
        assert written == [(FALLBACK_POWER, 60), (FALLBACK_INTERVAL, 30)]


async def test_fault_s_11_a_web_flood_and_a_slow_disk_do_not_let_the_fallback_act(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, commits = Store.commit, []

    async def slow_commit(store: Store, *arguments: Any) -> None:
        commits.append(arguments)
        await asyncio.sleep(1.5)  # a sync of a worn memory card
        await commit(store, *arguments)

    interval_s = 10
    fallback = {"power_w": 4_200, "after_s": 2 * interval_s}
    async with (
        a_site(tmp_path, charger_class=WatchedCharger, fallback=fallback) as site,
        gateway_with_web(site) as port,
    ):
        charger = watched(site)
        await online(site)
        charger.plug(1, "04A1B2C3", CAR)
        await site.until(lambda: site.told("MeterValues"))

        monkeypatch.setattr(Store, "commit", slow_commit)
        since = len(charger.accesses)
        flood = (sys.executable, str(Path(__file__).with_name("flood.py")), str(port))
        flooding = await asyncio.create_subprocess_exec(*flood, stdout=asyncio.subprocess.PIPE)
        answered, _ = await flooding.communicate()
        monkeypatch.undo()

        assert len(commits) > 1
        assert int(answered) > 100
        gaps_s = [later.at_s - earlier.at_s for earlier, later in pairwise(charger.accesses[since:])]
        assert max(gaps_s) < interval_s / 4, max(gaps_s)
        assert not charger.fallback_active


@pytest.mark.conformance("P-54")
@pytest.mark.parametrize("locked", [False, True])
async def test_fault_s_13_a_limit_that_does_not_arrive_is_tried_then_0_w_and_the_connector_faulted(
    tmp_path: Path, locked: bool
) -> None:
    """`locked`: the register refuses every write; else it takes them, and goes on reading what it read."""
    async with a_site(tmp_path, charger_class=WatchedCharger) as site, gateway_process(site):
        charger = watched(site)
        await online(site)
        await charger.comes_to_hold(CONNECTOR_2, 220)
        if locked:
            charger.locked.add(CONNECTOR_1)
        else:
            charger.set_raw(Table.HOLDING, CONNECTOR_1, 220)
        since = len(charger.accesses)
        assert await install(site, 1, profile((0, 6_000))) == ACCEPTED
        await site.until(lambda: site.statuses(1)[-1] == "Faulted")
        await charger.seen(lambda: charger.written(CONNECTOR_1, since=since)[-1].value == 0)

        tried = [write.value for write in charger.written(CONNECTOR_1, since=since) if write.value]
        assert tried == ([60] if locked else [60, 60])
        (told,) = site.told("StatusNotification", connectorId=1, status="Faulted")
        assert told.payload["errorCode"] == "InternalError"
        assert "6000 W" in told.payload["info"]
        assert logged(site, "limit_not_taken")
        assert site.statuses(2)[-1] == "Available"
