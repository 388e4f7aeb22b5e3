"""What is said of a connector's meter: samples in a transaction, clock-aligned values, transactionData.

Source: OCPP 1.6 §3.16, §4.7; conformance M-01 to M-27, X-25 to X-28.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ocpp_gateway.charger.measurands import Reading, sampled_values, station_values
from ocpp_gateway.charger.records import MAIN, TransactionSample
from ocpp_gateway.charger.state import ChargePoint, Connector
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import Instant


def meter_value(
    connector: Connector, measurands: str, context: str, stamp: str, *, meter_wh: int | None = None
) -> dict[str, Any] | None:
    """One MeterValue of what the last snapshot holds; None when it holds none of the measurands (M-25).

    Of frozen values none is made, but where a transaction begins or ends: that has a `meter_wh` of its own.
    """
    if connector.registers is None or (connector.frozen and meter_wh is None):
        return None
    total_wh = connector.meter.total_wh if meter_wh is None else meter_wh
    values = sampled_values(measurands, Reading(connector.registers, total_wh, connector.commanded_w), context)
    return {"timestamp": stamp, "sampledValue": values} if values else None


def triggered_meter_values(connector: Connector, measurands: str, turn: Turn) -> dict[str, Any] | None:
    """MeterValues.req as TriggerMessage asks for it, with the id of the running transaction if it is known (M-20)."""
    seen_at = turn.now if connector.seen_at is None else connector.seen_at
    if connector.transaction is not None:
        seen_at = seen_at.not_before(connector.transaction.last_sample_at)
    value = meter_value(connector, measurands, "Trigger", seen_at.stamp())
    if value is None:
        return None
    payload: dict[str, Any] = {"connectorId": connector.connector_id, "meterValue": [value]}
    ids = {} if connector.transaction is None else connector.transaction.transaction_ids
    if MAIN in ids:
        payload["transactionId"] = int(ids[MAIN])
    return payload


def station_meter_values(point: ChargePoint, measurands: str, context: str, stamp: str) -> dict[str, Any] | None:
    """MeterValues.req of the station itself: never with a transaction (M-03)."""
    values = station_values(measurands, point.station_power_w, point.station_current_a, context)
    if not values:
        return None
    return {"connectorId": 0, "meterValue": [{"timestamp": stamp, "sampledValue": values}]}


def send_meter_values(connector: Connector, turn: Turn, measurands: str, context: str, stamp: str) -> None:
    value = meter_value(connector, measurands, context, stamp)
    if value is not None:
        transaction = connector.transaction
        local_id = None if transaction is None else transaction.local_id
        turn.enqueue("MeterValues", {"connectorId": connector.connector_id, "meterValue": [value]}, local_id)


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
    into_day_s = _into_day_s(now.utc)
    wait_s = min(interval_s - into_day_s % interval_s, DAY_S - into_day_s)
    if wait_s < CLOCK_ERROR_S:  # this boundary was just served
        wait_s += interval_s
    point.next_aligned_s = now.monotonic_s + wait_s


def send_aligned(point: ChargePoint, turn: Turn) -> None:
    """Clock-aligned values of every connector, stamped with the boundary (M-02, M-07); stale ones are skipped."""
    due_s = point.next_aligned_s
    if due_s is None or turn.now_s < due_s:
        return
    boundary = _to_the_second(turn.now.plus(due_s - turn.now_s))
    interval_s = point.configuration.integer("ClockAlignedDataInterval")
    if boundary.utc is None or _into_day_s(boundary.utc) % interval_s:  # the clock was set since this was reckoned
        reschedule_aligned(point, turn.now)
        return
    stamp = boundary.stamp()
    measurands, kept = (point.configuration.text(key) for key in ("MeterValuesAlignedData", "StopTxnAlignedData"))
    station = station_meter_values(point, measurands, "Sample.Clock", stamp)
    if station is not None and not point.unreachable and _fresh(point.last_snapshot_at, turn):
        turn.enqueue("MeterValues", station, None)
    for connector in point.connectors.values():
        if point.unreachable or not _fresh(connector.seen_at, turn):
            continue
        send_meter_values(connector, turn, measurands, "Sample.Clock", stamp)
        if kept and connector.transaction is not None:
            keep(connector, turn, meter_value(connector, kept, "Sample.Clock", stamp))
    reschedule_aligned(point, turn.now)


def _fresh(seen_at: Instant | None, turn: Turn) -> bool:
    """M-23: what nobody has read lately is skipped, not repeated."""
    return seen_at is not None and turn.now_s - seen_at.monotonic_s <= STALE_AFTER_S


def _into_day_s(utc: datetime) -> float:
    return (utc - utc.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()


def _to_the_second(moment: Instant) -> Instant:
    """A boundary, freed of the error of the two clocks it was reckoned with."""
    if moment.utc is None:
        return moment
    return replace(moment, utc=(moment.utc + timedelta(milliseconds=500)).replace(microsecond=0))


DAY_S = 86_400
CLOCK_ERROR_S = 0.5
STALE_AFTER_S = 65.0  # more than the slowest poll, less than two


# ---------------------------------------------------------------- transactionData


def keep_begin(point: ChargePoint, connector: Connector, turn: Turn, *, at: Instant, meter_wh: int) -> None:
    """Keep the values with which a transaction begins, for its StopTransaction."""
    measurands = _stop_measurands(point)
    if measurands:
        begin = meter_value(connector, measurands, "Transaction.Begin", at.stamp(), meter_wh=meter_wh)
        keep(connector, turn, begin)


def keep(connector: Connector, turn: Turn, value: dict[str, Any] | None) -> None:
    """Keep a value of the running transaction for its StopTransaction."""
    if value is not None and connector.transaction is not None:
        connector.samples.append(value)
        turn.persist(TransactionSample(connector.transaction.local_id, value))


def _stop_measurands(point: ChargePoint) -> str:
    """What Begin and End hold: every measurand of StopTxnSampledData and StopTxnAlignedData (X-26)."""
    keys = ("StopTxnSampledData", "StopTxnAlignedData")
    items = [item for key in keys for item in point.configuration.text(key).split(",") if item]
    return ",".join(dict.fromkeys(items))


def transaction_data(point: ChargePoint, connector: Connector, at: Instant, meter_wh: int) -> list[dict[str, Any]]:
    """Begin, what was sampled, End; where that is too much, samples between are left out evenly (X-27, T-22)."""
    measurands = _stop_measurands(point)
    history = list(connector.samples)
    end = meter_value(connector, measurands, "Transaction.End", at.stamp(), meter_wh=meter_wh) if measurands else None
    longest = max((len(json.dumps(value, separators=(",", ":"))) + 1 for value in (*history, end)), default=1)
    most = min(point.configuration.integer("StopTransactionMaxMeterValues"), TRANSACTION_DATA_CHARACTERS // longest)
    room = most - (0 if end is None else 1)
    if len(history) > room:
        step = (len(history) - 1) / max(room - 1, 1)
        history = [history[round(position * step)] for position in range(room)]
    return history if end is None else [*history, end]


TRANSACTION_DATA_CHARACTERS = 64_000
"""The rest of a StopTransaction frame fits into what this leaves of 64 KiB, which a central system must take (T-22)."""
