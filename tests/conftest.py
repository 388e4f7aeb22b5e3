"""What all tests share."""

from __future__ import annotations

import asyncio


def pytest_configure() -> None:
    """Tell asyncio that there is no event loop yet.

    Before its first test pytest-asyncio asks for the current loop, and Python before 3.14 makes one up for it that
    nobody closes; whichever test the garbage collector then runs in would fail of the warning.
    """
    asyncio.set_event_loop(None)
