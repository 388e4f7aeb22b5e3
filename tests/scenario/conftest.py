"""Scenarios run in virtual time: an hour of waiting takes no time at all."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/scenario/" in str(item.path):
            item.add_marker(pytest.mark.looptime)
