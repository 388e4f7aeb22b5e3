"""What the web may ask of the gateway, and tell it. The gateway satisfies this; the web knows nothing else of it."""

from __future__ import annotations

from typing import Any, Protocol

from ocpp_gateway.charger.events import LimitSet


class LedgerView(Protocol):
    """What the gateway tells of its transactions. The dictionaries are ready for JSON; null in them is unknown."""

    async def transactions(self, charge_point: str | None, before: int | None, limit: int) -> list[dict[str, Any]]:
        """One page, newest first; `before` is the `number` of the last one of the page before."""
        ...

    async def transaction(self, name: str) -> list[dict[str, Any]]:
        """All that may be meant by a name, whole: none, one, or several."""
        ...

    async def dead_letters(self, charge_point: str | None, after: int, limit: int) -> list[dict[str, Any]]:
        """One page, oldest first; `after` is the `seq` of the last one of the page before."""
        ...

    async def resend_transaction(self, local_id: str) -> list[dict[str, Any]]:
        """Queue a transaction's dead letters again; gives what is queued now."""
        ...

    async def resend_message(self, seq: int) -> list[dict[str, Any]]:
        """Queue one dead letter again; gives what is queued now. Raises StoreError for what is no dead letter."""
        ...


class GatewayView(Protocol):
    """What the gateway shows. The dictionaries are ready for JSON; null in them is unknown."""

    @property
    def ledger(self) -> LedgerView:
        """The transactions."""
        ...

    def healthy(self) -> tuple[bool, dict[str, str]]:
        """Whether it works, and for each part `ok` or why not, without an identity or a secret."""
        ...

    def ready(self) -> tuple[bool, dict[str, str]]:
        """Whether it can do its work, and for each condition `ok` or why not, without an identity or a secret."""
        ...

    async def chargers(self) -> list[dict[str, Any]]:
        """Every charger."""
        ...

    async def charger(self, identity: str) -> dict[str, Any] | None:
        """One charger, or None when there is no such identity."""
        ...

    def identities(self) -> list[str]:
        """The chargers of the file, in its order."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether nothing is ever written to a charger."""
        ...

    async def why(self, identity: str, connector_id: int) -> dict[str, Any] | None:
        """How the limit of a connector (0: of the station) comes about; None when there is no such."""
        ...

    async def limits(self) -> list[dict[str, Any]]:
        """The limits from outside OCPP, of all chargers."""
        ...

    async def set_limit(self, identity: str, limit: LimitSet) -> bool:
        """Keep and apply a limit from outside OCPP; False while that charger's tasks do not run."""
        ...

    async def remove_limit(self, identity: str, source: str, connector_id: int) -> bool:
        """Forget a limit from outside OCPP; whether there was one."""
        ...

    async def audit(self, who: str, action: str, detail: str) -> None:
        """Append to the audit log."""
        ...
