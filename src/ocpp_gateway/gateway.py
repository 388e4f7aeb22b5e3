"""The gateway whole: the store, every charger under its supervisor, and the web, put together from the settings."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit
from uuid import uuid4

import structlog

from ocpp_gateway import mapping_files
from ocpp_gateway.charger.core import ChargerCore
from ocpp_gateway.charger.history import History
from ocpp_gateway.charger.requests import ACTIONS
from ocpp_gateway.charger.state import AuthorizationMode, ChargePointSettings
from ocpp_gateway.clock import Clock, system_clock
from ocpp_gateway.crash_loop import CrashLoop
from ocpp_gateway.errors import StoreError
from ocpp_gateway.flight_recorder import FlightRecorder
from ocpp_gateway.front import Front
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
from ocpp_gateway.store import Retention, Store
from ocpp_gateway.store.care import open_when_possible, watch
from ocpp_gateway.store.sqlite_file import path_of
from ocpp_gateway.supervisor import Supervisor
from ocpp_gateway.web.access import Access, Credentials
from ocpp_gateway.web.app import create_app
from ocpp_gateway.web.guard import is_loopback
from ocpp_gateway.web.server import page_address, serve

HISTORY_S = 60.0
"""How often the power history goes to the store: one commit for all chargers."""


class Gateway(Front):
    """One process: its chargers, its store, its web. What it shows to the web is its `Front`."""

    def __init__(self, settings: Settings, *, read_only: bool = False, clock: Clock | None = None) -> None:
        super().__init__(settings, clock or system_clock(), read_only=read_only)
        self._recorders: dict[str, FlightRecorder] = {}
        self._histories = {charger.identity: History() for charger in settings.chargers}

    async def run(
        self, on_web: Callable[[int], None] = lambda port: None, on_started: Callable[[], None] = lambda: None
    ) -> None:
        """Run until cancelled. `on_web` gets the web's port once it listens; then all is `on_started`."""

        def listening(port: int) -> None:
            on_web(port)
            on_started()

        keep = timedelta(days=self._settings.store.keep_transactions_days)
        store = await open_when_possible(self._settings.store.url, Retention(keep, self._clock.vouched_utc))
        self._store = store
        deaths = CrashLoop(path_of(self._settings.store.url), lambda: self.healthy()[0])
        log = structlog.get_logger("ocpp_gateway")
        try:
            self._hold = await deaths.begin(self._clock.now().stamp())
            async with asyncio.TaskGroup() as tasks:
                for charger in self._settings.chargers:
                    mapping = mapping_files.load(charger.mapping)
                    if charger.swap_connectors:
                        mapping = mapping.with_connectors_swapped()
                    self._recorders[charger.identity] = FlightRecorder(self._clock, mapping)
                    run = partial(self._run_charger, charger, mapping, store)
                    supervisor = Supervisor(charger.identity, run)
                    self._supervisors.append(supervisor)
                    tasks.create_task(supervisor.run(), name=f"{charger.identity}: supervisor")
                tasks.create_task(watch(store), name="store watch")
                tasks.create_task(self._keep_histories(store), name="power history")
                tasks.create_task(deaths.forget_when_well(), name="deaths before this life")
                web = self._settings.web
                if web.enabled:
                    stopping = asyncio.Event()
                    app = create_app(
                        self,
                        await _access(store, web),
                        host=web.host,
                        allowed_hosts=web.allowed_hosts,
                        stopping=stopping,
                    )
                    tasks.create_task(serve(app, web.host, web.port, listening, stopping), name="web")
                else:
                    on_started()
                log.info("gateway_started", chargers=len(self._settings.chargers), read_only=self._read_only)
        except asyncio.CancelledError:
            await deaths.forget()  # told to stop, and no task failed: the next start follows no death
            raise
        finally:
            for history in self._histories.values():
                history.end()
            await self._store_histories(store)
            await store.close()
            log.info("gateway_stopped")

    async def _keep_histories(self, store: Store) -> None:
        while True:
            await asyncio.sleep(HISTORY_S)
            await self._store_histories(store)

    async def _store_histories(self, store: Store) -> None:
        """Store what waits of every charger's power history; what a failing store does not take waits on."""
        waiting = {
            identity: (rows, history.zero_s or 0.0)
            for identity, history in self._histories.items()
            if (rows := history.waiting())
        }
        if not waiting:
            return
        with contextlib.suppress(StoreError):  # the watch tells, and a gap in a chart is all that comes of it
            await store.keep_history(waiting)
            for identity, (rows, _) in waiting.items():
                self._histories[identity].stored(rows)

    # ------------------------------------------------------------ one charger

    async def _run_charger(self, charger: Charger, mapping: Mapping, store: Store) -> None:
        """One life of one charger's tasks, from what the store knows."""
        identity, clock = charger.identity, self._clock
        core = ChargerCore(
            point_settings(
                charger,
                mapping,
                read_only=self._read_only,
                refuse_unstored=self._settings.store.on_failure == "refuse",
            ),
            await store.load(identity),
            from_file=charger.configuration,
            started_at=clock.now(),
            new_id=lambda: str(uuid4()),
        )
        runtime = ChargerRuntime(identity, core, store, clock, self._histories[identity])
        timing = partial(wire_timing, core)
        modbus, transport = charger.modbus, mapping.transport
        poller = Poller(
            ModbusLink(
                modbus.host,
                transport.port if modbus.port is None else modbus.port,
                transport.unit_id if modbus.unit_id is None else modbus.unit_id,
                modbus.timeout_s,
                on_exchange=self._recorders[identity].modbus.on_exchange,
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
        connect_to_central = partial(
            connect,
            endpoint(identity, central),
            ping_interval_s=lambda: timing().web_socket_ping_interval_s,
        )
        session = Session(
            charge_point=identity,
            connect=connect_to_central,
            post=runtime.post,
            deliver=runtime.deliver,
            learn_time=clock.learn,
            supported_actions=frozenset(ACTIONS),
            timing=timing,
            on_frame=self._recorders[identity].ocpp.on_frame,
            hold=self._hold,
        )
        outbox = Outbox(
            charge_point=identity,
            store=store,
            session=session,
            deliver=runtime.deliver,
            timing=timing,
            now=clock.now,
        )
        recorder = self._recorders[identity]
        place = Place(self._settings, charger, runtime, poller, session, store, recorder, clock, connect_to_central)
        self._places[identity], self._outboxes[identity] = place, outbox
        uploads = Uploads(
            charge_point=identity,
            post=runtime.post,
            make_bundle=lambda transfer: place.support_bundle(start=transfer.start_time, stop=transfer.stop_time),
            send=partial(upload, ca_file=central.ca_file, central_host=urlsplit(central.url).hostname),
        )
        await runtime.run(Sides(poller, session, outbox, uploads))


async def _access(store: Store, web: Web) -> Access:
    """Who may use the web. Where others reach it, the code for the first password is told until that is set."""
    kept = await store.web_access()
    credentials = Credentials.of(kept.passwords, kept.tokens)
    loopback = is_loopback(web.host) and not web.allowed_hosts  # a reverse proxy brings others here
    access = Access(store, credentials, loopback=loopback, now_s=time.monotonic)
    if access.setup_code is not None:
        structlog.get_logger("ocpp_gateway.web").warning(
            "web_needs_a_password",
            set_up_code=access.setup_code,
            page=f"{page_address(web.host, web.port, web.allowed_hosts)}/set-up",
        )
    return access


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


def point_settings(
    charger: Charger, mapping: Mapping, *, read_only: bool = False, refuse_unstored: bool = False
) -> ChargePointSettings:
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
        refuse_unstored=refuse_unstored,
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
