"""What a charge point may say when: status transitions, transactions, meter values. Pure; one `Rules` per charge point.

Every rule yields `(id, problem)`; the ids are those of the conformance checklist. Payloads have passed their schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from ocpp_gateway.central.ledger import Ledger

Problem = tuple[str, str]

_LETTERS = {
    "Available": "A",
    "Preparing": "B",
    "Charging": "C",
    "SuspendedEV": "D",
    "SuspendedEVSE": "E",
    "Finishing": "F",
    "Reserved": "G",
    "Unavailable": "H",
    "Faulted": "I",
}
# Rows and columns of OCPP 1.6 §4.9; a status may always be said again.
_TRANSITIONS = {
    "A": "BCDEGHI",
    "B": "ACDEFI",
    "C": "ADEFHI",
    "D": "ACEFHI",
    "E": "ACDFHI",
    "F": "ABHI",
    "G": "ABHI",
    "H": "ABCDEI",
    "I": "ABCDEFGH",
}
_STATION_STATUSES = {"Available", "Unavailable", "Faulted"}
_STATUSES_OF_EV_COMMUNICATION_ERROR = {"Preparing", "SuspendedEV", "SuspendedEVSE", "Finishing"}

_UNITS = {
    "Energy.Active": {"Wh", "kWh"},
    "Energy.Reactive": {"varh", "kvarh"},
    "Power.Active": {"W", "kW"},
    "Power.Offered": {"W", "kW"},
    "Power.Reactive": {"var", "kvar"},
    "Current": {"A"},
    "Voltage": {"V"},
    "Temperature": {"Celcius", "Celsius", "Fahrenheit", "K"},
    "SoC": {"Percent"},
}
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_ENERGY = "Energy.Active.Import.Register"

RegisterKey = tuple[int, str, str | None, str]
"""connectorId, measurand, phase, location."""


class Rules:
    """The state of one charge point, as far as its own messages have told, and what it may say next.

    `connectors`: how many it has; None when nobody said, then only negative ids are wrong.
    """

    def __init__(self, identity: str, ledger: Ledger, connectors: int | None) -> None:
        self._identity = identity
        self._ledger = ledger
        self._connectors = connectors
        self._statuses: dict[int, str] = {}
        self._registers: dict[RegisterKey, tuple[datetime, Decimal]] = {}
        self._rules: dict[str, Callable[[dict[str, Any]], Iterator[Problem]]] = {
            "Authorize": self._authorize,
            "BootNotification": self._boot,
            "MeterValues": self._meter_values,
            "StartTransaction": self._start,
            "StatusNotification": self._status,
            "StopTransaction": self._stop,
        }

    def judge(self, action: str, payload: dict[str, Any]) -> list[Problem]:
        """Takes in one request; returns what is wrong with it."""
        rule = self._rules.get(action)
        return list(rule(payload)) if rule else []

    def forget_statuses(self) -> None:
        """After a time without a connection any status may come next: history is not sent (S-17)."""
        self._statuses.clear()

    def _boot(self, payload: dict[str, Any]) -> Iterator[Problem]:
        self.forget_statuses()
        for name, value in payload.items():
            if not value.strip():
                yield "B-02", f"{name} is blank; a field without a value is left out"

    def _authorize(self, payload: dict[str, Any]) -> Iterator[Problem]:
        yield from _id_tag(payload)

    def _status(self, payload: dict[str, Any]) -> Iterator[Problem]:
        connector_id, status, error_code = payload["connectorId"], payload["status"], payload["errorCode"]
        yield from self._connector(connector_id, lowest=0)
        if connector_id == 0 and status not in _STATION_STATUSES:
            yield "S-03", f"connector 0 cannot be {status}"
        before = self._statuses.get(connector_id)
        if before not in (None, status) and _LETTERS[status] not in _TRANSITIONS[_LETTERS[before]]:
            yield "S-02", f"connector {connector_id}: no transition from {before} to {status}"
        self._statuses[connector_id] = status
        if error_code == "EVCommunicationError" and status not in _STATUSES_OF_EV_COMMUNICATION_ERROR:
            yield "S-07", f"EVCommunicationError does not go with {status}"

    def _start(self, payload: dict[str, Any]) -> Iterator[Problem]:
        connector_id = payload["connectorId"]
        yield from self._connector(connector_id, lowest=1)
        yield from _id_tag(payload)
        running = self._ledger.running(self._identity, connector_id)
        transaction, new = self._ledger.start(self._identity, payload)
        if new and running:
            yield "X-01", f"connector {connector_id} already has transaction {running.transaction_id}"
        if not new and not transaction.running:
            yield "I3", "StartTransaction of a transaction that has been stopped"
        if new:
            yield from self._register(_meter(connector_id), payload["timestamp"], Decimal(payload["meterStart"]))

    def _stop(self, payload: dict[str, Any]) -> Iterator[Problem]:
        if "idTag" in payload:
            yield from _id_tag(payload)
        transaction = self._ledger.find(self._identity, payload["transactionId"])
        if transaction is None:
            yield "X-20", f"no transaction has the id {payload['transactionId']}"
            return
        if transaction.stop is not None:
            transaction.stop_repeats += 1
            if transaction.stop != payload:
                yield "X-39", f"transaction {payload['transactionId']} was stopped before, by another request"
            return
        transaction.stop = payload
        if payload["meterStop"] < transaction.meter_start_wh:
            yield "X-10", f"meterStop {payload['meterStop']} is below meterStart {transaction.meter_start_wh}"
        if _moment(payload["timestamp"]) < _moment(transaction.started_at):
            yield "X-10", f"stopped at {payload['timestamp']}, before its start at {transaction.started_at}"
        for meter_value in payload.get("transactionData", ()):
            yield from self._meter_value(transaction.connector_id, meter_value)
        meter = _meter(transaction.connector_id)
        yield from self._register(meter, payload["timestamp"], Decimal(payload["meterStop"]))

    def _meter_values(self, payload: dict[str, Any]) -> Iterator[Problem]:
        connector_id, transaction_id = payload["connectorId"], payload.get("transactionId")
        yield from self._connector(connector_id, lowest=0)
        if transaction_id is not None:
            yield from self._transaction_of_sample(connector_id, transaction_id)
        for meter_value in payload["meterValue"]:
            yield from self._meter_value(connector_id, meter_value)
            contexts = {sample.get("context", "Sample.Periodic") for sample in meter_value["sampledValue"]}
            if transaction_id is None and "Sample.Periodic" in contexts:
                yield "M-03", "a periodic sample without transactionId"

    def _transaction_of_sample(self, connector_id: int, transaction_id: int) -> Iterator[Problem]:
        if connector_id == 0:
            yield "M-03", "a sample of connector 0 belongs to no transaction"
            return
        transaction = self._ledger.find(self._identity, transaction_id, connector_id)
        if transaction is None:
            yield "I3", f"connector {connector_id} has no transaction {transaction_id}"
        elif not transaction.running:
            yield "I3", f"transaction {transaction_id} has been stopped"
        else:
            transaction.meter_values += 1

    def _meter_value(self, connector_id: int, meter_value: dict[str, Any]) -> Iterator[Problem]:
        if not meter_value["sampledValue"]:
            yield "M-25", "sampledValue is empty"
        for sample in meter_value["sampledValue"]:
            yield from self._sample(connector_id, meter_value["timestamp"], sample)

    def _sample(self, connector_id: int, timestamp: str, sample: dict[str, Any]) -> Iterator[Problem]:
        measurand, unit = sample.get("measurand", _ENERGY), sample.get("unit", "Wh")
        location = sample.get("location", "Outlet")
        units = next((units for prefix, units in _UNITS.items() if measurand.startswith(prefix)), None)
        if units is not None and unit not in units:
            yield "M-15", f"{measurand} in {unit}"
        if location == "EV" and measurand not in ("SoC", "Temperature"):
            yield "M-16", f"{measurand} measured in the EV"
        if connector_id == 0 and location == "Outlet":
            yield "M-16", f"{measurand} of connector 0 measured at an outlet"
        if sample.get("format") == "SignedData":
            return
        if not _NUMBER.fullmatch(sample["value"]):
            yield "M-06", f"{sample['value']!r} is no plain decimal number"
        elif measurand.endswith(".Register"):
            value = Decimal(sample["value"]) * (1000 if unit.startswith("k") else 1)
            yield from self._register((connector_id, measurand, sample.get("phase"), location), timestamp, value)

    def _register(self, key: RegisterKey, timestamp: str, value: Decimal) -> Iterator[Problem]:
        """M-30: compared in the order of the timestamps, because a triggered sample overtakes the queue."""
        at = _moment(timestamp)
        last_at, last = self._registers.get(key, (at, value))
        if at >= last_at:
            self._registers[key] = (at, value)
        if (value < last) if at >= last_at else (value > last):
            yield "M-30", f"connector {key[0]}: {key[1]} {value} at {timestamp}, but {last} at {last_at.isoformat()}"

    def _connector(self, connector_id: int, *, lowest: int) -> Iterator[Problem]:
        highest = self._connectors
        if connector_id < lowest or (highest is not None and connector_id > highest):
            yield "S-04", f"connectorId {connector_id} is outside {lowest}..{'N' if highest is None else highest}"


def _meter(connector_id: int) -> RegisterKey:
    """The register that meterStart and meterStop are readings of."""
    return connector_id, _ENERGY, None, "Outlet"


def _moment(timestamp: str) -> datetime:
    return datetime.fromisoformat(timestamp)


def _id_tag(payload: dict[str, Any]) -> Iterator[Problem]:
    if not payload["idTag"].strip():
        yield "A-31", "the idTag is blank"
