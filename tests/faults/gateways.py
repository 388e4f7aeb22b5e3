"""Gateways as processes that can be killed at any moment: started by `forks`, watched through a pidfd."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

from faults.fast_clock import FastClock

TESTS = Path(__file__).parents[1]


class Process:
    """A gateway that somebody else forked; `gone` is set as soon as it is dead, whoever killed it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.gone = asyncio.Event()
        try:
            self._pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            self.gone.set()
        else:
            asyncio.get_running_loop().add_reader(self._pidfd, self._bury)

    @property
    def alive(self) -> bool:
        return not self.gone.is_set()

    def signal(self, number: int) -> None:
        """Send it a signal, if it lives."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        self.signal(signal.SIGKILL)
        await self.gone.wait()

    def _bury(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.gone.set()


class Forks:
    """Starts gateways, one after the other or beside each other."""

    def __init__(self, process: asyncio.subprocess.Process, clock: FastClock) -> None:
        self._process = process
        self.clock = clock
        self._turn = asyncio.Lock()

    async def start(
        self,
        config: Path,
        *,
        log: Path,
        failpoint: str | None = None,
        clock: FastClock | None = None,
        forgiven: bool = True,
    ) -> Process:
        """`ocpp-gateway run -c config`, with a failpoint if one is named, or on a clock of its own.

        Unless the deaths before are `forgiven`, it connects later after each (K-14).
        """
        if forgiven:
            forgive(config)
        environment = {} if failpoint is None else {"OCPP_GATEWAY_FAILPOINT": failpoint}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(_order(config, environment, log, clock or self.clock).encode() + b"\n")
            line = await self._process.stdout.readline()
        return Process(int(line))


def forgive(config: Path) -> None:
    """A gateway that a test kills is in no crash loop: what it has counted of its starts is taken away (K-14)."""
    database = json.loads(config.read_text())["store"]["url"].removeprefix("sqlite:///")
    with contextlib.suppress(OSError):  # of a disk that a test broke
        Path(f"{database}.starts").unlink(missing_ok=True)


def _order(config: Path, environment: dict[str, str], log: Path, clock: FastClock) -> str:
    return json.dumps(
        {
            "argv": ["run", "-c", str(config)],
            "environment": environment,
            "log": str(log),
            "clock": asdict(clock),
        }
    )


async def start_traced(config: Path, *, log: Path, clock: FastClock, injection: str) -> Process:
    """`ocpp-gateway run -c config` under strace, which injects a fault into its system calls."""
    forgive(config)
    call = injection.partition(":")[0]
    strace = await asyncio.create_subprocess_exec(
        *("strace", "--follow-forks", "-qqq", "--output=/dev/null"),
        *("-e", f"trace={call}", "-e", f"inject={injection}"),
        *(sys.executable, "-m", "faults.forks", _order(config, {}, log, clock)),
        cwd=TESTS,
    )
    while (pid := _python_below(strace.pid)) is None:  # noqa: ASYNC110 - nobody tells when exec is done
        await asyncio.sleep(0.1)
    return Process(pid)


def _python_below(parent: int) -> int | None:
    """The child that has become the program; before, strace has children of its own."""
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{child}/exe").readlink().name.startswith("python"):
                return int(child)
    return None


@contextlib.asynccontextmanager
async def forking_gateways(clock: FastClock) -> AsyncIterator[Forks]:
    """A place that starts gateways on that clock, until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "faults.forks"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=TESTS,
    )
    try:
        yield Forks(process, clock)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
