"""One Modbus TCP connection that believes nothing: register bytes in, errors of ours out.

The only importer of `pymodbus.client`. What the library leaves open is closed here: it takes answers with a wrong
function code, register count or write echo and anything with transaction id 0 for good, hands out a late answer as
the next one, and lets a read wait for its time-out when the peer has long hung up.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import struct
from collections.abc import Callable
from typing import Any

from pymodbus import ModbusException
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    ReadInputRegistersRequest,
    ReadInputRegistersResponse,
)

from ocpp_gateway.errors import LinkError, LinkLostError, LinkUnavailable, RegisterRefused, WrongAnswer
from ocpp_gateway.registers.vocabulary import Table

CONNECT_TIMEOUTS = 3
"""A connection may take this many answer time-outs: TCP repeats a lost SYN only after a second."""

STALE_AFTER_S = 1.0
"""An answer that is taken from the socket so long after its time-out is old: this process was stopped meanwhile."""


class _RawHolding(ReadHoldingRegistersResponse):
    """An answer that keeps its bytes; the library unpacks register by register and formats each answer for its log."""

    raw = b""
    exception_code = 0

    def __init__(self) -> None:
        """Set nothing: of all that the library's class would set, an answer's reader needs nothing but the bytes."""

    def decode(self, data: bytes) -> None:
        self.raw = data[1:]  # data[0] is the byte count

    def __str__(self) -> str:
        return "registers"


class _RawInput(_RawHolding, ReadInputRegistersResponse):
    """The same for input registers."""

    function_code = ReadInputRegistersResponse.function_code


class _ReadHolding(ReadHoldingRegistersRequest):
    """A question that is asked again and again, so it is checked and encoded once.

    Raises ValueError for addresses and counts that Modbus does not have.
    """

    def __init__(self, address: int, count: int, unit_id: int) -> None:
        super().__init__(address=address, count=count, dev_id=unit_id)
        self._encoded = super().encode()

    def encode(self) -> bytes:
        return self._encoded


class _ReadInput(_ReadHolding, ReadInputRegistersRequest):
    """The same for input registers."""

    function_code = ReadInputRegistersRequest.function_code


class ModbusLink:
    """A connection to one unit, one request at a time, each with a deadline for its whole answer.

    Any doubt about the answers (a time-out, a frame that does not belong to the request, a cancelled request) closes
    the socket, because whatever comes on it next may be the answer to something else; `connect` opens a new one.
    A Modbus exception is an answer like any other: `RegisterRefused`, and the connection stays.
    `on_exchange` gets whatever is asked and answered, and what becomes of the connection (`flight_recorder`).
    """

    def __init__(
        self,
        host: str,
        port: int = 502,
        unit_id: int = 255,
        timeout_s: float = 1.0,
        *,
        on_exchange: Callable[[str, int, int, bytes | int | str], None] | None = None,
    ) -> None:
        self._on_exchange = on_exchange
        self._host, self._port, self._unit_id, self._timeout_s = host, port, unit_id, timeout_s
        self._questions: dict[tuple[Table, int, int], _ReadHolding] = {}
        self._client: AsyncModbusTcpClient | None = None
        self._request = b""  # the frame that waits for its answer; empty between requests
        self._answer_head = b""  # what the answer to it must begin with
        self._answered = False  # whether this connection ever gave an answer
        self._why_closed = f"{host}:{port}: not connected"
        self._deadline = 0.0
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def connected(self) -> bool:
        """Whether a socket is open; a peer that vanished without a word shows only at the next request."""
        return self._client is not None

    async def connect(self) -> None:
        """Open a fresh connection. Raises LinkUnavailable with what an operator can do about it."""
        await self.close()
        # A client per connection: pymodbus lets the end of an old socket close the new one of the same client.
        client = AsyncModbusTcpClient(
            self._host,
            port=self._port,
            retries=0,
            reconnect_delay=0,
            timeout=None,  # type: ignore[arg-type]  # ours is one alarm for many requests; theirs a task for each
            trace_packet=self._inspect,
            trace_connect=lambda up: None if up else self._hung_up(client),
        )
        client.register(_RawHolding)
        client.register(_RawInput)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUTS * self._timeout_s):
                await client.ctx.call_create()  # client.connect() is this, but keeps the reason of a failure to itself
        except OSError as exc:  # TimeoutError is one
            client.close()
            unavailable = LinkUnavailable(self._host, self._port, self._why_unavailable(exc))
            self._tell("link", 0, 0, str(unavailable))
            raise unavailable from exc
        except asyncio.CancelledError:
            client.close()
            raise
        if not client.connected:  # reset before we came to look
            raise LinkUnavailable(self._host, self._port, UNAVAILABLE[errno.ECONNRESET])
        self._client, self._answered = client, False
        self._tell("link", 0, 0, "connected")

    async def close(self) -> None:
        """Close the socket, if one is open; a request under way ends in LinkLostError."""
        self._drop(LinkLostError(f"{self._host}:{self._port}: closed by the gateway"))

    async def read(self, table: Table, address: int, count: int) -> bytes:
        """The registers as they came, 2 * count bytes, big endian.

        Raises RegisterRefused (the connection stays), WrongAnswer or LinkLostError (it is closed).
        """
        request = self._questions.get((table, address, count))
        if request is None:
            question = _ReadInput if table is Table.INPUT else _ReadHolding
            request = self._questions[table, address, count] = question(address, count, self._unit_id)
        answer = await self._answer_to(self._free_client().execute(False, request))
        if isinstance(answer, _RawHolding):
            self._tell(table.value, address, count, answer.raw)
            return answer.raw
        self._tell(table.value, address, count, answer.exception_code)
        raise RegisterRefused(table=table, address=address, count=count, exception_code=answer.exception_code)

    async def write(self, address: int, value: int) -> None:
        """Write one holding register (function 6); the echo is checked. The same errors as `read`.

        Raises ValueError for anything but an int of 0..65535; True is not 1.
        """
        if type(value) is not int or not 0 <= value <= 0xFFFF:
            raise ValueError(f"register {address}: {value!r} is not an integer from 0 to 65535")
        client = self._free_client()
        answer = await self._answer_to(client.write_register(address, value, device_id=self._unit_id))
        self._tell("write", address, 1, answer.exception_code if answer.isError() else value.to_bytes(2, "big"))
        if answer.isError():
            raise RegisterRefused(table=Table.HOLDING, address=address, count=1, exception_code=answer.exception_code)

    def _tell(self, kind: str, address: int, count: int, outcome: bytes | int | str) -> None:
        if self._on_exchange is not None:
            self._on_exchange(kind, address, count, outcome)

    def _free_client(self) -> AsyncModbusTcpClient:
        if self._client is None:
            raise LinkLostError(self._why_closed)
        if self._request:
            raise RuntimeError("a Modbus link takes one request at a time: a charger refuses overlapping ones")
        return self._client

    async def _answer_to(self, request: Any) -> ModbusPDU:
        """Wait for the answer until the deadline; the socket is closed when there is none, or nobody waits for it."""
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + self._timeout_s
        if self._alarm is None:
            self._alarm = loop.call_at(self._deadline, self._deadline_passed)
        try:
            answer: ModbusPDU = await request
        except asyncio.CancelledError:
            self._drop(LinkLostError(f"{self._host}:{self._port}: closed, because a request was cancelled"))
            raise
        except ModbusException as exc:
            lost = LinkLostError(f"{self._host}:{self._port}: {exc}")
            self._drop(lost)
            raise lost from exc
        if loop.time() > self._deadline + STALE_AFTER_S:  # the bytes were there before the alarm could ring (T-07)
            stale = LinkLostError(f"{self._host}:{self._port}: an answer of before this process was stopped")
            self._drop(stale)
            raise stale
        self._request = b""
        self._answered = True
        return answer

    def _deadline_passed(self) -> None:
        """One alarm serves many requests: it looks whether the deadline has moved on, and follows it."""
        loop = asyncio.get_running_loop()
        self._alarm = None
        if not self._request:
            return
        if loop.time() < self._deadline:
            self._alarm = loop.call_at(self._deadline, self._deadline_passed)
        elif self._answered:
            self._drop(LinkLostError(f"{self._host}:{self._port}: no answer within {self._timeout_s:g} s"))
        else:
            self._drop(
                LinkLostError(
                    f"{self._host}:{self._port}: connected, but no answer within {self._timeout_s:g} s;"
                    f" check that modbus.unit_id {self._unit_id} is right"
                )
            )

    def _hung_up(self, client: AsyncModbusTcpClient) -> None:
        if client is not self._client:
            return
        hint = "" if self._answered else " at once; does another Modbus client hold its only connection?"
        self._drop(LinkLostError(f"{self._host}:{self._port}: the charger closed the connection{hint}"))

    def _drop(self, error: LinkError) -> None:
        """Close the socket, if one is open, and end the waiting request, if there is one, with that error."""
        if self._client is None:
            return
        client, self._client, self._why_closed = self._client, None, str(error)
        self._tell("link", 0, 0, self._why_closed)
        waiting, self._request = bool(self._request), b""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        client.close()
        if waiting and not client.ctx.response_future.done():
            client.ctx.response_future.set_exception(error)

    def _inspect(self, sending: bool, frame: bytes) -> bytes:
        """Called by pymodbus with each frame sent, and with all bytes received since; what it returns is decoded.

        The head of a good answer follows from the request to the byte, so one comparison checks transaction,
        protocol, length, unit, function and byte count, and for a write the whole echo.
        """
        if sending:
            self._request, self._answer_head = frame, answer_head(frame)
            return frame
        head = self._answer_head
        if self._request:
            if frame.startswith(head) and len(frame) <= 6 + (head[4] << 8 | head[5]):
                return frame
            if head.startswith(frame) or is_exception(self._request, frame):
                return frame
        problem = why_wrong(self._request, frame) if self._request else "an answer that nobody asked for"
        self._drop(WrongAnswer(f"{self._host}:{self._port}: {problem}"))
        return b""

    def _why_unavailable(self, exc: OSError) -> str:
        if isinstance(exc, TimeoutError):
            limit_s = CONNECT_TIMEOUTS * self._timeout_s
            return f"nothing answers within {limit_s:g} s; check the host, the network and the firewall"
        if isinstance(exc, socket.gaierror):
            return "unknown host name; check its spelling, and DNS"
        return UNAVAILABLE.get(_error_number(exc), str(exc))


UNAVAILABLE = {
    errno.ECONNREFUSED: "connection refused; check the port, and that Modbus TCP is switched on in the charger",
    errno.EHOSTUNREACH: "host unreachable; check the host, and that the charger has power and network",
    errno.ENETUNREACH: "network unreachable; check this machine's network and VPN",
    errno.ECONNRESET: "closed at once; does another Modbus client hold the charger's only connection?",
    errno.EMFILE: "this process has no file descriptor left; raise its limit of open files",
}


def _error_number(exc: OSError) -> int:
    """Its errno; asyncio folds the failures of a name with several addresses into a text, where the first counts."""
    if exc.errno is None and (folded := re.search(r"\[Errno (\d+)\]", str(exc))):
        return int(folded.group(1))
    return exc.errno or 0


# ---------------------------------------------------------------- frames: MBAP header (7 bytes), function, contents


def answer_head(request: bytes) -> bytes:
    """What the good answer to a request frame begins with: all nine bytes before the registers, or the echo."""
    function = request[7]
    if function == 6:
        return request
    byte_count = 2 * (request[10] << 8 | request[11])
    return request[:4] + (3 + byte_count).to_bytes(2, "big") + request[6:8] + bytes((byte_count,))


def is_exception(request: bytes, answer: bytes) -> bool:
    """Whether it is the beginning or the whole of a Modbus exception in answer to this request."""
    head = request[:4] + b"\x00\x03" + request[6:7] + bytes((request[7] | 0x80,))
    return len(answer) <= 9 and (answer.startswith(head) or head.startswith(answer))


def why_wrong(request: bytes, answer: bytes) -> str:
    """What is wrong with an answer, for people. `answer` may be any bytes, less or more than a frame."""
    head = answer_head(request)
    length, unit_id, function, byte_count = struct.unpack(">HBBB", answer.ljust(9, b"\0")[4:9])

    def differs(start: int, end: int) -> bool:
        return not head[start:end].startswith(answer[start:end])

    for wrong, what in (
        (differs(2, 4), "bytes that are no Modbus TCP; is this the charger's Modbus port?"),
        (differs(0, 2), "an answer to another request (wrong transaction id)"),
        (differs(6, 7), f"an answer of unit {unit_id} to a request for unit {request[6]}"),
        (differs(7, 8) and function & 0x7F != request[7], f"function {function} answers function {request[7]}"),
        (len(answer) > 6 + length, "more bytes than the answer's length says"),
        (request[7] == 6, "a write was echoed with another address or value"),
        (length == 3 + byte_count, f"{byte_count} bytes of registers where {head[8]} were asked for"),
    ):
        if wrong:
            return what
    return "an answer of the wrong length"
