"""A simulated charger on a Modbus TCP port, and the mishaps of its network. The only importer of pymodbus's server."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from types import TracebackType
from typing import Protocol, Self

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.device import ModbusException, SimulatedCharger

EVERY_UNIT_ID = 0
EVERY_ADDRESS = SimData(0, count=0x1_0000, datatype=DataType.REGISTERS)  # which of them exist, the charger knows
READS = {3: Table.HOLDING, 4: Table.INPUT}
WRITES = {6, 16}
TICK_S = 0.2


class Registers(Protocol):
    """A charger as its network side meets it, at the moment `now_s`. Refusals are ModbusException."""

    now_s: float
    connection: int | None
    charging_speed: float

    def advance(self, now_s: float) -> None:
        """Let time pass until then."""

    def read(self, table: Table, address: int, count: int) -> tuple[int, ...]:
        """The words of `count` registers."""

    def write(self, address: int, value: int) -> None:
        """Set a holding register."""


class RegisterServer:
    """A charger's network side: `async with RegisterServer(charger, port=0) as server: server.port`.

    The charger's time goes on from where it is, with the clock; charging runs `speed` times faster. Every answer waits
    `delay_s`; a request on another connection meanwhile finds the charger busy (exception 6). Any unit id will do.
    Entering raises OSError when the port is taken.
    """

    def __init__(self, charger: Registers, *, host: str = "127.0.0.1", port: int = 0, speed: float = 1.0) -> None:
        self._registers = charger
        self.host, self.port = host, port
        self.delay_s = 0.0
        charger.charging_speed = speed
        self._device = SimDevice(EVERY_UNIT_ID, simdata=EVERY_ADDRESS, action=self._answer)
        self._reservation: socket.socket | None = None
        self._listener: ModbusTcpServer | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._return: asyncio.Task[None] | None = None
        self._answering: asyncio.Task[object] | None = None
        self._cuts_next_answer = False
        self._connections = 0
        self._zero_s = 0.0

    async def __aenter__(self) -> Self:
        self._reservation = _reserve(self.host, self.port)
        self.port = self._reservation.getsockname()[1]
        try:
            await self._listen()
        except OSError:
            self._reservation.close()
            raise
        self._zero_s = asyncio.get_running_loop().time() - self._registers.now_s
        self._ticker = asyncio.create_task(self._tick(), name=f"simulator {self.port}: time")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        tasks = [task for task in (self._ticker, self._return) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._hang_up()
        if self._reservation is not None:
            self._reservation.close()

    @property
    def is_answering(self) -> bool:
        """Whether a request is being answered."""
        return self._answering is not None

    # ---------------------------------------------------------------- mishaps

    async def offline(self, seconds: float) -> None:
        """Drop every connection and refuse new ones, for so long from now; returns at once.

        The charger itself goes on; the port stays ours, so that nobody else can answer on it.
        """
        if self._return is not None:
            self._return.cancel()
        await self._hang_up()
        self._return = asyncio.create_task(self._come_back(seconds), name=f"simulator {self.port}: offline")

    async def drop_connections(self) -> None:
        """Close every connection; answers that were on their way are lost. New connections are welcome."""
        if self._answering is not None:
            self._answering.cancel()
            await asyncio.gather(self._answering, return_exceptions=True)
        for connection in list(self._listener.active_connections.values()) if self._listener else ():
            connection.close()
        await asyncio.sleep(0)  # a transport closes its socket in the loop's next round

    def cut_next_answer(self) -> None:
        """Send half of the next answer, then close its connection (and all others)."""
        self._cuts_next_answer = True

    # ---------------------------------------------------------------- listening

    async def _listen(self) -> None:
        self._listener = ModbusTcpServer(
            self._device, address=(self.host, self.port), trace_packet=self._pass_on, trace_connect=self._count
        )
        if not await self._listener.listen():
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))

    async def _hang_up(self) -> None:
        await self.drop_connections()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        await asyncio.sleep(0)

    async def _come_back(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._listen()

    async def _tick(self) -> None:
        while True:
            self._advance()
            await asyncio.sleep(TICK_S)

    def _advance(self) -> None:
        self._registers.advance(asyncio.get_running_loop().time() - self._zero_s)

    # ---------------------------------------------------------------- answering

    async def _answer(  # noqa: PLR0917  pymodbus calls it so
        self,
        function_code: int,
        start_address: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """What pymodbus asks before it answers: fill in `registers`, or return an exception."""
        if function_code in WRITES and values is None:
            return None  # the echo of a write: the register holds what was written
        if self._answering is not None:
            return ExcCodes.DEVICE_BUSY
        self._answering = asyncio.current_task()
        try:
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            self._advance()
            self._registers.connection = self._connection
            if function_code in READS:
                words = self._registers.read(READS[function_code], address, count)
                registers[address - start_address : address - start_address + count] = words
            elif function_code in WRITES and values is not None:
                for position, value in enumerate(values, start=address):
                    self._registers.write(position, int(value))
            else:
                return ExcCodes.ILLEGAL_FUNCTION
        except ModbusException as refusal:
            return ExcCodes(refusal.exception_code)
        finally:
            self._answering = None
        return None

    def _count(self, connected: bool) -> None:
        self._connections += connected

    @property
    def _connection(self) -> int | None:
        """The number of the only connection; pymodbus does not say on which of several it was asked."""
        alone = self._listener is not None and len(self._listener.active_connections) == 1
        return self._connections if alone else None

    def _pass_on(self, sending: bool, packet: bytes) -> bytes:
        if not (sending and self._cuts_next_answer):
            return packet
        self._cuts_next_answer = False
        loop = asyncio.get_running_loop()
        for connection in list(self._listener.active_connections.values()) if self._listener else ():
            loop.call_soon(connection.close)
        return packet[: len(packet) // 2]


class SimulatorServer(RegisterServer):
    """The network side of a charger made from a mapping file."""

    def __init__(
        self, charger: SimulatedCharger, *, host: str = "127.0.0.1", port: int = 0, speed: float = 1.0
    ) -> None:
        super().__init__(charger, host=host, port=port, speed=speed)
        self.charger = charger


def _reserve(host: str, port: int) -> socket.socket:
    """A socket that holds the port but does not listen: connecting to it is refused."""
    reservation = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        reservation.bind((host, port))
    except OSError:
        reservation.close()
        raise
    return reservation
