"""Times in charging profiles: of any offset, with fractions, and over a change to and from summer time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ocpp_gateway.smart_charging.composite_schedule import limit_at
from ocpp_gateway.smart_charging.profiles import DAY_S, ChargingProfile, ProfileRefused, parse_profile
from property.reference import Timeline


def daily(start: str) -> ChargingProfile:
    pairs = ((0, 16.0), (3 * 3600, 6.0), (20 * 3600, 32.0))
    schedule: dict[str, Any] = {
        "chargingRateUnit": "A",
        "startSchedule": start,
        "chargingSchedulePeriod": [{"startPeriod": at_s, "limit": limit} for at_s, limit in pairs],
    }
    return parse_profile(
        {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Recurring",
            "recurrencyKind": "Daily",
            "chargingSchedule": schedule,
        }
    )


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine stands in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("changes_on", [datetime(2026, 10, 25, tzinfo=UTC), datetime(2027, 3, 28, tzinfo=UTC)])
def test_fault_t_05_a_daily_schedule_goes_on_in_utc_over_a_change_of_summer_time(changes_on: datetime) -> None:
    begins = changes_on - timedelta(days=1)
    assert time.localtime(begins.timestamp()).tm_isdst != time.localtime(begins.timestamp() + 3 * DAY_S).tm_isdst
    stack = [(daily("2026-01-01T00:00:00+01:00"), None)]
    timeline = Timeline(stack, begins, 3 * DAY_S)
    for second in range(0, 3 * DAY_S, 300):
        assert limit_at(stack, begins + timedelta(seconds=second)).limit == timeline.at(second)
    changes = [(begins + timedelta(seconds=second)).strftime("%H:%M") for second in timeline.changes]
    assert changes == ["02:00", "19:00", "23:00"] * 3


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2026-11-22T09:00:00Z", 0),
        ("2026-11-22T09:00:00", 0),
        ("2026-11-22T10:00:00+01:00", 0),
        ("2026-11-22T03:30:00-05:30", 0),
        ("2026-11-22T09:00:00.25Z", 250_000),
        ("2026-11-22T10:00:00.000001+01:00", 1),
    ],
)
def test_fault_t_06_every_form_of_a_time_is_the_moment_it_names(text: str, microseconds: int) -> None:
    nine = datetime(2026, 11, 22, 9, tzinfo=UTC) + timedelta(microseconds=microseconds)
    begun = [(daily(text), None)]
    assert limit_at(begun, nine - timedelta(microseconds=1)).limit is None
    assert limit_at(begun, nine) != limit_at(begun, nine + timedelta(hours=3))
    assert limit_at(begun, nine).until == nine + timedelta(hours=3)


@pytest.mark.parametrize("text", ["2026-12-31T23:59:60Z", "2026-02-29T00:00:00Z", "2026-11-22T24:01:00Z", "noon", ""])
def test_fault_t_06_a_time_that_is_none_is_refused_not_shifted(text: str) -> None:
    with pytest.raises(ProfileRefused):
        daily(text)
