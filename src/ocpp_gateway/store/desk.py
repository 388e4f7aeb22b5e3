"""The ledger as others ask it: pages, one transaction whole, and the order to send dead letters again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ocpp_gateway.errors import NoDeadLetter, StoreError
from ocpp_gateway.store import ledger
from ocpp_gateway.store.outbox import Resent
from ocpp_gateway.store.store import Store


class LedgerDesk:
    """Answers from a store; `on_queued` gets the charge point whose queue has grown. Raises StoreError."""

    def __init__(self, store: Store, on_queued: Callable[[str], None] = lambda charge_point: None) -> None:
        self._store = store
        self._on_queued = on_queued

    async def transactions(
        self, charge_point: str | None = None, before: int | None = None, limit: int = ledger.PAGE
    ) -> list[dict[str, Any]]:
        """One page, newest first; `before` is the `number` of the last one of the page before."""
        return await self._store.ledger(lambda it: ledger.transactions(it, charge_point, before=before, limit=limit))

    async def transaction(self, name: str) -> list[dict[str, Any]]:
        """Every transaction that may be meant by that name, whole."""
        return await self._store.ledger(lambda it: ledger.named(it, name))

    async def dead_letters(
        self, charge_point: str | None = None, after: int = 0, limit: int = ledger.PAGE
    ) -> list[dict[str, Any]]:
        """One page, oldest first; `after` is the `seq` of the last one of the page before."""
        return await self._store.ledger(lambda it: ledger.dead_letters(it, charge_point, after=after, limit=limit))

    async def queued(self, charge_point: str, after: int = 0, limit: int = ledger.PAGE) -> list[dict[str, Any]]:
        """One page of what waits for delivery, in its order; `after` is the `seq` of the last one before."""
        return await self._store.ledger(lambda it: ledger.queued(it, charge_point, after=after, limit=limit))

    async def resend_transaction(self, local_id: str) -> list[dict[str, Any]]:
        """Queues a transaction's dead letters again; gives what is queued now."""
        charge_point = await self._store.ledger(lambda it: ledger.charge_point_of(it, local_id))
        if charge_point is None:
            raise StoreError(f"there is no transaction {local_id}")
        return self._queued(charge_point, await self._store.resend_transaction(charge_point, local_id))

    async def resend_message(self, seq: int) -> list[dict[str, Any]]:
        """Queues one dead letter again; gives what is queued now. Raises NoDeadLetter for any other."""
        charge_point = await self._store.ledger(lambda it: ledger.charge_point_of_letter(it, seq))
        if charge_point is None:
            raise NoDeadLetter(f"there is no dead letter {seq}")
        return self._queued(charge_point, await self._store.resend(charge_point, seq))

    def _queued(self, charge_point: str, resent: Resent) -> list[dict[str, Any]]:
        if resent.messages:
            self._on_queued(charge_point)
        return [{"charge_point": charge_point, "seq": seq, "action": action} for seq, action in resent.messages]
