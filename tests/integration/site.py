"""A site over real sockets: simulated chargers on Modbus TCP, the strict central system on a websocket, a gateway."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ocpp_gateway import mapping_files
from ocpp_gateway.central.frames import Direction, Frame, Kind
from ocpp_gateway.central.policy import Policy
from ocpp_gateway.central.server import CentralServer
from ocpp_gateway.central.system import CentralSystem
from ocpp_gateway.gateway import Gateway
from ocpp_gateway.settings import Settings
from ocpp_gateway.simulator.device import SimulatedCharger
from ocpp_gateway.simulator.options import ChargerOptions
from ocpp_gateway.simulator.server import SimulatorServer

IDENTITY = "SITE-1"
T = TypeVar("T")


@dataclass
class Site:
    """One charger, one central system; the gateway runs in the test's own loop, or elsewhere by `config`."""

    folder: Path
    simulator: SimulatorServer
    server: CentralServer
    config: dict[str, Any]

    @property
    def charger(self) -> SimulatedCharger:
        return self.simulator.charger

    @property
    def central(self) -> CentralSystem:
        return self.server.central

    @contextlib.asynccontextmanager
    async def gateway(
        self, on_web: Callable[[int], None] = lambda port: None, **options: Any
    ) -> AsyncIterator[Gateway]:
        """The gateway, until the block ends; `on_web` gets the port of its API."""
        gateway = Gateway(Settings.model_validate(self.config), **options)
        running = asyncio.create_task(gateway.run(on_web), name="gateway")
        try:
            yield gateway
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    def told(self, action: str, **wanted: Any) -> list[Frame]:
        """The CALLs of that action that the central system got, with those values in their payload."""
        return [
            frame
            for frame in self.central.frames
            if (frame.direction, frame.kind, frame.action) == (Direction.RECEIVED, Kind.CALL, action)
            and all(frame.payload.get(key) == value for key, value in wanted.items())
        ]

    async def until(self, condition: Callable[[], T], timeout_s: float = 60.0) -> T:
        """The first true value of a condition on what the central system heard, or on the simulated charger."""
        async with asyncio.timeout(timeout_s):
            while not (value := condition()):
                with contextlib.suppress(TimeoutError):
                    return await self.central.wait_for(condition, 0.1)
            return value

    def statuses(self, connector_id: int) -> list[str]:
        return [frame.payload["status"] for frame in self.told("StatusNotification", connectorId=connector_id)]


@contextlib.asynccontextmanager
async def a_site(
    folder: Path,
    *,
    connectors: int = 2,
    options: ChargerOptions | None = None,
    policy: Policy | None = None,
    speed: float = 300.0,
    charger_class: type[SimulatedCharger] = SimulatedCharger,
    **charger_config: Any,
) -> AsyncIterator[Site]:
    """A site; `charger_config` are keys of the charger in gateway.yaml. Charging runs `speed` times faster."""
    charger = charger_class(mapping_files.load("compleo-duo-solo"), connectors, options)
    central = CentralSystem(policy, connectors={IDENTITY: connectors})
    async with SimulatorServer(charger, speed=speed) as simulator, CentralServer(central) as server:
        config: dict[str, Any] = {
            "version": 1,
            "central_system": {"url": server.url, "security_profile": 0},
            "chargers": [
                {
                    "identity": IDENTITY,
                    "mapping": "compleo-duo-solo",
                    "modbus": {"host": "127.0.0.1", "port": simulator.port},
                    "poll_interval_s": 0.2,
                    "max_power_w": 44_000,
                    "connector_max_power_w": 22_000,
                    "configuration": {"MeterValueSampleInterval": "2"},
                }
                | charger_config
            ],
            "store": {"url": f"sqlite:///{folder / 'gateway.db'}"},
            "web": {"port": 0},
        }
        yield Site(folder, simulator, server, config)
