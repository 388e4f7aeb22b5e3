"""The gateway as the web meets it: what it shows of itself and its chargers, and to whom it hands what it is told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from ocpp_gateway import log
from ocpp_gateway.about import about
from ocpp_gateway.charger.events import LimitSet
from ocpp_gateway.clock import Clock
from ocpp_gateway.errors import StoreError
from ocpp_gateway.figures import charger_figures
from ocpp_gateway.instant import Instant, format_utc
from ocpp_gateway.ocpp16.outbox import Outbox
from ocpp_gateway.ocpp16.timing import Hold
from ocpp_gateway.place import Place
from ocpp_gateway.settings import Settings
from ocpp_gateway.store import Backlog, LedgerDesk, Store
from ocpp_gateway.supervisor import Supervisor
from ocpp_gateway.web.figures import ChargerFigures, GatewayFigures

SLICE = 20
"""So many chargers are shown before others have their turn in the loop: some 2 ms."""

STORE_PATIENCE_S = 0.1
"""So long a look at all chargers waits for the store, whose one thread may have commits to do first."""

BACKLOGS_STAND_S = 2.0
"""So long one look at the queues of all chargers serves everybody who asks."""


SHORT_OF_ROOM = "the disk is full: starts and stops are kept, meter values thinned; make room"

STUCK_AFTER_S = 30.0
"""An owner waits for nothing but the store, and the store answers or fails sooner than that."""


class Front:
    """What `Gateway` shows to the web: its `GatewayView`. The gateway puts in what it runs, as it begins to run."""

    def __init__(self, settings: Settings, clock: Clock, *, read_only: bool) -> None:
        self._settings, self._clock, self._read_only = settings, clock, read_only
        self._began = clock.now()
        self._store: Store | None = None
        self._hold: Hold | None = None  # what keeps the first connections to the central systems waiting
        self._supervisors: list[Supervisor] = []
        self._places: dict[str, Place] = {}
        self._outboxes: dict[str, Outbox] = {}
        self._backlogs: dict[str, Backlog] | None = None
        self._backlogs_until_s = 0.0
        self._look: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ the gateway itself

    def healthy(self) -> tuple[bool, dict[str, str]]:
        """Whether the store can write and every charger's tasks run. A charger that does not answer is no reason."""
        failing = sum(supervisor.failing for supervisor in self._supervisors)
        store = "ok" if self.store_state == SHORT_OF_ROOM else self.store_state  # a restart makes no room
        chargers = "ok"
        if failing:
            chargers = f"the tasks of {failing} of {len(self._supervisors)} fail and are tried again; see the log"
        elif self.stuck():
            chargers = "one of them takes no events any more; restart the gateway"
        conditions = {"store": store, "chargers": chargers}
        return all(state == "ok" for state in conditions.values()), conditions

    def ready(self) -> tuple[bool, dict[str, str]]:
        """Whether the store is open and at least one charger was polled: it can do work. Which one is in its view."""
        polled = [place for place in self._places.values() if place.runtime.core.point.last_snapshot_at is not None]
        conditions = {
            "store": "ok" if self._store is not None else "not open",
            "configuration": "ok",
            "polls": "ok" if polled else "no charger has been polled yet",
        }
        return all(state == "ok" for state in conditions.values()), conditions

    @property
    def store_state(self) -> str:
        """`ok`, or what the store wants somebody to look at."""
        if self._store is None:
            return "not open"
        if self._store.lost:
            return "the database's file is lost; see the log"
        if self._store.failed:
            return "cannot write; see the log"
        return SHORT_OF_ROOM if self._store.short_of_room else "ok"

    def stuck(self) -> bool:
        """Whether the owner of a charger has been at one event for so long that only a new process helps."""
        return any(place.runtime.busy_s >= STUCK_AFTER_S for place in self._places.values())

    def summary(self) -> str:
        """How it goes, in a line without identities: for systemd."""
        polled = sum(place.poller.statistics.connected for place in self._places.values())
        connected = sum(place.session.connected for place in self._places.values())
        store = "" if self._store is None or not self._store.failed else "; the store cannot write"
        of = len(self._settings.chargers)
        held = self._hold is not None and self._hold.until_s > asyncio.get_running_loop().time()
        why = f"; {self._hold.why}" if self._hold is not None and held else ""
        return f"{polled} of {of} chargers answer, {connected} are connected to their central system{store}{why}"

    @property
    def read_only(self) -> bool:
        """Whether nothing is ever written to a charger."""
        return self._read_only

    @property
    def ledger(self) -> LedgerDesk:
        """The transactions. Raises StoreError before the store is open."""
        return LedgerDesk(self._opened(), self._resent)

    def _resent(self, charge_point: str) -> None:
        """Messages were queued past the owner: an operator sends them again."""
        if charge_point in self._outboxes:
            self._outboxes[charge_point].wake()

    async def audit(self, who: str, action: str, detail: str) -> None:
        """Append to the audit log."""
        if self._store is not None:
            await self._store.keep_audit(who, action, detail)

    async def audit_entries(self, before: int | None, limit: int) -> list[dict[str, Any]]:
        """The audit log, newest first; `before` is the `number` of the last one of the page before."""
        return [asdict(entry) for entry in await self._opened().audit(limit, before)]

    async def about(self) -> dict[str, Any]:
        """What runs here, and since when."""
        now = self._clock.now()
        return {
            "started_at": _at(self._began.monotonic_s, now),
            "uptime_s": round(now.monotonic_s - self._began.monotonic_s, 1),
            "read_only": self._read_only,
            **await asyncio.to_thread(about),
        }

    async def figures(self) -> GatewayFigures:
        """What is measured."""
        backlogs = await self._all_backlogs()
        found: list[ChargerFigures] = []
        for identity, supervisor in zip(self.identities(), self._supervisors, strict=False):
            if identity in self._places:
                backlog = None if backlogs is None else backlogs.get(identity, NOTHING_WAITS)
                found.append(charger_figures(self._places[identity], backlog, restarts=supervisor.restarts))
                if len(found) % SLICE == 0:
                    await asyncio.sleep(0)
        return GatewayFigures(
            version=version("ocpp-gateway"),
            uptime_s=self._clock.now().monotonic_s - self._began.monotonic_s,
            tasks=len(asyncio.all_tasks()),
            read_only=self._read_only,
            healthy=self.healthy()[0],
            store_failing=self._store is None or self._store.failed,
            store_short_of_room=self._store is not None and self._store.short_of_room,
            clock_synchronised=self._clock.synchronised,
            clock_offset_s=self._clock.central_system_offset_s,
            chargers=found,
        )

    # ------------------------------------------------------------ the log

    def log_lines(
        self, charge_point: str | None, level: str | None, text: str | None, limit: int
    ) -> list[dict[str, Any]]:
        """The newest lines first: of a charge point and of none; at least of that level; with that text in them."""
        lines = log.recent_lines.all() if charge_point is None else log.recent_lines.of(charge_point)
        found: list[dict[str, Any]] = []
        for _, line in reversed(lines):
            if len(found) == limit:
                break
            if text is not None and text.casefold() not in line.casefold():
                continue
            fields = json.loads(line)
            if level is None or log.is_at_least(str(fields.get("level", "")), level):
                found.append(fields)
        return found

    def log_levels(self) -> dict[str, str]:
        """The level that each part logs at now."""
        return log.levels()

    def set_log_level(self, part: str, level: str) -> None:
        """Let a part log from that level on, until the process ends. Raises KeyError for what is no part."""
        log.set_level(part, level)

    # ------------------------------------------------------------ the chargers

    def identities(self) -> list[str]:
        """The chargers of the file, in its order."""
        return [charger.identity for charger in self._settings.chargers]

    def place(self, identity: str) -> Place | None:
        """One charger; None when there is none of that name, or its tasks have not begun yet."""
        return self._places.get(identity)

    async def chargers(self) -> list[dict[str, Any]]:
        """Every charger's view, in the order of the file. Costs one question to the store, however many there are."""
        backlogs = await self._all_backlogs()
        shown: list[dict[str, Any]] = []
        for identity in self.identities():
            if identity in self._places:
                backlog = None if backlogs is None else backlogs.get(identity, NOTHING_WAITS)
                shown.append(self._places[identity].view_with(backlog))
                if len(shown) % SLICE == 0:
                    await asyncio.sleep(0)
        return shown

    async def charger(self, identity: str) -> dict[str, Any] | None:
        """One charger's view."""
        place = self._places.get(identity)
        return None if place is None else await place.view()

    async def why(self, identity: str, connector_id: int) -> dict[str, Any] | None:
        """How a limit comes about."""
        place = self._places.get(identity)
        return None if place is None else place.why(connector_id)

    async def limits(self) -> list[dict[str, Any]]:
        """The limits from outside OCPP, of all chargers."""
        return [limit for place in self._places.values() for limit in place.limits()]

    async def set_limit(self, identity: str, limit: LimitSet) -> bool:
        """Take a limit from outside OCPP; False while that charger's tasks do not run."""
        place = self._places.get(identity)
        if place is None:
            return False
        await place.set_limit(limit)
        return True

    async def remove_limit(self, identity: str, source: str, connector_id: int) -> bool:
        """Forget a limit from outside OCPP; whether there was one."""
        place = self._places.get(identity)
        return place is not None and await place.remove_limit(source, connector_id)

    # ------------------------------------------------------------ the store

    def _opened(self) -> Store:
        if self._store is None:
            raise StoreError("the store is not open yet")
        return self._store

    async def _all_backlogs(self) -> dict[str, Backlog] | None:
        """What waits of every charger, as found by a look of the last seconds; None when the store cannot tell.

        A store that is busy writing is not waited for long: then it is what the look before found.
        """
        if self._clock.now().monotonic_s >= self._backlogs_until_s and (self._look is None or self._look.done()):
            self._look = asyncio.create_task(self._look_at_backlogs(), name="look at all queues")
        if self._look is not None:
            await asyncio.wait({self._look}, timeout=STORE_PATIENCE_S)
        return self._backlogs

    async def _look_at_backlogs(self) -> None:
        try:
            self._backlogs = await self._opened().backlogs()
        except StoreError:
            self._backlogs = None
        self._backlogs_until_s = self._clock.now().monotonic_s + BACKLOGS_STAND_S


NOTHING_WAITS = Backlog(depth=0, oldest_at=None, thinned=0)


def _at(monotonic_s: float, now: Instant) -> str | None:
    """A moment of this process's life in UTC, as it is known by now."""
    utc = now.plus(monotonic_s - now.monotonic_s).utc
    return None if utc is None else format_utc(utc)
