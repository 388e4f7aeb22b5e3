"""The stores that the contract holds for: SQLite today."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ocpp_gateway.store import Store

OpenStore = Callable[..., Awaitable[Store]]


def pytest_configure() -> None:
    """Says that there is no loop: asked about it for a synchronous test, Python 3.11 makes one that nobody closes."""
    asyncio.set_event_loop(None)


@pytest.fixture(params=["sqlite"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place where a store can be, and none is yet."""
    return {"sqlite": f"sqlite:///{tmp_path}/gateway.db"}[request.param]


@pytest.fixture
async def open_store(store_url: str) -> AsyncIterator[OpenStore]:
    """Opens the store, the one before it closed, as a gateway does that starts again. Takes options of `Store.open`."""
    opened: list[Store] = []

    async def open_store(**options: Any) -> Store:
        for store in opened:
            await store.close()
        opened.append(await Store.open(store_url, **options))
        return opened[-1]

    yield open_store
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    """An open, empty store."""
    return await open_store()
