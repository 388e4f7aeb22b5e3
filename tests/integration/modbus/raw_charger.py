"""A Modbus TCP server that answers with whatever a test wants on the wire, right or wrong."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum


class Ending(Enum):
    """How the server ends a connection."""

    FIN = "fin"
    RST = "rst"


@dataclass(frozen=True)
class Request:
    """A request frame, taken apart. `value` is a count for reads and the value for writes."""

    frame: bytes
    transaction_id: int
    unit_id: int
    function: int
    address: int
    value: int

    def answer(self, pdu: bytes, *, transaction_id: int | None = None, unit_id: int | None = None) -> bytes:
        """A well-formed frame around a PDU."""
        transaction = self.transaction_id if transaction_id is None else transaction_id
        unit = self.unit_id if unit_id is None else unit_id
        return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu

    def registers(self, *words: int, function: int | None = None) -> bytes:
        """The PDU that answers a read with these words."""
        code = self.function if function is None else function
        return struct.pack(f">BB{len(words)}H", code, 2 * len(words), *words)

    def exception(self, code: int) -> bytes:
        """The frame that refuses this request."""
        return self.answer(bytes((self.function | 0x80, code)))

    def good(self) -> bytes:
        """The right answer: each register holds its address; a write is echoed."""
        if self.function == 6:
            return self.frame
        return self.answer(self.registers(*range(self.address, self.address + self.value)))


Answer = Callable[[Request], Iterable[bytes | float | Ending]]
"""What to do with a request: bytes to send, seconds to wait, how to hang up."""


def good(request: Request) -> Iterable[bytes]:
    """Answer as a charger should."""
    yield request.good()


@dataclass
class RawCharger:
    """The server. `answer` may be exchanged while it runs; `requests` holds all that came."""

    port: int = 0
    answer: Answer = good
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                frame = await reader.readexactly(12)
                transaction_id, _, _, unit_id, function, address, value = struct.unpack(">HHHBBHH", frame)
                request = Request(frame, transaction_id, unit_id, function, address, value)
                self.requests.append(request)
                for step in self.answer(request):
                    if isinstance(step, Ending):
                        if step is Ending.RST:
                            linger = struct.pack("ii", 1, 0)
                            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                        return
                    if isinstance(step, bytes):
                        writer.write(step)
                        await writer.drain()
                    else:
                        await asyncio.sleep(step)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


Start = Callable[[Answer], Awaitable[RawCharger]]
"""The fixture `raw_charger`: starts a server with a way to answer; it stops with the test."""


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition on the real clock; a test that waits for more than two seconds fails."""
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110  # the condition is of a socket's other end, nobody sets an event
            await asyncio.sleep(0.002)
