"""What survives a power cut: transactions, meters, the outbox, configuration and profiles."""

from ocpp_gateway.store.desk import LedgerDesk
from ocpp_gateway.store.read import Backlog, OutboxRow
from ocpp_gateway.store.retention import Retention
from ocpp_gateway.store.store import Store

__all__ = ["Backlog", "LedgerDesk", "OutboxRow", "Retention", "Store"]
