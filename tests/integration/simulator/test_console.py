"""The console of a running simulated charger: lines in through a pipe, lines out."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ocpp_gateway.simulator.console import converse, read_lines, simulate
from ocpp_gateway.simulator.server import SimulatorServer
from unit.simulator.chargers import compleo, new_charger

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be waited for there")


class Terminal:
    """A person: types lines, and reads what is said until something appears."""

    def __init__(self, stdin: int) -> None:
        self.said: list[str] = []
        self._stdin = stdin
        self._heard = asyncio.Event()

    def type(self, text: str) -> None:
        os.write(self._stdin, text.encode())

    def say(self, line: str) -> None:
        self.said.append(line)
        self._heard.set()

    async def hears(self, text: str) -> str:
        """The first line with that text; waits for it."""
        async with asyncio.timeout(5):
            while True:
                for line in self.said:
                    if text in line:
                        return line
                self._heard.clear()
                await self._heard.wait()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


@asynccontextmanager
async def conversation(pipe: tuple[int, int]) -> AsyncIterator[tuple[Terminal, SimulatorServer, asyncio.Task[None]]]:
    terminal = Terminal(pipe[1])
    async with SimulatorServer(new_charger()) as server:
        task = asyncio.create_task(converse(server, pipe[0], terminal.say))
        try:
            yield terminal, server, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_session_is_typed_and_told(pipe: tuple[int, int]) -> None:
    async with conversation(pipe) as (terminal, server, _):
        terminal.type("plug 1 04A1B2C3\n")
        assert await terminal.hears("Charging") == (
            "connector 1: Charging, offered 31.9 A, drawn 31.9 A, 0.0 kWh, tag 04A1B2C3"
        )
        terminal.type("error 1 9\n")
        await terminal.hears("connector 1: Faulted, error 9")
        terminal.type("clear 1\ntag 2 OTHER\n")
        await terminal.hears("connector 2: Available, tag OTHER")
        terminal.type("unplug 1\n")
        await terminal.hears("connector 1: Available")
        assert server.charger.connector(1).error_code is None


async def test_a_change_by_the_gateway_is_told(pipe: tuple[int, int]) -> None:
    async with conversation(pipe) as (terminal, server, _):
        terminal.type("plug 1\n")
        await terminal.hears("connector 1: Charging")
        server.charger.write(256, 0)
        await terminal.hears("connector 1: SuspendedEVSE, offered 0.0 A")
        server.charger.write(0, 220)
        await terminal.hears("station: limit 22.0 kW")


async def test_a_mistake_is_answered_and_ends_nothing(pipe: tuple[int, int]) -> None:
    async with conversation(pipe) as (terminal, _, task):
        terminal.type("plgu 1\nunplug 2\nplug 7\n\n")
        await terminal.hears("did you mean plug?")
        await terminal.hears("connector 2 has no car to unplug")
        await terminal.hears("there is no connector 7, only 1 to 2")
        assert not task.done()


async def test_status_tells_everything_and_help_every_command(pipe: tuple[int, int]) -> None:
    async with conversation(pipe) as (terminal, _, _task):
        terminal.type("status\n")
        await terminal.hears("connector 2: Available")
        assert terminal.said == ["station: limit 44.0 kW", "connector 1: Available", "connector 2: Available"]
        terminal.type("help\n")
        assert await terminal.hears("offline") == "offline SECONDS        the charger cannot be reached for so long"


async def test_offline_is_done_by_the_server(pipe: tuple[int, int]) -> None:
    async with conversation(pipe) as (terminal, server, _):
        terminal.type("offline 60\n")
        await terminal.hears("offline for 60 s")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)


async def test_quit_ends_it(pipe: tuple[int, int]) -> None:
    async with conversation(pipe) as (terminal, _, task), asyncio.timeout(5):
        terminal.type("quit\nplug 1\n")
        await task


async def test_the_charger_goes_on_when_the_input_ends() -> None:
    reading, writing = os.pipe()
    async with conversation((reading, writing)) as (terminal, _, task):
        terminal.type("plug 1")  # without a newline
        os.close(writing)
        await terminal.hears("connector 1: Charging")
        assert not task.done()
    os.close(reading)


# ---------------------------------------------------------------- reading lines


async def test_a_line_may_come_in_pieces_and_lines_together(pipe: tuple[int, int]) -> None:
    lines = read_lines(pipe[0])
    os.write(pipe[1], b"plug 1\nun")
    assert await anext(lines) == "plug 1"
    rest = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)
    os.write(pipe[1], b"plug 1\n")

    assert await rest == "unplug 1"
    await lines.aclose()


async def test_bytes_that_are_no_text_are_a_line_all_the_same(pipe: tuple[int, int]) -> None:
    lines = read_lines(pipe[0])
    os.write(pipe[1], b"\xff\xfe plug\n")

    assert await anext(lines) == "\ufffd\ufffd plug"
    await lines.aclose()


@pytest.mark.parametrize(("content", "expected"), [("plug 1\nplug 2", ["plug 1", "plug 2"]), ("", [])])
async def test_a_file_can_be_the_input(tmp_path: Path, content: str, expected: list[str]) -> None:
    file = tmp_path / "commands"
    file.write_text(content, encoding="utf-8")
    descriptor = os.open(file, os.O_RDONLY)

    assert [line async for line in read_lines(descriptor)] == expected
    os.close(descriptor)


async def test_dev_null_is_an_input_that_ends_at_once() -> None:
    descriptor = os.open(os.devnull, os.O_RDONLY)

    assert [line async for line in read_lines(descriptor)] == []
    os.close(descriptor)


async def test_a_terminal_that_is_closed_is_an_input_that_ends() -> None:
    person, terminal = os.openpty()
    lines = read_lines(terminal)
    os.write(person, b"plug 1\n")
    assert await anext(lines) == "plug 1"
    os.close(person)

    assert [line async for line in lines] == []
    os.close(terminal)


# ---------------------------------------------------------------- simulate


async def test_simulate_says_where_it_is_and_ends_with_0(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    os.write(pipe[1], b"status\nquit\n")
    with open(pipe[0], closefd=False) as stdin:  # noqa: ASYNC230  a descriptor that is open already
        monkeypatch.setattr(sys, "stdin", stdin)
        code = await simulate(compleo(), host="127.0.0.1", port=0, number_of_connectors=1, speed=1.0)

    first, *others = capsys.readouterr().out.splitlines()
    assert code == 0
    assert first.startswith("compleo-duo-solo with 1 connector(s) on 127.0.0.1:")
    assert others == ["station: limit 22.0 kW", "connector 1: Available"]


async def test_simulate_on_a_taken_port_says_so_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    async with SimulatorServer(new_charger()) as server:
        code = await simulate(compleo(), host="127.0.0.1", port=server.port, number_of_connectors=2, speed=1.0)

    assert code == 1
    assert capsys.readouterr().err == (
        f"cannot open port {server.port} on 127.0.0.1: Address already in use; try another --port\n"
    )


async def test_simulate_with_more_connectors_than_the_mapping_knows(capsys: pytest.CaptureFixture[str]) -> None:
    code = await simulate(compleo(), host="127.0.0.1", port=0, number_of_connectors=3, speed=1.0)

    assert code == 2
    assert capsys.readouterr().err == "compleo-duo-solo has 1 to 2 connectors, not 3\n"
