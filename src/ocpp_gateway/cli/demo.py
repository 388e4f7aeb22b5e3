"""`ocpp-gateway demo`: simulated chargers, a test central system and the gateway between them, on this machine.

Nothing in the middle is faked: registers go over Modbus TCP, messages over a websocket, transactions into SQLite.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ocpp_gateway.central.server import CentralServer
    from ocpp_gateway.settings import Settings
    from ocpp_gateway.simulator.device import SimulatedCharger
    from ocpp_gateway.simulator.options import ChargerOptions

MAPPING = "compleo-duo-solo"
CARDS = ("04A1B2C3D4", "04E5F60718", "0429A3B4C5", "04D6E7F809")
INTERRUPTED = 130


def demo(
    chargers: Annotated[int, typer.Option("--chargers", min=1, max=20, help="How many chargers.")] = 3,
    speed: Annotated[float, typer.Option("--speed", min=1, max=60, help="How much faster the cars charge.")] = 20.0,
    for_s: Annotated[float | None, typer.Option("--for", min=1, help="End after so many seconds.")] = None,
) -> None:
    """Watch whole charging sessions on this machine; Ctrl-C ends it."""
    raise typer.Exit(asyncio.run(_demo(chargers, speed, for_s)))


async def _demo(chargers: int, speed: float, for_s: float | None) -> int:
    """Everything in one event loop, for that long; gives the exit code."""
    from ocpp_gateway import log

    log.configure("WARNING", "auto", {})
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    playing = asyncio.create_task(_play(chargers, speed), name="demo")
    waiting = asyncio.create_task(interrupted.wait(), name="signals")
    await asyncio.wait({playing, waiting}, timeout=for_s, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    playing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await playing
    _say("demo ended")
    return INTERRUPTED if interrupted.is_set() else 0


async def _play(chargers: int, speed: float) -> None:
    from ocpp_gateway import mapping_files
    from ocpp_gateway.central.frames import format_frame
    from ocpp_gateway.central.server import CentralServer
    from ocpp_gateway.central.system import CentralSystem
    from ocpp_gateway.gateway import Gateway
    from ocpp_gateway.simulator.device import SimulatedCharger
    from ocpp_gateway.simulator.server import SimulatorServer

    mapping = mapping_files.load(MAPPING)
    central = CentralSystem(on_frame=lambda frame: _say(format_frame(frame)), frame_limit=10_000)
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ocpp-gateway-demo-")))
        server = await stack.enter_async_context(CentralServer(central))
        _say(f"central system listens on {server.url}")
        parks: dict[str, tuple[int, SimulatedCharger]] = {}
        for number in range(1, chargers + 1):
            options = _options(number)
            simulated = await stack.enter_async_context(
                SimulatorServer(SimulatedCharger(mapping, 2, options), speed=speed)
            )
            parks[f"DEMO-{number}"] = (simulated.port, simulated.charger)
            _say(f"simulated charger DEMO-{number} answers Modbus TCP on port {simulated.port}")
        gateway = Gateway(_settings(folder, server, {name: port for name, (port, _) in parks.items()}))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(gateway.run(_say_where_the_dashboard_is), name="gateway")
            for name, (_, charger) in parks.items():
                tasks.create_task(_cars_come_and_go(name, charger), name=f"{name}: cars")
            tasks.create_task(_limits_come_and_go(server, list(parks)), name="limits")


def _options(number: int) -> ChargerOptions:
    from ocpp_gateway.simulator.options import ChargerOptions

    return ChargerOptions(serial_number=f"SIM{number:07d}", voltage_swing_v=1.5)


def _settings(folder: Path, server: CentralServer, ports: dict[str, int]) -> Settings:
    from ocpp_gateway.settings import Settings

    return Settings.model_validate(
        {
            "version": 1,
            "central_system": {"url": f"{server.url}/ocpp", "security_profile": 0},
            "chargers": [
                {
                    "identity": name,
                    "mapping": MAPPING,
                    "modbus": {"host": "127.0.0.1", "port": port},
                    "poll_interval_s": 0.5,
                    "max_power_w": 44_000,
                    "connector_max_power_w": 22_000,
                    "authorization": {"mode": "central_system"},
                    "configuration": {"MeterValueSampleInterval": "5"},
                }
                for name, port in ports.items()
            ],
            "store": {"url": f"sqlite:///{folder / 'gateway.db'}"},
            "web": {"port": 0},
        }
    )


async def _cars_come_and_go(name: str, charger: SimulatedCharger) -> None:
    """A first car within seconds, that leaves while one is watching; then others, for as long as one likes."""
    async with asyncio.TaskGroup() as tasks:
        for connector_id, first_s in ((1, 2.0), (2, 9.0)):
            chance = random.Random(f"{name}/{connector_id}")  # noqa: S311 - a play, and the same one every time
            tasks.create_task(_one_car_after_another(name, charger, connector_id, first_s, chance))


async def _one_car_after_another(
    name: str, charger: SimulatedCharger, connector_id: int, arrives_s: float, chance: random.Random
) -> None:
    from ocpp_gateway.simulator.ev import ElectricVehicle

    stays_s = 20.0
    while True:
        await asyncio.sleep(arrives_s)
        card = chance.choice(CARDS)
        _say(f"a car is plugged in at {name}, connector {connector_id}, with card {card}")
        phases = chance.choice((3, 3, 1))
        charger.plug(
            connector_id, card, ElectricVehicle(chance.uniform(4_000, 30_000), chance.choice((16, 32)), phases)
        )
        await asyncio.sleep(stays_s)
        _say(f"the car at {name}, connector {connector_id} is unplugged")
        charger.unplug(connector_id)
        arrives_s, stays_s = chance.uniform(5, 20), chance.uniform(25, 70)


async def _limits_come_and_go(server: CentralServer, names: list[str]) -> None:
    """The central system limits a charger's first connector, and lifts that again; then the next charger's."""
    from ocpp_gateway.central.frames import ConnectionClosedError

    limits_a = itertools.cycle((10.0, 16.0, 8.0, 0.0))
    for name in itertools.cycle(names):
        await asyncio.sleep(max(12 / len(names), 4))
        with contextlib.suppress(ConnectionClosedError, TimeoutError):
            request = {"connectorId": 1, "csChargingProfiles": _profile(next(limits_a))}
            await server.central.call(name, "SetChargingProfile", request)
            await asyncio.sleep(9)
            await server.central.call(name, "ClearChargingProfile", {"id": 1})


def _profile(limit_a: float) -> dict[str, Any]:
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}],
        },
    }


def _say_where_the_dashboard_is(port: int) -> None:
    _say(f"the dashboard is at http://127.0.0.1:{port}/ and the API below /api/v1; Ctrl-C ends the demo")


def _say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(line, file=sys.stdout, flush=True)
