"""What a poll costs: one unchanged block of 67 registers in process, and a whole round of a DUO over real sockets.

In process, over a transport that answers at once: our link with its checks and the comparison with what was read
before, against bare `read_input_registers` of pymodbus, which hands the registers over and checks nothing. Over
sockets to another process: a round of a DUO as the poller reads it, snapshot included, against the same four reads
with bare pymodbus. CPU of this process only; the alternatives take turns in one run, and the median of the rounds'
ratios counts, because absolute figures say more about the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as ProcessPipe
from statistics import median
from typing import Any

from pymodbus.client import AsyncModbusTcpClient

from ocpp_gateway.instant import Instant
from ocpp_gateway.mapping_files import load
from ocpp_gateway.modbus.link import ModbusLink
from ocpp_gateway.modbus.reading import ChargerReader
from ocpp_gateway.registers.read_plan import Block
from ocpp_gateway.registers.register_image import RegisterImage
from ocpp_gateway.registers.vocabulary import PollClass, Table

ROUNDS = 15
READS = 1000
SOCKET_READS = 250
WARM_UP_READS = 100
REGISTERS = 67
UNIT_ID = 255

IN_PROCESS_GOAL = 0.5
"""Ours over bare pymodbus; the goal of facts P1."""

MAPPING = load("compleo-duo-solo")


# ---------------------------------------------------------------- in process


class InstantTransport(asyncio.Transport):
    """A charger that answers every read at once, always with the same registers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._loop, self._protocol = loop, protocol
        contents = bytes((UNIT_ID, 4, 2 * REGISTERS)) + bytes(2 * REGISTERS)
        self._rest = len(contents).to_bytes(2, "big") + contents

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._loop.call_soon(self._protocol.data_received, bytes(data[:4]) + self._rest)

    def close(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False


class InstantLoop(asyncio.SelectorEventLoop):
    """A loop whose connections all lead to such a charger."""

    async def create_connection(self, protocol_factory: Callable[[], Any], *_: Any, **__: Any) -> Any:
        protocol = protocol_factory()
        transport = InstantTransport(self, protocol)
        protocol.connection_made(transport)
        return transport, protocol


async def in_process() -> tuple[float, float, float]:
    """CPU µs of ours and of pymodbus for a read of 67 unchanged registers, and the ratio."""
    link = ModbusLink("charger", unit_id=UNIT_ID)
    await link.connect()
    image, now = RegisterImage(MAPPING, 2), Instant(None, "bench", 0.0)
    end = 256 + REGISTERS
    inside = [f for f in MAPPING.fields(2) if f.table is Table.INPUT and f.address >= 256 and f.end <= end]
    block = Block(Table.INPUT, 256, REGISTERS, PollClass.FAST, tuple(inside))

    async def ours() -> None:
        image.take(block, await link.read(block.table, block.address, block.count), now)

    bare = AsyncModbusTcpClient("charger")
    await bare.connect()

    async def theirs() -> None:
        await bare.read_input_registers(256, count=REGISTERS, device_id=UNIT_ID)

    figures = await compare(ours, theirs, READS)
    await link.close()
    bare.close()
    return figures


# ---------------------------------------------------------------- over sockets


async def over_sockets(port: int) -> tuple[float, float, float]:
    """CPU µs of ours and of pymodbus for a round of a DUO's four fast blocks, and the ratio."""
    link = ModbusLink("127.0.0.1", port, UNIT_ID)
    await link.connect()

    def now() -> Instant:
        return Instant(None, "bench", time.monotonic())

    async def nothing() -> None:
        pass

    reader = ChargerReader(link, MAPPING, 2, now, nothing)

    async def ours() -> None:
        await reader.read_round(1.0)
        reader.image.snapshot(now())

    bare = AsyncModbusTcpClient("127.0.0.1", port=port)
    await bare.connect()
    blocks = [(block.address, block.count) for block in reader.plan(PollClass.FAST)]

    async def theirs() -> None:
        for address, count in blocks:
            await bare.read_input_registers(address, count=count, device_id=UNIT_ID)

    figures = await compare(ours, theirs, SOCKET_READS)
    await link.close()
    bare.close()
    return figures


def serve(pipe: ProcessPipe) -> None:
    """A charger whose registers are all 0; sends its port through the pipe."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(12):
            contents = request[6:8] + bytes((2 * request[11],)) + bytes(2 * request[11])
            writer.write(request[:4] + len(contents).to_bytes(2, "big") + contents)
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


# ---------------------------------------------------------------- measuring


async def compare(
    ours: Callable[[], Awaitable[None]], theirs: Callable[[], Awaitable[None]], times: int
) -> tuple[float, float, float]:
    """Median CPU µs of both, and the median of the rounds' ratios."""
    for action in (ours, theirs):
        await cpu_us(action, WARM_UP_READS)
    rounds = [(await cpu_us(ours, times), await cpu_us(theirs, times)) for _ in range(ROUNDS)]
    return median(a for a, _ in rounds), median(b for _, b in rounds), median(a / b for a, b in rounds)


async def cpu_us(action: Callable[[], Awaitable[None]], times: int) -> float:
    """CPU time of this process for one action, in µs."""
    started = time.process_time()
    for _ in range(times):
        await action()
    return (time.process_time() - started) / times * 1e6


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures; with `--check`, 1 when the in-process goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit 1 when the in-process goal is missed")
    check = parser.parse_args(arguments).check

    with asyncio.Runner(loop_factory=InstantLoop) as runner:
        ours_us, bare_us, ratio = runner.run(in_process())
    print("a read of 67 registers that did not change; CPU per read")
    print(f"  in process   ours {ours_us:6.1f} µs   bare pymodbus {bare_us:6.1f} µs   "
          f"ratio {ratio:.2f} (goal <= {IN_PROCESS_GOAL})")

    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    server = spawn.Process(target=serve, args=(there,), daemon=True)
    server.start()
    try:
        ours_us, bare_us, socket_ratio = asyncio.run(over_sockets(here.recv()))
    finally:
        server.terminate()
        server.join()
    print("a round of a DUO, four reads and a snapshot; CPU per round")
    print(f"  over TCP     ours {ours_us:6.0f} µs   bare pymodbus {bare_us:6.0f} µs   ratio {socket_ratio:.2f}")
    return 1 if check and ratio > IN_PROCESS_GOAL else 0


if __name__ == "__main__":
    sys.exit(main())
