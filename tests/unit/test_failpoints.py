"""The points at which a test lets the gateway die: nothing unless asked for, and then at the moment that was named."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ocpp_gateway import failpoints

SOURCES = Path(__file__).parents[2] / "src" / "ocpp_gateway"
PAGE = Path(__file__).parents[2] / "docs" / "faults.md"

REACHES = """
from ocpp_gateway import failpoints
from ocpp_gateway.charger.records import OutboxDone, OutboxRecord
from ocpp_gateway.instant import Instant

now = Instant(None, "boot", 0.0)
start, stop = (OutboxRecord("id", action, {}, now, "tx") for action in ("StartTransaction", "StopTransaction"))
for moment, about in (
    ("before_commit", [start]),
    ("after_send", "MeterValues"),
    ("inside_commit", [OutboxDone(1, answer={})]),
    ("after_commit", [stop]),
    ("after_commit", [stop]),
):
    print(moment, flush=True)
    failpoints.reach(moment, about)
"""


def killed_at(failpoint: str | None) -> tuple[int, list[str]]:
    """How a process with that failpoint ended, and what it had reached by then."""
    variables = {name: value for name, value in os.environ.items() if name != failpoints.VARIABLE}
    if failpoint is not None:
        variables[failpoints.VARIABLE] = failpoint
    ended = subprocess.run([sys.executable, "-c", REACHES], env=variables, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout.split()


@pytest.mark.parametrize(
    ("failpoint", "reached"),
    [
        ("start_intent.before_commit", 1),
        ("meter_values.after_send", 2),
        ("answer.inside_commit", 3),
        ("stop_intent.after_commit", 4),
        ("stop_intent.after_commit:2", 5),
    ],
)
def test_a_failpoint_kills_where_and_when_it_says(failpoint: str, reached: int) -> None:
    code, moments = killed_at(failpoint)
    assert (code, len(moments)) == (-signal.SIGKILL, reached)


def test_without_one_every_point_is_passed() -> None:
    code, moments = killed_at(None)
    assert (code, len(moments)) == (0, 5)


def test_a_name_that_does_not_exist_is_told() -> None:
    code, _ = killed_at("start_intent.sometime")
    assert code == 1


def test_every_failpoint_is_documented_and_none_else() -> None:
    told = re.findall(r"`((?:start_intent|stop_intent|answer|meter_values)\.[a-z_]+)`", PAGE.read_text("utf-8"))
    assert sorted(set(told)) == sorted(failpoints.NAMES)


def test_every_moment_is_reached_somewhere() -> None:
    text = "".join(file.read_text("utf-8") for file in SOURCES.rglob("*.py"))
    reached = set(re.findall(r'failpoints\.reach\("([a-z_]+)"', text))
    assert reached == {name.partition(".")[2] for name in failpoints.NAMES}
