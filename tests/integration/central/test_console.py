from __future__ import annotations

import asyncio
import queue
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from hand_made_charge_point import HandMadeChargePoint
from ocpp_gateway.central.console import HELP, run_console


@dataclass
class Terminal:
    """Types lines and reads what was written."""

    shown: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    typed: queue.Queue[str] = field(default_factory=queue.Queue)

    def __iter__(self) -> Iterator[str]:
        while True:
            yield self.typed.get() + "\n"

    def write(self, line: str) -> None:
        self.shown.append(line)
        self.changed.set()

    async def shows(self, pattern: str) -> re.Match[str]:
        async with asyncio.timeout(5):
            while True:
                self.changed.clear()
                if found := re.search(pattern, "\n".join(self.shown)):
                    return found
                await self.changed.wait()


@asynccontextmanager
async def console() -> AsyncIterator[Terminal]:
    terminal = Terminal()
    running = asyncio.create_task(run_console(0, lines=terminal, write=terminal.write))
    try:
        yield terminal
    finally:
        terminal.typed.put("quit")
        assert await running == 0


@asynccontextmanager
async def charge_point(terminal: Terminal) -> AsyncIterator[HandMadeChargePoint]:
    url = (await terminal.shows(r"ws://127\.0\.0\.1:\d+"))[0]
    async with connect(url + "/S", subprotocols=[Subprotocol("ocpp1.6")], proxy=None) as websocket:
        yield HandMadeChargePoint(websocket)


async def test_frames_and_violations_are_shown() -> None:
    async with console() as terminal, charge_point(terminal) as station:
        await station.call("Heartbeat", {})

        await terminal.shows(r"(?m)^\d\d:\d\d:\d\d\.\d{3} S → Heartbeat\.req {}$")
        await terminal.shows(r"(?m) S ← Heartbeat\.conf {\"currentTime\":")
        await terminal.shows(r"(?m)^! B-01 S: ")


async def test_a_typed_command_is_sent() -> None:
    async with console() as terminal, charge_point(terminal) as station:
        await station.boot()
        terminal.typed.put("set S AuthorizationKey 00FF")
        request = await station.receive()
        assert request[2:] == ["ChangeConfiguration", {"key": "AuthorizationKey", "value": "00FF"}]
        await station.send(4, request[1], "NotSupported", "", {})

        await terminal.shows(r"S → ChangeConfiguration\.error")
        assert "00FF" not in "".join(terminal.shown)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nonsense", "unknown command 'nonsense'; type help"),
        ("clear X", "X is not connected; connected: none"),
        ("start X 1 " + 21 * "x", r"RemoteStartTransaction\.req: idTag: .* is too long"),
        ("call X Nonsense", "Nonsense is no OCPP 1.6 message"),
        ("help", re.escape(HELP)),
    ],
)
async def test_a_line_that_leads_nowhere_gets_one_that_helps(line: str, told: str) -> None:
    async with console() as terminal:
        terminal.typed.put("")
        terminal.typed.put(line)
        await terminal.shows(told)


async def test_when_the_lines_end_it_goes_on_serving() -> None:
    terminal = Terminal()
    running = asyncio.create_task(run_console(0, lines=[], write=terminal.write))
    async with charge_point(terminal) as station:
        await station.boot()
        assert not running.done()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_port_that_is_taken_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    taken = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    terminal = Terminal()
    async with taken:
        assert await run_console(port, lines=[], write=terminal.write) == 1

    assert terminal.shown == []
    assert re.fullmatch(rf"cannot listen on 127\.0\.0\.1:{port}: .*; choose another --port\n", capsys.readouterr().err)
