"""How long the web waits for a client, and for how many: somebody slow must cost nobody else anything.

A request must be whole within seconds, an answer must be taken within seconds, and of connections that have not
asked anything yet only the newest are kept. Nothing of this is logged one by one (faults.md W-10).
"""

from __future__ import annotations

import asyncio
import resource

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_WITHIN_S = 2.0
ANSWER_TAKEN_WITHIN_S = 10.0

MOST_WAITING = 64
"""Connections whose request is not whole yet; one more ends the oldest of them."""

_soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
_open_files = 65_536 if _soft == resource.RLIM_INFINITY else _soft

MOST_CONNECTIONS = min(256, _open_files // 4)
"""Chargers, central system and store must not run out of files because of the web."""

MOST_AT_ONCE = min(256, _open_files // 16)
"""So many connections are accepted before the first of them can be refused."""


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with an end to its patience."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._taking: asyncio.TimerHandle | None = None
        self._asking: asyncio.TimerHandle | None = self._end_within(REQUEST_WITHIN_S)
        waiting = [c for c in self.connections if isinstance(c, PatientProtocol) and c.is_waiting]
        if len(waiting) > MOST_WAITING or len(self.connections) > MOST_CONNECTIONS:
            min(waiting, key=PatientProtocol.asked_for_s).transport.abort()

    def asked_for_s(self) -> float:
        """Until when, on the loop's clock, this connection's request must be whole."""
        return self._asking.when() if self._asking is not None else float("inf")

    @property
    def is_waiting(self) -> bool:
        """Whether a request is awaited whole."""
        return self._asking is not None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            self._asking = self._asking or self._end_within(REQUEST_WITHIN_S)
        else:
            self._asking = self._ended(self._asking)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taking = self._taking or self._end_within(ANSWER_TAKEN_WITHIN_S)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._taking = self._ended(self._taking)

    def connection_lost(self, exc: Exception | None) -> None:
        self._asking, self._taking = self._ended(self._asking), self._ended(self._taking)
        super().connection_lost(exc)

    def _end_within(self, time_s: float) -> asyncio.TimerHandle:
        return self.loop.call_later(time_s, self.transport.abort)

    @staticmethod
    def _ended(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
        if timer is not None:
            timer.cancel()
        return None
