"""A charger that gives a phase more than its limit: how far what is written is lowered, and when that is lifted.

The document says that a charger divides its power limit by three whatever the car uses. One that divides by the phases
in use lets a one-phase car draw three times as much through one fuse, and a car may draw more than it is offered.
Source: decisions.md, Power; conformance P-45.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf

from ocpp_gateway.smart_charging.power import LIMIT_ACTS_WITHIN_S, PHASES, PowerRegister

TOLERANCE_A = 1.0
"""IEC 61851-1 lets the duty cycle of the pilot be off by 1 %, which is 0.6 A, and the meter adds 1 % of up to 32 A."""

ABOVE_FOR_S = 10.0
WELL_BELOW_A = 2.0
LIFTED_EVERY_S, LIFTED_BY_A = 300.0, 1.0
"""While a car draws well below its limit what is written rises step by step. The step is smaller than "well below", so
that it does not go up and down for ever."""
FLOWS_A = 1.0
CHANCE_EVERY_S = 900.0
"""A car that was lowered until it paused may try its minimum again after so long: it, its charger or somebody who
wrote the register may behave by now. Not sooner: contactors wear."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What one connector's guard does: `factor` of what the limits allow is written. Times on the monotonic clock."""

    factor: float = 1.0
    allowed_w: int = 0  # what the limits allowed when it looked last
    lowered_s: float = -inf  # when the written power last fell
    above_since_s: float | None = None
    below_since_s: float | None = None

    @property
    def acts(self) -> bool:
        """Whether it holds anything back."""
        return self.factor < 1.0

    def at_ease(self) -> Guard:
        """The same, with nothing that lasts: the currents are neither above the limit nor well below it."""
        calm = self.above_since_s is None and self.below_since_s is None
        return self if calm else replace(self, above_since_s=None, below_since_s=None)

    def written_w(self, allowed_w: int, step_w: int) -> int:
        """What is written of a power that the limits allow, whole steps."""
        return round(allowed_w * self.factor) // step_w * step_w if self.acts else allowed_w


NOT_GUARDED = Guard()


def limit_a(allowed_w: int, register: PowerRegister) -> float:
    """The ampere limit in force, per phase: what the power in force is on a charger that divides it by three.

    For a limit in A that is the limit itself, as it was converted the same way. A limit in W says nothing of phases;
    it is taken as a third on each, which is the lower of its meanings: a fuse is there for each phase.
    """
    return allowed_w / PHASES / register.nominal_voltage_v


def looked(
    guard: Guard, allowed_w: int, current_a: Iterable[float | None], now_s: float, register: PowerRegister
) -> Guard:
    """The guard after another look at the currents.

    It lowers in proportion, and then waits for the charger to follow. As it keeps a factor, a lower limit is at once
    as safe as the one before.
    """
    highest_a = max((current for current in current_a if current is not None), default=None)
    step_w, amperes_w = register.step_w, PHASES * register.nominal_voltage_v
    rises = allowed_w > guard.allowed_w
    if guard.written_w(allowed_w, step_w) < guard.written_w(guard.allowed_w, step_w):
        guard = replace(guard, lowered_s=now_s)
    if allowed_w != guard.allowed_w:
        guard = replace(guard, allowed_w=allowed_w)
    if highest_a is None or allowed_w == 0:
        return guard.at_ease()
    if guard.acts and highest_a < FLOWS_A:  # it may have ended in a pause: another chance
        if rises:
            return replace(guard, factor=1.0, below_since_s=None)
        pauses = guard.written_w(allowed_w, step_w) < register.minimum_w
        if pauses and now_s - guard.lowered_s >= CHANCE_EVERY_S:
            return replace(guard.at_ease(), factor=min(1.0, register.minimum_w / allowed_w))
    most_a = limit_a(allowed_w, register)
    if highest_a > most_a + TOLERANCE_A:
        since_s = now_s if guard.above_since_s is None else guard.above_since_s
        guard = replace(guard, above_since_s=since_s, below_since_s=None)
        if now_s - since_s < ABOVE_FOR_S or now_s - guard.lowered_s < LIMIT_ACTS_WITHIN_S:
            return guard
        lower_w = guard.written_w(allowed_w, step_w) * most_a / highest_a // step_w * step_w
        return replace(guard, factor=lower_w / allowed_w, lowered_s=now_s)
    if not guard.acts or not FLOWS_A <= highest_a < most_a - WELL_BELOW_A:
        return guard.at_ease()
    since_s = now_s if guard.below_since_s is None else guard.below_since_s
    if now_s - since_s < LIFTED_EVERY_S:
        return replace(guard, above_since_s=None, below_since_s=since_s)
    factor = min(1.0, guard.factor + LIFTED_BY_A * amperes_w / allowed_w)
    return replace(guard, factor=factor, above_since_s=None, below_since_s=now_s)
