"""A clock that runs many times as fast, for whole processes: a car leaves only after seconds, and a campaign kills a
thousand gateways.

Waiting is asyncio alone in the gateway (CONTRIBUTING, Tests), so a loop whose time runs faster is nearly all it takes.
Kills, disks and sockets stay as slow as they are: for them the machine is just so many times slower.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class FastClock:
    """The same time in every process that is given the same `speed` and `began_at` (UTC, in s).

    `off_by_s`: how far a gateway's own clock is from that; nobody keeps it right then.
    """

    speed: float
    began_at: float
    off_by_s: float = 0.0

    def wall(self) -> float:
        """UTC in s: the machine's at `began_at`, and then faster."""
        return self.began_at + (time.time() - self.began_at) * self.speed

    def monotonic(self) -> float:
        return time.monotonic() * self.speed

    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.wall(), UTC)

    def loop(self) -> asyncio.AbstractEventLoop:
        """An event loop on this clock."""
        return _FastLoop(self)


class _FastSelector(selectors.DefaultSelector):
    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(None if timeout is None else timeout / self._speed)


class _FastLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: FastClock) -> None:
        self._clock = clock
        super().__init__(_FastSelector(clock.speed))

    def time(self) -> float:
        return self._clock.monotonic()


class FastPolicy(asyncio.DefaultEventLoopPolicy):
    """Gives every event loop of this process that clock."""

    def __init__(self, clock: FastClock) -> None:
        super().__init__()
        self._clock = clock

    def new_event_loop(self) -> Any:
        return self._clock.loop()
