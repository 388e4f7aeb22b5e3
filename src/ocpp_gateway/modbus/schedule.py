"""When to poll what, and when to try again: plain functions of the time and of what was last read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from ocpp_gateway.registers.vocabulary import ChargePointStatus

RECONNECT_MINIMUM_S = 1.0
RECONNECT_MAXIMUM_S = 60.0
SILENT_INTERVALS = 3
SHORTEST_SILENCE_S = 10.0

WAITING_FOR_A_CARD = frozenset(
    {ChargePointStatus.PREPARING, ChargePointStatus.SUSPENDED_EVSE, ChargePointStatus.FINISHING}
)
"""A car is plugged and gets nothing. A charger that was given a limit of 0 W says SuspendedEVSE, not Preparing, while
everybody waits for a card; after Finishing the next card may begin anew."""

CHARGING = frozenset({ChargePointStatus.CHARGING, ChargePointStatus.SUSPENDED_EV})
"""A car is plugged and has been let in; a tag that is known by then stays."""

Statuses = Mapping[int, ChargePointStatus | None]
"""Each connector's status as last read, by connector id; None when it was not read, or is not in the mapping."""


def reconnect_delay_s(failures: int, chance: float) -> float:
    """How long to wait after that many failures in a row (1 is the first), with `chance` in 0..1 for the jitter.

    1 to 2 s after the first, doubling up to 30 to 60 s, so that chargers that were lost together do not come back
    together, and a charger that closes each connection is not called more than once a second (faults M-01, M-04).
    """
    longest_s = min(RECONNECT_MAXIMUM_S, RECONNECT_MINIMUM_S * 2.0 ** min(failures, 10))
    return longest_s * (1 + chance) / 2


def next_due_s(last_due_s: float, interval_s: float, now_s: float) -> float:
    """The next moment that lies whole intervals after the last due one, and not in the past.

    A late cycle does not shift those after it; what was missed is not made up for.
    """
    missed = math.ceil((now_s - last_due_s) / interval_s)
    return last_due_s + max(1, missed) * interval_s


def interval_s(
    statuses: Statuses, *, plugged_s: float, idle_s: float | None, fallback_interval_s: int | None
) -> float:
    """Seconds from one poll to the next.

    `idle_s` counts while every connector is Available. Half of the charger's own fallback interval is never exceeded:
    any access feeds its timer, which may act after one interval (registers.md 3, Watchdog).
    """
    idle = all(status is ChargePointStatus.AVAILABLE for status in statuses.values())
    wanted_s = plugged_s if idle_s is None or not idle else idle_s
    return min(wanted_s, fallback_interval_s / 2) if fallback_interval_s else wanted_s


def longest_silence_s(interval_s: float, fallback_interval_s: int | None) -> float:
    """How long nothing may be asked before it counts as a lost link, when polled every `interval_s`.

    Three intervals, but 10 s at least: a slow disk is no reason. Never more than the charger's own fallback interval,
    if it is known and not 0: after that what it holds is anybody's guess.
    """
    silence_s = max(SILENT_INTERVALS * interval_s, SHORTEST_SILENCE_S)
    return min(silence_s, fallback_interval_s) if fallback_interval_s else silence_s


def tags_to_read(
    statuses: Statuses, before: Statuses, confirming: AbstractSet[int], tagless: AbstractSet[int]
) -> list[int]:
    """The connectors whose tag may be news now, one request each.

    Those that wait for a card, whatever their register holds: it may be the last customer's. Those that charge and
    are `tagless`, their register naming nobody. Those of another status than before (or of none), or `confirming`.
    The tags of all others are read with the slow registers: a tag may be presented before the car is plugged.
    """
    return [
        connector_id
        for connector_id, status in statuses.items()
        if status in WAITING_FOR_A_CARD
        or (status in CHARGING and connector_id in tagless)
        or connector_id in confirming
        or connector_id not in before
        or status != before[connector_id]
    ]
