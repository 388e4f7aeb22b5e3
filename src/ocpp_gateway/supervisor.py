"""Restarts one charger's tasks with back-off when they fail; its neighbours go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
HEALTHY_AFTER_S = 300.0


async def supervise(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run for ever. A failure is a bug of ours, or a store that cannot write: it is logged whole, and tried again.

    What is tried again starts from the store, so nothing that was not committed is believed.
    """
    log = structlog.get_logger("ocpp_gateway.supervisor").bind(charge_point=name)
    loop = asyncio.get_running_loop()
    wait_s = FIRST_WAIT_S
    while True:
        began_s = loop.time()
        try:
            await run()
        except Exception:
            log.exception("charger_tasks_failed", retry_in_s=wait_s)
        if loop.time() - began_s >= HEALTHY_AFTER_S:
            wait_s = FIRST_WAIT_S
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, LONGEST_WAIT_S)
