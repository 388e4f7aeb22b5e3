"""What is said about the charger's own fallback after a silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ocpp_gateway.charger.events import Alarm, Command, CommandConfirmed, CommandKind, LinkUp
from ocpp_gateway.charger.own_fallback import MAY_HAVE_BEEN, WAS, verdict
from ocpp_gateway.registers.snapshot import ChargerSnapshot, ConnectorSnapshot
from unit.charger.bench import DUO, SETTINGS, Bench

FALLING_BACK = replace(SETTINGS, fallback_trigger_factor=2)


@pytest.mark.parametrize(
    ("silence_s", "at_most_s", "intervals_s", "told"),
    [
        pytest.param(61.0, 61.0, (30, 30), WAS, id="s-12 more than two intervals of 30 s"),
        pytest.param(60.0, 60.0, (30, 30), MAY_HAVE_BEEN, id="s-12 not more than two"),
        pytest.param(31.0, 31.0, (30, 30), MAY_HAVE_BEEN, id="s-12 more than one"),
        pytest.param(30.0, 30.0, (30, 30), None, id="s-12 within one"),
        pytest.param(61.0, 61.0, (0, 30), WAS, id="m-21 a restarted charger forgot its interval"),
        pytest.param(61.0, 61.0, (600, 30), WAS, id="m-21 the shorter one counts"),
        pytest.param(3600.0, 3600.0, (0, 0), None, id="s-12 0 is never"),
        pytest.param(3600.0, 3600.0, (0, None), None, id="s-12 never, as far as is known"),
        pytest.param(5.0, 5.0, (None, None), MAY_HAVE_BEEN, id="s-12 an interval that nobody read"),
        pytest.param(None, None, (30, None), MAY_HAVE_BEEN, id="s-09 nobody knows when somebody last asked"),
        pytest.param(None, 30.0, (30, None), None, id="s-09 somebody asked not long ago"),
        pytest.param(None, 3600.0, (30, None), MAY_HAVE_BEEN, id="s-09 an old sample proves no silence"),
    ],
)
def test_fault_s_12_a_silence_is_judged_by_what_is_known_of_it(
    silence_s: float | None, at_most_s: float | None, intervals_s: tuple[int | None, ...], told: str | None
) -> None:
    assert verdict(silence_s, at_most_s, intervals_s, 2) == told


def met(bench: Bench, silence_s: float | None, *, interval_s: int | None = 30, station_w: int = 4_200) -> None:
    found = ChargerSnapshot(
        bench.now,
        (ConnectorSnapshot(1, power_limit_w=4_100), ConnectorSnapshot(2, power_limit_w=0)),
        station_power_limit_w=station_w,
        fallback_power_w=4_200,
        fallback_interval_s=interval_s,
    )
    bench.give(LinkUp(DUO, silence_s, found))


def confirm(bench: Bench, *connector_ids: int) -> None:
    for connector_id in connector_ids:
        value = bench.commanded_w(connector_id)
        assert value is not None
        bench.give(CommandConfirmed(CommandKind.LIMIT, connector_id, value))


def told(bench: Bench, event: str) -> list[dict[str, Any]]:
    return [e.fields for e in bench.effects if isinstance(e, Alarm) and e.event == event and not e.cleared]


def test_fault_s_12_a_fallback_that_acted_is_told_with_the_silence_and_what_the_registers_held() -> None:
    bench = Bench(FALLING_BACK).linked().cut()
    bench.effects.clear()
    met(bench, 90.04)
    assert told(bench, WAS) == [
        {
            "silence_s": 90.0,
            "silence_at_most_s": 90.0,
            "station_power_limit_w": 4_200,
            "power_limits_w": [4_100, 0],
            "fallback_power_w": 4_200,
            "fallback_interval_s": 30,
        }
    ]
    assert {e.connector_id for e in bench.effects if isinstance(e, Command)} == {0, 1, 2}  # limits go out at once


def test_fault_s_12_it_is_over_when_all_our_limits_read_back() -> None:
    bench = Bench(FALLING_BACK).linked().cut()
    met(bench, 90.0)
    confirm(bench, 1, 2)
    assert f"{WAS}_cleared" not in bench.alarms()
    confirm(bench, 0)
    assert bench.alarms().count(f"{WAS}_cleared") == 1
    confirm(bench, 0)
    assert bench.alarms().count(f"{WAS}_cleared") == 1


def test_fault_s_12_a_silence_after_another_is_judged_anew() -> None:
    bench = Bench(FALLING_BACK).linked().cut()
    met(bench, 90.0)
    met(bench, 45.0)
    met(bench, 2.0)
    assert [alarm for alarm in bench.alarms() if alarm.startswith("fallback")] == [
        WAS,
        f"{WAS}_cleared",
        MAY_HAVE_BEEN,
        f"{MAY_HAVE_BEEN}_cleared",
    ]


def test_fault_m_21_the_interval_of_before_the_silence_counts_when_a_restarted_charger_shows_none() -> None:
    bench = Bench(FALLING_BACK).linked()
    bench.core.point.other_masters.fallback = (4_200, 30)
    bench.cut()
    met(bench, 90.0, interval_s=0, station_w=44_000)
    assert len(told(bench, WAS)) == 1


def test_fault_s_09_after_a_restart_of_the_gateway_the_silence_is_unknown_and_said_to_be() -> None:
    bench = Bench(FALLING_BACK)
    met(bench, None)
    (fields,) = told(bench, MAY_HAVE_BEEN)
    assert fields["silence_s"] is fields["silence_at_most_s"] is None


@pytest.mark.parametrize(("away_s", "alarms"), [(10.0, 0), (300.0, 1)])
def test_fault_s_09_after_a_restart_a_stored_sample_bounds_the_silence(away_s: float, alarms: int) -> None:
    bench = Bench(FALLING_BACK).linked().online().charging()
    bench.charge(wh=100, seconds=60)
    bench.killed_and_restarted(away_s)
    bench.effects.clear()
    met(bench, None)
    assert len(told(bench, MAY_HAVE_BEEN)) == alarms


def test_fault_s_09_a_sample_of_another_boot_counts_by_the_time_of_day() -> None:
    bench = Bench(FALLING_BACK).linked().online().charging()
    bench.charge(wh=100, seconds=60)
    utc = bench.now.utc
    assert utc is not None
    bench.now = replace(bench.now, boot_id="the next boot", monotonic_s=5.0, utc=utc + timedelta(seconds=100))
    bench.killed_and_restarted(0)
    met(bench, None)
    (fields,) = told(bench, MAY_HAVE_BEEN)
    assert fields["silence_at_most_s"] == pytest.approx(100, abs=2)


def test_a_charger_without_a_fallback_of_its_own_is_told_nothing_about() -> None:
    bench = Bench(SETTINGS).linked().cut()
    met(bench, 3600.0)
    assert not [alarm for alarm in bench.alarms() if alarm.startswith("fallback")]
