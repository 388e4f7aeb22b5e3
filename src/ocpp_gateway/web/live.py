"""What chargers show, once a second, for as long as somebody watches; and of that to each watcher only what is new.

One look serves all watchers of a tick, and is what they compare the next one with. Nobody is sent more than `BUDGET`
bytes a second: what does not fit goes with a later tick, in turn, with the values of then.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

TICK_S = 1.0
BUDGET, FRAMING = 46_000, 32
"""Bytes of a tick to one watcher, but for the last charger of it; what an event takes beside its data."""

Shown = Mapping[str, Any]
Look = Callable[[], Awaitable[list[dict[str, Any]]]]

HIDDEN_FROM_ALL = {"last_poll_at", "last_poll_age_s", "round_s", "oldest_age_s", "charging_s", "voltage_v", "until"}
"""What changes with every look and tells nobody much who watches many chargers."""


class Live:
    """The chargers as watchers see them. `look` gives the views of all of them."""

    def __init__(self, look: Look, now_s: Callable[[], float]) -> None:
        self._look, self._now_s = look, now_s
        self._looking = asyncio.Lock()  # held by the first watcher of a tick, while the others wait for what it sees
        self._whole: dict[str, dict[str, Any]] = {}
        self._lean: dict[str, dict[str, Any]] = {}
        self._seen_at = -1

    async def whole(self, tick: int) -> dict[str, dict[str, Any]]:
        """Every charger by its identity, as in that tick or later."""
        await self._see(tick)
        return self._whole

    async def lean(self, tick: int) -> dict[str, dict[str, Any]]:
        """The same without what changes all the time. A charger that shows nothing new is the same object as before."""
        await self._see(tick)
        return self._lean

    def tick(self) -> int:
        """The number of this moment's tick."""
        return int(self._now_s() // TICK_S)

    def until_next_s(self) -> float:
        """How long until the next tick."""
        return TICK_S - self._now_s() % TICK_S

    async def _see(self, tick: int) -> None:
        async with self._looking:
            if tick <= self._seen_at:
                return
            views = await self._look()
            before = self._lean
            self._whole = {view["identity"]: view for view in views}
            self._lean = {}
            for identity, view in self._whole.items():
                now = keyed(view, HIDDEN_FROM_ALL)
                self._lean[identity] = before[identity] if before.get(identity) == now else now
            self._seen_at = tick


class Watcher:
    """What one watcher has been sent, and so what is news to it."""

    def __init__(self) -> None:
        self._sent: dict[str, Shown] = {}
        self._next = 0

    def news(self, shown: Mapping[str, Shown]) -> Iterator[str]:
        """Merge patches (RFC 7386) as JSON, one a charger with its `identity`; who did not fit is first next time."""
        identities = list(shown)
        start, left = self._next % max(len(identities), 1), BUDGET
        for offset in range(len(identities)):
            identity = identities[(start + offset) % len(identities)]
            now, before = shown[identity], self._sent.get(identity)
            if now is before:
                continue
            if left <= 0:
                self._next = start + offset
                return
            self._sent[identity] = now
            patch = now if before is None else merge_patch(before, now)
            if patch:
                text = json.dumps({"identity": identity, **patch}, separators=(",", ":"))
                left -= len(text) + FRAMING
                yield text


def keyed(view: Shown, hidden: set[str] | frozenset[str] = frozenset()) -> dict[str, Any]:
    """A view whose connectors are keyed by their id, so that a patch can name one of them; without what is hidden."""
    return {name: _plain(name, value, hidden) for name, value in view.items() if name not in hidden}


def _plain(name: str, value: Any, hidden: set[str] | frozenset[str]) -> Any:
    if name == "connectors":
        return {str(connector["connector_id"]): keyed(connector, hidden) for connector in value}
    if isinstance(value, Mapping):
        return {inner: _plain(inner, held, hidden) for inner, held in value.items() if inner not in hidden}
    return value


def merge_patch(before: Shown, now: Shown) -> dict[str, Any]:
    """What turns one into the other (RFC 7386). A member that became null reads like one that is gone: both unknown."""
    patch: dict[str, Any] = dict.fromkeys(before.keys() - now.keys())
    for name, value in now.items():
        old = before.get(name)
        if value == old and name in before:
            continue
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            patch[name] = merge_patch(old, value)
        else:
            patch[name] = value
    return patch
