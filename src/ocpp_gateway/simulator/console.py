"""What a person types to a simulated charger, and what it tells them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from difflib import get_close_matches

from ocpp_gateway.registers.mapping import Mapping
from ocpp_gateway.simulator.connector import Connector, NotPossible
from ocpp_gateway.simulator.device import SimulatedCharger
from ocpp_gateway.simulator.server import SimulatorServer

MAX_ID_TAG_LENGTH = 20
WATCH_INTERVAL_S = 0.1
LONGEST_LINE = 4096

Argument = int | float | str
Say = Callable[[str], None]


class NotUnderstood(Exception):
    """A line that is no command; the text says what would be."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, with its arguments read and checked."""

    verb: str
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True, slots=True)
class Verb:
    """How a command is written, and what it does."""

    usage: str
    meaning: str
    arguments: tuple[Callable[[str], Argument], ...] = ()
    optional: int = 0


def _connector_id(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise NotUnderstood(f"{word} is no connector; connectors are 1, 2, …")
    return int(word)


def _id_tag(word: str) -> str:
    if not (word.isascii() and word.isprintable() and len(word) <= MAX_ID_TAG_LENGTH):
        raise NotUnderstood(f"a tag has at most {MAX_ID_TAG_LENGTH} characters, printable ASCII")
    return word


def _error_code(word: str) -> int:
    if not word.isdecimal() or not 1 <= int(word) <= 0xFFFF:
        raise NotUnderstood(f"{word} is no error code; they are the numbers of the error code register, 1 to 65535")
    return int(word)


def _seconds(word: str) -> float:
    try:
        seconds = float(word)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise NotUnderstood(f"{word} is no time; give seconds, such as 30")
    return seconds


VERBS = {
    "plug": Verb("plug CONNECTOR [TAG]", "a car is plugged in, with a tag", (_connector_id, _id_tag), optional=1),
    "tag": Verb("tag CONNECTOR TAG", "a tag is held to the reader", (_connector_id, _id_tag)),
    "unplug": Verb("unplug CONNECTOR", "the car leaves", (_connector_id,)),
    "error": Verb("error CONNECTOR CODE", "a fault with that error code", (_connector_id, _error_code)),
    "clear": Verb("clear CONNECTOR", "the error is gone", (_connector_id,)),
    "offline": Verb("offline SECONDS", "the charger cannot be reached for so long", (_seconds,)),
    "status": Verb("status", "what every connector does now"),
    "help": Verb("help", "this list"),
    "quit": Verb("quit", "end the charger"),
}


def parse(line: str) -> Action | None:
    """What a line asks for; None for a blank one. Raises NotUnderstood, with one line that helps."""
    words = line.split()
    if not words:
        return None
    name, given = words[0].lower(), words[1:]
    verb = VERBS.get(name)
    if verb is None:
        near = get_close_matches(name, VERBS, n=1)
        raise NotUnderstood(f"{words[0]} is no command; " + (f"did you mean {near[0]}?" if near else "try help"))
    if not len(verb.arguments) - verb.optional <= len(given) <= len(verb.arguments):
        raise NotUnderstood(f"write it as: {verb.usage}")
    return Action(name, tuple(read(word) for read, word in zip(verb.arguments, given, strict=False)))


async def simulate(mapping: Mapping, *, host: str, port: int, number_of_connectors: int, speed: float) -> int:
    """Run a charger on a Modbus TCP port until `quit` or cancellation; commands come from standard input.

    Returns the exit code: 0, 1 when the port cannot be opened, 2 when the mapping has no charger of that size.
    """
    try:
        charger = SimulatedCharger(mapping, number_of_connectors)
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    async with AsyncExitStack() as stack:
        try:
            server = await stack.enter_async_context(SimulatorServer(charger, host=host, port=port, speed=speed))
        except OSError as refusal:
            print(f"cannot open port {port} on {host}: {refusal.strerror}; try another --port", file=sys.stderr)
            return 1
        print(f"{mapping.name} with {number_of_connectors} connector(s) on {host}:{server.port}; try help", flush=True)
        await converse(server, sys.stdin.fileno(), lambda line: print(line, flush=True))
    return 0


async def converse(server: SimulatorServer, stdin: int, say: Say) -> None:
    """Do what is typed and tell every change, until `quit`. When the input ends the charger goes on until cancelled."""
    async with asyncio.TaskGroup() as group:
        watcher = group.create_task(_tell_changes(server.charger, say), name="simulator: changes")
        async with aclosing(read_lines(stdin)) as lines:
            async for line in lines:
                try:
                    action = parse(line)
                    if action is not None and action.verb == "quit":
                        break
                    if action is not None:
                        await perform(server, action, say)
                except (NotUnderstood, NotPossible) as problem:
                    say(str(problem))
            else:
                await asyncio.Event().wait()
        watcher.cancel()


async def perform(server: SimulatorServer, action: Action, say: Say) -> None:
    """Do one thing. Raises NotPossible when the charger cannot."""
    charger = server.charger
    match action:
        case Action("plug", (int(connector_id),)):
            charger.plug(connector_id)
        case Action("plug", (int(connector_id), str(id_tag))):
            charger.plug(connector_id, id_tag)
        case Action("tag", (int(connector_id), str(id_tag))):
            charger.present_tag(connector_id, id_tag)
        case Action("unplug", (int(connector_id),)):
            charger.unplug(connector_id)
        case Action("error", (int(connector_id), int(error_code))):
            charger.fault(connector_id, error_code)
        case Action("clear", (int(connector_id),)):
            charger.clear_fault(connector_id)
        case Action("offline", (float(seconds),)):
            await server.offline(seconds)
            say(f"offline for {seconds:g} s")
        case Action("status"):
            for line in (_station_line(charger), *map(_connector_line, charger.connectors)):
                say(line)
        case Action("help"):
            for verb in VERBS.values():
                say(f"{verb.usage:<22} {verb.meaning}")


async def read_lines(stdin: int) -> AsyncGenerator[str, None]:
    """Lines of a file descriptor as they come, without a thread that would outlive us, and without O_NONBLOCK.

    A terminal's input and output share that flag, and a non-blocking output loses what it cannot take.
    """
    rest = b""
    while chunk := await _read(stdin):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
        rest = rest[-LONGEST_LINE:]
    if rest:
        yield rest.decode(errors="replace")


async def _read(stdin: int) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        loop.add_reader(stdin, readable.set)
    except PermissionError:
        readable.set()  # a plain file, or /dev/null: it cannot be waited for, and never makes us wait
    try:
        await readable.wait()
    finally:
        loop.remove_reader(stdin)
    try:
        return os.read(stdin, LONGEST_LINE)
    except OSError:
        return b""  # the terminal was closed


async def _tell_changes(charger: SimulatedCharger, say: Say) -> None:
    told = {None: _station_state(charger)} | {c.connector_id: _state(c) for c in charger.connectors}
    while True:
        if (state := _station_state(charger)) != told[None]:
            told[None] = state
            say(_station_line(charger))
        for connector in charger.connectors:
            if (state := _state(connector)) != told[connector.connector_id]:
                told[connector.connector_id] = state
                say(_connector_line(connector))
        await asyncio.sleep(WATCH_INTERVAL_S)


def _station_state(charger: SimulatedCharger) -> tuple[object, ...]:
    return charger.power_limit_w, charger.fallback_active


def _station_line(charger: SimulatedCharger) -> str:
    fallback = ", fallback is active" if charger.fallback_active else ""
    return f"station: limit {charger.power_limit_w / 1000:.1f} kW{fallback}"


def _state(connector: Connector) -> tuple[object, ...]:
    offered_a = round(connector.offered_current_a, 1)
    return connector.status, connector.tag, connector.error_code, connector.vehicle is not None, offered_a


def _connector_line(connector: Connector) -> str:
    parts = [f"connector {connector.connector_id}: {connector.status}"]
    if connector.error_code is not None:
        parts.append(f"error {connector.error_code}")
    if connector.vehicle is not None:
        offered, drawn = connector.offered_current_a, max(connector.current_a)
        parts.append(f"offered {offered:.1f} A, drawn {drawn:.1f} A, {connector.session_energy_wh / 1000:.1f} kWh")
    if connector.tag:
        parts.append(f"tag {connector.tag.decode('ascii', 'replace')}")
    return ", ".join(parts)
