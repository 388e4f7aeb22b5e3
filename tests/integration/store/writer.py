"""A process that forks gateways which only commit: run with the database's path, one letter on stdin a gateway.

The parent imports everything once, so that a gateway is there in milliseconds. Each writes its pid, then a line
after each commit that has returned; when it is dead the parent writes `gone`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime

from ocpp_gateway.charger.records import MeterRecord, OutboxDone, OutboxRecord, TransactionRecord
from ocpp_gateway.instant import Instant
from ocpp_gateway.store import Store

CHARGE_POINT = "SITE-1"


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def commit_for_ever(url: str) -> None:
    """One event after the other: a transaction, its meter and its message; every other one also an answer."""
    store = await Store.open(url)
    meters = (await store.load(CHARGE_POINT)).meters
    number = meters[0].total_wh if meters else 0
    say("open")
    while True:
        number += 1
        now = Instant(datetime.now(UTC), "boot-1", float(number))
        transaction = TransactionRecord(f"tx-{number}", 1, "04A1", 0, now, number, now)
        message = OutboxRecord(f"m-{number}", "StartTransaction", {"n": number}, now, transaction.local_id)
        await store.commit(CHARGE_POINT, [MeterRecord(1, number), transaction, message])
        say("committed", number)
        if number % 2 == 0:
            row = await store.outbox_head(CHARGE_POINT)
            assert row is not None
            await store.commit(CHARGE_POINT, [OutboxDone(row.seq, answer={})])
            say("answered", row.seq)


def main(path: str) -> None:
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            say("pid", os.getpid())
            asyncio.run(commit_for_ever(f"sqlite:///{path}"))
        os.waitpid(child, 0)
        say("gone")


if __name__ == "__main__":
    main(sys.argv[1])
