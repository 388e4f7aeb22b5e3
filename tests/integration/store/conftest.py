"""For all tests of this room."""

from __future__ import annotations

import asyncio


def pytest_configure() -> None:
    """Says that there is no loop: asked about it for a synchronous test, Python 3.11 makes one that nobody closes."""
    asyncio.set_event_loop(None)
