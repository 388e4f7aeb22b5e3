"""What all tests share."""

from __future__ import annotations

import asyncio

import pytest


def pytest_configure() -> None:
    """Tell asyncio that there is no event loop yet.

    Before its first test pytest-asyncio asks for the current loop, and Python before 3.14 makes one up for it that
    nobody closes; whichever test the garbage collector then runs in would fail of the warning.
    """
    asyncio.set_event_loop(None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In virtual time, look eight times whether anything still happens before time goes on; looptime looks 42 times."""
    for item in items:
        if item.get_closest_marker("looptime") is not None:
            item.add_marker(pytest.mark.looptime(noop_cycles=8))
