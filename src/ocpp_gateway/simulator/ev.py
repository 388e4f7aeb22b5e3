"""An electric vehicle at the end of the cable: what it takes of what it is offered. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MINIMUM_CURRENT_A = 6.0
"""The least current a charger can offer: IEC 61851-1, 10 % duty cycle of the pilot signal."""

TAPER_STARTS_AT = 0.8
"""The share of its need after which a car begins to take less."""


@dataclass(frozen=True, slots=True)
class ElectricVehicle:
    """A car that wants an amount of energy, with its onboard charger.

    `paused` is the car's own pause (a timer, its owner's app): it stays plugged and asks for nothing.
    """

    energy_wanted_wh: float = 20_000
    max_current_a: float = 32
    number_of_phases: int = 3
    paused: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.number_of_phases <= 3:
            raise ValueError(f"a car uses 1 to 3 phases, not {self.number_of_phases}")
        if self.max_current_a < MINIMUM_CURRENT_A:
            raise ValueError(f"a car takes at least {MINIMUM_CURRENT_A:g} A, not {self.max_current_a:g}")
        if self.energy_wanted_wh < 0:
            raise ValueError(f"a car wants 0 Wh or more, not {self.energy_wanted_wh:g}")

    def is_full(self, energy_taken_wh: float) -> bool:
        """Whether it has what it came for."""
        return energy_taken_wh >= self.energy_wanted_wh

    def current_a(self, offered_a: float, energy_taken_wh: float) -> float:
        """Current it draws on each of its phases, in A, when offered that much and having taken that much.

        0 when it is full, pauses, or is offered less than 6 A. Beyond 80 % of its need the current falls
        linearly, but not under 6 A, so that the need is met in finite time.
        """
        if self.paused or self.is_full(energy_taken_wh) or offered_a < MINIMUM_CURRENT_A:
            return 0.0
        return min(offered_a, self._wanted_current_a(energy_taken_wh / self.energy_wanted_wh))

    def _wanted_current_a(self, met: float) -> float:
        if met <= TAPER_STARTS_AT:
            return self.max_current_a
        return max(MINIMUM_CURRENT_A, self.max_current_a * (1 - met) / (1 - TAPER_STARTS_AT))
