"""A poller at work on a register bank, and what came of it, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from ocpp_gateway.charger.events import (
    CommandConfirmed,
    CommandKind,
    CommandRefused,
    Event,
    LinkLost,
    LinkUp,
    SnapshotTaken,
)
from ocpp_gateway.instant import Instant
from ocpp_gateway.modbus.poller import Poller
from ocpp_gateway.registers.snapshot import ChargerSnapshot
from unit.modbus.register_bank import RegisterBank

E = TypeVar("E", bound=Event)


def virtual_now() -> Instant:
    """The loop's own time."""
    loop_s = asyncio.get_running_loop().time()
    return Instant(datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=loop_s), "boot", loop_s)


@dataclass
class Polling:
    """A running poller, its charger, and what it posted."""

    bank: RegisterBank
    poller: Poller
    events: list[tuple[float, Event]] = field(default_factory=list)

    def posted(self, kind: type[E]) -> list[E]:
        """All events of a kind, in order."""
        return [event for _, event in self.events if isinstance(event, kind)]

    def posted_at(self, kind: type[Event]) -> list[float]:
        """When events of a kind were posted."""
        return [at_s for at_s, event in self.events if isinstance(event, kind)]

    @property
    def snapshots(self) -> list[ChargerSnapshot]:
        return [event.snapshot for event in self.posted(SnapshotTaken)]

    @property
    def outcomes(self) -> list[CommandConfirmed | CommandRefused]:
        return [event for _, event in self.events if isinstance(event, CommandConfirmed | CommandRefused)]

    @property
    def refusals(self) -> list[str]:
        """Why commands were refused."""
        return [event.reason for event in self.posted(CommandRefused)]

    @property
    def link_events(self) -> list[LinkUp | LinkLost]:
        return [event for _, event in self.events if isinstance(event, LinkUp | LinkLost)]

    def limit(self, connector_id: int, value_w: int) -> None:
        """Command a limit."""
        self.poller.command(CommandKind.LIMIT, connector_id, value_w)


class Start(Protocol):
    """The fixture `polling`: starts a poller on a bank (a DUO as delivered) with Poller's settings.

    `on_event` is called with each event before the poller goes on. The poller ends with the test.
    """

    async def __call__(
        self, bank: RegisterBank | None = None, *, on_event: OnEvent = ..., **settings: Any
    ) -> Polling: ...


class OnEvent(Protocol):
    """What a test does with an event at once."""

    def __call__(self, running: Polling, event: Event, /) -> None: ...
