"""What charging profiles allow at a moment, reckoned slowly from the requests as they were accepted.

Written from OCPP 1.6 §3.13, §5.16, §6.13, §7.8 to §7.14 and not from the gateway's code: whoever compares the two
compares two readings of the same text. A moment is a number of seconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from math import floor
from typing import Any

CHARGE_POINT_MAX, TX, TX_DEFAULT = "ChargePointMaxProfile", "TxProfile", "TxDefaultProfile"
CYCLE_S = {"Daily": 24 * 3600, "Weekly": 7 * 24 * 3600}
STEP_W = 100
MINIMUM_W = 4_200
"""6 A × 3 × 230 V = 4,140 W, up to the next step."""
TOLERANCE_W = 60
VOLTAGE_V = 230
PHASES = 3


def epoch_s(text: str) -> float:
    """The moment that a dateTime names."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@dataclass(frozen=True, slots=True)
class Stated:
    """A limit as a profile states it."""

    value: float
    unit: str
    number_phases: int

    def power_w(self, phases_in_use: int | None) -> float:
        """What that is on a charger that divides a power by three: 3 × L × U × min(1, n / k); k = n while unknown."""
        if self.unit == "W":
            return self.value
        used = phases_in_use or self.number_phases
        share = 1.0 if self.number_phases >= used else self.number_phases / used
        return PHASES * self.value * VOLTAGE_V * share


@dataclass(frozen=True, eq=False)
class Installed:
    """An accepted profile: where, when, and for a TxProfile of which transaction."""

    connector_id: int
    payload: Any
    accepted_s: float
    transaction: str | None = None

    @cached_property
    def profile_id(self) -> int:
        return int(self.payload["chargingProfileId"])

    @cached_property
    def purpose(self) -> str:
        return str(self.payload["chargingProfilePurpose"])

    @cached_property
    def level(self) -> int:
        return int(self.payload["stackLevel"])

    @cached_property
    def valid(self) -> tuple[float, float]:
        """From when on, and until before when."""
        valid_from, valid_to = self.payload.get("validFrom"), self.payload.get("validTo")
        return (
            float("-inf") if valid_from is None else epoch_s(valid_from),
            float("inf") if valid_to is None else epoch_s(valid_to),
        )

    @cached_property
    def is_relative(self) -> bool:
        """Whether it counts from the start of charging."""
        return (
            self.payload["chargingProfileKind"] == "Relative" or "startSchedule" not in self.payload["chargingSchedule"]
        )

    @cached_property
    def start_s(self) -> float:
        return epoch_s(self.payload["chargingSchedule"]["startSchedule"])

    @cached_property
    def cycle_s(self) -> int | None:
        recurring = self.payload["chargingProfileKind"] == "Recurring"
        return CYCLE_S[self.payload["recurrencyKind"]] if recurring else None

    @cached_property
    def duration_s(self) -> float:
        return float(self.payload["chargingSchedule"].get("duration", "inf"))

    @cached_property
    def periods(self) -> tuple[tuple[int, Stated], ...]:
        schedule = self.payload["chargingSchedule"]
        return tuple(
            (
                period["startPeriod"],
                Stated(period["limit"], schedule["chargingRateUnit"], period.get("numberPhases", 3)),
            )
            for period in schedule["chargingSchedulePeriod"]
        )

    def stated_at(self, now_s: float, began_s: float | None) -> Stated | None:
        """What it says now, if it says anything; `began_s` is what a Relative schedule counts from."""
        valid_from_s, valid_to_s = self.valid
        start_s = began_s if self.is_relative else self.start_s
        if not valid_from_s <= now_s < valid_to_s or start_s is None or now_s < start_s:
            return None
        into_s = now_s - start_s
        if self.cycle_s is not None:
            into_s %= self.cycle_s
        if into_s >= self.duration_s:
            return None
        stated = None
        for period_s, limit in self.periods:
            if period_s <= into_s:
                stated = limit
        return stated


def profile_limit_w(
    stack: Sequence[Installed], now_s: float | None, began_s: float | None, phases_in_use: int | None
) -> float | None:
    """The limit of the profiles of one purpose in W; None where they set none.

    The highest level with a period in force prevails, of equal ones the first. What cannot be evaluated, for want of
    the time or of a start, counts with the lowest limit that the profiles name (P-36).
    """
    if not stack:
        return None
    began = [installed.accepted_s if installed.purpose == CHARGE_POINT_MAX else began_s for installed in stack]
    if now_s is None or any(one.is_relative and since is None for one, since in zip(stack, began, strict=True)):
        return min(stated.power_w(phases_in_use) for installed in stack for _, stated in installed.periods)
    prevailing: tuple[int, Stated] | None = None
    for installed, since in zip(stack, began, strict=True):
        stated = installed.stated_at(now_s, since)
        if stated is not None and (prevailing is None or installed.level > prevailing[0]):
            prevailing = installed.level, stated
    return None if prevailing is None else prevailing[1].power_w(phases_in_use)


def station_limit_w(installed: Iterable[Installed], now_s: float | None) -> float | None:
    """What ChargePointMaxProfile sets."""
    return profile_limit_w([one for one in installed if one.purpose == CHARGE_POINT_MAX], now_s, None, PHASES)


def connector_limit_w(
    installed: Iterable[Installed],
    connector_id: int,
    now_s: float | None,
    *,
    transaction: str | None,
    began_s: float | None,
    phases_in_use: int | None,
) -> float | None:
    """What TxProfile sets, else TxDefaultProfile; the connector's own before those of connector 0 at equal levels."""
    tx, own, common = [], [], []
    for one in installed:
        if one.purpose == TX and transaction is not None and one.transaction == transaction:
            tx.append(one)
        elif one.purpose == TX_DEFAULT and one.connector_id == connector_id:
            own.append(one)
        elif one.purpose == TX_DEFAULT and one.connector_id == 0:
            common.append(one)
    began_s = now_s if transaction is None else began_s
    limit_w = profile_limit_w(tx, now_s, began_s, phases_in_use)
    return profile_limit_w(own + common, now_s, began_s, phases_in_use) if limit_w is None else limit_w


def highest_written_w(profile_w: float | None, hard_w: float) -> int:
    """The most that may be written: whole steps below all limits, or the charger's minimum within the tolerance.

    The minimum exceeds a profile's limit by the tolerance at most, and no `hard_w` by anything.
    """
    lowest_w = hard_w if profile_w is None else min(profile_w, hard_w)
    steps_w = floor(lowest_w / STEP_W + 1e-9) * STEP_W
    lands = 0 < steps_w < MINIMUM_W <= hard_w and profile_w is not None and MINIMUM_W - profile_w <= TOLERANCE_W
    return MINIMUM_W if lands else steps_w


# ---------------------------------------------------------------- what a request makes of what is installed


def with_profile(installed: tuple[Installed, ...], new: Installed) -> tuple[Installed, ...]:
    """After SetChargingProfile: the same id, or the same level and purpose in the same place, is replaced (P-11)."""

    def stays(one: Installed) -> bool:
        same_place = (one.connector_id, one.purpose, one.level) == (new.connector_id, new.purpose, new.level)
        return one.profile_id != new.profile_id and not same_place

    return (*(one for one in installed if stays(one)), new)


def cleared(installed: tuple[Installed, ...], request: dict[str, Any]) -> tuple[Installed, ...]:
    """After ClearChargingProfile: the id alone counts when it is given, else all criteria together (P-70)."""

    def matches(one: Installed) -> bool:
        if "id" in request:
            return bool(one.profile_id == request["id"])
        said = {
            "connectorId": one.connector_id,
            "chargingProfilePurpose": one.purpose,
            "stackLevel": one.level,
        }
        return all(said[key] == value for key, value in request.items())

    return tuple(one for one in installed if not matches(one))
