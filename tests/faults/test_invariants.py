"""Every invariant sees what breaks it: a check that nothing can fail proves nothing."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from faults import invariants
from faults.story import Story, Visit
from faults.witness import Look
from integration.site import Site
from ocpp_gateway import mapping_files
from ocpp_gateway.central.frames import Direction, Frame, Kind
from ocpp_gateway.central.ledger import Transaction
from ocpp_gateway.simulator.device import SimulatedCharger, Write

SECRET = "canary-1"
GOOD = Look(at_s=100, born_s=50, read_s=52, asked_s=99, heard_s=99, held_w=7_000, may_w=7_000, since_s=60)
"""A gateway that has taken a limit and is there."""


class Told:
    """As much of a site as an invariant asks for: a central system that was told these transactions."""

    def __init__(self, *rows: Transaction) -> None:
        self.central = self
        self.transactions = rows


def a_story(visits: list[Visit], *rows: Transaction) -> Story:
    return Story(cast("Site", Told(*rows)), cast("Any", None), visits)


def a_visit(**fields: Any) -> Visit:
    return Visit(1, "CARD", energy_wh=1_000, seen_wh=800, card_seen=True, **fields)


def a_transaction(energy_wh: int | None = 1_000, id_tag: str = "CARD") -> Transaction:
    stop = None if energy_wh is None else {"meterStop": energy_wh, "timestamp": "…"}
    return Transaction("SITE-1", 1, id_tag, 0, "…", stop=stop)


@pytest.mark.parametrize(
    ("rows", "breaches"),
    [
        pytest.param([a_transaction()], 0, id="as it was"),
        pytest.param([], 1, id="none"),
        pytest.param([a_transaction(), a_transaction()], 1, id="two"),
        pytest.param([a_transaction(energy_wh=None)], 1, id="one without an end"),
        pytest.param([a_transaction(id_tag="ANOTHER")], 1, id="one of another card"),
        pytest.param([a_transaction(id_tag=invariants.UNKNOWN_ID_TAG)], 1, id="a card that was seen and is not told"),
    ],
)
def test_i1_sees_a_visit_that_is_not_one_transaction(rows: list[Transaction], breaches: int) -> None:
    assert len(list(invariants.every_visit_is_one_transaction(a_story([a_visit()], *rows)))) == breaches


@pytest.mark.parametrize(
    ("told_wh", "breaches"), [(1_000, 0), (1_100, 0), (700, 0), (1_101, 1), (699, 1), (-1, 1), (0, 1)]
)
def test_i2_sees_energy_that_is_short_or_invented(told_wh: int, breaches: int) -> None:
    story = a_story([a_visit()], a_transaction(told_wh))
    assert len(list(invariants.energy_is_right(story))) == breaches


def frames(*told: tuple[str, dict[str, Any]]) -> list[Frame]:
    return [
        Frame(
            datetime(2026, 11, 22, tzinfo=UTC),
            "SITE-1",
            Direction.RECEIVED,
            Kind.CALL,
            str(number),
            action,
            payload,
            "",
        )
        for number, (action, payload) in enumerate(told)
    ]


START: tuple[str, dict[str, Any]] = ("StartTransaction", {"connectorId": 1})
VALUES: tuple[str, dict[str, Any]] = ("MeterValues", {"transactionId": 1})
STOP: tuple[str, dict[str, Any]] = ("StopTransaction", {"transactionId": 1})


@pytest.mark.parametrize(
    ("told", "broken"),
    [
        ([START, VALUES, STOP], []),
        ([START, START, VALUES, STOP, STOP], []),
        ([START, VALUES, START, STOP], ["I1"]),
        ([START, STOP, VALUES], ["I3"]),
    ],
)
def test_i3_sees_what_comes_again_late_or_out_of_order(
    told: list[tuple[str, dict[str, Any]]], broken: list[str]
) -> None:
    assert [breach[:2] for breach in invariants.messages_keep_their_order(frames(*told))] == broken


@pytest.mark.parametrize(
    ("address", "value", "breaches"),
    [(0x100, 160, 0), (0x100, 161, 1), (0, 301, 1), (3, 50, 0), (1, 10, 1), (0x101, 0, 1)],
)
def test_i4_sees_a_write_that_is_too_high_or_to_another_register(address: int, value: int, breaches: int) -> None:
    writes = [Write(1.0, address, value, None)]
    assert len(list(invariants.writes_stay_below(writes, station_w=30_000, connector_w=16_000))) == breaches


@pytest.mark.parametrize(
    ("looks", "breaches"),
    [
        pytest.param([GOOD], 0, id="it stands"),
        pytest.param([replace(GOOD, held_w=16_000)], 1, id="never written"),
        pytest.param([replace(GOOD, held_w=16_000, at_s=61)], 0, id="asked for a second ago"),
        pytest.param([replace(GOOD, held_w=16_000, read_s=99)], 0, id="a gateway that has just come"),
        pytest.param([replace(GOOD, held_w=16_000, read_s=None)], 0, id="no gateway"),
        pytest.param([replace(GOOD, held_w=16_000, at_s=at_s) for at_s in (70, 80)], 1, id="for long is told once"),
        pytest.param([replace(GOOD, held_w=9_000), GOOD, replace(GOOD, held_w=9_000)], 2, id="and again"),
    ],
)
def test_i5_sees_a_limit_that_does_not_act_in_time(looks: list[Look], breaches: int) -> None:
    assert len(list(invariants.limits_act(looks))) == breaches


def test_i5_a_machine_may_take_its_time_on_a_fast_clock_and_no_longer() -> None:
    late = replace(GOOD, held_w=16_000, since_s=81)
    assert list(invariants.limits_act([late], speed=10)) == []
    assert len(list(invariants.limits_act([replace(late, at_s=102)], speed=10))) == 1


def a_charger(power_w: int, interval_s: int) -> SimulatedCharger:
    charger = SimulatedCharger(mapping_files.load("compleo-duo-solo"), 2)
    charger.write(3, power_w // 100)
    charger.write(5, interval_s)
    return charger


@pytest.mark.parametrize(
    ("power_w", "interval_s", "breaches"),
    [
        pytest.param(5_000, 30, 0, id="as configured"),
        pytest.param(9_000, 30, 1, id="a fallback above what is allowed"),
        pytest.param(5_000, 300, 1, id="one that comes too late"),
        pytest.param(5_000, 0, 1, id="one that is switched off"),
    ],
)
def test_i5_sees_a_charger_that_a_dead_gateway_left_without_its_fallback(
    power_w: int, interval_s: int, breaches: int
) -> None:
    charger = a_charger(power_w, interval_s)
    assert len(list(invariants.charger_falls_back(charger, power_w=5_000, after_s=60))) == breaches


@pytest.mark.parametrize(
    ("line", "breaches"),
    [
        (json.dumps({"level": "info", "event": "session_up"}), 0),
        (json.dumps({"level": "error", "event": "charger_tasks_failed"}), 1),
        (json.dumps({"level": "warning", "event": "odd", "exception": "…"}), 1),
        ("Traceback (most recent call last):", 1),
    ],
)
def test_i6_sees_what_nobody_expects_in_a_log(line: str, breaches: int) -> None:
    assert len(list(invariants.log_is_clean([line]))) == breaches


@pytest.mark.parametrize(
    ("text", "breaches"),
    [
        ("password=[redacted]", 0),
        (f"password={SECRET}", 1),
        (f"the key {SECRET.encode().hex().upper()} was set", 1),
        (f"Authorization: Basic {b64encode(f'SITE-1:{SECRET}'.encode()).decode()}", 1),
    ],
)
def test_i7_sees_a_secret_in_whatever_form(text: str, breaches: int) -> None:
    assert len(list(invariants.secrets_stay_inside(SECRET, {"the log": text, "a frame": ""}))) == breaches


@pytest.mark.parametrize(
    ("look", "breaches"),
    [
        pytest.param(GOOD, 0, id="it is there"),
        pytest.param(replace(GOOD, asked_s=30, at_s=114), 0, id="started a minute ago"),
        pytest.param(replace(GOOD, asked_s=30, read_s=None, at_s=116), 1, id="a minute, and nothing read"),
        pytest.param(replace(GOOD, asked_s=99, at_s=165, heard_s=164), 1, id="it has stopped to read"),
        pytest.param(replace(GOOD, heard_s=30, at_s=96), 0, id="it may still wait to connect"),
        pytest.param(replace(GOOD, heard_s=30, at_s=98), 1, id="it should have connected"),
        pytest.param(replace(GOOD, born_s=None, read_s=None, at_s=1_000), 0, id="no gateway"),
    ],
)
def test_i8_sees_a_gateway_that_does_not_come_back(look: Look, breaches: int) -> None:
    assert len(list(invariants.gateway_comes_back([look]))) == breaches
