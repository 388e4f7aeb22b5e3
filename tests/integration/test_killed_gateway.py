"""The gateway as a process, killed: the story still comes out right."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from integration.process import gateway_process
from integration.site import a_site
from ocpp_gateway.simulator.ev import ElectricVehicle

CAR = ElectricVehicle(energy_wanted_wh=60_000, max_current_a=32)


@pytest.mark.conformance("X-20", "X-50", "W-05")
async def test_fault_k_09_a_transaction_survives_a_kill_in_its_middle(tmp_path: Path) -> None:
    async with a_site(tmp_path, speed=60.0) as site:
        async with gateway_process(site) as process:
            await site.until(lambda: site.statuses(2) == ["Available"])
            site.charger.plug(1, "04A1B2C3", CAR)
            await site.until(lambda: site.told("MeterValues"))
            process.send_signal(signal.SIGKILL)
            await process.wait()
        heard = len(site.told("MeterValues"))
        async with gateway_process(site):
            await site.until(lambda: len(site.told("MeterValues")) > heard + 5)  # well past the settling time
            site.charger.unplug(1)
            await site.until(lambda: site.told("StopTransaction") and site.statuses(1)[-1] == "Available")

        assert len(site.told("StartTransaction")) == 1
        assert len(site.told("StopTransaction")) == 1
        (transaction,) = site.central.transactions
        assert (transaction.id_tag, transaction.reason) == ("04A1B2C3", "EVDisconnected")
        assert site.central.violations == []


async def test_x_50_a_car_that_left_while_the_gateway_was_dead_ends_with_power_loss(tmp_path: Path) -> None:
    async with a_site(tmp_path, speed=60.0) as site:
        async with gateway_process(site):
            await site.until(lambda: site.statuses(2) == ["Available"])
            site.charger.plug(1, "04A1B2C3", CAR)
            await site.until(lambda: len(site.told("MeterValues")) > 2)
        site.charger.unplug(1)
        async with gateway_process(site):
            await site.until(lambda: site.told("StopTransaction"))

        (transaction,) = site.central.transactions
        assert transaction.reason == "PowerLoss"
        assert transaction.meter_stop_wh is not None
        assert transaction.meter_stop_wh > transaction.meter_start_wh
        assert site.central.violations == []


async def test_sigterm_ends_the_gateway_cleanly_within_ten_seconds(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site, gateway_process(site) as process:
        await site.until(lambda: site.statuses(2) == ["Available"])
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
