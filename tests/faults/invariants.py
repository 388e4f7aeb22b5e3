"""The invariants that no fault may break, checked where the truth is: at the charger and at the central system.

Each function gives the breaches as text, nothing when the invariant holds. The numbers are the catalogue's:
I1 every visit one transaction, I2 its energy, I3 the order, I4 the limits, I5 how soon one acts, I6 a sound process,
I7 secrets, I8 the way back.

A fast clock hurries what a gateway waits for. What the machine does (a start, a commit, a question on a socket) takes
as long as ever, and so `speed` times as much is granted for that.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby

from faults.story import CONNECTORS, STEP_WH, Story
from faults.witness import POWER_LIMITS, Look
from integration.site import IDENTITY
from ocpp_gateway.central.frames import Direction, Frame, Kind
from ocpp_gateway.simulator.device import SimulatedCharger, Write

TRANSACTION_MESSAGES = frozenset({"StartTransaction", "MeterValues", "StopTransaction"})
UNKNOWN_ID_TAG = "UNKNOWN"

WRITABLE = frozenset({0, 3, 5, 0x100, 0x110})
"""The registers of the mapping compleo-duo-solo that a gateway may ever write."""

TAKES_EFFECT_WITHIN_S = 2.0
"""I5, T_apply: what a machine is granted, and no clock."""
FALLS_BACK_WITHIN = 1.5
"""I5, T_dead, in intervals after which the charger is to fall back."""
READS_AGAIN_WITHIN_S, STARTS_WITHIN_S = 60.0, 5.0
"""I8 on Modbus: what is waited for, and what a machine needs to start a process (K-11)."""
CONNECTS_WITHIN_S = 40.0
"""I8 on OCPP: the longest back-off and its jitter, and a BootNotification."""


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


def limits_act(looks: Iterable[Look], *, speed: float = 1.0) -> Iterator[str]:
    """I5: with a gateway that reads the charger, the register is at or below the limit soon after it was accepted."""
    granted_s = TAKES_EFFECT_WITHIN_S * speed

    def too_high(look: Look) -> bool:
        if look.read_s is None or look.held_w <= look.may_w:
            return False
        return look.at_s - max(look.read_s, look.since_s) > granted_s

    for first, length_s in _spells(looks, too_high):
        yield (
            f"I5: {first.held_w} W stood for connector 1 at {first.at_s:.1f} s where {first.may_w:.0f} W were accepted "
            f"at {first.since_s:.1f} s (the gateway reads since {first.read_s:.1f} s), for {length_s:.1f} s more"
        )


def charger_falls_back(charger: SimulatedCharger, *, power_w: float, after_s: float) -> Iterator[str]:
    """I5: nobody lives any more; let that much time pass, and the charger gives no more than its fallback."""
    charger.advance(charger.now_s + FALLS_BACK_WITHIN * after_s)
    held_w = {connector_id: charger.holds(address) * 100 for connector_id, address in POWER_LIMITS.items()}
    if not charger.fallback_active or max(held_w.values()) > power_w:
        yield f"I5: {FALLS_BACK_WITHIN * after_s:.0f} s after the last question {held_w} W stand, not {power_w:.0f}"


def gateway_comes_back(looks: Iterable[Look], *, speed: float = 1.0) -> Iterator[str]:
    """I8: one that lives reads the charger and is at the central system again, both soon, whatever was before."""
    looks = tuple(looks)
    started_s = STARTS_WITHIN_S * speed
    reads_s, connects_s = READS_AGAIN_WITHIN_S + started_s, CONNECTS_WITHIN_S + started_s

    def reads_nothing(look: Look) -> bool:
        return look.born_s is not None and look.at_s - max(look.born_s, look.asked_s) > reads_s

    def is_away(look: Look) -> bool:
        return look.read_s is not None and look.at_s - max(look.read_s, look.heard_s) > connects_s

    for first, length_s in _spells(looks, reads_nothing):
        yield f"I8: nothing read for {reads_s:.0f} s at {first.at_s:.1f} s, and for {length_s:.1f} s more"
    for first, length_s in _spells(looks, is_away):
        yield f"I8: not connected for {connects_s:.0f} s at {first.at_s:.1f} s, and for {length_s:.1f} s more"


def secrets_stay_inside(secret: str, said: Mapping[str, str]) -> Iterator[str]:
    """I7: nothing that left the gateway, by the name of where it stands, holds the secret in any form."""
    forms = {
        "as it is": secret,
        "in hexadecimal": secret.encode().hex(),
        "for basic authentication": b64encode(f"{IDENTITY}:{secret}".encode()).decode().rstrip("="),
    }
    for place, text in said.items():
        folded = text.casefold()
        for how, form in forms.items():
            if form.casefold() in folded:
                yield f"I7: the secret stands in {place}, {how}"


def _spells(looks: Iterable[Look], wrong: Callable[[Look], bool]) -> Iterator[tuple[Look, float]]:
    """Each time that it was wrong: the first look, and how long it lasted."""
    for is_wrong, those in groupby(looks, wrong):
        spell = list(those)
        if is_wrong:
            yield spell[0], spell[-1].at_s - spell[0].at_s
