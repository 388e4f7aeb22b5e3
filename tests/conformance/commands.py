"""Commands of the central system that several stories use, and what was said after them."""

from __future__ import annotations

from typing import Any

from conformance.stories import ALICE, ask
from scenario.world import World

ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}


async def remote_start(world: World, connector_id: int | None = 1, id_tag: str = ALICE, **more: Any) -> dict[str, Any]:
    place = {} if connector_id is None else {"connectorId": connector_id}
    return await ask(world, "RemoteStartTransaction", idTag=id_tag, **place, **more)


async def remote_stop(world: World, transaction_id: int) -> dict[str, Any]:
    return await ask(world, "RemoteStopTransaction", transactionId=transaction_id)


def after_the_answer(world: World, action: str) -> list[str]:
    """What was said since the last answer to that command, in the order of the wire."""
    frames = list(world.central.frames)
    last = max(
        i
        for i, f in enumerate(frames)
        if f.kind.name == "RESULT" and f.direction.name == "RECEIVED" and f.action == action
    )
    calls = [f for f in frames[last:] if f.kind.name == "CALL" and f.direction.name == "RECEIVED"]
    return [f"{f.action} {f.payload.get('status', '')}".strip() for f in calls if f.action != "MeterValues"]


def profile(limit_a: float, purpose: str = "TxProfile", **more: Any) -> dict[str, Any]:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}]}
    return {
        "chargingProfileId": 9,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    } | more
