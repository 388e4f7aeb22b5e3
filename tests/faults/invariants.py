"""The invariants that no fault may break, checked where the truth is: at the charger and at the central system.

Each function gives the breaches as text, nothing when the invariant holds. The numbers are the catalogue's:
I1 every visit one transaction, I2 its energy, I3 the order, I4 the limits, I6 a sound process. I5, how fast a limit
acts, I7, secrets, and I8, the way back, are shown by tests of their own and by a campaign coming to its end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby

from faults.story import CONNECTORS, STEP_WH, Story
from ocpp_gateway.central.frames import Direction, Frame, Kind
from ocpp_gateway.simulator.device import Write

TRANSACTION_MESSAGES = frozenset({"StartTransaction", "MeterValues", "StopTransaction"})
UNKNOWN_ID_TAG = "UNKNOWN"

WRITABLE = frozenset({0, 3, 5, 0x100, 0x110})
"""The registers of the mapping compleo-duo-solo that a gateway may ever write."""


def every_visit_is_one_transaction(story: Story) -> Iterator[str]:
    """I1: one StartTransaction and one StopTransaction each, with the card that was shown.

    A gateway that was dead when the card came cannot know whose it is (decisions, Tags), and says so.
    """
    for connector_id in CONNECTORS:
        visits, rows = story.at(connector_id), story.told(connector_id)
        if len(visits) != len(rows):
            yield f"I1: {len(visits)} visits at connector {connector_id}, {len(rows)} transactions"
        for visit, row in zip(visits, rows, strict=False):
            if row.running:
                yield f"I1: the transaction of {visit.id_tag} was never stopped"
            nameless = row.id_tag == UNKNOWN_ID_TAG and not visit.card_seen
            if row.id_tag != visit.id_tag and not nameless:
                yield f"I1: the visit of {visit.id_tag} was told as one of {row.id_tag}"


def energy_is_right(story: Story) -> Iterator[str]:
    """I2: to one step of the register; what flowed while no gateway lived may be missing, never more is told.

    A car that came while none lived may have passed what the car before it took: the counters look as if they had gone
    on from there, as those of some chargers do, and only what they grew by is told.
    """
    for connector_id in CONNECTORS:
        before_wh = 0
        for visit, row in zip(story.at(connector_id), story.told(connector_id), strict=False):
            if row.energy_wh is None or visit.energy_wh is None:
                continue
            least_wh = visit.seen_wh - (0 if visit.card_seen else before_wh) - STEP_WH
            before_wh = visit.energy_wh
            if not least_wh <= row.energy_wh <= visit.energy_wh + STEP_WH:
                yield (
                    f"I2: {visit.id_tag} took {visit.energy_wh} Wh, {visit.seen_wh} Wh of it before a gateway, "
                    f"and {row.energy_wh} Wh were told ({row.reason})"
                )


def messages_keep_their_order(frames: Iterable[Frame]) -> Iterator[str]:
    """I1, I3: a repeat follows its original at once and to the letter; after the next message nothing comes again."""
    told = [
        (frame.action or "", json.dumps(frame.payload, sort_keys=True))
        for frame in frames
        if (frame.direction, frame.kind) == (Direction.RECEIVED, Kind.CALL) and frame.action in TRANSACTION_MESSAGES
    ]
    seen: set[tuple[str, str]] = set()
    stopped: set[object] = set()
    for message, _ in groupby(told):
        action, text = message
        if message in seen:
            yield f"I1: told again, although others had followed: {action} {text}"
        seen.add(message)
        transaction_id = json.loads(text).get("transactionId")
        if action == "MeterValues" and transaction_id in stopped:
            yield f"I3: MeterValues after the StopTransaction of {transaction_id}"
        if action == "StopTransaction":
            stopped.add(transaction_id)


def writes_stay_below(writes: Iterable[Write], *, station_w: int, connector_w: int) -> Iterator[str]:
    """I4: no register outside the list, no value above the least of the limits that always held."""
    highest = {0: station_w // 100, 0x100: connector_w // 100, 0x110: connector_w // 100}
    for write in writes:
        if write.address not in WRITABLE:
            yield f"I4: a write to register {write.address}"
        elif write.value > highest.get(write.address, write.value):
            yield f"I4: {write.value} was written to register {write.address}, {highest[write.address]} is the most"


def log_is_clean(lines: Iterable[str]) -> Iterator[str]:
    """I6: nothing that was not expected."""
    for line in lines:
        entry = json.loads(line) if line.startswith("{") and line.rstrip().endswith("}") else {"event": line}
        unexpected = "exception" in entry or entry.get("level") in {"error", "critical"}
        if unexpected or "Traceback" in str(entry["event"]):
            yield f"I6: in the log: {line.strip()[:2000]}"
