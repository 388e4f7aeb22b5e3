"""docs/getting-started.md, executed: every command in its terminal, and every line that the page says one sees.

What is not as on the page: the ports are free ones; `~` is a temporary directory; and nothing comes from the network.
The virtual environment is made without a pip of its own and sees the libraries of the one that runs the tests, so pip
finds all of the lock files installed there already, at their versions; the gateway itself is built and installed.
The last section needs a charger: of it only what is shown as a block is executed.
"""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/getting-started.md"
TIMEOUT_S = 60.0

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TERMINAL = re.compile(r"[Tt]erminal (\d)")
SAVE_AS = re.compile(r"save this as `~/(\S+)`", re.IGNORECASE)
OPEN = re.compile(r"Open <(\S+)>")
LEFT_RUNNING = re.compile(r"^## .*, left running:.*$", re.MULTILINE)
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Block(NamedTuple):
    """A fenced block, and what the text before it says of it."""

    kind: str
    lines: list[str]
    terminal: str
    file: str
    address: str
    left_running: bool


def blocks(page: str) -> Iterator[Block]:
    """The blocks of the page in order. A block belongs to the terminal, file or address that was named last."""
    for fence in FENCE.finditer(page):
        before = page[: fence.start()]
        section = before[before.rfind("\n## ") + 1 :]
        yield Block(
            fence[1],
            fence[2].splitlines(),
            _last(TERMINAL, before),
            _last(SAVE_AS, before),
            _last(OPEN, before),
            LEFT_RUNNING.match(section) is not None,
        )


def _last(pattern: re.Pattern[str], text: str) -> str:
    return next(reversed(pattern.findall(text)), "")


def looks_like(expected: str, line: str) -> bool:
    """Whether a line is the one that the page shows: `…` stands for anything, blanks for more or fewer of them."""
    parts = [re.escape(" ".join(part.split(" "))) for part in " ".join(expected.split()).split("…")]
    return re.fullmatch(".*".join(parts), " ".join(line.split())) is not None


class Terminal:
    """A shell whose output is a terminal, and what it shows."""

    def __init__(self, cwd: Path, environment: dict[str, str]) -> None:
        self._screen, theirs = pty.openpty()
        self._shell = subprocess.Popen(
            ["/bin/bash", "--norc"],
            cwd=cwd,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._shown, self._more, self._commands = "", threading.Condition(), 0
        self._reader = threading.Thread(target=self._read, name="terminal")
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # the last one has closed it
            while output := os.read(self._screen, 65536):
                with self._more:
                    self._shown += output.decode("utf-8", "replace")
                    self._more.notify_all()

    @property
    def lines(self) -> list[str]:
        """What it shows, without colours."""
        return ANSI.sub("", self._shown).splitlines()

    def type(self, line: str) -> None:
        """Type a line, to whoever reads there."""
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{line}\n".encode())
        self._shell.stdin.flush()

    def run(self, command: str) -> None:
        """Type a command, and wait for its good end."""
        self._commands += 1
        self.type(command)
        self.type(f'echo "ended {self._commands}: $?"')
        self.see(f"ended {self._commands}: 0", unless=f"ended {self._commands}: …")

    def see(self, expected: str, *, after: int = 0, unless: str | None = None) -> None:
        """Wait until a line from that one on is the expected one."""
        due_s = time.monotonic() + TIMEOUT_S
        with self._more:
            while not any(looks_like(expected, line) for line in self.lines[after:]):
                failed = unless is not None and any(looks_like(unless, line) for line in self.lines[after:])
                if failed or time.monotonic() > due_s:
                    pytest.fail(f"no {expected!r} in\n" + "\n".join(self.lines[after:]))
                self._more.wait(0.5)

    def close(self) -> None:
        """Kill whatever runs there."""
        os.killpg(self._shell.pid, signal.SIGKILL)
        assert self._shell.stdin is not None
        with suppress(BrokenPipeError):
            self._shell.stdin.close()
        self._shell.wait()
        self._reader.join()
        os.close(self._screen)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def furnish(environment: Path) -> None:
    """Let a fresh virtual environment see the libraries of the tests, in place of downloads."""
    (site_packages,) = environment.glob("lib/python3*/site-packages")
    (site_packages / "already_downloaded.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = environment / "bin/pip"
    pip.write_text(f'#!/bin/sh\nexec {environment}/bin/python -m pip "$@"\n')
    pip.chmod(0o755)


def text_of(address: str) -> str:
    """What a page shows, without its markup."""
    with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
        return " ".join(re.sub(r"<[^>]*>", " ", answer.read().decode()).split())


@pytest.mark.timeout(180)  # 13 s where nothing else runs
def test_the_walk_of_a_newcomer(tmp_path: Path) -> None:
    page = PAGE.read_text("utf-8")
    for port in ("5020", "9000", "8080"):
        page = re.sub(rf"\b{port}\b", str(free_port()), page)
    environment = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    terminals: dict[str, Terminal] = {}
    commands = 0
    with ExitStack() as stack:
        for block in blocks(page):
            if block.kind == "yaml":
                (tmp_path / block.file).write_text("\n".join(block.lines) + "\n")
                continue
            if block.kind == "text":
                shown = text_of(block.address)
                for line in block.lines:
                    assert line in shown, f"{block.address} does not show {line!r} but {shown}"
                continue
            assert block.kind == "console"
            if block.terminal not in terminals:
                terminals[block.terminal] = stack.enter_context(closing(Terminal(ROOT, environment)))
            terminal = terminals[block.terminal]
            last = max((line for line in block.lines if line.startswith("$ ")), key=block.lines.index, default="")
            since = 0
            for line in block.lines:
                if line.startswith(("$ ", "> ")):
                    since, commands = len(terminal.lines), commands + 1
                if line == "$ python3 -m venv ~/gateway":
                    terminal.run(f"{sys.executable} -m venv --without-pip ~/gateway")
                    furnish(tmp_path / "gateway")
                elif line.startswith("> ") or (block.left_running and line == last):
                    terminal.type(line[2:])
                elif line.startswith("$ "):
                    terminal.run(line[2:])
                else:
                    terminal.see(line, after=since)
    assert commands > 20, "the page was not understood"


def test_the_page_installs_as_the_readme_says() -> None:
    commands = re.findall(r"pip (install [^\n]*)", PAGE.read_text("utf-8"))
    readme = re.findall(r"bin/pip (install [^\n]*)", (ROOT / "README.md").read_text("utf-8"))
    assert [command.replace(" --quiet", "") for command in commands] == readme


@pytest.mark.parametrize(
    ("expected", "line", "same"),
    [
        ("KEY ADDRESS", "KEY      ADDRESS", True),
        ("boot: Accepted, answered in … s", "boot: Accepted, answered in 0.003 s", True),
        ("  47 values, …", "47 values, 0 refused", True),
        ("boot: Accepted", "boot: Rejected", False),
        ("ended 1: 0", "ended 1: 01", False),
        ("a.c", "abc", False),
    ],
)
def test_what_is_seen_is_compared_with_the_page(expected: str, line: str, same: bool) -> None:
    assert looks_like(expected, line) is same
