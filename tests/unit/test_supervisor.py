"""What a supervisor does with tasks that end, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog.testing

from ocpp_gateway.errors import ConfigurationError, Mistake, StoreError
from ocpp_gateway.supervisor import Supervisor

pytestmark = pytest.mark.looptime

UNUSABLE = ConfigurationError(Mistake("roots.pem", None, None, "central_system.ca_file", "does not hold certificates"))
FULL = StoreError("the store /var/lib/gateway.db failed: database or disk is full")


@dataclass
class Tasks:
    """Tasks that run for `lasts_s` and then end with `error`, if there is one."""

    error: Exception | None = None
    lasts_s: float = 0.0
    starts_s: list[float] = field(default_factory=list)

    async def __call__(self) -> None:
        self.starts_s.append(asyncio.get_running_loop().time())
        if self.error is None:
            await asyncio.Event().wait()
        await asyncio.sleep(self.lasts_s)
        if self.error is not None:
            raise self.error


@asynccontextmanager
async def supervised(tasks: Callable[[], Any]) -> AsyncIterator[tuple[Supervisor, list[Any]]]:
    """A supervisor at work, and what it logs."""
    with structlog.testing.capture_logs() as lines:
        supervisor = Supervisor("SITE-1", tasks)
        running = asyncio.create_task(supervisor.run())
        await asyncio.sleep(0.01)
        try:
            yield supervisor, lines
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UNUSABLE, "roots.pem: central_system.ca_file: does not hold certificates"),
        (FULL, "the store /var/lib/gateway.db failed: database or disk is full"),
        (
            ExceptionGroup("tasks", [FULL, ExceptionGroup("inner", [FULL])]),
            "the store /var/lib/gateway.db failed: database or disk is full",
        ),
    ],
)
async def test_what_an_operator_can_mend_is_told_once_in_a_line_and_tried_again_ever_more_rarely(
    error: Exception, told: str
) -> None:
    tasks = Tasks(error)
    async with supervised(tasks) as (supervisor, lines):
        await asyncio.sleep(200)
    assert supervisor.restarts == len(tasks.starts_s)
    assert [(line["log_level"], line["event"], line["problem"]) for line in lines] == [
        ("error", "charger_tasks_failed", told)
    ]
    assert "exc_info" not in lines[0]
    start_s = tasks.starts_s[0]
    assert [at_s - start_s for at_s in tasks.starts_s] == pytest.approx([0, 1, 3, 7, 15, 31, 63, 123, 183], abs=0.01)


async def test_another_problem_or_one_that_was_away_for_long_is_told_again() -> None:
    tasks = Tasks(FULL)
    async with supervised(tasks) as (_, lines):
        tasks.error = UNUSABLE
        await asyncio.sleep(10)
        assert len(lines) == 2
        tasks.lasts_s = 300
        await asyncio.sleep(400)
        assert len(lines) == 3


@pytest.mark.parametrize("error", [KeyError("bug"), ExceptionGroup("tasks", [FULL, KeyError("bug")])])
async def test_a_bug_is_logged_whole_each_time(error: Exception) -> None:
    async with supervised(Tasks(error)) as (_, lines):
        await asyncio.sleep(10)
    assert len(lines) == 4
    assert all(line["exc_info"] for line in lines)


async def test_tasks_fail_until_they_have_run_for_a_while() -> None:
    tasks = Tasks()
    async with supervised(tasks) as (supervisor, _):
        assert not supervisor.failing
    tasks = Tasks(FULL, lasts_s=5)
    async with supervised(tasks) as (supervisor, _):
        assert not supervisor.failing  # it has just begun
        await asyncio.sleep(5)
        assert supervisor.failing
        await asyncio.sleep(1.5)  # it runs again, for all one knows only for a moment
        assert supervisor.failing
        tasks.error = None
        await asyncio.sleep(40)
        assert not supervisor.failing
