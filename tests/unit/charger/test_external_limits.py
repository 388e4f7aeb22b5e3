"""Limits from outside OCPP: the operator's, and those of machines that must speak up again and again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ocpp_gateway.charger.events import Command, LimitRemoved, LimitSet, LinkUp
from ocpp_gateway.charger.limit_border import HIGHEST_LIMIT_W, LONGEST_LIFETIME_S, OWN_SOURCES
from ocpp_gateway.charger.records import LimitForgotten, LimitRecord
from unit.charger.bench import DUO, NINE, SETTINGS, Bench, kept

MINUTE = 60.0


def grid(power_w: int, connector_id: int = 0, *, lifetime_s: float = MINUTE, failsafe_w: int | None = None) -> LimitSet:
    return LimitSet("grid", connector_id, power_w, lifetime_s, failsafe_w)


def bench() -> Bench:
    return Bench().linked().online()


# ---------------------------------------------------------------- the border


@pytest.mark.conformance("P-48")
@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        pytest.param({"power_w": float("nan")}, "power_w must be whole watts", id="NaN"),
        pytest.param({"power_w": -1}, "power_w must be whole watts", id="negative"),
        pytest.param({"power_w": -0.0}, "power_w must be whole watts", id="-0.0"),
        pytest.param({"power_w": True}, "power_w must be whole watts", id="a boolean"),
        pytest.param({"power_w": 4140.5}, "power_w must be whole watts", id="a fraction"),
        pytest.param({"power_w": "4140"}, "power_w must be whole watts", id="text"),
        pytest.param({"power_w": 1e30}, "power_w must be whole watts", id="1e30"),
        pytest.param({"power_w": HIGHEST_LIMIT_W + 1}, "power_w must be whole watts", id="more than a register holds"),
        pytest.param({"failsafe_w": float("nan")}, "failsafe_w must be whole watts", id="failsafe NaN"),
        pytest.param({"failsafe_w": -1}, "failsafe_w must be whole watts", id="failsafe negative"),
        pytest.param({"failsafe_w": False}, "failsafe_w must be whole watts", id="failsafe boolean"),
        pytest.param({"connector_id": -1}, "connector_id must be", id="connector -1"),
        pytest.param({"connector_id": True}, "connector_id must be", id="connector True"),
        pytest.param({"lifetime_s": 0}, "lifetime_s must be", id="no lifetime"),
        pytest.param({"lifetime_s": float("nan")}, "lifetime_s must be", id="lifetime NaN"),
        pytest.param({"lifetime_s": float("inf")}, "lifetime_s must be", id="endless lifetime"),
        pytest.param({"lifetime_s": LONGEST_LIFETIME_S + 1}, "lifetime_s must be", id="lifetime beyond a week"),
        pytest.param({"lifetime_s": True}, "lifetime_s must be", id="lifetime True"),
        pytest.param({"lifetime_s": None}, "must give a lifetime_s", id="a machine without a lifetime"),
        pytest.param({"source": "operator", "lifetime_s": None, "failsafe_w": 5}, "failsafe_w counts", id="failsafe"),
        pytest.param({"source": ""}, "source must be", id="no name"),
        pytest.param({"source": "Grid"}, "source must be", id="capitals"),
        pytest.param({"source": "a" * 33}, "source must be", id="a long name"),
        pytest.param({"source": "grid\n"}, "source must be", id="a name with a line end"),
        *(pytest.param({"source": name}, "gateway's own", id=name) for name in sorted(OWN_SOURCES)),
    ],
)
def test_fault_s_05_what_is_no_limit_is_refused_where_it_enters(wrong: dict[str, Any], why: str) -> None:
    right: dict[str, Any] = {"source": "grid", "connector_id": 0, "power_w": 4140, "lifetime_s": MINUTE}
    LimitSet(**right)
    with pytest.raises(ValueError, match=why):
        LimitSet(**(right | wrong))


@pytest.mark.parametrize("power_w", [0, HIGHEST_LIMIT_W])
def test_fault_s_05_the_first_and_the_last_value_are_limits(power_w: int) -> None:
    assert LimitSet("operator", 1, power_w).power_w == power_w


# ---------------------------------------------------------------- one more member of the minimum


@pytest.mark.conformance("P-28")
def test_p_28_an_external_limit_is_one_more_member_of_the_minimum() -> None:
    it = bench()
    it.obeys = True
    it.give(grid(12_050))
    assert (it.commanded_w(0), it.commanded_w(1), it.commanded_w(2)) == (12_000, 6_000, 6_000)
    it.give(LimitSet("operator", 1, 5_000))
    assert (it.commanded_w(1), it.commanded_w(2)) == (5_000, 7_000)
    it.give(LimitSet("site", 1, 8_000, MINUTE))
    assert it.commanded_w(1) == 5_000
    it.give(LimitRemoved("operator", 1))
    assert (it.commanded_w(1), it.commanded_w(2)) == (6_000, 6_000)


@pytest.mark.conformance("P-28")
def test_p_28_an_external_limit_never_raises_anything() -> None:
    it = bench()
    before = [it.commanded_w(connector_id) for connector_id in (0, 1, 2)]
    it.give(grid(HIGHEST_LIMIT_W))
    it.give(LimitSet("operator", 1, HIGHEST_LIMIT_W))
    assert [it.commanded_w(connector_id) for connector_id in (0, 1, 2)] == before


@pytest.mark.conformance("P-43", "P-44")
@pytest.mark.parametrize("source", [LimitSet("operator", 1, 4_140), grid(4_140, 1)], ids=["operator", "machine"])
def test_p_44_the_landing_on_the_minimum_never_exceeds_an_external_limit(source: LimitSet) -> None:
    it = bench()
    it.give(source)
    assert it.commanded_w(1) == 4_100


def test_a_limit_for_a_connector_that_is_not_there_counts_for_nothing() -> None:
    it = bench()
    it.give(grid(0, 7))
    assert (it.commanded_w(0), it.commanded_w(1), it.commanded_w(2)) == (44_000, 22_000, 22_000)


def test_the_operator_s_limit_needs_no_heartbeat_and_outlives_a_kill() -> None:
    it = bench()
    it.give(LimitSet("operator", 1, 6_000))
    it.killed_and_restarted(3 * 86_400).linked()
    assert it.commanded_w(1) == 6_000
    assert "limit_source_silent" not in it.alarms()


def test_a_limit_removed_stays_removed_after_a_kill() -> None:
    it = bench()
    it.give(LimitSet("operator", 1, 6_000))
    removed = it.give(LimitRemoved("operator", 1))
    assert kept(removed, LimitForgotten) == [LimitForgotten("operator", 1)]
    it.killed_and_restarted().linked()
    assert it.commanded_w(1) == 22_000


def test_removing_what_was_never_set_changes_nothing() -> None:
    assert bench().give(LimitRemoved("grid", 0)) == []


# ---------------------------------------------------------------- a source that goes silent


@pytest.mark.parametrize(("failsafe_w", "counts_w"), [(None, 8_000), (6_000, 6_000), (20_000, 8_000), (0, 0)], ids=str)
def test_fault_s_15_a_silent_source_counts_with_its_failsafe_or_its_last_value_the_lower(
    failsafe_w: int | None, counts_w: int
) -> None:
    it = bench()
    it.give(grid(8_000, 1, failsafe_w=failsafe_w))
    it.wait(MINUTE - 0.1)
    assert (it.commanded_w(1), it.alarms()) == (8_000, [])
    it.wait(0.1)
    assert (it.commanded_w(1), it.alarms()) == (counts_w, ["limit_source_silent"])
    it.wait(2 * 3600)  # for as long as it is silent, and that is told once
    assert (it.commanded_w(1), it.alarms()) == (counts_w, ["limit_source_silent"])


def test_fault_s_15_a_source_that_speaks_in_time_is_not_silent() -> None:
    it = bench()
    for _ in range(10):
        it.give(grid(8_000, 1, failsafe_w=0))
        it.wait(MINUTE / 2)
    assert (it.commanded_w(1), it.alarms()) == (8_000, [])


@pytest.mark.parametrize("end", [grid(9_000, 1, failsafe_w=6_000), LimitRemoved("grid", 1)], ids=["new", "removed"])
def test_fault_s_15_a_new_value_or_the_removal_ends_the_silence(end: LimitSet | LimitRemoved) -> None:
    it = bench()
    it.give(grid(8_000, 1, failsafe_w=6_000))
    it.wait(MINUTE)
    it.give(end)
    assert it.alarms() == ["limit_source_silent", "limit_source_silent_cleared"]
    assert it.commanded_w(1) == (9_000 if isinstance(end, LimitSet) else 22_000)


def test_fault_s_15_silence_is_told_while_the_charger_is_away() -> None:
    it = bench()
    it.give(grid(8_000, 1, lifetime_s=20, failsafe_w=6_000))
    it.cut().wait(20)
    assert "limit_source_silent" in it.alarms()
    it.give(LinkUp(DUO))
    assert it.commanded_w(1) == 6_000


def test_fault_s_15_the_lifetime_goes_on_while_the_gateway_is_down() -> None:
    it = bench()
    it.give(grid(8_000, 1, failsafe_w=6_000))
    it.killed_and_restarted(MINUTE / 2)
    it.give(LinkUp(DUO))
    assert it.commanded_w(1) == 8_000
    it.wait(MINUTE / 2)
    assert it.commanded_w(1) == 6_000


@pytest.mark.parametrize(
    ("utc", "counts_w"),
    [
        pytest.param(True, 8_000, id="the clock tells its age"),
        pytest.param(False, 6_000, id="nobody knows the time"),
    ],
)
def test_fault_s_15_after_a_reboot_a_source_whose_age_is_unknown_is_silent(utc: bool, counts_w: int) -> None:
    it = bench()
    it.give(grid(8_000, 1, failsafe_w=6_000))
    it.now = replace(it.now.plus(10), boot_id="the next boot", monotonic_s=3.0)
    if not utc:
        it.forget_the_time()
    it.killed_and_restarted()
    it.give(LinkUp(DUO))
    assert it.commanded_w(1) == counts_w


def test_fault_s_15_a_clock_that_was_set_back_makes_no_source_young() -> None:
    it = bench()
    it.give(grid(8_000, 1, failsafe_w=6_000))
    assert it.now.utc is not None
    it.now = replace(it.now.plus(-3600), boot_id="the next boot", monotonic_s=3.0)
    it.killed_and_restarted()
    it.give(LinkUp(DUO))
    assert it.commanded_w(1) == 6_000


def test_fault_s_15_a_limit_set_before_the_time_was_known_gets_its_time() -> None:
    it = Bench().forget_the_time().linked().online()
    it.give(grid(8_000, 1, failsafe_w=6_000))
    it.learn_the_time(NINE)
    assert it.core.point.limits["grid", 1].set_at.utc == NINE


@pytest.mark.conformance("P-55")
def test_p_55_after_a_kill_nothing_is_written_before_the_limits_kept() -> None:
    it = bench()
    it.give(grid(8_000, 1, lifetime_s=3600))
    written = len(it.effects)
    it.killed_and_restarted().give(LinkUp(DUO))
    assert it.commanded_w(1) == 8_000
    assert all(w <= 8_000 for w in values(it, 1, since=written))


def values(it: Bench, connector_id: int, *, since: int = 0) -> list[int]:
    """Every value commanded for a connector."""
    return [e.value for e in it.effects[since:] if isinstance(e, Command) and e.connector_id == connector_id]


def test_fault_s_14_of_sources_that_fight_the_lowest_wins_each_time() -> None:
    it = bench()
    for turn in range(100):
        it.give(LimitSet("operator", 1, 6_000 + 1_000 * (turn % 2)))
        it.give(grid(5_000 + 3_000 * (turn % 2), 1))
        it.wait(0.1)
        assert it.commanded_w(1) == min(6_000 + 1_000 * (turn % 2), 5_000 + 3_000 * (turn % 2))
        named = [e.source for e in it.effects if isinstance(e, Command) and e.connector_id == 1]
        assert named[-1] == ("operator" if turn % 2 else "grid")


def test_a_read_only_gateway_keeps_a_limit_and_writes_nothing() -> None:
    it = Bench(replace(SETTINGS, read_only=True)).linked()
    effects = it.give(grid(8_000))
    assert kept(effects, LimitRecord) == [LimitRecord("grid", 0, 8_000, MINUTE, None, it.now)]
    assert it.commanded_w(0) is None
