from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hand_made_charge_point import IDENTITY, HandMadeChargePoint
from ocpp_gateway.central.system import CentralSystem

# Without this the pytest-asyncio plugin makes a loop of its own beside the first test and never closes it.
asyncio.set_event_loop(None)


@pytest.fixture
async def central() -> AsyncIterator[CentralSystem]:
    """Knows one charge point, with two connectors."""
    system = CentralSystem(connectors={IDENTITY: 2})
    yield system
    await system.close()


@pytest.fixture
async def fresh(central: CentralSystem) -> HandMadeChargePoint:
    """Connected, nothing said yet."""
    return HandMadeChargePoint(central.connect_in_memory(IDENTITY))


@pytest.fixture
async def station(fresh: HandMadeChargePoint) -> HandMadeChargePoint:
    """Connected and accepted."""
    await fresh.boot()
    return fresh
