"""Restarts one charger's tasks with back-off when they fail; its neighbours go on."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

import structlog

from ocpp_gateway.errors import ConfigurationError, StoreError

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0

RECOVERED_AFTER_S = 30.0
"""Tasks that ran so long after a failure count as working again; a store that cannot write ends them earlier."""

HEALTHY_AFTER_S = 300.0
"""A failure after so long is a new one: told again, and waited for as shortly as the first."""


class Supervisor:
    """Runs one charger's tasks for ever, and knows whether they fail."""

    def __init__(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self._run = run
        self.restarts = 0  # of tasks that failed
        self._works_from_s = -math.inf  # on the loop's clock; what is yet to come counts as failing
        self._log = structlog.get_logger("ocpp_gateway.supervisor").bind(charge_point=name)

    @property
    def failing(self) -> bool:
        """Whether the tasks ended, and have not run well since."""
        return asyncio.get_running_loop().time() < self._works_from_s

    async def run(self) -> None:
        """Run for ever; what ends is started again. It starts from the store: nothing uncommitted is believed.

        What an operator can mend, a file or the store, is told in a line, once as long as it stays the same. Whatever
        else ends the tasks is a bug of ours, and logged whole.
        """
        loop = asyncio.get_running_loop()
        wait_s, told = FIRST_WAIT_S, ""
        while True:
            began_s = loop.time()
            try:
                await self._run()
            except Exception as exc:  # noqa: BLE001 - told below, whole or in a line
                if loop.time() - began_s >= HEALTHY_AFTER_S:
                    wait_s, told = FIRST_WAIT_S, ""
                problem = _mendable(exc)
                if not problem:
                    self._log.exception("charger_tasks_failed", retry_in_s=wait_s)
                elif problem != told:
                    self._log.error("charger_tasks_failed", problem=problem, retry_in_s=wait_s)
                told = problem
            self._works_from_s = math.inf
            self.restarts += 1
            await asyncio.sleep(wait_s)
            self._works_from_s = loop.time() + RECOVERED_AFTER_S
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)


def _mendable(exc: Exception) -> str:
    """What an operator can mend about it, in one line; empty when there is anything else in it."""
    parts = exc.exceptions if isinstance(exc, ExceptionGroup) else ()
    if parts:
        inner = [_mendable(part) for part in parts]
        return "; ".join(dict.fromkeys(inner)) if all(inner) else ""
    return "; ".join(str(exc).splitlines()) if isinstance(exc, ConfigurationError | StoreError) else ""
