"""A whole world in virtual time: a simulated charger, the real runtime, poller, session, outbox and SQLite store,
and the strict central system. One wire is short-circuited: registers are read from the simulated charger itself.
Frames go through a pipe, or with `websocket` through a real one on loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

from ocpp_gateway import mapping_files
from ocpp_gateway.central.frames import ConnectionClosedError
from ocpp_gateway.central.pipe import PipeEnd
from ocpp_gateway.central.policy import Policy
from ocpp_gateway.central.server import CentralServer
from ocpp_gateway.central.system import CentralSystem
from ocpp_gateway.charger.core import ChargerCore
from ocpp_gateway.charger.events import StartTransfer
from ocpp_gateway.charger.requests import ACTIONS
from ocpp_gateway.charger.state import Connector
from ocpp_gateway.clock import Clock
from ocpp_gateway.errors import LinkUnavailable, PeerError, RegisterRefused
from ocpp_gateway.gateway import fallback_of, point_settings, wire_timing
from ocpp_gateway.modbus.poller import Poller
from ocpp_gateway.ocpp16.connection import Endpoint, connect
from ocpp_gateway.ocpp16.outbox import Outbox
from ocpp_gateway.ocpp16.rpc import Connection
from ocpp_gateway.ocpp16.session import Session
from ocpp_gateway.ocpp16.transfer import Uploads
from ocpp_gateway.ocpp16.upload import Destination
from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.runtime import ChargerRuntime, Sides
from ocpp_gateway.settings import Charger
from ocpp_gateway.simulator.device import ModbusException, SimulatedCharger
from ocpp_gateway.simulator.ev import ElectricVehicle
from ocpp_gateway.simulator.options import ChargerOptions
from ocpp_gateway.store import Backlog, Retention, Store
from ocpp_gateway.store.thinning import QUEUE_BOUND

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
IDENTITY = "SITE-1"


class ShortLink:
    """The poller's link, ending in a simulated charger; `cut` pulls the cable."""

    def __init__(self, charger: SimulatedCharger) -> None:
        self._charger = charger
        self.cut = False
        self.connected = False

    def replace(self, charger: SimulatedCharger) -> None:
        self._charger = charger

    async def connect(self) -> None:
        self._reach()
        self.connected = True

    async def close(self) -> None:
        self.connected = False

    async def read(self, table: Table, address: int, count: int) -> bytes:
        self._reach()
        try:
            words = self._charger.read(table, address, count)
        except ModbusException as exc:
            raise RegisterRefused(table=table, address=address, count=count, exception_code=exc.exception_code) from exc
        return b"".join(word.to_bytes(2, "big") for word in words)

    async def write(self, address: int, value: int) -> None:
        self._reach()
        try:
            self._charger.write(address, value)
        except ModbusException as exc:
            raise RegisterRefused(
                table=Table.HOLDING, address=address, count=1, exception_code=exc.exception_code
            ) from exc

    def _reach(self) -> None:
        if self.cut:
            raise LinkUnavailable("charger", 502, "the cable is pulled")
        self._charger.advance(asyncio.get_running_loop().time())


class PipeConnection:
    """The central system's pipe as the session's connection."""

    def __init__(self, end: PipeEnd) -> None:
        self._end = end

    async def send(self, text: str, /) -> None:
        try:
            await self._end.send(text)
        except ConnectionClosedError as exc:
            raise PeerError(str(exc)) from exc

    async def recv(self) -> str | bytes:
        try:
            return await self._end.recv()
        except ConnectionClosedError as exc:
            raise PeerError(str(exc)) from exc

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._end.close(code, reason)


@dataclass
class World:
    """One charger, one central system, one gateway; `kill` and `start` the gateway as often as you like."""

    folder: Path
    config: dict[str, object]
    charger: SimulatedCharger
    central: CentralSystem
    clock: Clock
    link: ShortLink
    connect: Callable[[], Awaitable[Connection]]
    queue_bound: int = QUEUE_BOUND
    refuse_unstored: bool = False
    tidied: bool = False  # the ledger forgets what was delivered 30 days of virtual time ago
    clock_off_by_s: float = 0.0  # somebody has set the machine's clock by so much
    server: CentralServer | None = None
    ids: count[int] = field(default_factory=lambda: count(1))
    _gateway: asyncio.Task[None] | None = None
    core: ChargerCore | None = None
    store: Store | None = None
    runtime: ChargerRuntime | None = None
    uploaded: list[str] = field(default_factory=list)

    # ------------------------------------------------------------ the gateway

    def start(self) -> None:
        """The gateway starts, knowing what the store knows."""
        self._gateway = asyncio.create_task(self._run(), name="gateway")

    async def kill(self) -> None:
        """The gateway dies at once; what was not committed is gone."""
        if self._gateway is not None:
            self._gateway.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._gateway
            self._gateway = None

    async def _run(self) -> None:
        store = self.store = await Store.open(
            f"sqlite:///{self.folder / 'gateway.db'}",
            queue_bound=self.queue_bound,
            retention=Retention(timedelta(days=30), lambda: self.now) if self.tidied else None,
            now=(lambda: self.now) if self.tidied else None,
        )
        try:
            charger = Charger.model_validate(self.config)
            mapping = mapping_files.load(charger.mapping)
            core = self.core = ChargerCore(
                point_settings(charger, mapping, refuse_unstored=self.refuse_unstored),
                await store.load(IDENTITY),
                from_file=charger.configuration,
                started_at=self.clock.now(),
                new_id=lambda: f"id-{next(self.ids)}",
            )
            runtime = self.runtime = ChargerRuntime(IDENTITY, core, store, self.clock)
            timing = partial(wire_timing, core)
            poller = Poller(
                self.link,
                mapping,
                runtime.deliver,
                self.clock.now,
                poll_interval_s=charger.poll_interval_s,
                idle_poll_interval_s=charger.idle_poll_interval_s,
                fallback=fallback_of(charger),
                chance=lambda: 0.5,
            )
            session = Session(
                charge_point=IDENTITY,
                connect=self.connect,
                post=runtime.post,
                deliver=runtime.deliver,
                learn_time=self.clock.learn,
                supported_actions=frozenset(ACTIONS),
                timing=timing,
                jitter=lambda: 0.5,
            )
            outbox = Outbox(
                charge_point=IDENTITY,
                store=store,
                session=session,
                deliver=runtime.deliver,
                timing=timing,
                now=self.clock.now,
            )
            uploads = Uploads(charge_point=IDENTITY, post=runtime.post, make_bundle=self.bundle, send=self.upload)
            await runtime.run(Sides(poller, session, outbox, uploads))
        finally:
            await store.close()

    async def bundle(self, transfer: StartTransfer) -> bytes:
        """What would be uploaded."""
        return transfer.file_name.encode()

    async def upload(self, destination: Destination, file_name: str, content: bytes, /) -> None:
        """Keeps an uploaded file's address."""
        self.uploaded.append(destination.url(destination.path_of(file_name)))

    # ------------------------------------------------------------ time

    async def until(self, at: str, *, day: int = 0) -> None:
        """Let virtual time pass until that time of day, such as "18:05" or "18:05:30"."""
        hours, minutes, seconds = (int(part) for part in (at + ":00").split(":")[:3])
        target = MIDNIGHT + timedelta(days=day, hours=hours, minutes=minutes, seconds=seconds)
        await self.seconds((target - self.now).total_seconds())

    async def seconds(self, seconds: float) -> None:
        """Let virtual time pass. A gateway that died meanwhile is an error here and now."""
        await asyncio.sleep(max(seconds, 0.0))
        self.charger.advance(asyncio.get_running_loop().time())
        if self._gateway is not None and self._gateway.done():
            self._gateway.result()

    def connector(self, connector_id: int) -> Connector:
        """What the core remembers of a connector."""
        assert self.core is not None
        return self.core.point.connectors[connector_id]

    async def backlog(self) -> Backlog:
        """What the store holds for the central system."""
        assert self.store is not None
        return await self.store.backlog(IDENTITY)

    @property
    def now(self) -> datetime:
        utc = self.clock.now().utc
        assert utc is not None
        return utc

    # ------------------------------------------------------------ people

    def replace_charger(self, options: ChargerOptions) -> SimulatedCharger:
        """Somebody puts another charger at the same address."""
        mapping, now_s = mapping_files.load("compleo-duo-solo"), asyncio.get_running_loop().time()
        self.charger = SimulatedCharger(mapping, len(self.charger.connectors), options, now_s=now_s)
        self.link.replace(self.charger)
        return self.charger

    def plug_in(self, connector_id: int, id_tag: str | None = None, *, wants_wh: float = 10_000, **ev: float) -> None:
        self.charger.advance(asyncio.get_running_loop().time())
        vehicle = ElectricVehicle(energy_wanted_wh=wants_wh, **ev)  # type: ignore[arg-type]
        self.charger.plug(connector_id, id_tag, vehicle)

    def unplug(self, connector_id: int) -> None:
        self.charger.advance(asyncio.get_running_loop().time())
        self.charger.unplug(connector_id)

    # ------------------------------------------------------------ what the central system was told

    def story(self, *, connector_id: int | None = None, meter_values: bool = False) -> list[str]:
        """The charge point's CALLs as short lines: time, action, what matters."""
        lines = []
        for frame in self.central.frames:
            if frame.direction.name != "RECEIVED" or frame.kind.name != "CALL":
                continue
            p = frame.payload
            if connector_id is not None and p.get("connectorId", connector_id) != connector_id:
                continue
            if frame.action == "Heartbeat" or (frame.action == "MeterValues" and not meter_values):
                continue
            lines.append(f"{frame.at:%H:%M:%S} {_line(frame.action or '', p)}")
        return lines


def _line(action: str, p: dict[str, object]) -> str:
    match action:
        case "StatusNotification":
            error = "" if p["errorCode"] == "NoError" else f" {p['errorCode']}"
            return f"{p['connectorId']} {p['status']}{error}"
        case "StartTransaction":
            return f"{p['connectorId']} Start {p['idTag']} {p['meterStart']} Wh"
        case "StopTransaction":
            return f"Stop {p['transactionId']} {p['meterStop']} Wh {p.get('reason', 'Local')}"
        case "Authorize":
            return f"Authorize {p['idTag']}"
        case _:
            return action


@contextlib.asynccontextmanager
async def a_world(
    folder: Path,
    *,
    connectors: int = 2,
    options: ChargerOptions | None = None,
    policy: Policy | None = None,
    started: bool = True,
    websocket: bool = False,
    queue_bound: int = QUEUE_BOUND,
    refuse_unstored: bool = False,
    tidied: bool = False,
    **config: object,
) -> AsyncIterator[World]:
    """A world at midnight. `config` are keys of a charger in gateway.yaml."""
    loop = asyncio.get_running_loop()
    zero_s = loop.time()
    clock = Clock(
        boot_id="virtual",
        monotonic=loop.time,
        wall=lambda: MIDNIGHT.timestamp() + loop.time() - zero_s + world.clock_off_by_s,
        synchronised=lambda: True,
    )

    def utc() -> datetime:
        moment = clock.now().utc
        assert moment is not None
        return moment

    policy = policy or Policy()
    policy.current_time = utc
    central = CentralSystem(policy, connectors={IDENTITY: connectors})
    charger = SimulatedCharger(mapping_files.load("compleo-duo-solo"), connectors, options, now_s=zero_s)
    whole: dict[str, object] = {
        "identity": IDENTITY,
        "mapping": "compleo-duo-solo",
        "modbus": {"host": "127.0.0.1"},
        "max_power_w": 44_000,
        "connector_max_power_w": 22_000,
    } | config

    async def through_a_pipe() -> Connection:
        try:
            return PipeConnection(central.connect_in_memory(IDENTITY))
        except ConnectionRefusedError as exc:
            raise PeerError(str(exc)) from exc

    link = ShortLink(charger)
    world = World(folder, whole, charger, central, clock, link, through_a_pipe, queue_bound, refuse_unstored, tidied)
    async with contextlib.AsyncExitStack() as stack:
        if websocket:
            server = world.server = await stack.enter_async_context(CentralServer(central))
            endpoint = Endpoint(f"{server.url}/{IDENTITY}", IDENTITY)
            world.connect = partial(connect, endpoint, ping_interval_s=lambda: 0.0)
        if started:
            world.start()
        try:
            yield world
        finally:
            await world.kill()
            await central.close()
