"""The truth about transactions, as the central system heard it: one row for each transaction, repeats counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

StartKey = tuple[str, int, str, int, str]
"""Identity, connectorId, idTag, meterStart, timestamp: what makes two StartTransaction.req the same transaction."""


@dataclass(slots=True)
class Transaction:
    """One transaction; `None` where the charge point has not told yet.

    `transaction_ids`: every id it was given, newest last; a central system that does not know a repeat again gives
    it another. Empty while every StartTransaction.req of it was refused with a CALLERROR. `id_told`: a valid answer
    with an id was sent. `start_repeats`, `stop_repeats`: how often the same request came again. `meter_values`:
    MeterValues.req that named it.
    """

    identity: str
    connector_id: int
    id_tag: str
    meter_start_wh: int
    started_at: str
    transaction_ids: list[int] = field(default_factory=list)
    id_told: bool = False
    start_repeats: int = 0
    stop: dict[str, Any] | None = None
    stop_repeats: int = 0
    meter_values: int = 0

    @property
    def transaction_id(self) -> int | None:
        return self.transaction_ids[-1] if self.transaction_ids else None

    @property
    def running(self) -> bool:
        return self.stop is None

    @property
    def meter_stop_wh(self) -> int | None:
        return None if self.stop is None else self.stop["meterStop"]

    @property
    def energy_wh(self) -> int | None:
        return None if self.stop is None else self.stop["meterStop"] - self.meter_start_wh

    @property
    def stopped_at(self) -> str | None:
        return None if self.stop is None else self.stop["timestamp"]

    @property
    def reason(self) -> str | None:
        """Why it ended; `Local` when the request left it out (OCPP 1.6 §6.49)."""
        return None if self.stop is None else self.stop.get("reason", "Local")

    @property
    def stop_id_tag(self) -> str | None:
        return None if self.stop is None else self.stop.get("idTag")


class Ledger:
    """All transactions of all charge points, in the order of their first StartTransaction.req."""

    def __init__(self) -> None:
        self.transactions: list[Transaction] = []
        self._by_start: dict[StartKey, Transaction] = {}
        self._by_identity: dict[str, list[Transaction]] = {}

    def start(self, identity: str, payload: dict[str, Any]) -> tuple[Transaction, bool]:
        """The transaction of a StartTransaction.req, and whether it is new."""
        key = _start_key(identity, payload)
        transaction = Transaction(*key)
        known = self._by_start.setdefault(key, transaction)
        if known is not transaction:
            known.start_repeats += 1
            return known, False
        self.transactions.append(transaction)
        self._by_identity.setdefault(identity, []).append(transaction)
        return transaction, True

    def started(self, identity: str, payload: dict[str, Any]) -> Transaction:
        """The transaction of a StartTransaction.req that `start` has taken in."""
        return self._by_start[_start_key(identity, payload)]

    def running(self, identity: str, connector_id: int) -> Transaction | None:
        """The newest transaction of a connector that has not been stopped."""
        rows = reversed(self._by_identity.get(identity, ()))
        return next((row for row in rows if row.connector_id == connector_id and row.running), None)

    def find(self, identity: str, transaction_id: int, connector_id: int | None = None) -> Transaction | None:
        """The newest transaction that goes by an id, a running one before a stopped one.

        -1 also finds one whose id was never told: its StartTransaction could not be delivered (X-35).
        """
        stopped = nameless = None
        for row in reversed(self._by_identity.get(identity, ())):
            if connector_id not in (None, row.connector_id):
                continue
            if transaction_id in row.transaction_ids:
                if row.running:
                    return row
                stopped = stopped or row
            elif transaction_id == -1 and not row.id_told and (nameless is None or row.running):
                nameless = row
        return stopped or nameless

    def forget_stopped(self) -> None:
        """Keeps what runs: whoever has looked at the rest need not keep it. A repeat of it would be new."""
        self.transactions[:] = [row for row in self.transactions if row.running]
        self._by_start = {key: row for key, row in self._by_start.items() if row.running}
        self._by_identity = {
            identity: [row for row in rows if row.running] for identity, rows in self._by_identity.items()
        }


def _start_key(identity: str, payload: dict[str, Any]) -> StartKey:
    return identity, payload["connectorId"], payload["idTag"], payload["meterStart"], payload["timestamp"]
