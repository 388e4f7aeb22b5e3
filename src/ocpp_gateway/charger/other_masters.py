"""What is remembered of other Modbus masters, and of the charger's own fallback, that write the registers we write."""

from __future__ import annotations

from dataclasses import dataclass, field

from ocpp_gateway.instant import Instant


@dataclass(frozen=True, slots=True)
class Seen:
    """A limit lower than ours, in W, as it was first read; it is acted upon when it is read again."""

    power_w: int
    read_s: float


@dataclass(frozen=True, slots=True)
class Left:
    """A limit lower than ours, in W, that is left until then: one more member of the minimum."""

    power_w: int
    until: Instant


@dataclass(slots=True)
class OtherMasters:
    """By connector id, 0 is the station's register."""

    seen: dict[int, Seen] = field(default_factory=dict)
    left: dict[int, Left] = field(default_factory=dict)
    higher_s: dict[int, float] = field(default_factory=dict)  # when ours was last not in force for a higher one
    changes_s: list[float] = field(default_factory=list)  # when the last foreign changes were found, monotonic
    contested_until_s: float | None = None  # too many of them were found: lower values are left
    fallback: tuple[int | None, int | None] | None = None  # W and s, as first read on this connection
    fallback_told: bool = False
    silence_told: str | None = None  # the alarm that the charger's fallback acted, or may have
