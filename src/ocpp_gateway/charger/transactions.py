"""Transactions: when one starts, what it says while it runs, when and why it ends, and whether it survived a gap.

Source: OCPP 1.6 §4.8, §4.10; conformance X-01 to X-20, X-50, X-51; decisions.md, Energy and sessions.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from typing import Any

from ocpp_gateway.charger import meter_values, readings
from ocpp_gateway.charger.records import (
    GateRecord,
    ProfileRecord,
    ProfileRemoved,
    TransactionRecord,
)
from ocpp_gateway.charger.reservations import drop, reservation_at
from ocpp_gateway.charger.state import ChargePoint, Connector, InstalledProfile
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import Instant, age_s
from ocpp_gateway.registers.snapshot import ConnectorSnapshot
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from ocpp_gateway.smart_charging.profiles import parse_profile

LASTS = frozenset({Status.PREPARING, Status.CHARGING, Status.SUSPENDED_EVSE, Status.SUSPENDED_EV})
"""The register statuses with which a transaction can go on."""
CHARGERS_CLOCK_GAINS_S = 10
"""A session is still the same one if it has charged a little longer than time has passed."""


class Fate(Enum):
    """What became of a transaction from before a gap."""

    GOES_ON = auto()
    OVER = auto()  # it ended unseen, and the counters are still its own
    UNKNOWN = auto()  # the charger shows another session, or nothing of this one


def start(
    point: ChargePoint,
    connector: Connector,
    turn: Turn,
    *,
    id_tag: str,
    parent_id_tag: str | None,
    at: Instant,
    meter_wh: int,
    profile: dict[str, Any] | None = None,
) -> None:
    """Start a transaction: its row and its StartTransaction are one commit."""
    identity, tag = point.identity, connector.registers.tag if connector.registers is not None else None
    transaction = TransactionRecord(
        local_id=turn.new_id(),
        connector_id=connector.connector_id,
        id_tag=id_tag,
        meter_start_wh=meter_wh,
        started_at=at,
        last_meter_wh=meter_wh,
        last_sample_at=at,
        serial_number=identity.serial_number if identity is not None else None,
        parent_id_tag=parent_id_tag,
        standing_tag=tag.id_tag if tag is not None else None,
        charging_seen=connector.register_status is Status.CHARGING,
    )
    connector.transaction = transaction
    connector.tags = replace(connector.tags, billed=True)
    connector.faulted_since_s = connector.unwanted_since_s = None
    connector.unwanted_told, connector.plug_awaited_until_s = False, 0.0
    connector.authorization = connector.evidence = connector.ending = None
    connector.preparing_since_s, connector.preparing_expired = None, False
    meter_values.schedule_samples(point, connector, turn)
    set_closed(connector, turn, closed=False)
    turn.persist(transaction)
    readings.keep(connector, turn, transaction.local_id, "start")
    payload = {"connectorId": connector.connector_id, "idTag": id_tag, "meterStart": meter_wh, "timestamp": at.stamp()}
    reservation = reservation_at(point.reservations, connector.connector_id)
    if reservation is not None:  # the start ends it
        payload["reservationId"] = reservation.reservation_id
        drop(point, turn, reservation.reservation_id)
    connector.released_to = None
    turn.enqueue("StartTransaction", payload, transaction.local_id)
    meter_values.keep_begin(point, connector, turn, at=at, meter_wh=meter_wh)
    if profile is not None:  # it governs the transaction from its start
        _install(point, connector, turn, profile, transaction.local_id)


def stop(
    point: ChargePoint,
    connector: Connector,
    turn: Turn,
    *,
    reason: str,
    at: Instant,
    meter_wh: int | None = None,
    id_tag: str | None = None,
    close: bool = False,
) -> None:
    """End the running transaction: meterStop, time and reason are fixed and kept before anything is sent (X-19).

    `close` holds the connector at 0 W until the car leaves or somebody is authorised anew.
    """
    transaction = connector.transaction
    if transaction is None:
        return
    at = at.not_before(transaction.last_sample_at)
    if at.utc is not None and transaction.started_at.utc is not None and at.utc < transaction.started_at.utc:
        at = transaction.started_at
    meter_stop_wh = max(connector.meter.total_wh if meter_wh is None else meter_wh, transaction.meter_start_wh)
    turn.persist(
        replace(
            transaction,
            stopped_at=at,
            meter_stop_wh=meter_stop_wh,
            stop_reason=reason,
            last_meter_wh=meter_stop_wh,
            last_sample_at=at,
        )
    )
    readings.keep(connector, turn, transaction.local_id, "stop")
    payload: dict[str, Any] = {"meterStop": meter_stop_wh, "timestamp": at.stamp()}
    history = meter_values.transaction_data(point, connector, at, meter_stop_wh)
    if history:
        payload["transactionData"] = history
    if id_tag is not None:
        payload["idTag"] = id_tag
    if reason != "Local":  # omitted only for Local
        payload["reason"] = reason
    turn.enqueue("StopTransaction", payload, transaction.local_id)
    _forget_tx_profiles(point, connector, turn)
    connector.transaction = connector.ending = connector.evidence = connector.next_sample_s = None
    connector.unproven = connector.after_restart = False
    connector.another = connector.found = None
    connector.samples = []
    if close:
        set_closed(connector, turn, closed=True)


def set_closed(connector: Connector, turn: Turn, *, closed: bool) -> None:
    """Hold a connector at 0 W, or no longer; kept over a restart."""
    if connector.closed is not closed:
        connector.closed = closed
        turn.persist(GateRecord(connector.connector_id, closed))


def keep_meter(connector: Connector, turn: Turn) -> None:
    """Keep where the meter of the running transaction stands: what a Stop(PowerLoss) would tell."""
    if connector.transaction is not None:
        connector.transaction = replace(
            connector.transaction,
            last_meter_wh=connector.meter.total_wh,
            last_sample_at=turn.now.not_before(connector.transaction.last_sample_at),
        )
        turn.persist(connector.transaction)


def progress(point: ChargePoint, connector: Connector, turn: Turn, *, metered: bool) -> None:
    """Take in what a snapshot shows of the running transaction; kept with each step of the meter, sampled when due."""
    transaction, registers = connector.transaction, connector.registers
    if transaction is None or registers is None:
        return
    charging_seen = transaction.charging_seen or connector.register_status in _CAR_SERVED
    tag = registers.tag.id_tag if registers.tag is not None else None
    due = connector.next_sample_s is not None and turn.now_s >= connector.next_sample_s
    sampled = due and not connector.frozen
    at = turn.now.not_before(transaction.last_sample_at)
    if metered or sampled or charging_seen is not transaction.charging_seen or tag != transaction.standing_tag:
        transaction = replace(
            transaction,
            last_meter_wh=connector.meter.total_wh,
            last_sample_at=at,
            charging_seen=charging_seen,
            standing_tag=tag,
        )
        connector.transaction = transaction
        turn.persist(transaction)
        if not metered:  # the counters that it was last seen with are its own
            turn.persist(connector.meter.record)
    if due:
        meter_values.schedule_samples(point, connector, turn)
        measurands = point.configuration.text("MeterValuesSampledData")
        meter_values.send_meter_values(connector, turn, measurands, "Sample.Periodic", at.stamp())
        kept = point.configuration.text("StopTxnSampledData")
        if kept:
            meter_values.keep(connector, turn, meter_values.meter_value(connector, kept, "Sample.Periodic", at.stamp()))


_CAR_SERVED = frozenset({Status.CHARGING, Status.SUSPENDED_EV})


def end_reason(connector: Connector) -> str | None:
    """Why the transaction looks over, or None while it lasts; must stand for a while (X-16, X-17)."""
    transaction, registers = connector.transaction, connector.registers
    match connector.register_status:
        case Status.AVAILABLE:
            return "EVDisconnected"
        case Status.FINISHING:
            tag = registers.tag.id_tag if registers is not None and registers.tag is not None else None
            own = transaction is not None and tag is not None and tag.casefold() == transaction.id_tag.casefold()
            return "Local" if own else "Other"
        case Status.PREPARING:
            return "Other" if transaction is not None and transaction.charging_seen else None
        case Status.UNAVAILABLE:
            return "Other"
        case _:
            return None


def fate(
    point: ChargePoint, connector: Connector, registers: ConnectorSnapshot, now: Instant, *, settled: bool
) -> Fate | None:
    """What became of the transaction from before a gap, by what the charger shows; None while it cannot be told yet.

    After a restart of ours it goes on with the same charger, a lasting status, counters not lower, no other card.
    After a mere gap of polling: it is another session only if both counters fell, or another card stands there
    (decisions.md, Energy). Counters from which nothing of it was metered yet may be those of the session before: their
    fall is its own.
    """
    transaction = connector.transaction
    if transaction is None:
        return Fate.GOES_ON
    serial_number = point.identity.serial_number if point.identity is not None else None
    if (
        transaction.serial_number is not None
        and serial_number is not None
        and serial_number != transaction.serial_number
    ):
        return Fate.UNKNOWN if settled else None
    other_card = _other_card(transaction, registers)
    counters = connector.meter.record
    if connector.after_restart and counters.register_wh is None and counters.total_wh > transaction.last_meter_wh:
        return Fate.UNKNOWN if settled else None  # the store went back, and its meter was raised: not by this session
    less_energy = _lower(registers.session_energy_wh, counters.register_wh)
    less_time = _lower(registers.charging_s, counters.charging_s)
    metered = transaction.last_meter_wh > transaction.meter_start_wh
    if not connector.after_restart:
        connector.contradicted = connector.contradicted or other_card
        strange = connector.contradicted and registers.status not in LASTS  # what ended is that other card's
        lasts = not ((less_energy and less_time and metered) or other_card or strange)
    elif registers.status in {None, Status.FAULTED}:  # M-16
        return None
    else:
        lower = less_energy or less_time
        lasts = registers.status in LASTS and not ((lower and metered) or other_card)
        passed_s = age_s(transaction.last_sample_at.stamp(), now)
        too_long = passed_s is not None and charged_since_s(connector, registers) > passed_s + CHARGERS_CLOCK_GAINS_S
        connector.contradicted = connector.contradicted or lower or other_card
        if settled and not (lasts or connector.contradicted or too_long):
            return Fate.OVER
    return Fate.GOES_ON if lasts else (Fate.UNKNOWN if settled else None)


def shows_another(connector: Connector, registers: ConnectorSnapshot) -> bool:
    """Whether another session than the open transaction's runs by what is read: another card, or less of both counters.

    A charger that has just come back shows Available, and zeros: they look like no session, and never like another.
    Nor does a car that waits: the counters may still be those of the session before it.
    """
    transaction, counters = connector.transaction, connector.meter.record
    if transaction is None or registers.status not in _CAR_SERVED:
        return False
    metered = transaction.last_meter_wh > transaction.meter_start_wh
    less_energy = _lower(registers.session_energy_wh, counters.register_wh)
    less_time = _lower(registers.charging_s, counters.charging_s) and registers.charging_s != 0
    return (metered and less_energy and less_time) or _other_card(transaction, registers)


def _other_card(transaction: TransactionRecord, registers: ConnectorSnapshot) -> bool:
    tag = registers.tag.id_tag if registers.tag is not None else None
    return tag is not None and transaction.standing_tag is not None and tag != transaction.standing_tag


def charged_since_s(connector: Connector, registers: ConnectorSnapshot) -> int:
    """How much longer the charger has charged, by its counter, than when its session was last seen; 0 if not known."""
    before_s = connector.meter.record.charging_s
    return 0 if registers.charging_s is None or before_s is None else max(registers.charging_s - before_s, 0)


def _lower(now: int | None, before: int | None) -> bool:
    return now is not None and before is not None and now < before


def _forget_tx_profiles(point: ChargePoint, connector: Connector, turn: Turn) -> None:
    """TxProfiles end with their transaction (P-31)."""
    kept = []
    for installed in point.profiles:
        if installed.record.local_id is not None and installed.record.connector_id == connector.connector_id:
            turn.persist(ProfileRemoved(connector.connector_id, installed.record.charging_profile_id))
        else:
            kept.append(installed)
    point.profiles[:] = kept


def _install(point: ChargePoint, connector: Connector, turn: Turn, payload: dict[str, Any], local_id: str) -> None:
    """Bind the TxProfile of RemoteStartTransaction to its transaction (P-12)."""
    profile = parse_profile(payload)
    record = ProfileRecord(connector.connector_id, profile.charging_profile_id, payload, local_id, turn.now)
    for installed in list(point.profiles):
        if installed.profile.charging_profile_id == profile.charging_profile_id:
            point.profiles.remove(installed)
            turn.persist(ProfileRemoved(installed.record.connector_id, profile.charging_profile_id))
    point.profiles.append(InstalledProfile(record, profile))
    turn.persist(record)
