"""A gateway that does not know the time, or is told a wrong one."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from faults.stage import Stage, play
from ocpp_gateway.charger.events import ClockSet
from ocpp_gateway.clock import BELIEVABLE, BUILT, Clock
from ocpp_gateway.instant import parse_utc
from ocpp_gateway.smart_charging.composite_schedule import Limit, limit_at
from ocpp_gateway.smart_charging.profiles import RateUnit, parse_profile

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
YEARS_10 = timedelta(days=3652)


def a_clock(wall: datetime, *, synchronised: bool = False) -> Clock:
    return Clock(boot_id="boot", monotonic=lambda: 100.0, wall=wall.timestamp, synchronised=lambda: synchronised)


def test_fault_t_01_in_1970_the_time_is_not_known_until_it_is_told() -> None:
    clock = a_clock(datetime(1970, 1, 1, tzinfo=UTC))
    assert clock.now().utc is None
    assert clock.learn(NOW) is not None
    assert clock.now().utc == NOW


def test_fault_t_01_t_02_a_session_before_any_time_is_known_is_told_with_its_true_times(tmp_path: Path) -> None:
    async def tale(stage: Stage) -> None:
        await stage.commissioned()
        central = stage.site.central
        await central.go_offline()
        in_1970 = replace(stage.forks.clock, off_by_s=-stage.forks.clock.wall())
        gateway = await stage.start(clock=in_1970)
        await stage.polling()
        plugged_at = central.policy.current_time()
        car = asyncio.create_task(stage.story.visit(1, 5))
        await asyncio.sleep(30)
        central.go_online()
        await car
        await stage.stop(gateway)
        (start,) = stage.site.told("StartTransaction")
        assert abs((parse_utc(start.payload["timestamp"]) - plugged_at).total_seconds()) < 10

    play(tmp_path, tale)


@pytest.mark.parametrize("told", [NOW - YEARS_10, BUILT - timedelta(days=1), BUILT + BELIEVABLE + timedelta(days=1)])
def test_fault_t_04_an_unbelievable_time_is_not_taken(told: datetime) -> None:
    clock = a_clock(NOW)
    assert clock.learn(told) is None
    assert clock.now().utc == NOW


def test_fault_t_04_a_clock_that_somebody_keeps_right_is_believed_before_anybody() -> None:
    clock = a_clock(NOW, synchronised=True)
    assert clock.learn(NOW + timedelta(hours=3)) is None
    assert clock.now().utc == NOW


def test_fault_t_04_a_believable_time_is_news_once() -> None:
    clock = a_clock(NOW)
    assert isinstance(clock.learn(NOW + timedelta(hours=3)), ClockSet)
    assert clock.learn(NOW + timedelta(hours=3)) is None


@pytest.mark.parametrize("change", ["2026-10-24T00:00:00Z", "2027-03-27T00:00:00Z"])
def test_fault_t_05_a_daily_profile_knows_no_summer_time(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    profile = parse_profile(
        {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Recurring",
            "recurrencyKind": "Daily",
            "chargingSchedule": {
                "startSchedule": "2026-10-01T00:00:00Z",
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 4000}, {"startPeriod": 43_200, "limit": 8000}],
            },
        }
    )
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        limits: dict[int, set[Limit | None]] = {}
        for hour in range(72):
            moment = parse_utc(change) + timedelta(hours=hour)
            limits[moment.hour] = limits.get(moment.hour, set()) | {limit_at([(profile, None)], moment).limit}
    finally:
        monkeypatch.undo()
        time.tzset()
    night, day = (Limit(power_w, RateUnit.WATT, 3) for power_w in (4000, 8000))
    assert limits == {hour: {night if hour < 12 else day} for hour in range(24)}
