"""A connection without a network: two ends in one process, for scenarios in virtual time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ocpp_gateway.central.frames import ConnectionClosedError

DEPTH = 1024
"""Messages that wait to be received before `send` waits too."""


class PipeEnd:
    """One end of a `Pipe`; behaves as a websocket would, to the close code."""

    def __init__(self, loses: Callable[[], bool]) -> None:
        self._loses = loses
        self._other: PipeEnd | None = None
        self._waiting: deque[str | bytes] = deque()
        self._changed = asyncio.Event()
        self._closed: ConnectionClosedError | None = None

    @property
    def closed(self) -> bool:
        return self._closed is not None

    async def send(self, text: str | bytes, /) -> None:
        """Hands a message to the other end; waits while `DEPTH` messages have not been received there."""
        other = self._joined()
        while not self._closed and not other.closed and len(other._waiting) >= DEPTH:
            await other._change()
        if other.closed and not self._loses():
            self._end(1006, "")
        if self._closed:
            raise ConnectionClosedError(self._closed.code, self._closed.reason)
        if not self._loses():
            other._waiting.append(text)
            other._changed.set()
        await asyncio.sleep(0)  # as a socket would: the other side gets its turn

    async def recv(self) -> str | bytes:
        """The next message; what was sent before the close is received before `ConnectionClosedError`."""
        while not self._waiting:
            if self._closed:
                raise ConnectionClosedError(self._closed.code, self._closed.reason)
            await self._change()
        self._changed.set()
        return self._waiting.popleft()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes this end, and the other one unless messages are being lost. Without effect the second time."""
        self._end(code, reason)
        if not self._loses():
            self._joined()._end(code, reason)

    def _end(self, code: int, reason: str) -> None:
        self._closed = self._closed or ConnectionClosedError(code, reason)
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _joined(self) -> PipeEnd:
        if self._other is None:
            raise ConnectionClosedError(1006, "not joined")
        return self._other


class Pipe:
    """Two ends joined: what one sends the other receives, in order.

    While `loses()` is true every message and every close vanishes, as behind a dead router; both ends go on
    believing in the connection.
    """

    def __init__(self, loses: Callable[[], bool] = lambda: False) -> None:
        self.charge_point, self.central_system = PipeEnd(loses), PipeEnd(loses)
        self.charge_point._other, self.central_system._other = self.central_system, self.charge_point
