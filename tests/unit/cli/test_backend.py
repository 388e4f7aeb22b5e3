"""`backend check` against the strict test central system, over a real websocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ocpp_gateway.central.policy import Policy
from ocpp_gateway.central.server import CentralServer
from ocpp_gateway.central.system import CentralSystem
from unit.cli.conftest import Run

PROBE = "OCPP-GATEWAY-PROBE"


@contextlib.contextmanager
def a_central_system(policy: Policy | None = None, **options: Any) -> Iterator[CentralServer]:
    """It runs in a loop of its own, beside the command; it asks for the configuration after the first status."""
    loop = asyncio.new_event_loop()
    serving = threading.Thread(target=loop.run_forever)
    serving.start()
    central = CentralSystem(policy, connectors={PROBE: 1})
    server = CentralServer(central, **options)

    async def ask() -> None:
        def told() -> bool:
            return any(frame.action == "StatusNotification" for frame in central.frames)

        await central.wait_for(told, 20)
        await central.call(PROBE, "GetConfiguration", {"key": ["Nobody"]})
        await central.call(PROBE, "TriggerMessage", {"requestedMessage": "Heartbeat"})

    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    asking = asyncio.run_coroutine_threadsafe(ask(), loop)
    try:
        yield server
    finally:
        asking.cancel()
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        serving.join()
        loop.close()


def test_what_a_central_system_does_is_told_without_a_transaction(run: Run) -> None:
    with a_central_system() as server:
        ended = run("backend", "check", server.url, "--for", 1, "--json")
        actions = [frame.action for frame in server.central.frames]
        violations = server.central.violations
    assert ended.exit_code == 0, ended.err
    found = json.loads(ended.out)
    assert (found["subprotocol"], found["registration"]) == ("ocpp1.6", "Accepted")
    assert found["interval_s"] > 0
    assert abs(found["clock_offset_s"]) < 5
    assert [asked["action"] for asked in found["asked"]] == ["GetConfiguration", "TriggerMessage"]
    assert "StartTransaction" not in actions
    assert "Authorize" not in actions
    assert violations == []


def test_the_story_is_for_people(run: Run) -> None:
    with a_central_system() as server:
        lines = run("backend", "check", server.url, "--for", 0.5).out.splitlines()
    assert lines[0].endswith("subprotocol ocpp1.6")
    assert lines[1].startswith("boot: Accepted, answered in ")
    assert any(line.startswith("clock: ") for line in lines)
    assert any(line.startswith("asked for, after ") and "GetConfiguration" in line for line in lines)


def test_a_central_system_that_does_not_want_us_is_told_and_fails(run: Run) -> None:
    with a_central_system(Policy(registration="Rejected")) as server:
        ended = run("backend", "check", server.url, "--for", 0)
    assert ended.exit_code == 1
    assert "boot: Rejected" in ended.out
    assert "create or enable this identity there" in ended.out


def test_nobody_there_is_one_line(run: Run) -> None:
    with a_central_system() as server:
        url = server.url
    ended = run("backend", "check", url)
    assert ended.exit_code == 1
    assert ended.err.count("\n") == 1
    assert "connection refused" in ended.err


@pytest.mark.parametrize("url", ["http://x", "ws://user:secret@x/", "nonsense"])
def test_what_is_no_address_is_told(run: Run, url: str) -> None:
    ended = run("backend", "check", url)
    assert ended.exit_code == 2
    assert "must" in ended.err
    assert "secret" not in ended.err
