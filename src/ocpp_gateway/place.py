"""One charger as the web meets it: what it shows, and what it may be told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ocpp_gateway import support_bundle
from ocpp_gateway.charger.events import AvailabilityAsked, LimitRemoved, LimitSet, StartAsked, StopAsked
from ocpp_gateway.charger.history_series import Resolution, Span, resolution_for, series
from ocpp_gateway.charger.requests.local import availability_objection, start_objection, stop_objection
from ocpp_gateway.charger.schedule import profiles, schedule
from ocpp_gateway.charger.state import ChargePoint, Connector
from ocpp_gateway.charger.view import external_limits_view, view
from ocpp_gateway.charger.why import why
from ocpp_gateway.clock import Clock
from ocpp_gateway.errors import ActionRefused, ConfigurationError, PeerError, StoreError
from ocpp_gateway.flight_recorder import FlightRecorder
from ocpp_gateway.frame_pairs import Filter, pairs
from ocpp_gateway.instant import age_s, format_utc
from ocpp_gateway.log import masked_id_tag, recent_lines, shown_url, without_secrets
from ocpp_gateway.modbus.poller import Poller
from ocpp_gateway.ocpp16.connection import WebSocket
from ocpp_gateway.ocpp16.session import Session
from ocpp_gateway.registers.register_image import Reading
from ocpp_gateway.registers.vocabulary import Role
from ocpp_gateway.runtime import ChargerRuntime
from ocpp_gateway.settings import Charger, Settings
from ocpp_gateway.store import Backlog, Store, ledger
from ocpp_gateway.support_bundle import Evidence


@dataclass(frozen=True, slots=True)
class Place:
    """One charger's tasks, as long as they live."""

    settings: Settings
    charger: Charger
    runtime: ChargerRuntime
    poller: Poller
    session: Session
    store: Store
    recorder: FlightRecorder
    clock: Clock
    connect: Callable[[], Awaitable[WebSocket]]  # as the session does, with the same identity and password

    # ------------------------------------------------------------ what it shows

    async def view(self) -> dict[str, Any]:
        """The charger as the API shows it."""
        try:
            backlog: Backlog | None = await self.store.backlog(self.runtime.identity)
        except StoreError:
            backlog = None
        return self.view_with(backlog)

    def view_with(self, backlog: Backlog | None) -> dict[str, Any]:
        """The same, with what was found in the store; None when the store could not tell."""
        now = self.clock.now()
        shown = view(self._point, now)
        polling = self.poller.statistics
        shown["modbus"] |= {
            "round_s": polling.round_s,
            "lost_links": polling.lost_links,
            "missed_rounds": polling.missed_rounds,
            "last_error": polling.last_error,
        }
        oldest_age_s = None if backlog is None or backlog.oldest_at is None else age_s(backlog.oldest_at, now)
        shown["central_system"] |= {
            "connected": self.session.connected,
            "last_problem": self.session.last_problem,
            "outbox": None
            if backlog is None
            else {
                "messages": backlog.depth,
                "oldest_at": backlog.oldest_at,
                "oldest_age_s": None if oldest_age_s is None else round(oldest_age_s, 1),
                "thinned": backlog.thinned,
                "dead_letters": backlog.dead,
            },
        }
        return {"identity": self.runtime.identity} | shown

    def why(self, connector_id: int) -> dict[str, Any] | None:
        """How the limit of a connector (0: of the station) comes about; None when there is no such connector."""
        return why(self._point, connector_id, self.clock.now()) if self._has(connector_id) else None

    def registers(self) -> list[dict[str, Any]]:
        """Every register of the mapping as last read, raw and decoded; empty before the charger was ever reached."""
        image = self.poller.image
        return [] if image is None else [_register(reading) for reading in image.readings(self.clock.now())]

    async def messages(
        self,
        limit: int,
        *,
        before: int | None = None,
        action: str | None = None,
        direction: str | None = None,
        result: str | None = None,
        text: str | None = None,
    ) -> list[dict[str, Any]]:
        """The last OCPP messages, each question with its answer, newest first; `before` is a `number`."""
        wanted = Filter(action, direction, result, text, before)
        frames, dropped, now = self.recorder.ocpp.frames(), self.recorder.ocpp.dropped, self.clock.now()
        return await asyncio.to_thread(pairs, frames, now, wanted, first=dropped, limit=limit)

    async def history(
        self, since_s: float | None, until_s: float | None, resolution: Resolution | None
    ) -> dict[str, Any]:
        """Power, limit and currents between two moments since 1970 (None: now, and an hour before), as columns.

        Raises StoreError when the store cannot tell.
        """
        now, history = self.clock.now(), self.runtime.history
        now_s = now.monotonic_s if now.utc is None else now.utc.timestamp()
        end_s = now_s if until_s is None else until_s
        start_s = end_s - 3600.0 if since_s is None else since_s
        span = Span(start_s, end_s, resolution_for(end_s - start_s, resolution))
        stored = await self.store.history(self.runtime.identity, start_s, end_s)
        connector_ids = sorted({*stored, *history.connector_ids})
        return {
            "identity": self.runtime.identity,
            "since": format_utc(datetime.fromtimestamp(start_s, UTC)),
            "until": format_utc(datetime.fromtimestamp(end_s, UTC)),
            "resolution": span.resolution,
            "connectors": [series(history, number, stored.get(number, ()), span) for number in connector_ids],
        }

    def profiles(self) -> list[dict[str, Any]]:
        """The installed charging profiles."""
        return profiles(self._point, self.clock.now())

    def schedule(self, connector_id: int, duration_s: int) -> dict[str, Any] | None:
        """What will be the limit, in steps with the source that sets each; None when there is no such connector."""
        if not self._has(connector_id):
            return None
        return schedule(self._point, connector_id, self.clock.now(), duration_s)

    def configuration_keys(self) -> list[dict[str, Any]]:
        """The OCPP configuration keys, and who set them."""
        entries: list[dict[str, Any]] = without_secrets(self._point.configuration.entries())
        return entries

    def health(self) -> dict[str, Any]:
        """How well it can be reached, and how well the central system can."""
        polling, image, central = (
            self.poller.statistics,
            self.poller.image,
            self.settings.central_system_of(self.charger),
        )
        registration = self._point.registration
        connected_at_s, now_s = self.session.connected_at_s, asyncio.get_running_loop().time()
        return {
            "modbus": {
                "connected": polling.connected,
                "last_good_poll_at": None if polling.last_good_poll is None else polling.last_good_poll.stamp(),
                "round_s": polling.round_s,
                "rounds": polling.rounds,
                "missed_rounds": polling.missed_rounds,
                "lost_links": polling.lost_links,
                "refused_writes": polling.refused_writes,
                "implausible_values": None if image is None else image.implausible_count,
                "last_error": polling.last_error,
            },
            "central_system": {
                "url": shown_url(central.url_for(self.runtime.identity)),
                "security_profile": central.security_profile,
                "connected": self.session.connected,
                "connected_s": None if connected_at_s is None else round(now_s - connected_at_s, 1),
                "connections": self.session.connections,
                "registration": None if registration is None else registration.value,
                "ping_s": self.session.ping_s,
                "last_problem": self.session.last_problem,
                "last_loss": self.session.last_loss,
            },
            "clock": {
                "utc_known": self.clock.now().utc is not None,
                "synchronised": self.clock.synchronised,
                "central_system_offset_s": self.clock.central_system_offset_s,
            },
        }

    async def support_bundle(self, *, start: str | None = None, stop: str | None = None) -> bytes:
        """A zip of what a developer needs to see, without secrets: seen here and now, and packed beside the loop."""
        evidence = Evidence(
            charge_point=self.runtime.identity,
            settings=support_bundle.shown_settings(self.settings, self.charger),
            view=await self.view(),
            configuration_keys=self._point.configuration.report([])["configurationKey"],
            transactions=await self._transactions(),
            frames=self.recorder.ocpp.frames(),
            exchanges=self.recorder.modbus.exchanges(),
            tags=self.recorder.tags,
            log_lines=recent_lines.of(self.runtime.identity),
        )
        return await asyncio.to_thread(support_bundle.build, evidence, self.clock.now(), start=start, stop=stop)

    async def _transactions(self) -> list[dict[str, Any]]:
        asked, limit = self.runtime.identity, support_bundle.TRANSACTIONS
        try:
            return await self.store.ledger(lambda connection: ledger.transactions(connection, asked, limit=limit))
        except StoreError:
            return []

    def limits(self) -> list[dict[str, Any]]:
        """The limits from outside OCPP."""
        shown = external_limits_view(self._point, self.clock.now())
        return [{"charger": self.runtime.identity} | limit for limit in shown]

    # ------------------------------------------------------------ what it may be told

    async def set_limit(self, limit: LimitSet) -> None:
        """Keep and apply it; on return it is on disk, and on its way to the charger."""
        await self.runtime.deliver(limit)

    async def remove_limit(self, source: str, connector_id: int) -> bool:
        """Forget it; whether there was one."""
        if (source, connector_id) not in self._point.limits:
            return False
        await self.runtime.deliver(LimitRemoved(source, connector_id))
        return True

    async def start(self, connector_id: int, id_tag: str) -> dict[str, Any]:
        """Let somebody charge. Gives what came of it so far. Raises ActionRefused with the reason."""
        connector = self._connector(connector_id)
        _refuse(start_objection(self._point, connector, id_tag, self.clock.now().monotonic_s))
        await self.runtime.deliver(StartAsked(connector_id, id_tag))
        return {"outcome": self._came_of(connector)}

    def _came_of(self, connector: Connector) -> str:
        """What a start has come to, once the core has dealt with it."""
        asked = (request.connector_id for request in self._point.pending_authorize.values())
        if connector.transaction is not None:
            return "started"
        if connector.authorization is not None:
            return "waits_for_plug"
        if connector.connector_id in asked:
            return "asks_central_system"
        if connector.unasked is not None:
            return "waits_for_central_system"
        return "refused" if connector.closed else "released"

    async def stop(self, connector_id: int) -> None:
        """End the transaction of a connector; on return its end is on disk. Raises ActionRefused with the reason."""
        _refuse(stop_objection(self._point, self._connector(connector_id)))
        await self.runtime.deliver(StopAsked(connector_id))

    async def set_availability(self, connector_id: int, *, operative: bool) -> dict[str, Any]:
        """Put a connector (0: all) in or out of service. `scheduled`: a transaction goes on. Raises ActionRefused."""
        point = self._point
        concerned = list(point.connectors.values()) if connector_id == 0 else [self._connector(connector_id)]
        _refuse(availability_objection(point, operative=operative))
        await self.runtime.deliver(AvailabilityAsked(connector_id, operative))
        running = any(connector.transaction is not None for connector in concerned)
        return {"operative": operative, "scheduled": running and not operative}

    async def reconnect(self, side: str) -> None:
        """Let go of the connection to the `charger` or the `central_system`; a new one follows."""
        if side == "charger":
            await self.poller.reconnect()
        else:
            self.session.restart()

    async def test_connection(self) -> dict[str, Any]:
        """Whether the central system can be reached and lets us in: address, TLS, subprotocol, password; no message.

        A connection that stands is proof enough: a second one of the same name might end it.
        """
        if self.session.connected:
            return {"reached": True, "stands_already": True, "took_s": None, "problem": None}
        began_s = self.clock.now().monotonic_s
        try:
            connection = await self.connect()
        except (PeerError, ConfigurationError) as exc:
            return {"reached": False, "stands_already": False, "took_s": self._since(began_s), "problem": str(exc)}
        took_s = self._since(began_s)
        await connection.close()
        return {"reached": True, "stands_already": False, "took_s": took_s, "problem": None}

    def _since(self, began_s: float) -> float:
        return round(self.clock.now().monotonic_s - began_s, 3)

    def _connector(self, connector_id: int) -> Connector:
        connector = self._point.connectors.get(connector_id)
        if connector is None:
            raise ActionRefused(f"there is no connector {connector_id}")
        return connector

    def _has(self, connector_id: int) -> bool:
        return connector_id == 0 or connector_id in self._point.connectors

    @property
    def _point(self) -> ChargePoint:
        return self.runtime.core.point


def _refuse(objection: str | None) -> None:
    if objection is not None:
        raise ActionRefused(objection)


def _register(reading: Reading) -> dict[str, Any]:
    """A register for people; of a card as much as it takes to recognise it, and nothing of its words."""
    value, raw = reading.value, reading.raw
    if reading.role is Role.ID_TAG and value:
        value, raw = masked_id_tag(str(value)), None
    return {
        "key": reading.key,
        "title": reading.title,
        "connector_id": reading.connector_id,
        "table": reading.table.value,
        "address": reading.address,
        "raw": None if raw is None else list(raw),
        "value": list(value) if isinstance(value, tuple) else value,
        "unit": reading.unit,
        "age_s": None if reading.age_s is None else round(reading.age_s, 2),
        "confidence": reading.confidence.value,
        "error": reading.error,
        "note": reading.note,
    }
