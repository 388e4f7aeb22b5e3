"""Pollers that end with their test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from ocpp_gateway.charger.events import Event
from ocpp_gateway.modbus.poller import Poller
from unit.modbus.polling import OnEvent, Polling, Start, virtual_now
from unit.modbus.register_bank import MAPPING, RegisterBank


def ignore(_running: Polling, _event: Event) -> None:
    """Do nothing with an event."""


@pytest.fixture
async def polling() -> AsyncIterator[Start]:
    """Start pollers; they end with the test."""
    async with AsyncExitStack() as stack:

        async def start(
            bank: RegisterBank | None = None, *, on_event: OnEvent = ignore, **settings: Any
        ) -> Polling:
            bank = bank or RegisterBank()

            async def post(event: Event) -> None:
                running.events.append((asyncio.get_running_loop().time(), event))
                on_event(running, event)

            poller = Poller(bank, MAPPING, post, virtual_now, **{"chance": lambda: 0.0, **settings})
            running = Polling(bank, poller)
            await stack.enter_async_context(running_task(poller))
            return running

        yield start


@asynccontextmanager
async def running_task(poller: Poller) -> AsyncIterator[None]:
    """Run a poller; whatever ended it before is raised."""
    task = asyncio.create_task(poller.run(), name="poller")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()
