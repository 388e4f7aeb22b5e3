"""A gateway that is stopped or killed: the charger falls back by itself, and who comes back looks before he writes."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

from integration.power.watched import (
    ACCEPTED,
    CONNECTOR_1,
    FALLBACK_INTERVAL,
    FALLBACK_POWER,
    LIMIT_REGISTERS,
    WatchedCharger,
    install,
    online,
    profile,
    watched,
)
from integration.process import gateway_process, logged
from integration.site import Site, a_site

AFTER_S = 4
FALLBACK_W = 4200
NOTICED_WITHIN_S = 0.5
"""The simulator's time goes on in steps, and this test asks now and then."""
MODBUS_TIMEOUT_S = 0.4
"""With a poll interval of 0.2 s the smallest `after_s` that `ocpp-gateway check` lets pass is 3."""


@contextlib.asynccontextmanager
async def a_site_that_falls_back(folder: Path) -> AsyncIterator[Site]:
    fallback = {"power_w": FALLBACK_W, "after_s": AFTER_S}
    async with a_site(folder, charger_class=WatchedCharger, fallback=fallback) as site:
        site.config["chargers"][0]["modbus"]["timeout_s"] = MODBUS_TIMEOUT_S
        yield site


async def falls_back(site: Site, since_s: float) -> None:
    """Wait for it; it comes in time, and lowers every limit."""
    charger = watched(site)
    await site.until(lambda: charger.fallback_active)
    assert time.time() - since_s <= AFTER_S + NOTICED_WITHIN_S
    assert {charger.holds(address) for address in LIMIT_REGISTERS} == {FALLBACK_W // 100}


async def a_raise_has_to_wait(site: Site) -> float:
    """Raise a limit so soon after another raise that it is not written yet; when 6,000 W follow, in 2 s."""
    charger = watched(site)
    for limit_w in (5_000, 9_000):
        assert await install(site, 1, profile((0, limit_w))) == ACCEPTED
        await charger.comes_to_hold(CONNECTOR_1, limit_w // 100)
    over_s = round(time.time() + 2, 3)
    assert await install(site, 1, profile((0, 15_000), (3600, 6_000), start_s=over_s - 3600)) == ACCEPTED
    return over_s


async def test_fault_t_07_a_short_stop_lets_no_raise_out_whose_time_is_over(tmp_path: Path) -> None:
    async with a_site(tmp_path, charger_class=WatchedCharger) as site, gateway_process(site) as gateway:
        charger = watched(site)
        await online(site)
        over_s = await a_raise_has_to_wait(site)
        gateway.send_signal(signal.SIGSTOP)
        await site.until(lambda: time.time() > over_s)
        since = len(charger.accesses)
        gateway.send_signal(signal.SIGCONT)
        await charger.seen(lambda: charger.written(CONNECTOR_1, since=since) and charger.holds(CONNECTOR_1) == 60)
        assert {write.value for write in charger.written(CONNECTOR_1, since=since)} == {60}


async def test_fault_s_12_a_stopped_gateway_looks_before_it_writes_and_writes_nothing_old(tmp_path: Path) -> None:
    async with a_site_that_falls_back(tmp_path) as site, gateway_process(site) as gateway:
        charger = watched(site)
        await online(site)
        over_s = await a_raise_has_to_wait(site)
        gateway.send_signal(signal.SIGSTOP)
        await falls_back(site, time.time())
        assert time.time() > over_s

        since = len(charger.accesses)
        gateway.send_signal(signal.SIGCONT)
        await charger.seen(lambda: charger.written(CONNECTOR_1, since=since) and charger.holds(CONNECTOR_1) == 60)
        resumed = charger.accesses[since:]
        looked_at = resumed[: next(place for place, access in enumerate(resumed) if access.is_write)]
        for address in (*LIMIT_REGISTERS, FALLBACK_POWER, FALLBACK_INTERVAL):
            assert any(access.reads(address) for access in looked_at), address
        assert {write.value for write in charger.written(CONNECTOR_1, since=since)} == {60}
        await site.until(lambda: logged(site, "fallback_was_active"))


async def test_fault_s_09_a_killed_gateway_leaves_the_fallback_and_its_limits_return_without_ocpp(
    tmp_path: Path,
) -> None:
    async with a_site_that_falls_back(tmp_path) as site:
        charger = watched(site)
        async with gateway_process(site) as gateway:
            await online(site)
            assert await install(site, 1, profile((0, 9_000))) == ACCEPTED
            await charger.comes_to_hold(CONNECTOR_1, 90)
            gateway.kill()
            await falls_back(site, time.time())
        await site.central.go_offline()

        since = len(charger.accesses)
        async with gateway_process(site):
            await charger.seen(lambda: charger.holds(CONNECTOR_1) == 90, timeout_s=20)
        assert {write.value for write in charger.written(CONNECTOR_1, since=since)} == {90}
        assert len(site.told("BootNotification")) == 1
