"""What the web may ask of the gateway, and tell it. The gateway satisfies this; the web knows nothing else of it."""

from __future__ import annotations

from typing import Any, Protocol

from ocpp_gateway.charger.events import LimitSet


class GatewayView(Protocol):
    """What the gateway shows. The dictionaries are ready for JSON; null in them is unknown."""

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
