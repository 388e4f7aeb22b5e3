"""Which charging profiles make sense, and how they are read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ocpp_gateway.smart_charging.profiles import (
    ChargingProfile,
    Kind,
    Period,
    ProfileRefused,
    Purpose,
    RateUnit,
    parse_profile,
)


def payload(*, schedule: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "chargingProfileId": 1,
        "stackLevel": 2,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "startSchedule": "2026-11-22T10:00:00+01:00",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.5}, {"startPeriod": 60, "limit": 6}],
            **(schedule or {}),
        },
        **changes,
    }


def test_a_profile_is_read_whole() -> None:
    schedule = {
        "duration": 300,
        "minChargingRate": 6.0,
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.5, "numberPhases": 1}],
    }
    read = parse_profile(
        payload(schedule=schedule, transactionId=0, validFrom="2026-11-22T09:00:00Z", validTo="2026-11-23T09:00:00")
    )
    assert read == ChargingProfile(
        1,
        2,
        Purpose.TX,
        Kind.ABSOLUTE,
        RateUnit.AMPERE,
        (Period(0, 16.5, 1),),
        transaction_id=0,
        valid_from=datetime(2026, 11, 22, 9, tzinfo=UTC),
        valid_to=datetime(2026, 11, 23, 9, tzinfo=UTC),  # t-21: without an offset it is UTC
        start_schedule=datetime(2026, 11, 22, 9, tzinfo=UTC),
        duration_s=300,
        min_charging_rate=6.0,
    )


def test_p_41_phases_that_are_not_named_are_three() -> None:
    assert [period.number_phases for period in parse_profile(payload()).periods] == [3, 3]


@pytest.mark.parametrize(("kind", "seconds"), [("Daily", 86_400), ("Weekly", 604_800)])
def test_p_13_a_recurring_profile_says_how_often(kind: str, seconds: int) -> None:
    recurring = parse_profile(payload(chargingProfileKind="Recurring", recurrencyKind=kind))
    assert recurring.recurrence_s == seconds


@pytest.mark.parametrize(
    ("changes", "relative"),
    [
        pytest.param({}, False, id="absolute with a start"),
        pytest.param({"schedule": {"startSchedule": None}}, True, id="absolute without one"),
        pytest.param({"chargingProfileKind": "Relative"}, True, id="p-14 a start of a relative one is ignored"),
    ],
)
def test_p_21_what_counts_from_the_transaction(changes: dict[str, Any], *, relative: bool) -> None:
    assert parse_profile(payload(**changes)).is_relative is relative


def one(**period: Any) -> dict[str, Any]:
    return {"schedule": {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6, **period}]}}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"schedule": {"chargingSchedulePeriod": []}}, id="p-10 no period"),
        pytest.param(one(startPeriod=1), id="p-10 does not begin at 0"),
        pytest.param(one(limit=-0.1), id="p-10 negative limit"),
        pytest.param(one(limit=float("nan")), id="no number"),
        pytest.param(one(limit=float("inf")), id="no end"),
        pytest.param(one(numberPhases=0), id="no phase"),
        pytest.param(one(numberPhases=4), id="four phases"),
        pytest.param({"schedule": {"duration": 0}}, id="p-10 no duration"),
        pytest.param(
            {"schedule": {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}, {"startPeriod": 0, "limit": 8}]}},
            id="p-10 not ascending",
        ),
        pytest.param({"validFrom": "2026-11-22T09:00:00Z", "validTo": "2026-11-22T09:00:00Z"}, id="p-10 never valid"),
        pytest.param({"chargingProfileKind": "Recurring"}, id="p-13 recurring without a kind"),
        pytest.param({"recurrencyKind": "Daily"}, id="p-13 a kind without recurring"),
        pytest.param(
            {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily", "schedule": {"startSchedule": None}},
            id="p-14 recurring without a start",
        ),
        pytest.param({"validTo": "soon"}, id="no date"),
        pytest.param({"stackLevel": -1}, id="p-06 negative level"),
    ],
)
def test_p_10_a_profile_without_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ProfileRefused):
        parse_profile(payload(**changes))
