"""Registers of ours that somebody else wrote, and what becomes of his values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ocpp_gateway.charger.events import Alarm, Command, CommandConfirmed, CommandKind, Effect, LinkUp, SnapshotTaken
from ocpp_gateway.registers.snapshot import ChargerSnapshot
from unit.charger.bench import DUO, SETTINGS, Bench

OBEYING = replace(SETTINGS, obey_lower=True)


class Watched(Bench):
    """A bench whose registers hold what was commanded, until another master writes them."""

    def __init__(self, settings: Any = SETTINGS) -> None:
        super().__init__(settings)
        self.held_w: dict[int, int | None] = {}
        self.fallback: tuple[int | None, int | None] = (4_200, 30)
        self.read_every = 1  # polls
        self._read_s: dict[int, float] = {}
        self._polls = 0

    def give(self, event: Any) -> list[Effect]:
        effects = super().give(event)
        for command in [effect for effect in effects if isinstance(effect, Command)]:
            self.held_w[command.connector_id] = command.value
            effects += self.give(CommandConfirmed(CommandKind.LIMIT, command.connector_id, command.value))
        return effects

    def poll(self, times: int = 1, *, seconds: float = 1.0, interrupted: bool = False) -> list[Effect]:
        effects: list[Effect] = []
        for _ in range(times):
            self.wait(seconds)
            self._polls += 1
            if self._polls % self.read_every == 0:
                self._read_s = dict.fromkeys((0, 1, 2), self.now.monotonic_s)
                for connector_id in (1, 2):
                    self.unseen(connector_id, power_limit_w=self.held_w.get(connector_id))
                self._station_w = self.held_w.get(0)
            snapshot = ChargerSnapshot(
                self.now,
                tuple(self.registers.values()),
                station_power_limit_w=self._station_w,
                fallback_power_w=self.fallback[0],
                fallback_interval_s=self.fallback[1],
                interrupted=interrupted,
                limits_read_s=self._read_s,
            )
            effects += self.give(SnapshotTaken(snapshot))
        return effects

    def told(self, event: str) -> list[dict[str, Any]]:
        return [e.fields for e in self.effects if isinstance(e, Alarm) and e.event == event and not e.cleared]

    def changes(self) -> list[dict[str, Any]]:
        return self.told("limit_changed_by_another")


def watched(settings: Any = SETTINGS) -> Watched:
    bench = Watched(settings)
    bench.linked()
    bench.effects.clear()
    return bench


@pytest.mark.parametrize("connector_id", [0, 1, 2])
def test_fault_m_19_a_higher_value_is_overwritten_at_once_and_told(connector_id: int) -> None:
    bench = watched()
    ours_w = bench.held_w[connector_id]
    bench.held_w[connector_id] = 50_000
    bench.poll()
    assert bench.held_w[connector_id] == ours_w
    assert bench.changes() == [{"connector_id": connector_id, "power_w": 50_000, "ours_w": ours_w, "left_s": None}]


@pytest.mark.parametrize("connector_id", [0, 1, 2])
def test_fault_m_19_a_lower_value_is_restored_when_it_was_read_twice(connector_id: int) -> None:
    bench = watched()
    ours_w = bench.held_w[connector_id]
    bench.held_w[connector_id] = 6_000
    bench.poll()
    assert bench.held_w[connector_id] == 6_000
    assert bench.changes() == []
    bench.poll()
    assert bench.held_w[connector_id] == ours_w
    assert bench.changes() == [{"connector_id": connector_id, "power_w": 6_000, "ours_w": ours_w, "left_s": None}]


def test_fault_m_19_snapshots_without_a_new_reading_confirm_nothing() -> None:
    bench = watched()
    bench.read_every = 10
    bench.held_w[1] = 6_000
    bench.poll(14)  # read once among these
    assert bench.held_w[1] == 6_000
    bench.poll(10)
    assert bench.held_w[1] == 22_000


def test_fault_m_19_a_lower_value_that_was_gone_when_read_again_was_none() -> None:
    bench = watched()
    bench.held_w[1] = 6_000
    bench.poll()
    bench.held_w[1] = 22_000
    bench.poll(5)
    assert bench.changes() == []


def test_fault_m_19_lower_values_are_obeyed_for_ten_minutes_where_that_is_set() -> None:
    bench = watched(OBEYING)
    bench.held_w[1] = 6_000
    bench.poll(590)
    assert bench.held_w[1] == 6_000
    assert bench.changes() == [{"connector_id": 1, "power_w": 6_000, "ours_w": 22_000, "left_s": 600.0}]
    bench.poll(15)
    assert bench.held_w[1] == 22_000


def test_fault_m_19_an_obeyed_value_never_raises_ours_and_outlives_a_change_of_ours() -> None:
    bench = watched(OBEYING)
    bench.online()
    bench.held_w[1] = 6_000
    bench.poll(5)
    for limit_w, written_w in ((11_000, 6_000), (4_500, 4_500), (11_000, 6_000)):
        schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_w}]}
        profile = {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": schedule,
        }
        bench.ask("SetChargingProfile", connectorId=1, csChargingProfiles=profile)
        bench.poll(2)
        assert bench.held_w[1] == written_w


def test_fault_m_19_an_obeyed_value_that_is_raised_again_is_obeyed_up_to_ours() -> None:
    bench = watched(OBEYING)
    bench.held_w[1] = 6_000
    bench.poll(5)
    bench.held_w[1] = 9_000
    bench.poll()
    assert bench.held_w[1] == 9_000
    bench.held_w[1] = 40_000
    bench.poll()
    assert bench.held_w[1] == 22_000


def test_fault_m_19_an_obeyed_station_limit_is_shared_by_its_connectors() -> None:
    bench = watched(OBEYING)
    bench.held_w[0] = 20_000
    bench.poll(5)
    assert (bench.held_w[1] or 0) + (bench.held_w[2] or 0) <= 20_000


def test_fault_m_19_a_low_value_found_at_the_start_is_overwritten() -> None:
    bench = Watched()
    bench.held_w = {0: 4_200, 1: 0, 2: 0}
    bench.linked()
    assert bench.held_w == {0: 44_000, 1: 22_000, 2: 22_000}
    assert bench.changes() == []


def test_fault_s_14_more_than_three_changes_a_minute_are_an_alarm_and_lower_values_are_left() -> None:
    bench = watched()
    for _ in range(3):
        bench.held_w[1] = 6_000
        bench.poll(5)
    assert bench.told("limits_contested") == []
    assert bench.held_w[1] == 22_000
    bench.held_w[1] = 6_000
    bench.poll(5)
    assert bench.told("limits_contested") == [
        {"connector_id": 1, "power_w": 6_000, "ours_w": 22_000, "changes_a_minute": 4}
    ]
    assert bench.held_w[1] == 6_000
    assert len(bench.changes()) == 3  # in a fight only the fight is told
    bench.poll(590)
    assert bench.held_w[1] == 6_000
    bench.poll(10)
    assert bench.held_w[1] == 22_000
    assert "limits_contested_cleared" in bench.alarms()


def test_fault_s_14_higher_values_are_overwritten_at_once_however_lively_the_fight() -> None:
    bench = watched()
    for second in range(120):
        bench.held_w[1] = 30_000 + 100 * second
        bench.poll()
        assert bench.held_w[1] == 22_000
    assert len(bench.told("limits_contested")) == 1
    assert len(bench.changes()) == 3


def test_fault_s_14_three_changes_a_minute_are_no_fight() -> None:
    bench = watched()
    for _ in range(20):
        bench.held_w[1] = 30_000
        bench.poll(21)
    assert bench.told("limits_contested") == []
    assert len(bench.changes()) == 20


def test_fault_s_14_a_lower_value_that_never_stands_still_is_never_taken_for_ours() -> None:
    bench = watched()
    for second in range(30):
        bench.held_w[1] = 5_000 + 100 * second
        bench.poll()
    assert len(bench.told("limits_contested")) == 1
    bench.poll(700)
    assert bench.held_w[1] == 22_000


# ---------------------------------------------------------------- the fallback registers


def test_fault_m_19_a_changed_fallback_is_told_and_not_rewritten_before_the_next_connection() -> None:
    bench = watched()
    bench.fallback = (44_000, 0)
    effects = bench.poll(600)
    assert not [effect for effect in effects if isinstance(effect, Command)]
    assert bench.told("fallback_changed_by_another") == [
        {"power_w": 44_000, "interval_s": 0, "before_power_w": 4_200, "before_interval_s": 30}
    ]
    bench.fallback = (4_200, 30)  # the poller's doing, at a connection
    bench.cut().linked()
    assert bench.alarms().count("fallback_changed_by_another_cleared") == 1


def test_fault_m_21_a_fallback_found_changed_at_a_reconnect_is_told() -> None:
    bench = watched()
    bench.cut()
    bench.give(LinkUp(DUO, 5.0, ChargerSnapshot(bench.now, (), fallback_power_w=44_000, fallback_interval_s=60)))
    bench.poll(5)
    assert [fields["power_w"] for fields in bench.told("fallback_changed_by_another")] == [44_000]
    assert "fallback_changed_by_another_cleared" in bench.alarms()
