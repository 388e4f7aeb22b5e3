"""The wire between gateway and charger, with somebody who looks at every request and may cut it at any of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ocpp_gateway.errors import RegisterRefused
from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.device import SimulatedCharger
from scenario.world import ShortLink
from soak.oracle import Oracle

UNWELL_S = 75.0
DEVICE_FAILURE = 4


class WatchedLink(ShortLink):
    """`look` is called before each write, `look_if_late` before each read.

    After `requests_left` more the link hangs until the gateway is killed, or with `then_cut` loses its cable.
    `refusing`: addresses that take no write.
    `unwell_until_s`: how long a charger that refused something is given, on the loop's clock.
    """

    def __init__(
        self,
        charger: SimulatedCharger,
        oracle: Oracle,
        look: Callable[[], None],
        look_if_late: Callable[[], None],
    ) -> None:
        super().__init__(charger)
        self.requests_left: int | None = None
        self.then_cut = False
        self.hangs = asyncio.Event()
        self.unwell_until_s = 0.0
        self.refusing: set[int] = set()
        self._oracle, self._look, self._look_if_late = oracle, look, look_if_late

    async def connect(self) -> None:
        self._look()
        await super().connect()
        self._oracle.connected()

    async def read(self, table: Table, address: int, count: int) -> bytes:
        await self._count()
        self._look_if_late()
        try:
            return await super().read(table, address, count)
        except RegisterRefused:
            self._is_unwell()
            raise

    async def write(self, address: int, value: int) -> None:
        await self._count()
        self._look()
        try:
            if address in self.refusing:
                self._reach()
                raise RegisterRefused(table=Table.HOLDING, address=address, count=1, exception_code=DEVICE_FAILURE)
            await super().write(address, value)
        except RegisterRefused:
            self._is_unwell()
            self._oracle.refused(address, value)
            raise
        self._oracle.wrote(address, value)

    async def _count(self) -> None:
        if self.requests_left is None:
            return
        if self.requests_left:
            self.requests_left -= 1
            return
        self.requests_left = None
        if self.then_cut:
            self.cut = True
        else:
            self.hangs.set()
            await asyncio.Event().wait()

    def _is_unwell(self) -> None:
        """Let it be: a refused limit is tried again with the first reading after ten seconds."""
        self.unwell_until_s = asyncio.get_running_loop().time() + UNWELL_S
