"""Transactions: when one starts, what it says while it runs, when and why it ends, and whether it survived a gap.

Source: OCPP 1.6 §4.8, §4.10; conformance X-01 to X-20, X-50, X-51; decisions.md, Energy and sessions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ocpp_gateway.charger.measurands import Reading, sampled_values
from ocpp_gateway.charger.records import GateRecord, ProfileRemoved, TransactionRecord
from ocpp_gateway.charger.state import ChargePoint, Connector
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import Instant
from ocpp_gateway.registers.snapshot import ConnectorSnapshot
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status

LASTS = frozenset({Status.PREPARING, Status.CHARGING, Status.SUSPENDED_EVSE, Status.SUSPENDED_EV})
"""The register statuses with which a transaction can go on."""


def start(
    point: ChargePoint,
    connector: Connector,
    turn: Turn,
    *,
    id_tag: str,
    parent_id_tag: str | None,
    at: Instant,
    meter_wh: int,
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
    )
    connector.transaction = transaction
    connector.authorization = connector.evidence = connector.ending = None
    connector.preparing_since_s, connector.preparing_expired = None, False
    schedule_samples(point, connector, turn)
    set_closed(connector, turn, closed=False)
    turn.persist(transaction)
    turn.enqueue(
        "StartTransaction",
        {"connectorId": connector.connector_id, "idTag": id_tag, "meterStart": meter_wh, "timestamp": at.stamp()},
        transaction.local_id,
    )


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
    payload: dict[str, Any] = {"meterStop": meter_stop_wh, "timestamp": at.stamp()}
    if id_tag is not None:
        payload["idTag"] = id_tag
    if reason != "Local":  # omitted only for Local
        payload["reason"] = reason
    turn.enqueue("StopTransaction", payload, transaction.local_id)
    _forget_tx_profiles(point, connector, turn)
    connector.transaction = connector.ending = connector.evidence = connector.next_sample_s = None
    connector.unproven = connector.after_restart = False
    if close:
        set_closed(connector, turn, closed=True)


def set_closed(connector: Connector, turn: Turn, *, closed: bool) -> None:
    """Hold a connector at 0 W, or no longer; kept over a restart."""
    if connector.closed is not closed:
        connector.closed = closed
        turn.persist(GateRecord(connector.connector_id, closed))


def progress(point: ChargePoint, connector: Connector, turn: Turn, *, metered: bool) -> None:
    """Take in what a snapshot shows of the running transaction; kept with each step of the meter, sampled when due."""
    transaction, registers = connector.transaction, connector.registers
    if transaction is None or registers is None:
        return
    charging_seen = transaction.charging_seen or connector.register_status in _CAR_SERVED
    tag = registers.tag.id_tag if registers.tag is not None else None
    due = connector.next_sample_s is not None and turn.now_s >= connector.next_sample_s
    if metered or due or charging_seen is not transaction.charging_seen or tag != transaction.standing_tag:
        transaction = replace(
            transaction,
            last_meter_wh=connector.meter.total_wh,
            last_sample_at=turn.now,
            charging_seen=charging_seen,
            standing_tag=tag,
        )
        connector.transaction = transaction
        turn.persist(transaction)
    if due:
        schedule_samples(point, connector, turn)
        measurands = point.configuration.text("MeterValuesSampledData")
        send_meter_values(turn, connector, measurands, "Sample.Periodic", turn.now.stamp())


_CAR_SERVED = frozenset({Status.CHARGING, Status.SUSPENDED_EV})


def send_meter_values(turn: Turn, connector: Connector, measurands: str, context: str, stamp: str) -> None:
    """Queue one MeterValues of what the last snapshot holds; nothing when it holds none of the measurands (M-25)."""
    if connector.registers is None:
        return
    values = sampled_values(
        measurands, Reading(connector.registers, connector.meter.total_wh, connector.commanded_w), context
    )
    if values:
        transaction = connector.transaction
        turn.enqueue(
            "MeterValues",
            {"connectorId": connector.connector_id, "meterValue": [{"timestamp": stamp, "sampledValue": values}]},
            None if transaction is None else transaction.local_id,
        )


def schedule_samples(point: ChargePoint, connector: Connector, turn: Turn) -> None:
    """Find the next multiple of MeterValueSampleInterval after the transaction's start (M-01); none when it is 0."""
    interval_s = point.configuration.integer("MeterValueSampleInterval")
    if connector.transaction is None or interval_s == 0:
        connector.next_sample_s = None
        return
    started_s = min(connector.transaction.started_at.monotonic_s, turn.now_s)
    connector.next_sample_s = started_s + (int((turn.now_s - started_s) // interval_s) + 1) * interval_s


def reschedule_samples(point: ChargePoint, turn: Turn) -> None:
    """Apply a changed MeterValueSampleInterval to the transactions that run (M-22)."""
    for connector in point.connectors.values():
        schedule_samples(point, connector, turn)


def reschedule_aligned(point: ChargePoint, now: Instant) -> None:
    """Find the next multiple of ClockAlignedDataInterval since midnight UTC; none without a clock (M-02, M-08)."""
    interval_s = point.configuration.integer("ClockAlignedDataInterval")
    if interval_s == 0 or now.utc is None:
        point.next_aligned_s = None
        return
    into_day_s = (now.utc - now.utc.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    wait_s = min(interval_s - into_day_s % interval_s, DAY_S - into_day_s)
    point.next_aligned_s = now.monotonic_s + wait_s


def send_aligned(point: ChargePoint, turn: Turn) -> None:
    """Clock-aligned values of every connector, stamped with the boundary (M-02, M-07); stale ones are skipped."""
    due_s = point.next_aligned_s
    if due_s is None or turn.now_s < due_s:
        return
    boundary = turn.now.plus(due_s - turn.now_s)
    measurands = point.configuration.text("MeterValuesAlignedData")
    for connector in point.connectors.values():
        fresh = connector.seen_at is not None and turn.now_s - connector.seen_at.monotonic_s <= STALE_AFTER_S
        if fresh and not point.unreachable:
            send_meter_values(turn, connector, measurands, "Sample.Clock", boundary.stamp())
    reschedule_aligned(point, turn.now)


DAY_S = 86_400
STALE_AFTER_S = 65.0  # more than the slowest poll, less than two


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


def goes_on(point: ChargePoint, connector: Connector, registers: ConnectorSnapshot, settled: bool) -> bool | None:
    """Whether the charger still serves the transaction from before a gap; None while it cannot be told yet.

    After a restart of ours: same charger, a lasting status, counters not lower, no other card. After a mere gap of
    polling: it is another session only if both counters fell, or another card stands there (decisions.md, Energy).
    """
    transaction = connector.transaction
    if transaction is None:
        return True
    serial_number = point.identity.serial_number if point.identity is not None else None
    if (
        transaction.serial_number is not None
        and serial_number is not None
        and serial_number != transaction.serial_number
    ):
        return False
    tag = registers.tag.id_tag if registers.tag is not None else None
    other_card = tag is not None and transaction.standing_tag is not None and tag != transaction.standing_tag
    counters = connector.meter.record
    less_energy = _lower(registers.session_energy_wh, counters.register_wh)
    less_time = _lower(registers.charging_s, counters.charging_s)
    if connector.after_restart:
        if connector.register_status is Status.FAULTED:
            return None
        lasts = connector.register_status in LASTS and not (less_energy or less_time or other_card)
    else:
        lasts = not ((less_energy and less_time) or other_card)
    return True if lasts else (False if settled else None)


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
