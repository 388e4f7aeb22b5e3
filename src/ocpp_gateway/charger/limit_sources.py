"""What each source says about a limit, as data. Whoever decides takes the minimum; whoever explains shows them all.

A source never raises anything: it is one more member of the minimum.
Source: decisions.md, Power; conformance P-20 to P-36, P-66.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from ocpp_gateway.charger.external_limits import limits_of, standing
from ocpp_gateway.charger.limit_border import (
    ANOTHER_MASTER,
    AVAILABILITY,
    CHARGE_POINT_MAX_PROFILE,
    CHARGER_RATING,
    CONNECTOR_MAXIMUM,
    GATE,
    INSTALLATION,
    SAFE_STATE,
    STORE,
    TX_DEFAULT_PROFILE,
    TX_PROFILE,
)
from ocpp_gateway.charger.reservations import holds
from ocpp_gateway.charger.state import AuthorizationMode, ChargePoint, Connector, InstalledProfile, SafeState
from ocpp_gateway.charger.unstored import is_refused
from ocpp_gateway.instant import Instant
from ocpp_gateway.smart_charging.composite_schedule import UNCONSTRAINED, InForce, Limit, earliest, limit_at
from ocpp_gateway.smart_charging.power import PHASES, limit_power_w
from ocpp_gateway.smart_charging.profiles import Purpose

RATING_STANDS_S = 600.0

PROFILES = frozenset({CHARGE_POINT_MAX_PROFILE, TX_PROFILE, TX_DEFAULT_PROFILE})
"""The sources above which the charger's minimum may be written, within the tolerance; every other one is hard."""


@dataclass(frozen=True, slots=True)
class Source:
    """What one source says. `power_w` counts in the minimum; None: it sets no limit now.

    `limit` is what the profile `charging_profile_id` states, in its own unit; amperes count for `phases_used`, those
    that the car uses, None before current flows. `until`: when that may change next; None: as far as is known, never.
    `detail` is for people.
    """

    name: str
    power_w: float | None
    limit: Limit | None = None
    until: Instant | None = None
    detail: str | None = None
    phases_used: int | None = None
    charging_profile_id: int | None = None


@cache
def _says(name: str, power_w: float | None, detail: str | None = None) -> Source:
    """A source that says one of a few things; most say the same, or nothing, at every snapshot."""
    return Source(name, power_w, detail=detail)


def station_sources(point: ChargePoint, now: Instant) -> list[Source]:
    """Everything that limits the station."""
    return [
        _says(INSTALLATION, point.settings.max_power_w),
        _rating(point, 0, now),
        _of_profile(point, CHARGE_POINT_MAX_PROFILE, station_limit_at(point, now.utc), now, PHASES),
        *_external(point, 0, now),
        _another_master(point, 0, now),
    ]


def connector_sources(point: ChargePoint, connector: Connector, now: Instant) -> list[Source]:
    """Everything that limits one connector, but for its share of the station's limit."""
    return [
        _says(INSTALLATION, point.settings.max_power_w),
        _rating(point, connector.connector_id, now),
        _says(CONNECTOR_MAXIMUM, point.settings.connector_max_power_w),
        *_of_transaction_profiles(point, connector, now),
        _gate(point, connector),
        _says(AVAILABILITY, 0 if _inoperative(connector) else None),
        *_external(point, connector.connector_id, now),
        _another_master(point, connector.connector_id, now),
        _safe_state(connector.safe_state, now),
        _store(point, connector),
    ]


def _rating(point: ChargePoint, connector_id: int, now: Instant) -> Source:
    """The most that the register was seen to take; believed for a while, as another master may have been at it."""
    rating = point.ratings.get(connector_id)
    if rating is None or now.monotonic_s >= rating.read_at.monotonic_s + RATING_STANDS_S:
        return _says(CHARGER_RATING, None)
    detail = f"the register took no more when it was last tried, {rating.read_at.stamp()}"
    return Source(CHARGER_RATING, rating.power_w, until=rating.read_at.plus(RATING_STANDS_S), detail=detail)


def _safe_state(state: SafeState | None, now: Instant) -> Source:
    """0 W for a charger that does not obey, but for the moments in which that is tried (S-13)."""
    if state is None or state.is_tried(now.monotonic_s):
        return _says(SAFE_STATE, None)
    until = now.plus(max(state.try_at_s - now.monotonic_s, 0.0)) if state.lowered else None
    return Source(SAFE_STATE, 0, until=until, detail=f"the charger did not take {state.written_w} W: {state.reason}")


def _store(point: ChargePoint, connector: Connector) -> Source:
    """0 W for a session that nothing can be stored of, where the operator wants it so."""
    if not is_refused(point, connector):
        return _says(STORE, None)
    return _says(STORE, 0, "nothing can be stored: no new session gets power (store.on_failure: refuse)")


def _external(point: ChargePoint, connector_id: int, now: Instant) -> list[Source]:
    """The operator's limit and those of machines, each by its own name (S-15)."""
    if not point.limits:
        return []
    sources = []
    for limit in limits_of(point, connector_id):
        stands = standing(limit, now)
        detail = "silent: the lower of its last value and its failsafe counts" if stands.silent else None
        sources.append(Source(limit.source, stands.power_w, until=stands.until, detail=detail))
    return sources


def _another_master(point: ChargePoint, connector_id: int, now: Instant) -> Source:
    """A lower value in the register that is not ours, and is left for a while (`register_watch`)."""
    left = point.other_masters.left.get(connector_id)
    if left is None or now.monotonic_s >= left.until.monotonic_s:
        return _says(ANOTHER_MASTER, None)
    return Source(ANOTHER_MASTER, left.power_w, until=left.until, detail="another Modbus master wrote it")


# ---------------------------------------------------------------- gate and availability


def gate_is_open(point: ChargePoint, connector: Connector) -> bool:
    """Whether energy may flow: operative, not held closed after our stop, authorised where the mode asks for it."""
    return not _inoperative(connector) and _gate_closed_because(point, connector) is None


def _gate(point: ChargePoint, connector: Connector) -> Source:
    why = _gate_closed_because(point, connector)
    return _says(GATE, None if why is None else 0, why)


def _gate_closed_because(point: ChargePoint, connector: Connector) -> str | None:
    if connector.transaction is not None:
        return "the transaction is not authorised any more" if connector.transaction.deauthorized else None
    if connector.closed:
        return "stopped or refused by us: closed until the car leaves or somebody is authorised"
    if holds(point, connector):
        return "reserved for somebody else"
    return "nobody is authorised" if point.settings.mode is AuthorizationMode.CENTRAL_SYSTEM else None


def _inoperative(connector: Connector) -> bool:
    """Whether ChangeAvailability holds the connector; a running transaction goes on (R-25)."""
    return connector.transaction is None and not connector.operative


# ---------------------------------------------------------------- charging profiles


def station_limit_at(point: ChargePoint, at: datetime | None) -> InForce:
    """What ChargePointMaxProfile sets at a moment."""
    return (
        _in_force(point, _stack(point, Purpose.CHARGE_POINT_MAX, 0), at, None, PHASES)
        if point.profiles
        else UNCONSTRAINED
    )


def connector_limit(point: ChargePoint, connector: Connector, now: Instant) -> InForce:
    """What TxProfile, else TxDefaultProfile, sets now (P-27)."""
    return connector_limit_at(point, connector, now.utc, began=now.utc) if point.profiles else UNCONSTRAINED


def connector_limit_at(
    point: ChargePoint, connector: Connector, at: datetime | None, *, began: datetime | None
) -> InForce:
    """The same at a moment; `began` is when a transaction would have begun, if none runs (P-66)."""
    tx, default = _transaction_limits(point, connector, at, began)
    prevailing = default if tx.limit is None else tx
    return InForce(prevailing.limit, earliest((tx.until, default.until)), prevailing.charging_profile_id)


def _transaction_limits(
    point: ChargePoint, connector: Connector, at: datetime | None, began: datetime | None
) -> tuple[InForce, InForce]:
    started = began if connector.transaction is None else connector.transaction.started_at.utc
    phases = connector.phases_used
    tx = _in_force(point, _stack(point, Purpose.TX, connector.connector_id), at, started, phases)
    default = _in_force(point, _stack(point, Purpose.TX_DEFAULT, connector.connector_id, 0), at, started, phases)
    return tx, default


def min_charging_rate(point: ChargePoint, connector: Connector, now: Instant) -> Limit | None:
    """What the car needs to make use of it: the highest minChargingRate of the profiles that govern a connector."""
    if all(installed.profile.min_charging_rate is None for installed in point.profiles):
        return None
    tx, _ = _transaction_limits(point, connector, now.utc, now.utc)
    governing = _stack(point, Purpose.TX, connector.connector_id)
    if tx.limit is None:
        governing = _stack(point, Purpose.TX_DEFAULT, connector.connector_id, 0)
    rates = [
        Limit(installed.profile.min_charging_rate, installed.profile.unit, PHASES)
        for installed in governing
        if installed.profile.min_charging_rate is not None and installed.profile.is_valid_at(now.utc)
    ]
    return max(rates, key=lambda rate: limit_power_w(rate, point.settings.power_register, PHASES), default=None)


def _of_transaction_profiles(point: ChargePoint, connector: Connector, now: Instant) -> tuple[Source, Source]:
    if not point.profiles:
        return _says(TX_PROFILE, None), _says(TX_DEFAULT_PROFILE, None)
    tx, default = _transaction_limits(point, connector, now.utc, now.utc)
    prevailing = _of_profile(point, TX_PROFILE, tx, now, connector.phases_used)
    if tx.limit is None or default.limit is None:
        return prevailing, _of_profile(point, TX_DEFAULT_PROFILE, default, now, connector.phases_used)
    until = None if default.until is None else _instant(default.until, now)
    overruled = f"overruled by {TX_PROFILE}"
    profile_id = default.charging_profile_id
    return prevailing, Source(TX_DEFAULT_PROFILE, None, default.limit, until, overruled, charging_profile_id=profile_id)


def _of_profile(point: ChargePoint, name: str, in_force: InForce, now: Instant, phases: int | None) -> Source:
    limit = in_force.limit
    power_w = None if limit is None else limit_power_w(limit, point.settings.power_register, phases)
    until = None if in_force.until is None else _instant(in_force.until, now)
    return Source(name, power_w, limit, until, phases_used=phases, charging_profile_id=in_force.charging_profile_id)


def _instant(moment: datetime, now: Instant) -> Instant | None:
    """A moment of UTC on the monotonic clock, not before now; None while nobody knows the time."""
    if now.utc is None:
        return None
    return Instant(moment, now.boot_id, now.monotonic_s + max((moment - now.utc).total_seconds(), 0.0))


def _stack(point: ChargePoint, purpose: Purpose, *connector_ids: int) -> list[InstalledProfile]:
    """The installed profiles of a purpose; those of the first connector named come first and win a draw (P-02)."""
    return [
        installed
        for connector_id in connector_ids
        for installed in point.profiles
        if installed.profile.purpose is purpose and installed.record.connector_id == connector_id
    ]


def _in_force(
    point: ChargePoint,
    stack: Sequence[InstalledProfile],
    at: datetime | None,
    transaction_start: datetime | None,
    phases: int | None,
) -> InForce:
    if not stack:
        return UNCONSTRAINED
    started = [(installed.profile, _relative_start(installed, transaction_start)) for installed in stack]
    if at is None or any(start is None and profile.is_relative for profile, start in started):
        return InForce(
            _lowest(point, stack, phases), None
        )  # P-36: what cannot be evaluated counts with the lowest limit it names
    return limit_at(started, at)


def _relative_start(installed: InstalledProfile, transaction_start: datetime | None) -> datetime | None:
    """What a Relative schedule counts from: for the station its acceptance, else the transaction (P-21)."""
    of_station = installed.profile.purpose is Purpose.CHARGE_POINT_MAX
    return installed.record.installed_at.utc if of_station else transaction_start


def _lowest(point: ChargePoint, stack: Sequence[InstalledProfile], phases: int | None) -> Limit:
    """The limit that means the least at this charger; one on fewer phases may mean more than one in W."""
    return min(
        (
            Limit(period.limit, installed.profile.unit, period.number_phases)
            for installed in stack
            for period in installed.profile.periods
        ),
        key=lambda limit: limit_power_w(limit, point.settings.power_register, phases),
    )
