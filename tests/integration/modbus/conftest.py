"""The raw Modbus TCP server as a fixture."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from integration.modbus.raw_charger import Answer, RawCharger, Start


@pytest.fixture
async def raw_charger() -> AsyncIterator[Start]:
    """Start servers with a given way to answer; they stop with the test."""
    async with AsyncExitStack() as stack:

        async def start(answer: Answer) -> RawCharger:
            charger = RawCharger(answer=answer)
            server = await asyncio.start_server(charger.serve, "127.0.0.1", 0)
            stack.callback(server.close)
            charger.port = server.sockets[0].getsockname()[1]
            return charger

        yield start
