"""The OCPP status of a connector: derived from what the charger shows, the transaction, and our own gate; never copied.

Source: conformance G-09 (the table), S-02 (the transition matrix of OCPP 1.6 §4.9), S-12, S-13.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cache

from ocpp_gateway.registers.snapshot import ConnectorSnapshot, Derating
from ocpp_gateway.registers.vocabulary import ChargePointErrorCode, ChargePointStatus

S = ChargePointStatus
E = ChargePointErrorCode


@dataclass(frozen=True, slots=True)
class ReportedStatus:
    """What a StatusNotification says, but for connector and time."""

    status: ChargePointStatus
    error_code: ChargePointErrorCode = E.NO_ERROR
    vendor_error_code: str | None = None
    info: str | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """All that decides a connector's status beside its registers."""

    transaction: bool  # one is running
    nothing_offered: bool  # our limit in force is 0 W, or less than any car can take
    operative: bool  # ChangeAvailability's word
    reserved: bool  # for somebody who has not come yet
    stopped_by_us: bool  # a transaction ended and the car is still there
    awaiting_plug: bool  # authorised, no car yet
    preparing_expired: bool  # ConnectionTimeOut passed with the cable in
    starting: bool  # a transaction began just now, the charger has not acted on it yet


_OUTSIDE = {
    S.AVAILABLE: S.AVAILABLE,
    S.PREPARING: S.PREPARING,
    S.CHARGING: S.PREPARING,  # evidence of charging that is not confirmed, or not authorised, yet
    S.SUSPENDED_EVSE: S.PREPARING,  # our own gate
    S.SUSPENDED_EV: S.PREPARING,
    S.FINISHING: S.FINISHING,
    S.RESERVED: S.AVAILABLE,  # a reservation that the central system did not make
    S.UNAVAILABLE: S.UNAVAILABLE,
    S.FAULTED: S.FAULTED,
}
"""Charger's status -> OCPP status while no transaction runs."""

_INSIDE = {
    S.AVAILABLE: S.SUSPENDED_EV,  # not confirmed yet as the end
    S.PREPARING: S.SUSPENDED_EV,
    S.CHARGING: S.CHARGING,
    S.SUSPENDED_EVSE: S.SUSPENDED_EVSE,
    S.SUSPENDED_EV: S.SUSPENDED_EV,
    S.FINISHING: S.SUSPENDED_EV,
    S.RESERVED: S.SUSPENDED_EV,
    S.UNAVAILABLE: S.SUSPENDED_EVSE,
    S.FAULTED: S.FAULTED,
}
"""Charger's status -> OCPP status while a transaction runs."""

_BEFORE_CHARGING = frozenset({S.PREPARING, S.SUSPENDED_EVSE})

PLUGGED = frozenset({S.PREPARING, S.CHARGING, S.SUSPENDED_EVSE, S.SUSPENDED_EV, S.FINISHING})
"""The register statuses that show a car at the connector."""

IN_TRANSACTION = frozenset({S.CHARGING, S.SUSPENDED_EV, S.SUSPENDED_EVSE})
"""The statuses that tell of a running transaction."""

PULLED = ReportedStatus(S.FINISHING, info="EV side disconnected")  # S-15
UNREACHABLE = ReportedStatus(S.FAULTED, E.OTHER_ERROR, "ModbusUnreachable", "charger does not answer on Modbus")
UNAUTHORISED = ReportedStatus(S.FAULTED, E.OTHER_ERROR, "UnauthorizedCharging", "energy flows without authorization")


def derive_status(register_status: ChargePointStatus, situation: Situation) -> ChargePointStatus:
    """The connector's OCPP status for what its status register says (G-09)."""
    if situation.transaction:
        if situation.starting and register_status in _BEFORE_CHARGING and not situation.nothing_offered:
            return S.PREPARING
        derived = _INSIDE[register_status]
        # S-12: SuspendedEVSE has precedence; S-13: an offer of nothing is the EVSE's doing.
        return S.SUSPENDED_EVSE if derived is S.SUSPENDED_EV and situation.nothing_offered else derived
    derived = _OUTSIDE[register_status]
    if derived in {S.FAULTED, S.UNAVAILABLE}:
        return derived
    if not situation.operative:
        return S.UNAVAILABLE
    if situation.reserved and derived in {S.AVAILABLE, S.PREPARING}:  # until a card decides
        return S.RESERVED
    if derived is S.AVAILABLE:
        return S.PREPARING if situation.awaiting_plug else S.AVAILABLE
    if derived is S.PREPARING and (situation.stopped_by_us or situation.preparing_expired):
        return S.FINISHING
    return derived


def describe(registers: ConnectorSnapshot, status: ChargePointStatus) -> ReportedStatus:
    """The status with the error that goes with it; the raw error number always travels in vendorErrorCode."""
    error, raw = registers.error_code, registers.error_code_raw
    if error is not E.NO_ERROR:
        if error is E.EV_COMMUNICATION_ERROR and status not in _MAY_MISS_THE_EV:  # S-07
            error = E.OTHER_ERROR
        return ReportedStatus(status, error, str(raw), f"charger error code {raw}")
    if status is S.FAULTED:
        return ReportedStatus(status, E.OTHER_ERROR, str(raw or 0), "charger is faulted without an error code")
    return ReportedStatus(status, *_DERATING.get(registers.derating or Derating.NONE, (E.NO_ERROR, None, None)))


_MAY_MISS_THE_EV = frozenset({S.PREPARING, S.SUSPENDED_EV, S.SUSPENDED_EVSE, S.FINISHING})

_DERATING: dict[Derating, tuple[ChargePointErrorCode, str | None, str | None]] = {
    Derating.LEVEL_1: (E.NO_ERROR, None, "derating level 1"),
    Derating.LEVEL_2: (E.NO_ERROR, None, "derating level 2"),
    Derating.PAUSED: (E.HIGH_TEMPERATURE, "derating 3", "paused by overtemperature"),
    Derating.SENSOR_ERROR: (E.OTHER_ERROR, "derating 4", "temperature sensor error"),
}


# ---------------------------------------------------------------- the transition matrix of OCPP 1.6 §4.9

_ALLOWED: dict[ChargePointStatus, tuple[ChargePointStatus, ...]] = {
    S.AVAILABLE: (S.PREPARING, S.CHARGING, S.SUSPENDED_EV, S.SUSPENDED_EVSE, S.RESERVED, S.UNAVAILABLE, S.FAULTED),
    S.PREPARING: (S.AVAILABLE, S.CHARGING, S.SUSPENDED_EV, S.SUSPENDED_EVSE, S.FINISHING, S.FAULTED),
    S.CHARGING: (S.AVAILABLE, S.SUSPENDED_EV, S.SUSPENDED_EVSE, S.FINISHING, S.UNAVAILABLE, S.FAULTED),
    S.SUSPENDED_EV: (S.AVAILABLE, S.CHARGING, S.SUSPENDED_EVSE, S.FINISHING, S.UNAVAILABLE, S.FAULTED),
    S.SUSPENDED_EVSE: (S.AVAILABLE, S.CHARGING, S.SUSPENDED_EV, S.FINISHING, S.UNAVAILABLE, S.FAULTED),
    S.FINISHING: (S.AVAILABLE, S.PREPARING, S.UNAVAILABLE, S.FAULTED),
    S.RESERVED: (S.AVAILABLE, S.PREPARING, S.UNAVAILABLE, S.FAULTED),
    S.UNAVAILABLE: (S.AVAILABLE, S.PREPARING, S.CHARGING, S.SUSPENDED_EV, S.SUSPENDED_EVSE, S.FAULTED),
    S.FAULTED: (
        S.AVAILABLE,
        S.PREPARING,
        S.CHARGING,
        S.SUSPENDED_EV,
        S.SUSPENDED_EVSE,
        S.FINISHING,
        S.RESERVED,
        S.UNAVAILABLE,
    ),
}
_PASSED_THROUGH = frozenset({S.AVAILABLE, S.PREPARING, S.FINISHING})


@cache
def transitions(last: ChargePointStatus, target: ChargePointStatus) -> tuple[ChargePointStatus, ...]:
    """The statuses to report so that every step is one of the matrix: the target, after what polling skipped (S-02)."""
    paths: deque[tuple[ChargePointStatus, ...]] = deque([(last,)])
    plugged = target in PLUGGED
    while paths:
        path = paths.popleft()
        if target in _ALLOWED[path[-1]] or target is path[-1]:
            return (*path[1:], target)
        steps = [step for step in _ALLOWED[path[-1]] if step in _PASSED_THROUGH and step not in path]
        # First those that agree with the target about a car: it was there all the time, or it was not.
        paths.extend((*path, step) for step in sorted(steps, key=lambda step: (step in PLUGGED) is not plugged))
    raise AssertionError((last, target))
