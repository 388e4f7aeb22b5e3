from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hand_made_charge_point import IDENTITY
from ocpp_gateway.central.server import CentralServer
from ocpp_gateway.central.system import CentralSystem

# Without this the pytest-asyncio plugin makes a loop of its own beside the first test and never closes it.
asyncio.set_event_loop(None)


@pytest.fixture
async def server() -> AsyncIterator[CentralServer]:
    """Listens on a free port; knows one charge point, with two connectors."""
    async with CentralServer(CentralSystem(connectors={IDENTITY: 2})) as listening:
        yield listening
