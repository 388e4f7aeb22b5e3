"""Links that look alive and carry nothing."""

from __future__ import annotations

from pathlib import Path

from faults.proxy import Proxy
from integration.site import a_site


async def test_fault_m_03_a_half_open_link_to_the_charger_is_replaced_and_the_session_goes_on(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site, Proxy(site.simulator.port) as proxy:
        site.config["chargers"][0]["modbus"] |= {"port": proxy.port, "timeout_s": 0.3}
        async with site.gateway():
            await site.until(lambda: site.statuses(2) == ["Available"])
            site.charger.plug(1, "04A1B2C3")
            await site.until(lambda: site.told("MeterValues"))
            connections = proxy.connections
            proxy.swallows = True
            await site.until(lambda: proxy.connections > connections)  # given up, and called again
            proxy.swallows = False
            heard = len(site.told("MeterValues"))
            await site.until(lambda: len(site.told("MeterValues")) > heard)
        assert len(site.told("StartTransaction")) == 1
        assert site.told("StopTransaction") == []
        assert site.central.violations == []
