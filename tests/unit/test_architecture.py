"""The house holds: docs/architecture.md as tables, read against the sources with `ast`.

A rule that cannot fail is no rule, so each one is also shown a small source that breaks it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = "ocpp_gateway"
SOURCES = Path(__file__).parents[2] / "src" / PACKAGE
PAGE = Path(__file__).parents[2] / "docs/architecture.md"

# ---------------------------------------------------------------- the rules

EVERYWHERE = {"errors", "instant", "yaml_document"}
SHARED = {"clock", "failpoints", "log", "mapping_files", "settings"}
PURE = {"registers", "charger", "smart_charging"}
ADAPTERS = {"ocpp16", "modbus", "store", "web"}
PEERS = {"simulator", "central"}

# Room or root module -> the rooms and root modules it may import besides itself. Who is not here is no room.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "instant": set(),
    "ring": set(),
    "yaml_document": {"errors"},
    "registers": EVERYWHERE,
    "smart_charging": EVERYWHERE | {"registers"},
    "charger": EVERYWHERE | {"registers", "smart_charging"},
    "clock": EVERYWHERE | PURE,
    "failpoints": set(),
    "log": EVERYWHERE | PURE | {"ring"},
    "mapping_files": EVERYWHERE | PURE,
    "settings": EVERYWHERE | PURE | {"mapping_files"},
    **dict.fromkeys(ADAPTERS | PEERS, EVERYWHERE | PURE | SHARED),
    "runtime": EVERYWHERE | PURE | SHARED | ADAPTERS,
    "supervisor": EVERYWHERE | PURE | SHARED | ADAPTERS | {"runtime"},
    "flight_recorder": EVERYWHERE | PURE | SHARED | {"ring"},
    "support_bundle": EVERYWHERE | PURE | SHARED | {"flight_recorder"},
    "frame_pairs": EVERYWHERE | PURE | SHARED | {"flight_recorder", "support_bundle"},
    "about": EVERYWHERE,
    "place": EVERYWHERE | PURE | SHARED | ADAPTERS | {"runtime", "flight_recorder", "support_bundle", "frame_pairs"},
    "figures": EVERYWHERE | PURE | SHARED | ADAPTERS | {"runtime", "place"},
    "front": EVERYWHERE
    | PURE
    | SHARED
    | ADAPTERS
    | {"runtime", "supervisor", "place", "about", "figures", "frame_pairs"},
    "crash_loop": EVERYWHERE | PURE | SHARED | ADAPTERS | {"supervisor"},
    "gateway": EVERYWHERE
    | PURE
    | SHARED
    | ADAPTERS
    | {"runtime", "supervisor", "crash_loop", "flight_recorder", "place", "front"},
    "systemd": {"log"},
    "process": EVERYWHERE | PURE | SHARED | {"gateway", "systemd"},
    "cli": EVERYWHERE
    | PURE
    | SHARED
    | ADAPTERS
    | PEERS
    | {"runtime", "supervisor", "support_bundle", "gateway", "process"},
    "__init__": set(),
    "__main__": {"cli"},
}

# What decides takes `now` and values, and nothing else from the world.
WORLD = {
    *("asyncio", "concurrent", "contextvars", "multiprocessing", "queue", "sched", "subprocess", "threading"),
    *("ftplib", "http", "select", "selectors", "signal", "smtplib", "socket", "socketserver", "ssl", "urllib"),
    *("logging", "os", "pathlib", "shutil", "sqlite3", "sys", "tempfile"),
    *("random", "secrets", "time"),
}
WORLDLY_CALLS = {"open", "print", "input", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}

# The libraries a pure room may use; pydantic is there where text comes in.
PURE_LIBRARIES: dict[str, set[str]] = {
    "errors": set(),
    "instant": set(),
    "yaml_document": {"pydantic", "pydantic_core", "ruamel"},
    "registers": {"pydantic", "pydantic_core"},
    "smart_charging": set(),
    "charger": set(),
}

# Library -> the only places that may import it: a room with a slash, or one file.
HOME_OF_LIBRARY: dict[str, set[str]] = {
    "pymodbus": {"modbus/", "simulator/server.py"},
    "pymodbus.client": {"modbus/link.py"},
    "pymodbus.server": {"simulator/server.py"},
    "pymodbus.simulator": {"simulator/server.py"},
    "ocpp": {"ocpp16/schemas.py", "central/"},
    "jsonschema_rs": {"ocpp16/schemas.py", "central/"},
    "websockets": {"ocpp16/", "central/"},
    "httpx2": {"ocpp16/upload.py"},
    "aioftp": {"ocpp16/upload.py"},
    "asyncssh": {"ocpp16/upload.py"},
    "sqlalchemy": {"store/"},
    "alembic": {"store/"},
    "sqlite3": {"store/"},
    "starlette": {"web/"},
    "uvicorn": {"web/"},
    "typer": {"cli/"},
    "ruamel": {"yaml_document.py"},
}

MAY_CATCH_EVERYTHING = {"supervisor.py"}


# ---------------------------------------------------------------- reading a source


class Source(NamedTuple):
    """One module: its path below the package, and its tree."""

    path: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.path.split("/", 1)[0].removesuffix(".py")

    @property
    def imports(self) -> Iterator[tuple[int, str]]:
        """Every imported name with its line, absolute, wherever it stands: in a function or under TYPE_CHECKING too."""
        package = [PACKAGE, *self.path.split("/")[:-1]]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node.lineno, alias.name
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                for alias in node.names:
                    yield node.lineno, f"{module}.{alias.name}"


def source(path: str, text: str) -> Source:
    return Source(path, ast.parse(text, path))


def within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def dotted(node: ast.expr) -> str:
    """`a.b` of a name or an attribute of a name; empty for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return ""


# ---------------------------------------------------------------- one function a rule: source -> breaches


def stands_in_a_known_room(module: Source) -> Iterator[str]:
    if module.room not in MAY_IMPORT:
        yield f"{module.path}: '{module.room}' is no room of the house"


def imports_run_down(module: Source) -> Iterator[str]:
    allowed = MAY_IMPORT.get(module.room, set()) | {module.room}
    for line, name in module.imports:
        if not within(name, PACKAGE):
            continue
        target = name.split(".")[1] if "." in name else "__init__"
        if target not in allowed:
            yield f"{module.path}:{line}: {module.room} imports {name}"


def pure_rooms_stay_out_of_the_world(module: Source) -> Iterator[str]:
    if module.room not in PURE_LIBRARIES:
        return
    for line, name in module.imports:
        library = name.split(".")[0]
        known = library == PACKAGE or library in sys.stdlib_module_names or library in PURE_LIBRARIES[module.room]
        if library in WORLD or not known:
            yield f"{module.path}:{line}: a pure room imports {name}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and dotted(node.func) in WORLDLY_CALLS:
            yield f"{module.path}:{node.lineno}: a pure room calls {dotted(node.func)}()"


def libraries_stay_at_home(module: Source) -> Iterator[str]:
    for line, name in module.imports:
        for library, homes in HOME_OF_LIBRARY.items():
            at_home = any(module.path.startswith(home) if home.endswith("/") else module.path == home for home in homes)
            if within(name, library) and not at_home:
                yield f"{module.path}:{line}: {name} is imported outside {', '.join(sorted(homes))}"


def only_the_supervisor_catches_everything(module: Source) -> Iterator[str]:
    """`except BaseException` that ends in a bare `raise` only tidies up; everybody may do that."""
    if module.path in MAY_CATCH_EVERYTHING:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            last = node.body[-1]
            if isinstance(last, ast.Raise) and last.exc is None and node.type and dotted(node.type) == "BaseException":
                continue
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        elif isinstance(node, ast.Call) and dotted(node.func) in {"suppress", "contextlib.suppress"}:
            caught = node.args
        else:
            continue
        for kind in caught:
            if kind is None or dotted(kind) in {"Exception", "BaseException"}:
                yield f"{module.path}:{node.lineno}: catches everything"


Rule = Callable[[Source], Iterator[str]]
RULES: list[Rule] = [
    stands_in_a_known_room,
    imports_run_down,
    pure_rooms_stay_out_of_the_world,
    libraries_stay_at_home,
    only_the_supervisor_catches_everything,
]


# ---------------------------------------------------------------- the sources obey


@pytest.fixture(scope="module")
def modules() -> list[Source]:
    files = sorted(SOURCES.rglob("*.py"))
    return [source(file.relative_to(SOURCES).as_posix(), file.read_text("utf-8")) for file in files]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_holds(rule: Rule, modules: list[Source]) -> None:
    assert len(modules) > 10, "the sources were not found"
    assert [breach for module in modules for breach in rule(module)] == []


def test_every_file_postpones_its_annotations(modules: list[Source]) -> None:
    files = [module for module in modules if not module.path.endswith("__init__.py")]
    careless = [file.path for file in files if "__future__.annotations" not in {name for _, name in file.imports}]
    assert careless == []


def test_the_page_names_every_module_and_no_other(modules: list[Source]) -> None:
    """Its last section has a list for each room, under the room's name; what is in none stands at the top."""
    listed: set[str] = set()
    room = ""
    for line in PAGE.read_text("utf-8").partition("## Every module")[2].splitlines():
        if heading := re.fullmatch(r"\*\*(?:`(.+/)`|At the top)\*\*", line):
            room = heading[1] or ""
        elif entry := re.match(r"- `(\w+\.py)`: \S", line):
            listed.add(room + entry[1])
    there = {module.path for module in modules if module.path.rpartition("/")[2] != "__init__.py"}
    there = {path for path in there if not path.startswith("store/migrations/")}
    assert sorted(listed ^ there) == []


# ---------------------------------------------------------------- every rule can fail

BREACHES = [
    # rule, path, source
    (stands_in_a_known_room, "utils/strings.py", ""),
    (stands_in_a_known_room, "helpers.py", ""),
    (imports_run_down, "registers/codec.py", "from ocpp_gateway.charger import events"),
    (imports_run_down, "registers/codec.py", "from ocpp_gateway import settings"),
    (imports_run_down, "registers/codec.py", "import ocpp_gateway"),
    (imports_run_down, "charger/core.py", "from ocpp_gateway import failpoints"),
    (imports_run_down, "charger/core.py", "from ocpp_gateway.modbus.link import ModbusLink"),
    (imports_run_down, "charger/core.py", "def f():\n    from ocpp_gateway.clock import Clock"),
    (imports_run_down, "charger/core.py", "from ..store import store"),
    (imports_run_down, "charger/core.py", "if TYPE_CHECKING:\n    import ocpp_gateway.log"),
    (imports_run_down, "smart_charging/power.py", "from ocpp_gateway.charger.records import Record"),
    (imports_run_down, "modbus/poller.py", "from ocpp_gateway.store.store import Store"),
    (imports_run_down, "ocpp16/session.py", "from ocpp_gateway import runtime"),
    (imports_run_down, "web/app.py", "from ocpp_gateway.gateway import Gateway"),
    (imports_run_down, "central/central_system.py", "from ocpp_gateway.ocpp16.rpc import Rpc"),
    (imports_run_down, "simulator/device.py", "from ocpp_gateway.modbus import link"),
    (imports_run_down, "runtime.py", "from ocpp_gateway.supervisor import Supervisor"),
    (imports_run_down, "runtime.py", "from ocpp_gateway.simulator.device import Device"),
    (imports_run_down, "supervisor.py", "from ocpp_gateway.gateway import Gateway"),
    (imports_run_down, "gateway.py", "from ocpp_gateway.cli import app"),
    (imports_run_down, "errors.py", "from ocpp_gateway.instant import Instant"),
    (imports_run_down, "log.py", "from ocpp_gateway.settings import Settings"),
    *[(pure_rooms_stay_out_of_the_world, f"{room}/rule.py", "import asyncio") for room in sorted(PURE)],
    *[(pure_rooms_stay_out_of_the_world, "charger/core.py", f"import {module}") for module in sorted(WORLD)],
    (pure_rooms_stay_out_of_the_world, "charger/core.py", "from time import monotonic"),
    (pure_rooms_stay_out_of_the_world, "charger/core.py", "from os.path import exists"),
    (pure_rooms_stay_out_of_the_world, "charger/core.py", "import structlog"),
    (pure_rooms_stay_out_of_the_world, "charger/core.py", "from pydantic import BaseModel"),
    (pure_rooms_stay_out_of_the_world, "instant.py", "import time"),
    (pure_rooms_stay_out_of_the_world, "yaml_document.py", "import pathlib"),
    (pure_rooms_stay_out_of_the_world, "registers/mapping.py", "text = open('mapping.yaml').read()"),
    (pure_rooms_stay_out_of_the_world, "charger/core.py", "now = datetime.now(UTC)"),
    (pure_rooms_stay_out_of_the_world, "charger/core.py", "print('started')"),
    (libraries_stay_at_home, "modbus/poller.py", "from pymodbus.client import AsyncModbusTcpClient"),
    (libraries_stay_at_home, "modbus/poller.py", "from pymodbus import client"),
    (libraries_stay_at_home, "modbus/link.py", "from pymodbus.server import StartAsyncTcpServer"),
    (libraries_stay_at_home, "simulator/device.py", "from pymodbus.simulator import SimDevice"),
    (libraries_stay_at_home, "cli/probe.py", "from pymodbus.exceptions import ModbusException"),
    (libraries_stay_at_home, "ocpp16/rpc.py", "import ocpp.messages"),
    (libraries_stay_at_home, "charger/core.py", "from ocpp.v16.enums import Action"),
    (libraries_stay_at_home, "runtime.py", "import sqlite3"),
    (libraries_stay_at_home, "gateway.py", "from sqlalchemy import create_engine"),
    (libraries_stay_at_home, "modbus/link.py", "import websockets.asyncio.client"),
    (libraries_stay_at_home, "registers/mapping.py", "from ruamel.yaml import YAML"),
    (only_the_supervisor_catches_everything, "modbus/link.py", "try: pass\nexcept Exception: pass"),
    (only_the_supervisor_catches_everything, "modbus/link.py", "try: pass\nexcept: pass"),
    (only_the_supervisor_catches_everything, "modbus/link.py", "try: pass\nexcept (OSError, BaseException): pass"),
    (only_the_supervisor_catches_everything, "modbus/link.py", "try: pass\nexcept Exception:\n    close()\n    raise"),
    (only_the_supervisor_catches_everything, "modbus/link.py", "with contextlib.suppress(Exception): pass"),
]


@pytest.mark.parametrize(
    ("rule", "path", "text"), BREACHES, ids=[f"{rule.__name__}: {path}: {text}" for rule, path, text in BREACHES]
)
def test_a_breach_is_seen(rule: Rule, path: str, text: str) -> None:
    assert len(list(rule(source(path, text)))) >= 1


ALLOWED = [
    ("charger/core.py", "from ocpp_gateway.smart_charging.power import target_power_w"),
    ("charger/core.py", "from .status import derive_status"),
    ("charger/core.py", "from ocpp_gateway.instant import Instant"),
    ("registers/mapping.py", "from pydantic import BaseModel"),
    ("modbus/link.py", "from pymodbus.client import AsyncModbusTcpClient"),
    ("modbus/wire.py", "from pymodbus.pdu import ModbusPDU"),
    ("simulator/server.py", "from pymodbus.server import ModbusTcpServer"),
    ("ocpp16/schemas.py", "import ocpp"),
    ("ocpp16/session.py", "from ocpp_gateway.charger.events import SessionUp"),
    ("central/judge.py", "from ocpp.messages import get_validator"),
    ("supervisor.py", "try: pass\nexcept Exception: pass"),
    ("modbus/link.py", "try: pass\nexcept (OSError, TimeoutError): pass"),
    ("store/database.py", "try: pass\nexcept BaseException:\n    close()\n    raise"),
    ("cli/demo.py", "from ocpp_gateway.simulator.server import SimulatedCharger"),
]


@pytest.mark.parametrize(("path", "text"), ALLOWED, ids=[f"{path}: {text}" for path, text in ALLOWED])
def test_what_the_house_allows_is_no_breach(path: str, text: str) -> None:
    assert [breach for rule in RULES for breach in rule(source(path, text))] == []
