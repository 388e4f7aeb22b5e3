"""One charger as the web meets it: what it shows, and what it may be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ocpp_gateway.charger.events import LimitRemoved, LimitSet
from ocpp_gateway.charger.state import ChargePoint
from ocpp_gateway.charger.view import external_limits_view, view
from ocpp_gateway.charger.why import why
from ocpp_gateway.errors import StoreError
from ocpp_gateway.instant import Instant, age_s
from ocpp_gateway.modbus.poller import Poller
from ocpp_gateway.ocpp16.session import Session
from ocpp_gateway.runtime import ChargerRuntime
from ocpp_gateway.store import Store


@dataclass(frozen=True, slots=True)
class Place:
    """One charger's tasks, as long as they live."""

    runtime: ChargerRuntime
    poller: Poller
    session: Session
    store: Store

    async def view(self, now: Instant) -> dict[str, Any]:
        """The charger as the API shows it."""
        outbox = await self._outbox(now)
        shown = view(self.runtime.core.point, now)
        polling = self.poller.statistics
        shown["modbus"] |= {
            "round_s": polling.round_s,
            "lost_links": polling.lost_links,
            "missed_rounds": polling.missed_rounds,
            "last_error": polling.last_error,
        }
        shown["central_system"] |= {
            "connected": self.session.connected,
            "last_problem": self.session.last_problem,
            "outbox": outbox,
        }
        return {"identity": self.runtime.identity} | shown

    async def _outbox(self, now: Instant) -> dict[str, Any] | None:
        """What waits for the central system; None when the store cannot tell."""
        try:
            backlog = await self.store.backlog(self.runtime.identity)
        except StoreError:
            return None
        oldest_age_s = None if backlog.oldest_at is None else age_s(backlog.oldest_at, now)
        return {
            "messages": backlog.depth,
            "oldest_at": backlog.oldest_at,
            "oldest_age_s": None if oldest_age_s is None else round(oldest_age_s, 1),
            "thinned": backlog.thinned,
            "dead_letters": backlog.dead,
        }

    def why(self, connector_id: int, now: Instant) -> dict[str, Any] | None:
        """How the limit of a connector (0: of the station) comes about; None when there is no such connector."""
        point = self._point
        return why(point, connector_id, now) if connector_id == 0 or connector_id in point.connectors else None

    def limits(self, now: Instant) -> list[dict[str, Any]]:
        """The limits from outside OCPP."""
        return [{"charger": self.runtime.identity} | limit for limit in external_limits_view(self._point, now)]

    async def set_limit(self, limit: LimitSet) -> None:
        """Keep and apply it; on return it is on disk, and on its way to the charger."""
        await self.runtime.deliver(limit)

    async def remove_limit(self, source: str, connector_id: int) -> bool:
        """Forget it; whether there was one."""
        if (source, connector_id) not in self._point.limits:
            return False
        await self.runtime.deliver(LimitRemoved(source, connector_id))
        return True

    @property
    def _point(self) -> ChargePoint:
        return self.runtime.core.point
