"""The history of power, limit and currents: what was read, when, and where nobody looked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ocpp_gateway.charger import history as history_module
from ocpp_gateway.charger.core import ChargerCore
from ocpp_gateway.charger.events import DeadlineReached, Event, LimitSet, LinkLost, LinkUp, SnapshotTaken
from ocpp_gateway.charger.history import History, Stretch
from ocpp_gateway.charger.history_series import Resolution, Span, resolution_for, series
from ocpp_gateway.charger.records import StoredCharger
from ocpp_gateway.instant import Instant
from ocpp_gateway.registers.snapshot import ChargerSnapshot, ConnectorSnapshot
from ocpp_gateway.registers.vocabulary import ChargePointStatus
from unit.charger.bench import DUO, NINE, SETTINGS

ZERO_S = NINE.timestamp() - 1000.0
"""When the monotonic clock of the bench was 0; at nine, a whole minute, it shows 1000 s."""


class Recorder:
    """A core with its history: `read` is a poll, times in s from nine o'clock."""

    def __init__(self, *, utc_known: bool = True) -> None:
        self.utc_known = utc_known
        self.history = History()
        self.core = ChargerCore(
            SETTINGS, StoredCharger(), from_file={}, started_at=self.at(0), new_id=iter(map(str, range(10**6))).__next__
        )
        self.registers = {n: ConnectorSnapshot(n, ChargePointStatus.CHARGING, 2, power_w=0.0) for n in (1, 2)}
        self.give(0, LinkUp(DUO))

    def at(self, s: float) -> Instant:
        return Instant(NINE + timedelta(seconds=s) if self.utc_known else None, "boot", 1000.0 + s)

    def give(self, s: float, event: Event) -> None:
        self.core.handle(event, self.at(s))
        self.history.take(event, self.core.point, self.at(s))

    def read(self, s: float, power_w: float | None = None, *, interrupted: bool = False, **other: Any) -> None:
        if power_w is not None:
            self.registers[1] = replace(self.registers[1], power_w=power_w, **other)
        snapshot = ChargerSnapshot(self.at(s), tuple(self.registers.values()), interrupted=interrupted)
        self.give(s, SnapshotTaken(snapshot))

    def every_second(self, first: int, last: int, power_w: float | None = None) -> None:
        for s in range(first, last + 1):
            self.read(s, power_w)

    def shown(
        self,
        since: float = 0,
        until: float = 3600,
        resolution: Resolution = "fine",
        stored: tuple[Stretch, ...] = (),
        connector_id: int = 1,
    ) -> dict[str, Any]:
        start = NINE.timestamp()
        found = series(self.history, connector_id, stored, Span(start + since, start + until, resolution))
        return found | {"at_s": [round(at_s - start, 3) for at_s in found["at_s"]]}

    def stretches(self, connector_id: int = 1) -> list[Stretch]:
        rows = self.history.waiting().get(connector_id, [])
        return [replace(one, at_s=one.at_s - 1000, until_s=one.until_s - 1000) for one in rows]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_each_change_is_there_at_the_time_of_its_poll_and_equal_polls_are_none(recorder: Recorder) -> None:
    recorder.read(1, 11_000.0, current_a=(16.0, 15.9, 16.1))
    recorder.every_second(2, 9)
    recorder.read(10, 7_000.0)
    recorder.read(12)
    shown = recorder.shown()
    assert shown["at_s"] == [1, 10, 12]  # the last value holds until the last poll
    assert shown["power_w"] == [11_000, 7_000, 7_000]
    assert shown["current_a"] == [[16.0] * 3, [15.9] * 3, [16.1] * 3]


def test_a_limit_is_a_step_between_two_polls(recorder: Recorder) -> None:
    recorder.read(1, 11_000.0)
    recorder.give(1.5, LimitSet("operator", 1, 6_000, None, None))
    recorder.read(2)
    shown = recorder.shown()
    assert list(zip(shown["at_s"], shown["limit_w"], strict=True)) == [(1, 22_000), (1.5, 6_000), (2, 6_000)]


def test_a_lost_link_is_a_gap_from_the_last_read_on_and_no_value(recorder: Recorder) -> None:
    recorder.every_second(1, 5, 11_000.0)
    recorder.give(8, LinkLost("pulled"))
    recorder.give(60, DeadlineReached())
    recorder.give(100, LinkUp(DUO))
    recorder.read(101, interrupted=True)
    recorder.read(102)
    shown = recorder.shown()
    assert shown["at_s"] == [1, 5, 5.001, 101, 102]
    assert shown["power_w"] == [11_000, 11_000, None, 11_000, 11_000]
    assert shown["limit_w"][2] is None
    assert [(one.at_s, one.until_s) for one in recorder.stretches()] == [(1, 5)]


def test_polls_that_failed_without_a_lost_link_are_a_gap_too(recorder: Recorder) -> None:
    recorder.every_second(1, 5, 11_000.0)
    recorder.read(30, 9_000.0, interrupted=True)
    assert recorder.shown()["at_s"] == [1, 5, 5.001, 30]
    assert recorder.shown()["power_w"] == [11_000, 11_000, None, 9_000]


def test_a_minute_holds_mean_least_and_most_by_the_time_they_held(recorder: Recorder) -> None:
    recorder.every_second(0, 14, 12_000.0)
    recorder.every_second(15, 60, 4_000.0)
    (minute,) = recorder.stretches()
    # (12,000 W × 15 s + 4,000 W × 45 s) / 60 s = 6,000 W
    assert minute == Stretch(0, 60, 6_000, 4_000, 12_000, 22_000, 22_000, (None, None, None))


def test_what_does_not_change_is_one_row_for_an_hour(recorder: Recorder) -> None:
    for s in range(0, 2 * 3600 + 1, 10):
        recorder.read(s)
    assert [(one.at_s, one.until_s) for one in recorder.stretches(2)] == [(0, 3600), (3600, 7200)]


def test_what_is_stored_waits_no_more_and_a_row_that_goes_on_waits_again(recorder: Recorder) -> None:
    recorder.every_second(0, 60)
    rows = recorder.history.waiting()
    recorder.history.stored(rows)
    assert recorder.history.waiting() == {}
    recorder.every_second(61, 120)
    (again,) = recorder.stretches(2)
    assert (again.at_s, again.until_s) == (0, 120)


def test_a_store_that_cannot_write_for_long_costs_the_oldest_and_no_memory(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "MOST_STRETCHES", 5)
    for minute in range(10):
        recorder.every_second(minute * 60, minute * 60 + 60, 1000.0 * minute)
    assert [one.power_w for one in recorder.stretches()] == [5000, 6000, 7000, 8000, 9000]


def test_changes_are_bounded_in_number_and_in_age(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "MOST_CHANGES", 100)
    for s in range(500):
        recorder.read(s, float(s))
    start = NINE.timestamp()
    kept = recorder.history.changes(1, 0.0, start + 500)
    assert 90 <= len(kept) <= 100
    assert [values.power_w for _, values in kept] == [*range(500 - len(kept), 500)]
    assert recorder.history.remembers_from_s(1) == start + 500 - len(kept)
    assert recorder.shown()["power_w"][-1] == 499


def test_before_the_time_is_known_nothing_is_told_and_then_all_of_it() -> None:
    recorder = Recorder(utc_known=False)
    recorder.every_second(0, 125, 11_000.0)
    assert recorder.history.waiting() == {}
    assert recorder.shown()["at_s"] == []
    recorder.utc_known = True
    recorder.every_second(126, 190)
    assert recorder.shown()["at_s"] == [0, 190]
    assert recorder.history.zero_s == ZERO_S
    assert recorder.stretches()[0].at_s == 0


def test_a_minute_of_the_store_goes_before_what_the_memory_holds(recorder: Recorder) -> None:
    start = NINE.timestamp()
    before = Stretch(start - 120, start - 60, 5_000, 4_000, 6_000, 11_000, 10_000, (7.2, None, None))
    recorder.read(1, 11_000.0)
    shown = recorder.shown(since=-3600, stored=(before,))
    assert shown["at_s"] == [-120, -60, -59.999, 1]
    assert shown["power_w"] == [5_000, 5_000, None, 11_000]
    assert shown["power_max_w"][0] == 6_000
    assert shown["limit_min_w"][0] == 10_000


def test_a_chart_begins_with_the_value_that_held_then(recorder: Recorder) -> None:
    recorder.every_second(1, 30, 11_000.0)
    assert recorder.shown(since=10, until=20)["at_s"] == [10, 20]
    assert recorder.shown(since=10, until=20)["power_w"] == [11_000, 11_000]


def test_quarters_are_means_over_time_of_rows_cut_at_the_quarter(recorder: Recorder) -> None:
    start = NINE.timestamp()

    def row(at_s: float, until_s: float, power_w: int) -> Stretch:
        return Stretch(start + at_s, start + until_s, power_w, power_w, power_w, 22_000, 22_000, (1.0, None, None))

    shown = recorder.shown(0, 7200, "quarter_hour", (row(0, 300, 6_000), row(300, 2700, 0)), connector_id=2)
    # 6,000 W × 300 s / 900 s = 2,000 W
    assert (shown["at_s"], shown["power_w"]) == ([0, 900, 1800, 2700], [2_000, 0, 0, 0])
    assert (shown["power_max_w"][0], shown["power_min_w"][0]) == (6_000, 0)


@pytest.mark.parametrize(
    ("hours", "resolution"), [(1, "fine"), (2, "fine"), (3, "minute"), (48, "minute"), (168, "quarter_hour")]
)
def test_a_long_chart_is_a_coarse_one(hours: int, resolution: Resolution) -> None:
    assert resolution_for(hours * 3600) == resolution


def test_a_connector_that_only_the_store_knows_is_shown_too(recorder: Recorder) -> None:
    start = NINE.timestamp()
    before = Stretch(start - 120, start - 60, 5_000, 4_000, 6_000, 11_000, 10_000, (7.2, None, None))
    assert recorder.shown(since=-3600, stored=(before,), connector_id=3)["power_w"] == [5_000, 5_000]


def test_a_connector_that_the_charger_shows_no_more_ends_with_its_last_read(recorder: Recorder) -> None:
    recorder.every_second(0, 70)
    recorder.give(71, LinkUp(replace(DUO, number_of_connectors=1)))
    recorder.registers.pop(2)
    recorder.every_second(72, 200)
    assert recorder.shown(connector_id=2)["at_s"][-1] == 70
    assert [one.until_s for one in recorder.stretches(2)] == [70]
    assert recorder.shown(connector_id=1)["at_s"][-1] == 200


def test_a_register_that_is_read_in_part_of_a_minute_has_a_mean_over_that_part(recorder: Recorder) -> None:
    recorder.every_second(0, 29, 6_000.0)
    recorder.registers[1] = replace(recorder.registers[1], power_w=None, current_a=(1.0, None, None))
    recorder.every_second(30, 60)
    known, unknown = recorder.stretches()
    assert (known.until_s, known.power_w, known.current_a) == (30, 6_000, (None, None, None))
    assert (unknown.power_w, unknown.power_max_w, unknown.current_a) == (None, None, (1.0, None, None))
