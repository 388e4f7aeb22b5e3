"""The judge as a process: `judge.mjs` under node, what it heard, and what it asks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

FOLDER = Path(__file__).parent
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A CALLERROR of that code."""

    code: str


@dataclass
class Judge:
    """An OCPP 1.6J central system that checks every frame in both directions, with the schemas of another author."""

    process: asyncio.subprocess.Process
    port: int = 0
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """The CALLs of the charge point that passed its schema, in order: action and payload."""
    failures: list[dict[str, Any]] = field(default_factory=list)
    """What broke a schema or the protocol, on either side."""
    connections: list[dict[str, Any]] = field(default_factory=list)
    _answers: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        """Where charge points connect; `/identity` is to be appended."""
        return f"ws://127.0.0.1:{self.port}/judge"

    async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any] | Refusal:
        """The charge point's answer to a CALL, which our own side must find right before it leaves."""
        return await self._ask({"call": [action, payload]})

    async def send(self, action: str, payload: object) -> dict[str, Any] | Refusal:
        """The answer to a CALL that leaves whatever it holds."""
        return await self._ask({"send": [action, payload]})

    def heard(self, action: str, **wanted: Any) -> list[dict[str, Any]]:
        """The payloads of that action with those values."""
        return [payload for told, payload in self.told if told == action and payload | wanted == payload]

    def statuses(self, connector_id: int) -> list[str]:
        """What StatusNotification said of a connector, in order."""
        return [payload["status"] for payload in self.heard("StatusNotification", connectorId=connector_id)]

    async def until(self, condition: Callable[[], T], timeout_s: float = 15.0) -> T:
        """The first true value of a condition on what was heard; a failure meanwhile is why it would never come."""
        async with asyncio.timeout(timeout_s), self._news:
            while not (value := condition()):
                if self.failures:
                    pytest.fail(f"the judge found: {self.failures}")
                await self._news.wait()
            return value

    async def listen(self) -> None:
        """Take in what the judge prints, until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            match json.loads(line):
                case {"event": "listening", "port": port}:
                    self.port = port
                case {"event": "call", "action": action, "payload": payload}:
                    self.told.append((action, payload))
                case {"event": "answer"} as answer:
                    self._answers.put_nowait(answer)
                case {"event": "failure"} as failure:
                    self.failures.append(failure)
                case {"event": "connected"} as connection:
                    self.connections.append(connection)
            async with self._news:
                self._news.notify_all()

    async def _ask(self, command: dict[str, Any]) -> dict[str, Any] | Refusal:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        async with asyncio.timeout(10):
            answer = await self._answers.get()
        return Refusal(answer["error"]) if "error" in answer else answer["result"]


def require_node() -> None:
    """Skip the test on a machine where the judge is not installed; in CI that is a failure."""
    if shutil.which("node") is not None and (FOLDER / "node_modules/.package-lock.json").is_file():
        return
    missing = "the independent judge needs node: make judge"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


@contextlib.asynccontextmanager
async def a_judge() -> AsyncIterator[Judge]:
    """The judge on a free port, until the block ends."""
    require_node()
    process = await asyncio.create_subprocess_exec(
        "node", str(FOLDER / "judge.mjs"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    judge = Judge(process)
    listening = asyncio.create_task(judge.listen(), name="judge")
    try:
        await judge.until(lambda: judge.port)
        yield judge
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await listening
