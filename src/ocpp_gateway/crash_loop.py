"""Holds back a gateway that dies again and again, soon after its start, from storming the central system (fault K-14).

Whatever runs the gateway starts it again at once. Each start is counted on disk, and from the third one in a row on
the first connection to the central system waits. Nothing else does: limits, sessions and the outbox go on at once.
A clean stop, or a few healthy minutes, and all is forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from ocpp_gateway.ocpp16.timing import Hold, start_wait_s
from ocpp_gateway.store.starts import Starts
from ocpp_gateway.supervisor import HEALTHY_AFTER_S

CHECK_S = 10.0
"""How often a gateway is looked at that ought to be well by now, and is not."""


class CrashLoop:
    """What one process knows of those that died before it. `healthy` is asked before they are forgotten."""

    def __init__(self, database: Path, healthy: Callable[[], bool]) -> None:
        self._starts = Starts(database)
        self._healthy = healthy
        self._wait_s = 0.0
        self._log = structlog.get_logger("ocpp_gateway")

    async def begin(self, at: str) -> Hold | None:
        """Counts this start, at that time; gives what keeps the first connections waiting, None if nothing does."""
        starts = await asyncio.to_thread(self._starts.count, at)
        self._wait_s = start_wait_s(starts)
        if not self._wait_s:
            return None
        self._log.warning("gateway_keeps_dying", starts=starts, connects_in_s=self._wait_s)
        return Hold(
            asyncio.get_running_loop().time() + self._wait_s,
            f"the gateway died soon after each of its last {starts - 1} starts: "
            f"it connects {self._wait_s:.0f} s after this one",
        )

    async def forget_when_well(self) -> None:
        """Forgets the deaths once the gateway has run well; what it was held back for does not count as that."""
        await asyncio.sleep(self._wait_s + HEALTHY_AFTER_S)
        while not self._healthy():  # noqa: ASYNC110 - health is looked at, nobody tells it
            await asyncio.sleep(CHECK_S)
        await self.forget()
        if self._wait_s:
            self._log.info("gateway_keeps_dying_cleared")

    async def forget(self) -> None:
        """Forgets the deaths: the gateway is stopped on purpose, or runs well."""
        await asyncio.to_thread(self._starts.forget)
