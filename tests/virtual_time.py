"""A loop in virtual time for what runs on its own, outside of a test: campaigns of months and years."""

from __future__ import annotations

import asyncio

import looptime

NO_MORE_TO_DO_AFTER = 8
"""Looks for something to do before time goes on."""

RESOLUTION_S = 1e-6
"""What looptime rounds to."""


def virtual_time(start_s: float = 0.0) -> asyncio.AbstractEventLoop:
    """A loop whose time goes on by itself, from `start_s` on.

    After half a year the floats that asyncio keeps moments in are coarser than what it takes for the same moment. A
    timer would be due a few billionths of a second later, for which looptime, which rounds, has no step: for ever.
    """
    loop: asyncio.AbstractEventLoop = looptime.new_event_loop(
        start=start_s, resolution=RESOLUTION_S, noop_cycles=NO_MORE_TO_DO_AFTER
    )
    loop._clock_resolution = RESOLUTION_S  # type: ignore[attr-defined]
    return loop
