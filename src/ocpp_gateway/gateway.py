"""The gateway whole: the store, every charger under its supervisor, and the web, put together from the settings."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import structlog

from ocpp_gateway import mapping_files, support_bundle
from ocpp_gateway.charger.core import ChargerCore
from ocpp_gateway.charger.events import LimitSet, StartTransfer
from ocpp_gateway.charger.requests import ACTIONS
from ocpp_gateway.charger.state import AuthorizationMode, ChargePointSettings
from ocpp_gateway.clock import Clock, system_clock
from ocpp_gateway.errors import StoreError
from ocpp_gateway.log import recent_lines
from ocpp_gateway.modbus.fallback import Fallback
from ocpp_gateway.modbus.link import ModbusLink
from ocpp_gateway.modbus.poller import Poller
from ocpp_gateway.ocpp16.connection import Endpoint, connect
from ocpp_gateway.ocpp16.outbox import Outbox
from ocpp_gateway.ocpp16.session import Session
from ocpp_gateway.ocpp16.timing import Timing
from ocpp_gateway.ocpp16.transfer import Uploads
from ocpp_gateway.ocpp16.upload import schemes, upload
from ocpp_gateway.place import Place
from ocpp_gateway.registers.mapping import Mapping
from ocpp_gateway.registers.vocabulary import Role
from ocpp_gateway.runtime import ChargerRuntime, Sides
from ocpp_gateway.settings import CentralSystem, Charger, Settings, Web
from ocpp_gateway.settings.tls import client_context
from ocpp_gateway.smart_charging.power import PowerRegister
from ocpp_gateway.store import LedgerDesk, Store
from ocpp_gateway.supervisor import Supervisor
from ocpp_gateway.support_bundle import Evidence, FrameLog
from ocpp_gateway.web.access import Access, Credentials
from ocpp_gateway.web.app import create_app
from ocpp_gateway.web.guard import is_loopback
from ocpp_gateway.web.server import serve

STORE_CHECK_S = 10.0
"""How often a store that failed is tried, so that its recovery is known without anything to write."""


async def run_gateway(settings: Settings, *, read_only: bool = False) -> int:
    """Run until SIGTERM or SIGINT; gives the exit code. Raises GatewayError when it cannot start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    gateway = Gateway(settings, read_only=read_only)
    running = asyncio.create_task(gateway.run(), name="gateway")
    stopping = asyncio.create_task(stop.wait(), name="signals")
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not running.done():
        running.cancel()
    await asyncio.wait({running})
    if not running.cancelled():
        running.result()
    return 0


class Gateway:
    """One process: its chargers, its store, its web. Shows itself to the web as its `GatewayView`."""

    def __init__(self, settings: Settings, *, read_only: bool = False, clock: Clock | None = None) -> None:
        self._settings = settings
        self._read_only = read_only
        self._clock = clock or system_clock()
        self._places: dict[str, Place] = {}
        self._frames = {charger.identity: FrameLog(self._clock.now) for charger in settings.chargers}
        self._store: Store | None = None
        self._supervisors: list[Supervisor] = []
        self._outboxes: dict[str, Outbox] = {}

    async def run(self, on_web: Callable[[int], None] = lambda port: None) -> None:
        """Run until cancelled. `on_web` gets the web's port once it listens."""
        store = await Store.open(self._settings.store.url)
        self._store = store
        log = structlog.get_logger("ocpp_gateway")
        try:
            async with asyncio.TaskGroup() as tasks:
                for charger in self._settings.chargers:
                    mapping = mapping_files.load(charger.mapping)
                    if charger.swap_connectors:
                        mapping = mapping.with_connectors_swapped()
                    run = partial(self._run_charger, charger, mapping, store)
                    supervisor = Supervisor(charger.identity, run)
                    self._supervisors.append(supervisor)
                    tasks.create_task(supervisor.run(), name=f"{charger.identity}: supervisor")
                tasks.create_task(_watch(store), name="store watch")
                web = self._settings.web
                if web.enabled:
                    app = create_app(self, await _access(store, web), host=web.host, allowed_hosts=web.allowed_hosts)
                    tasks.create_task(serve(app, web.host, web.port, on_web), name="web")
                log.info("gateway_started", chargers=len(self._settings.chargers), read_only=self._read_only)
        finally:
            await store.close()
            log.info("gateway_stopped")

    # ------------------------------------------------------------ for the web

    @property
    def ledger(self) -> LedgerDesk:
        """The transactions. Raises StoreError before the store is open."""
        if self._store is None:
            raise StoreError("the store is not open yet")
        return LedgerDesk(self._store, self._resent)

    def _resent(self, charge_point: str) -> None:
        """Messages were queued past the owner: an operator sends them again."""
        if charge_point in self._outboxes:
            self._outboxes[charge_point].wake()

    def healthy(self) -> tuple[bool, dict[str, str]]:
        """Whether the store can write and every charger's tasks run. A charger that does not answer is no reason."""
        failing = sum(supervisor.failing for supervisor in self._supervisors)
        store = "not open" if self._store is None else "cannot write; see the log" if self._store.failed else "ok"
        chargers = f"the tasks of {failing} of {len(self._supervisors)} fail and are tried again; see the log"
        conditions = {"store": store, "chargers": chargers if failing else "ok"}
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

    async def chargers(self) -> list[dict[str, Any]]:
        """Every charger's view, in the order of the file."""
        now = self._clock.now()
        identities = (charger.identity for charger in self._settings.chargers)
        return [await self._places[identity].view(now) for identity in identities if identity in self._places]

    async def charger(self, identity: str) -> dict[str, Any] | None:
        """One charger's view."""
        place = self._places.get(identity)
        return None if place is None else await place.view(self._clock.now())

    async def why(self, identity: str, connector_id: int) -> dict[str, Any] | None:
        """How a limit comes about."""
        place = self._places.get(identity)
        return None if place is None else place.why(connector_id, self._clock.now())

    def identities(self) -> list[str]:
        """The chargers of the file, in its order."""
        return [charger.identity for charger in self._settings.chargers]

    async def limits(self) -> list[dict[str, Any]]:
        """The limits from outside OCPP, of all chargers."""
        now = self._clock.now()
        return [limit for place in self._places.values() for limit in place.limits(now)]

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

    @property
    def read_only(self) -> bool:
        """Whether nothing is ever written to a charger."""
        return self._read_only

    async def audit(self, who: str, action: str, detail: str) -> None:
        """Append to the audit log."""
        if self._store is not None:
            await self._store.keep_audit(who, action, detail)

    # ------------------------------------------------------------ one charger

    async def _run_charger(self, charger: Charger, mapping: Mapping, store: Store) -> None:
        """One life of one charger's tasks, from what the store knows."""
        identity, clock = charger.identity, self._clock
        core = ChargerCore(
            point_settings(charger, mapping, read_only=self._read_only),
            await store.load(identity),
            from_file=charger.configuration,
            started_at=clock.now(),
            new_id=lambda: str(uuid4()),
        )
        runtime = ChargerRuntime(identity, core, store, clock)
        timing = partial(wire_timing, core)
        modbus, transport = charger.modbus, mapping.transport
        poller = Poller(
            ModbusLink(
                modbus.host,
                transport.port if modbus.port is None else modbus.port,
                transport.unit_id if modbus.unit_id is None else modbus.unit_id,
                modbus.timeout_s,
            ),
            mapping,
            runtime.deliver,  # nothing is asked of the charger while the owner is stuck: its own fallback acts then
            clock.now,
            poll_interval_s=charger.poll_interval_s,
            idle_poll_interval_s=charger.idle_poll_interval_s,
            fallback=fallback_of(charger),
            read_only=self._read_only,
        )
        central = self._settings.central_system_of(charger)
        session = Session(
            charge_point=identity,
            connect=partial(
                connect,
                endpoint(identity, central),
                ping_interval_s=lambda: timing().web_socket_ping_interval_s,
            ),
            post=runtime.post,
            deliver=runtime.deliver,
            learn_time=clock.learn,
            supported_actions=frozenset(ACTIONS),
            timing=timing,
            on_frame=self._frames[identity].on_frame,
        )
        outbox = Outbox(
            charge_point=identity,
            store=store,
            session=session,
            deliver=runtime.deliver,
            timing=timing,
            now=clock.now,
        )
        self._outboxes[identity] = outbox
        uploads = Uploads(
            charge_point=identity,
            post=runtime.post,
            make_bundle=partial(self._support_bundle, charger),
            send=partial(upload, ca_file=central.ca_file, central_host=urlsplit(central.url).hostname),
        )
        self._places[identity] = Place(runtime, poller, session, store)
        await runtime.run(Sides(poller, session, outbox, uploads))

    async def _support_bundle(self, charger: Charger, transfer: StartTransfer) -> bytes:
        """What GetDiagnostics uploads: seen here and now, and packed beside the loop."""
        now, place = self._clock.now(), self._places[charger.identity]
        evidence = Evidence(
            charge_point=charger.identity,
            settings=support_bundle.shown_settings(self._settings, charger),
            view=await place.view(now),
            configuration_keys=place.runtime.core.point.configuration.report([])["configurationKey"],
            frames=self._frames[charger.identity].frames(),
            log_lines=recent_lines.of(charger.identity),
        )
        return await asyncio.to_thread(
            support_bundle.build, evidence, now, start=transfer.start_time, stop=transfer.stop_time
        )


async def _access(store: Store, web: Web) -> Access:
    """Who may use the web. Where others reach it, the code for the first password is told until that is set."""
    kept = await store.web_access()
    credentials = Credentials.of(kept.passwords, kept.tokens)
    access = Access(store, credentials, loopback=is_loopback(web.host), now_s=time.monotonic)
    if access.setup_code is not None:
        structlog.get_logger("ocpp_gateway.web").warning(
            "web_needs_a_password", set_up_code=access.setup_code, page=f"http://{web.host}:{web.port}/set-up"
        )
    return access


async def _watch(store: Store) -> None:
    """Find out when a store that failed can write again."""
    while True:
        await asyncio.sleep(STORE_CHECK_S)
        if store.failed:
            with contextlib.suppress(StoreError):
                await store.try_writing()


def endpoint(identity: str, central: CentralSystem) -> Endpoint:
    """Where a charge point connects, and how it proves who it is. ConfigurationError for an unusable TLS file."""
    tls = None
    if central.url.startswith("wss:"):
        tls = client_context(
            ca_file=central.ca_file,
            certificate_file=central.client_certificate_file,
            key_file=central.client_key_file,
        )
    return Endpoint(central.url_for(identity), identity, central.read_password, tls)


def fallback_of(charger: Charger) -> Fallback | None:
    """What the charger shall do without us, as the poller takes it."""
    fallback = charger.fallback
    return None if fallback is None else Fallback(power_w=fallback.power_w, after_s=fallback.after_s)


def point_settings(charger: Charger, mapping: Mapping, *, read_only: bool = False) -> ChargePointSettings:
    """What the core needs of a charger's settings and mapping."""
    return ChargePointSettings(
        max_power_w=charger.max_power_w,
        power_register=PowerRegister(
            step_w=mapping.limits.step_w,
            minimum_w=mapping.limits.minimum_power_w,
            nominal_voltage_v=charger.power.nominal_voltage_v,
            tolerance_w=charger.power.tolerance_w,
        ),
        limit_registers={number: limit_registers(mapping, number) for number in range(1, mapping.max_connectors + 1)},
        mode=AuthorizationMode.CHARGER if read_only else AuthorizationMode(charger.authorization.mode),
        free_id_tag=charger.authorization.free_id_tag,
        unknown_id_tag=charger.authorization.unknown_id_tag,
        connector_max_power_w=charger.connector_max_power_w,
        read_only=read_only,
        accept_standing_tag=mapping.tag.standing == "accept",
        obey_lower=charger.power.obey_lower,
        fallback_trigger_factor=None if mapping.fallback is None else mapping.fallback.trigger_factor,
        number_of_connectors=mapping.max_connectors,
        vendor=charger.boot.vendor,
        model=charger.boot.model,
        serial_number=charger.boot.serial,
        upload_schemes=schemes(),
        fallback_vendor=mapping.vendor,
        fallback_model=mapping.models[0],
    )


def limit_registers(mapping: Mapping, number_of_connectors: int) -> dict[int, tuple[str, int]]:
    """Table and address of each limit register of a charger with that many connectors; 0 is the station's."""
    roles = {Role.STATION_POWER_LIMIT_W, Role.POWER_LIMIT_W}
    fields = [field for field in mapping.fields(number_of_connectors) if field.role in roles]
    return {field.connector_id or 0: (field.table.value, field.address) for field in fields}


def wire_timing(core: ChargerCore) -> Timing:
    """The configuration keys that concern the wire, as they stand now."""
    keys = core.point.configuration
    return Timing(
        message_timeout_s=keys.integer("MessageTimeout"),
        transaction_message_attempts=keys.integer("TransactionMessageAttempts"),
        transaction_message_retry_interval_s=keys.integer("TransactionMessageRetryInterval"),
        web_socket_ping_interval_s=keys.integer("WebSocketPingInterval"),
        boot_on_reconnect=keys.flag("BootOnReconnect"),
    )
