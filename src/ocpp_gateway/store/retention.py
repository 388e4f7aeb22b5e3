"""Takes from the ledger what nobody will ask for again: delivered meter values of transactions long over.

StartTransaction and StopTransaction rows stay, and dead letters too.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from ocpp_gateway.store import schema
from ocpp_gateway.store.columns import utc_text
from ocpp_gateway.store.schema import OutboxState
from ocpp_gateway.store.thinning import delete_messages

RETENTION = timedelta(days=30)
BATCH = 200
"""Messages that one transaction of the database deletes, so that a commit behind it waits some milliseconds only."""

_transaction, _message = schema.charging_transaction.c, schema.outbox.c
EXPIRED_QUERY = (
    select(_transaction.number, _message.seq)
    .select_from(schema.charging_transaction.join(schema.outbox, _message.local_id == _transaction.local_id))
    .where(
        _transaction.number >= bindparam("first"),
        _transaction.stopped_utc < bindparam("stopped_before"),  # NULL, of a boot that never knew the time, is not
        _message.action == "MeterValues",
        _message.state == OutboxState.DONE,
    )
    .order_by(_transaction.number)
    .limit(BATCH)
)


def delete_expired(connection: Connection, *, stopped_before: datetime, first: int) -> int | None:
    """Deletes a batch of delivered MeterValues of transactions that stopped before that moment.

    Begins with the transaction numbered `first`; gives the number to go on with, None when all is done.
    """
    expired = connection.execute(EXPIRED_QUERY, {"first": first, "stopped_before": utc_text(stopped_before)}).all()
    delete_messages(connection, (row.seq for row in expired))
    return expired[-1].number if len(expired) == BATCH else None
