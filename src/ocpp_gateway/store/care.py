"""What a store needs of whoever runs a gateway: patience with a full disk at the start, and a look now and then."""

from __future__ import annotations

import asyncio
import contextlib

from ocpp_gateway.errors import StoreError, StoreUnavailable
from ocpp_gateway.log import logger
from ocpp_gateway.store.retention import Retention
from ocpp_gateway.store.store import Store

CHECK_S = 10.0
"""How often a store that failed is tried, so that its recovery is known without anything to write."""


async def open_when_possible(url: str, retention: Retention) -> Store:
    """The store, as soon as the disk has room for opening it (faults D-02). Raises StoreError for all else.

    Until then nothing is known of sessions and limits, so nothing is written to any charger, and no central system is
    told anything: a charger that was commanded before goes back to its own fallback.
    """
    told = False
    while True:
        try:
            store = await Store.open(url, retention=retention)
        except StoreUnavailable as exc:
            if not told:
                effect = (
                    "the gateway waits for room: until then no charger is read or written to, so its own fallback "
                    f"acts, no central system is told anything, and the web does not answer; looks every {CHECK_S:g} s"
                )
                logger(__name__).error("memory_exhaustion", problem=str(exc), effect=effect)
            told = True
        else:
            if told:
                logger(__name__).info("memory_exhaustion_cleared")
            return store
        await asyncio.sleep(CHECK_S)


async def watch(store: Store) -> None:
    """Find out when a store that failed can write again, or lost its file, and keep its reserve."""
    told = lost = False
    while True:
        if store.look() and not lost:
            effect = "what is stored since is delivered while the gateway runs, and lost when it ends"
            logger(__name__).error("store_lost", effect=effect)
            lost = True
        with contextlib.suppress(StoreError):
            if store.failed:
                await store.try_writing()
            if not await store.lay_by_reserve() and not told and not store.short_of_room:
                logger(__name__).warning("no_room_for_the_reserve", effect="a full disk stops transactions at once")
                told = True
        await asyncio.sleep(CHECK_S)
