"""Random charging profiles as a central system may send them, and some that it must not."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

WATTS = (0, 99.9, 1_000, 4_079.9, 4_080, 4_140, 4_199, 4_200, 5_050, 6_900, 7_400, 9_999.9, 11_040, 22_000)
AMPERES = (0, 0.4, 5.9, 6, 6.1, 8, 10, 13, 16, 20, 25, 32, 63)
OFTEN_ENOUGH = 0.6
"""So often a limit lets a car charge."""
PROFILE_IDS = range(1, 13)
HIGHEST_LEVEL = 4
BROKEN = 0.05


def text_of(epoch_s: float) -> str:
    """A moment as OCPP writes it."""
    return datetime.fromtimestamp(round(epoch_s, 3), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def profile(random: Random, now_s: float, purpose: str, transaction_id: int | None = None) -> dict[str, Any]:
    """csChargingProfiles of that purpose, around now."""
    kind = random.choice(("Absolute", "Absolute", "Recurring", "Relative"))
    unit = random.choice("WA")
    count = random.choice((1, 1, 2, 3, 6, 24))
    longest_s = random.choice((300, 3_600, 20_000, 86_400))
    starts = [0, *sorted(random.sample(range(1, longest_s), count - 1))]
    schedule: dict[str, Any] = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [_period(random, start_s, unit) for start_s in starts],
    }
    if random.random() < 0.4:
        schedule["duration"] = random.randint(30, 2 * longest_s)
    if kind == "Recurring" or (kind == "Absolute" and random.random() < 0.8):
        start_s = now_s + random.uniform(-2 * longest_s, longest_s)
        schedule["startSchedule"] = text_of(start_s if random.random() < 0.2 else round(start_s))
    if random.random() < 0.1:
        schedule["minChargingRate"] = 6
    whole: dict[str, Any] = {
        "chargingProfileId": random.choice(PROFILE_IDS),
        "stackLevel": random.randint(0, HIGHEST_LEVEL),
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
    }
    if kind == "Recurring":
        whole["recurrencyKind"] = random.choice(("Daily", "Daily", "Weekly"))
    if random.random() < 0.25:
        whole["validFrom"] = text_of(round(now_s + random.uniform(-3_600, 3_600)))
    if random.random() < 0.4:
        whole["validTo"] = text_of(round(now_s + random.uniform(10, 20_000)))
    if transaction_id is not None:
        whole["transactionId"] = transaction_id
    if random.random() < BROKEN:
        random.choice((_begin_late, _turn_periods, _end_before_the_start, _forget_recurrency, _ask_too_high))(whole)
    return whole


def clearing(random: Random) -> dict[str, Any]:
    """A ClearChargingProfile.req: by id mostly, by any of the criteria, or of everything."""
    dice = random.random()
    if dice < 0.04:
        return {}
    if dice < 0.5:
        return {"id": random.choice(PROFILE_IDS)}
    criteria = {
        "connectorId": random.randint(0, 2),
        "chargingProfilePurpose": random.choice(("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")),
        "stackLevel": random.randint(0, HIGHEST_LEVEL),
    }
    return {name: value for name, value in criteria.items() if random.random() < 0.6}


def _period(random: Random, start_s: int, unit: str) -> dict[str, Any]:
    highest = 23_000 if unit == "W" else 33
    if random.random() < OFTEN_ENOUGH:
        value = round(random.uniform(highest / 3, highest), 1)
    else:
        value = random.choice(WATTS if unit == "W" else AMPERES)
    period: dict[str, Any] = {"startPeriod": start_s, "limit": value}
    if random.random() < 0.5:
        period["numberPhases"] = random.randint(1, 3)
    return period


def _begin_late(profile: dict[str, Any]) -> None:
    profile["chargingSchedule"]["chargingSchedulePeriod"][0]["startPeriod"] = 10


def _turn_periods(profile: dict[str, Any]) -> None:
    profile["chargingSchedule"]["chargingSchedulePeriod"].append({"startPeriod": 0, "limit": 1.0})


def _end_before_the_start(profile: dict[str, Any]) -> None:
    profile["validFrom"], profile["validTo"] = text_of(2e9), text_of(1e9)


def _forget_recurrency(profile: dict[str, Any]) -> None:
    profile["chargingProfileKind"] = "Recurring"
    profile.pop("recurrencyKind", None)


def _ask_too_high(profile: dict[str, Any]) -> None:
    profile["stackLevel"] = 99
