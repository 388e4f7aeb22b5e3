"""`ocpp-gateway central`: every frame on a line, commands from standard input."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ocpp_gateway.central.frames import CallError, ConnectionClosedError, format_frame
from ocpp_gateway.central.server import CentralServer
from ocpp_gateway.central.system import CentralSystem


@dataclass(frozen=True, slots=True)
class Command:
    """A request to a charge point, as typed."""

    identity: str
    action: str
    payload: dict[str, Any]


class Usage(ValueError):
    """A line that is no command; the text says what would be one."""


def parse(line: str) -> Command:
    """The request a line asks for. Raises Usage with one helpful line."""
    name, *_ = line.split(maxsplit=1) or [""]
    if name not in COMMANDS:
        raise Usage(f"unknown command {name!r}; type help")
    usage, (fewest, most), build = COMMANDS[name]
    try:
        # JSON brings quotes of its own.
        _, *arguments = line.split(maxsplit=3) if name == "call" else shlex.split(line)
    except ValueError as error:
        raise Usage(f"{error}; quote words with blanks as in 'my tag'") from None
    if not fewest <= len(arguments) <= most:
        raise Usage(f"usage: {name} {usage}")
    try:
        action, payload = build(*arguments[1:])
    except ValueError as error:
        raise Usage(f"{error}; usage: {name} {usage}") from None
    return Command(arguments[0], action, payload)


Request = tuple[str, dict[str, Any]]


def _start(connector: str, tag: str) -> Request:
    return "RemoteStartTransaction", {"connectorId": _whole(connector, "CONNECTOR"), "idTag": tag}


def _stop(transaction: str) -> Request:
    return "RemoteStopTransaction", {"transactionId": _whole(transaction, "TRANSACTION")}


def _limit(connector: str, limit: str) -> Request:
    connector_id = _whole(connector, "CONNECTOR")
    match = re.fullmatch(r"(\d+(?:\.\d)?)([AW]?)", limit.upper(), re.ASCII)
    if match is None:
        raise ValueError(f"{limit!r} is no limit such as 11000 or 16A")
    amount = float(match[1])
    profile = {
        "chargingProfileId": 1 + connector_id,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile" if connector_id else "ChargePointMaxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": match[2] or "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": int(amount) if amount.is_integer() else amount}],
        },
    }
    return "SetChargingProfile", {"connectorId": connector_id, "csChargingProfiles": profile}


def _availability(kind: str) -> Callable[[str], Request]:
    def build(connector: str) -> Request:
        return "ChangeAvailability", {"connectorId": _whole(connector, "CONNECTOR"), "type": kind}

    return build


def _reset(kind: str) -> Request:
    if kind.capitalize() not in ("Soft", "Hard"):
        raise ValueError(f"{kind!r} is neither Soft nor Hard")
    return "Reset", {"type": kind.capitalize()}


def _call(action: str, text: str = "{}") -> Request:
    try:
        payload = json.loads(text)
    except ValueError as error:
        raise ValueError(f"no JSON: {error}") from None
    if not isinstance(payload, dict):
        raise ValueError("the JSON is no object")
    return action, payload


def _whole(word: str, name: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"{name} must be a whole number, not {word!r}") from None


COMMANDS: dict[str, tuple[str, tuple[int, int], Callable[..., Request]]] = {
    "start": ("ID CONNECTOR TAG", (3, 3), _start),
    "stop": ("ID TRANSACTION", (2, 2), _stop),
    "limit": ("ID CONNECTOR WATTS|AMPSA", (3, 3), _limit),
    "clear": ("ID", (1, 1), lambda: ("ClearChargingProfile", {})),
    "get": ("ID [KEY]", (1, 2), lambda *keys: ("GetConfiguration", {"key": list(keys)} if keys else {})),
    "set": ("ID KEY VALUE", (3, 3), lambda key, value: ("ChangeConfiguration", {"key": key, "value": value})),
    "available": ("ID CONNECTOR", (2, 2), _availability("Operative")),
    "unavailable": ("ID CONNECTOR", (2, 2), _availability("Inoperative")),
    "reset": ("ID Soft|Hard", (2, 2), _reset),
    "unlock": (
        "ID CONNECTOR",
        (2, 2),
        lambda connector: ("UnlockConnector", {"connectorId": _whole(connector, "CONNECTOR")}),
    ),
    "call": ("ID ACTION [JSON]", (2, 3), _call),
}
"""Name: how it is used, how many arguments (the identity is the first), the request of the remaining ones."""

HELP = "\n".join([*(f"  {name} {usage}" for name, (usage, _, _) in COMMANDS.items()), "  help", "  quit"])
"""All commands, one a line."""


async def run_console(
    port: int,
    host: str = "127.0.0.1",
    *,
    lines: Iterable[str] | None = None,
    write: Callable[[str], None] = print,
) -> int:
    """Serves charge points and obeys the lines (standard input by default) until `quit`; the exit code.

    When the lines end without `quit`, as under a service manager, it goes on serving.
    """
    central = CentralSystem(
        frame_limit=1000,
        on_frame=lambda frame: write(format_frame(frame)),
        on_violation=lambda violation: write(f"! {violation}"),
    )
    server = CentralServer(central, host=host, port=port)
    try:
        await server.start()
    except OSError as error:
        print(f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --port", file=sys.stderr)
        return 1
    try:
        write(f"central system at {server.url}/<identity>; type help")
        async with asyncio.TaskGroup() as running:
            async for line in _lines_of(sys.stdin if lines is None else lines):
                if line == "quit":
                    break
                if line == "help":
                    write(HELP)
                elif line:
                    running.create_task(_obey(central, line, write), name=f"console {line}")
    finally:
        await server.close()
        await central.close()
    return 0


async def _obey(central: CentralSystem, line: str, write: Callable[[str], None]) -> None:
    try:
        command = parse(line)
        await central.call(command.identity, command.action, command.payload)
    except CallError:
        return  # its frame has been written
    except TimeoutError:
        write(f"no answer to {line!r}")
    except ConnectionClosedError as error:
        write(f"{error.reason or error}; connected: {', '.join(central.connected) or 'none'}")
    except ValueError as error:
        write(str(error))


async def _lines_of(source: Iterable[str]) -> AsyncIterator[str]:
    """The lines as they come. Reading a terminal blocks, so a thread does it, one line ahead at most."""
    loop, arrived, taken = asyncio.get_running_loop(), asyncio.Queue[str](1), threading.Event()

    def read() -> None:
        for line in source:
            try:
                loop.call_soon_threadsafe(arrived.put_nowait, line)
            except RuntimeError:  # the loop has closed: nobody reads any more
                return
            taken.wait()
            taken.clear()

    threading.Thread(target=read, name="console lines", daemon=True).start()
    while True:
        line = await arrived.get()
        taken.set()
        yield line.strip()
