"""Whether a session that nothing can be stored of gets energy (`store.on_failure`, faults.md 4.6).

Where it is refused, a connector without a transaction is held at 0 W while nothing can be stored, as is one whose
transaction began when that was found out. What was stored before goes on, and all is as before with the store.
"""

from __future__ import annotations

from ocpp_gateway.charger.events import StoreFailed, StoreRecovered
from ocpp_gateway.charger.state import ChargePoint, Connector
from ocpp_gateway.charger.turn import Turn

ALARM = "new_sessions_wait_for_the_store"


def store_failed(point: ChargePoint, event: StoreFailed, turn: Turn) -> None:
    """Nothing can be stored, these transactions among it."""
    if not point.settings.refuse_unstored:
        return
    if point.unstored is None:
        turn.alarm(ALARM)
    point.unstored = (point.unstored or frozenset()) | event.began


def store_recovered(point: ChargePoint, event: StoreRecovered, turn: Turn) -> None:
    """All of it is stored."""
    if point.unstored is not None:
        turn.alarm(ALARM, cleared=True)
    point.unstored = None


def is_refused(point: ChargePoint, connector: Connector) -> bool:
    """Whether that connector gets nothing because nothing of it can be stored."""
    if point.unstored is None:
        return False
    return connector.transaction is None or connector.transaction.local_id in point.unstored
