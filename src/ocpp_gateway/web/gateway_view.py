"""What the web may ask of the gateway, and tell it. The gateway satisfies this; the web knows nothing else of it."""

from __future__ import annotations

from typing import Any, Protocol


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
