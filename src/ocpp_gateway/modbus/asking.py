"""How a charger is asked: one request at a time, and again after a while when it is busy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from ocpp_gateway.errors import RegisterRefused
from ocpp_gateway.registers.vocabulary import Table

Answer = TypeVar("Answer")

ABSENT = frozenset({1, 2, 3})
"""Modbus exceptions that say the register, or the way to reach it, does not exist: asking again gives the same."""

BUSY = frozenset({5, 6})
"""Modbus exceptions that ask for patience. All others tell of trouble in the charger, which may pass."""

BUSY_WAITS_S = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Pauses before a busy charger is asked again; then the request is given up for this time."""


class Link(Protocol):
    """A connection to one charger. `ModbusLink` is one; each method raises LinkError."""

    @property
    def connected(self) -> bool:
        """Whether there is a connection to speak on."""

    async def connect(self) -> None:
        """Open a fresh connection."""

    async def close(self) -> None:
        """Close it."""

    async def read(self, table: Table, address: int, count: int) -> bytes:
        """The registers, 2 * count bytes, big endian."""

    async def write(self, address: int, value: int) -> None:
        """Write one holding register."""


async def patiently(request: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer to a request, repeated while the charger is busy. Raises RegisterRefused when it stays so."""
    for wait_s in BUSY_WAITS_S:
        try:
            return await request()
        except RegisterRefused as exc:
            if exc.exception_code not in BUSY:
                raise
        await asyncio.sleep(wait_s)
    return await request()
