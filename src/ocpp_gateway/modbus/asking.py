"""How a charger is asked: one request at a time, again after a while when it is busy, never after a long silence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from math import inf
from typing import Protocol, TypeVar

from ocpp_gateway.errors import LinkLostError, RegisterRefused
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


class AttentiveLink:
    """A link on which a silence counts as a loss: whoever was stopped for a while must not go on as if nothing was.

    A gateway that was stopped (SIGSTOP, a suspended machine), or whose owner was stuck, finds commands of before the
    silence still waiting, and a charger that may have fallen back. So the first request after more than
    `longest_silence_s` without an answer raises LinkLostError and nothing reaches the wire (faults T-07, S-12).
    """

    def __init__(self, link: Link, now_s: Callable[[], float]) -> None:
        self.longest_silence_s = inf
        self.silence_s: float | None = None  # before this connection was made; None: nobody ever answered
        self._link, self._now_s = link, now_s
        self._heard_s: float | None = None
        self._since_s = 0.0  # when this connection was made, or last heard from

    @property
    def connected(self) -> bool:
        """Whether there is a connection to speak on."""
        return self._link.connected

    async def connect(self) -> None:
        """Open a fresh connection."""
        await self._link.connect()
        self._since_s = self._now_s()
        self.silence_s = None if self._heard_s is None else self._since_s - self._heard_s

    async def close(self) -> None:
        """Close it."""
        await self._link.close()

    async def read(self, table: Table, address: int, count: int) -> bytes:
        """The registers, 2 * count bytes, big endian."""
        return await self._heard(partial(self._link.read, table, address, count))

    async def write(self, address: int, value: int) -> None:
        """Write one holding register."""
        await self._heard(partial(self._link.write, address, value))

    async def _heard(self, request: Callable[[], Awaitable[Answer]]) -> Answer:
        silence_s = self._now_s() - self._since_s
        if silence_s > self.longest_silence_s:
            raise LinkLostError(f"nothing was asked for {silence_s:.0f} s: the gateway was stopped, or stuck")
        try:
            answer = await request()
        except RegisterRefused:
            self._heard_s = self._since_s = self._now_s()
            raise
        self._heard_s = self._since_s = self._now_s()
        return answer


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
