"""What survives a power cut: transactions, meters, the outbox, configuration and profiles."""

from ocpp_gateway.store.read import OutboxRow
from ocpp_gateway.store.store import Store

__all__ = ["OutboxRow", "Store"]
