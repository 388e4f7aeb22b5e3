"""What the web may ask of the gateway, and tell it. The gateway satisfies this; the web knows nothing else of it.

The dictionaries are ready for JSON; null in them is unknown.
"""

from __future__ import annotations

from typing import Any, Protocol

from ocpp_gateway.charger.events import LimitSet
from ocpp_gateway.charger.history_series import Resolution
from ocpp_gateway.web.figures import GatewayFigures


class LedgerView(Protocol):
    """What the gateway tells of its transactions and queues. Raises StoreError when the store cannot tell."""

    async def transactions(self, charge_point: str | None, before: int | None, limit: int) -> list[dict[str, Any]]:
        """One page, newest first; `before` is the `number` of the last one of the page before."""
        ...

    async def transaction(self, name: str) -> list[dict[str, Any]]:
        """All that may be meant by a name, whole: none, one, or several."""
        ...

    async def queued(self, charge_point: str, after: int, limit: int) -> list[dict[str, Any]]:
        """One page of what waits for delivery, in its order; `after` is the `seq` of the last one before."""
        ...

    async def dead_letters(self, charge_point: str | None, after: int, limit: int) -> list[dict[str, Any]]:
        """One page, oldest first; `after` is the `seq` of the last one of the page before."""
        ...

    async def resend_transaction(self, local_id: str) -> list[dict[str, Any]]:
        """Queue a transaction's dead letters again; gives what is queued now."""
        ...

    async def resend_message(self, seq: int) -> list[dict[str, Any]]:
        """Queue one dead letter again; gives what is queued now. Raises NoDeadLetter for any other."""
        ...


class ChargerView(Protocol):
    """What one charger shows, and what it may be told."""

    async def view(self) -> dict[str, Any]:
        """All that is known of it now."""
        ...

    def why(self, connector_id: int) -> dict[str, Any] | None:
        """How the limit of a connector (0: of the station) comes about; None when there is no such connector."""
        ...

    def registers(self) -> list[dict[str, Any]]:
        """Every register as last read, raw and decoded; empty before the charger was ever reached."""
        ...

    async def messages(
        self,
        limit: int,
        *,
        before: int | None = None,
        action: str | None = None,
        direction: str | None = None,
        result: str | None = None,
        text: str | None = None,
    ) -> list[dict[str, Any]]:
        """The last OCPP messages, each question with its answer, newest first; `before` is a `number`."""
        ...

    async def history(
        self, since_s: float | None, until_s: float | None, resolution: Resolution | None
    ) -> dict[str, Any]:
        """Power, limit and currents between two moments since 1970 (None: now, and an hour before), as columns."""
        ...

    def profiles(self) -> list[dict[str, Any]]:
        """The installed charging profiles."""
        ...

    def schedule(self, connector_id: int, duration_s: int) -> dict[str, Any] | None:
        """What will be the limit, in steps with the source that sets each; None when there is no such connector."""
        ...

    def configuration_keys(self) -> list[dict[str, Any]]:
        """The OCPP configuration keys, and who set them."""
        ...

    def health(self) -> dict[str, Any]:
        """How well it can be reached, and how well the central system can."""
        ...

    async def support_bundle(self, *, start: str | None = None, stop: str | None = None) -> bytes:
        """A zip of what a developer needs to see, without secrets."""
        ...


    async def start(self, connector_id: int, id_tag: str) -> dict[str, Any]:
        """Let somebody charge; gives the `outcome` so far. Raises ActionRefused with the reason."""
        ...

    async def stop(self, connector_id: int) -> None:
        """End the transaction of a connector. Raises ActionRefused with the reason."""
        ...

    async def set_availability(self, connector_id: int, *, operative: bool) -> dict[str, Any]:
        """Put a connector (0: all) in or out of service. Raises ActionRefused with the reason."""
        ...

    async def reconnect(self, side: str) -> None:
        """Let go of the connection to the `charger` or the `central_system`; a new one follows."""
        ...

    async def test_connection(self) -> dict[str, Any]:
        """Whether the central system can be reached and lets us in; nothing is sent to it."""
        ...


class GatewayView(Protocol):
    """What the gateway shows of itself and of all chargers."""

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

    @property
    def store_state(self) -> str:
        """`ok`, or what the store wants somebody to look at; a full disk is no reason to be unhealthy."""
        ...

    async def chargers(self) -> list[dict[str, Any]]:
        """Every charger."""
        ...

    async def charger(self, identity: str) -> dict[str, Any] | None:
        """One charger, or None when there is no such identity."""
        ...

    def place(self, identity: str) -> ChargerView | None:
        """One charger to be asked more of, or None when there is no such identity."""
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

    async def audit_entries(self, before: int | None, limit: int) -> list[dict[str, Any]]:
        """The audit log, newest first; `before` is the `number` of the last one of the page before."""
        ...

    async def figures(self) -> GatewayFigures:
        """What is measured."""
        ...

    async def about(self) -> dict[str, Any]:
        """What runs here: version, packages with their licences, and since when."""
        ...

    def log_lines(
        self, charge_point: str | None, level: str | None, text: str | None, limit: int
    ) -> list[dict[str, Any]]:
        """The newest lines of the log first: of a charge point and of none, of at least a level, with a text."""
        ...

    def log_levels(self) -> dict[str, str]:
        """The level that each part logs at now: `gateway` for all of it."""
        ...

    def set_log_level(self, part: str, level: str) -> None:
        """Let a part log from that level on, until the process ends. Raises KeyError for what is no part."""
        ...
