"""How connectors share the station's power: equal parts, turns where not all can run, and what one leaves to others.

Nobody gets more than its own limit, and nobody a part too small to charge with. What a connector does not draw goes
to the others after a while; it keeps its minimum as long as there is enough, so that a car that comes or wakes begins
at once, shows that it wants more, and gets its part back.
Source: decisions.md, Power ("Sharing between connectors"); OCPP 1.6 §3.13.3; conformance P-50, P-51.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, inf

from ocpp_gateway.smart_charging.power import LIMIT_ACTS_WITHIN_S, PHASES, PowerRegister

TURN_S = 900.0
"""The least that a turn lasts, and a pause of a car that charged while others go on: contactors wear."""

PASSED_ON_AFTER_S = 10.0
"""What was not drawn for so long goes to the others (P-51)."""

TURN_GIVEN_UP_AFTER_S = 30.0
"""A car that draws nothing for so long in its turn lets the next one have it: no contactor of its own is closed."""

SPARE_SHARE, SPARE_A, NOTICED_A = 0.1, 2.0, 1.0
"""What a connector keeps above its draw: a tenth, as cars draw somewhat less than they are offered, and 2 A a phase.
A change of the draw counts from 1 A a phase on; less is noise."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one connector asks of the station's power, in W.

    `limit_w` is the most it may have by itself, `minimum_w` the least that lets a car charge, both whole steps.
    `draw_w`: the limit that would just do for what it draws now; None when that is not known.
    """

    connector_id: int
    limit_w: int
    minimum_w: int
    occupied: bool
    draw_w: float | None


@dataclass(frozen=True, slots=True)
class Part:
    """What one connector has of the station's power, and how that came about. Times on the monotonic clock."""

    granted_w: int
    occupied: bool
    raised_s: float  # when it last got more
    below_since_s: float | None = None  # since when it draws clearly less than it has
    enough_w: int | None = None  # what it keeps while the rest is passed on
    running_since_s: float | None = None
    waiting_since_s: float | None = None
    paused_until_s: float = -inf  # it ran before it waits; until then it is not started beside another

    def unused_from_s(self) -> float:
        """From when on what it does not draw counts as not wanted: a charger and a car need time to take a raise."""
        if self.below_since_s is None:
            return inf
        return max(self.below_since_s, self.raised_s + LIMIT_ACTS_WITHIN_S) if self.occupied else self.below_since_s


@dataclass(frozen=True, slots=True)
class Sharing:
    """Every connector's part. `until_s`: when it changes by itself at the earliest, None for never."""

    parts: Mapping[int, Part] = field(default_factory=dict)
    until_s: float | None = None

    @property
    def granted_w(self) -> dict[int, int]:
        """The parts in W, by connector id; together never more than the station's limit."""
        return {connector_id: part.granted_w for connector_id, part in self.parts.items()}


def share(station_w: int, claims: Sequence[Claim], before: Sharing, now_s: float, register: PowerRegister) -> Sharing:
    """The parts of the station's limit now, each whole steps, for what they were before."""
    limit_w = {claim.connector_id: claim.limit_w for claim in claims}
    parts = {
        claim.connector_id: _watched(claim, before.parts.get(claim.connector_id), now_s, register) for claim in claims
    }
    able = [claim for claim in claims if 0 < claim.limit_w >= claim.minimum_w and claim.minimum_w <= station_w]
    running = _running(station_w, able, parts, now_s)
    enough_for_all = sum(limit_w.values()) <= station_w and len(running) == len(able)
    granted_w = limit_w if enough_for_all else _granted(station_w, claims, running, parts, register.step_w)
    for claim in claims:
        runs = claim.connector_id in running
        parts[claim.connector_id] = _settled(
            parts[claim.connector_id], granted_w[claim.connector_id], now_s, runs=runs, waits=not runs and claim in able
        )
    return Sharing(parts, None if enough_for_all else _changes_s(parts, now_s))


# ---------------------------------------------------------------- who uses its part


def _watched(claim: Claim, part: Part | None, now_s: float, register: PowerRegister) -> Part:
    """A connector's part after a look at what it draws of it."""
    amperes_w = PHASES * register.nominal_voltage_v
    if part is None or claim.limit_w == 0 or (claim.occupied and not part.occupied):
        # Somebody new: it gets its whole part. Who charges already is not made to wait.
        charges = claim.draw_w is not None and claim.draw_w >= NOTICED_A * amperes_w
        return Part(
            0 if part is None else part.granted_w,
            claim.occupied,
            now_s,
            running_since_s=now_s if charges else None,
            waiting_since_s=None if part is None else part.waiting_since_s,
            paused_until_s=part.paused_until_s if part is not None and part.occupied else -inf,
        )
    if part.occupied and not claim.occupied:
        part = replace(part, occupied=False, running_since_s=None, waiting_since_s=None)
    needs_w = inf if claim.draw_w is None else claim.draw_w * (1 + SPARE_SHARE) + SPARE_A * amperes_w
    noticed_w = NOTICED_A * amperes_w
    has_w = part.granted_w if part.enough_w is None else min(part.enough_w, part.granted_w)
    if needs_w + noticed_w > has_w:
        reclaims = part.enough_w is not None and needs_w > part.enough_w + noticed_w
        used = part.below_since_s is None and not reclaims
        return part if used else replace(part, below_since_s=None, enough_w=None if reclaims else part.enough_w)
    if part.below_since_s is None:
        part = replace(part, below_since_s=now_s)
    enough_w = max(ceil(needs_w / register.step_w) * register.step_w, claim.minimum_w)
    less = part.enough_w is None or enough_w < part.enough_w
    if less and now_s >= part.unused_from_s() + PASSED_ON_AFTER_S:
        return replace(part, enough_w=enough_w, below_since_s=now_s)
    return part


# ---------------------------------------------------------------- who runs


def _running(station_w: int, able: Sequence[Claim], parts: Mapping[int, Part], now_s: float) -> set[int]:
    """Who gets at least its minimum: those whose turn lasts, then who waits longest, then those whose turn is over.

    Connectors without a car come last. Who was paused is not started beside another for a while, whatever there is:
    a station's limit that wobbles around two minimums would else open and close a contactor each time.
    """
    running: set[int] = set()
    left_w, overtaking = station_w, True
    for claim in sorted(able, key=lambda claim: (not claim.occupied, _precedence(parts[claim.connector_id], now_s))):
        part = parts[claim.connector_id]
        waits = claim.occupied and part.running_since_s is None
        if waits and running and now_s < part.paused_until_s:
            continue
        if claim.minimum_w <= left_w and (overtaking or not waits):
            running.add(claim.connector_id)
            left_w -= claim.minimum_w
        elif waits:
            overtaking = False  # whoever came later does not keep it waiting for ever
    return running


def _precedence(part: Part, now_s: float) -> tuple[int, float]:
    if part.running_since_s is None:
        return (
            1 if now_s >= part.paused_until_s else 3,
            now_s if part.waiting_since_s is None else part.waiting_since_s,
        )
    if now_s >= part.unused_from_s() + TURN_GIVEN_UP_AFTER_S:
        return (4, -part.running_since_s)
    return (0, part.running_since_s) if now_s < part.running_since_s + TURN_S else (2, -part.running_since_s)


def _settled(part: Part, granted_w: int, now_s: float, *, runs: bool, waits: bool) -> Part:
    running_since_s = waiting_since_s = None
    paused_until_s = part.paused_until_s
    if runs and part.occupied:
        running_since_s = now_s if part.running_since_s is None else part.running_since_s
    if waits and part.occupied:
        waiting_since_s = now_s if part.waiting_since_s is None else part.waiting_since_s
        paused_until_s = paused_until_s if part.running_since_s is None else now_s + TURN_S
    settled = (part.granted_w, part.running_since_s, part.waiting_since_s)
    if settled == (granted_w, running_since_s, waiting_since_s):
        return part
    return replace(
        part,
        granted_w=granted_w,
        raised_s=now_s if granted_w > part.granted_w else part.raised_s,
        running_since_s=running_since_s,
        waiting_since_s=waiting_since_s,
        paused_until_s=paused_until_s,
    )


def _changes_s(parts: Mapping[int, Part], now_s: float) -> float | None:
    """When time alone moves something on."""
    moments = [part.unused_from_s() + PASSED_ON_AFTER_S for part in parts.values()]
    if any(part.waiting_since_s is not None for part in parts.values()):
        moments += [part.unused_from_s() + TURN_GIVEN_UP_AFTER_S for part in parts.values()]
        moments += [part.paused_until_s for part in parts.values()]
        moments += [part.running_since_s + TURN_S for part in parts.values() if part.running_since_s is not None]
    return min((moment for moment in moments if now_s < moment < inf), default=None)


# ---------------------------------------------------------------- how much


def _granted(
    station_w: int, claims: Sequence[Claim], running: set[int], parts: Mapping[int, Part], step_w: int
) -> dict[int, int]:
    granted_w = {claim.connector_id: 0 for claim in claims}
    runners = [claim for claim in claims if claim.connector_id in running]
    bounds = {}
    for claim in runners:
        enough_w = parts[claim.connector_id].enough_w
        most_w = claim.limit_w if enough_w is None else min(claim.limit_w, enough_w)
        bounds[claim.connector_id] = (claim.minimum_w, max(claim.minimum_w, most_w))
    granted_w |= _level(station_w, bounds, step_w)
    for claim in claims:  # too little to charge with, but that is its own limit
        if claim.limit_w < claim.minimum_w and claim.limit_w <= station_w - sum(granted_w.values()):
            granted_w[claim.connector_id] = claim.limit_w
    left_w = station_w - sum(granted_w.values()) + sum(granted_w[connector_id] for connector_id in running)
    return granted_w | _level(
        left_w, {claim.connector_id: (granted_w[claim.connector_id], claim.limit_w) for claim in runners}, step_w
    )


def _level(budget_w: int, bounds: Mapping[int, tuple[int, int]], step_w: int) -> dict[int, int]:
    """Equal parts of a budget, each within its bounds (least, most); the leasts together fit into it.

    Like water in connected basins: one level for all, the highest for which the budget suffices.
    """

    def at(level_w: int) -> dict[int, int]:
        return {connector_id: min(max(level_w, least), most) for connector_id, (least, most) in bounds.items()}

    low, high = 0, max((most for _, most in bounds.values()), default=0) // step_w + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if sum(at(middle * step_w).values()) <= budget_w else (low, middle)
    granted_w = at(low * step_w)
    higher_w = at((low + 1) * step_w)
    for connector_id in sorted(granted_w):  # what is left is less than a step for each
        if sum(granted_w.values()) - granted_w[connector_id] + higher_w[connector_id] <= budget_w:
            granted_w[connector_id] = higher_w[connector_id]
    return granted_w
