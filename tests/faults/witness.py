"""What charger and central system see of a living gateway: how soon it is back, and how soon a limit acts.

A look every few seconds, and the one limit that the central system changes for connector 1. Nothing is judged here
(`invariants`).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from pathlib import Path

from faults.gateways import Process
from integration.site import IDENTITY, Site
from ocpp_gateway.central.frames import ConnectionClosedError

POWER_LIMITS = {0: 0, 1: 0x100, 2: 0x110}
"""Registers of the mapping compleo-duo-solo that hold a limit, by connector; 0 is the station."""
STEP_W = 100

LIMITS_W = (6_000, 12_000)
"""Between which the central system's limit moves: a car charges with any of them."""
ANSWER_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Look:
    """One moment, in s on the charger's clock. What is None has not happened, or not in the present life.

    `born_s`, `read_s`: when the present gateway was started, and when it first read. `asked_s`: when the charger was
    asked anything last. `heard_s`: when the central system was connected or heard anything last, or came back itself.
    `held_w`: what the register holds for connector 1. `may_w`: the highest limit that may be in force there, `since_s`.
    """

    at_s: float
    born_s: float | None
    read_s: float | None
    asked_s: float
    heard_s: float
    held_w: int
    may_w: float
    since_s: float


@dataclass(slots=True)
class Witness:
    """Keeps the looks at one site. `speed`: of its clocks; `highest_w`: what connector 1 may have without a profile."""

    site: Site
    speed: float = 1.0
    highest_w: float = 16_000.0
    looks: list[Look] = field(default_factory=list)
    lowered: int = 0
    """How often a lower limit was accepted."""
    seen_of_processes: dict[str, str] = field(default_factory=dict)
    """What anybody on the machine sees of a gateway, by where: the last of each."""
    gateway: Process | None = None
    born_s: float = 0.0
    _heard_s: float = 0.0
    _frames: int = 0
    _may_w: float = 0.0
    _since_s: float = 0.0

    def __post_init__(self) -> None:
        self._may_w = self.highest_w

    def look(self) -> None:
        """Take one."""
        charger, central = self.site.charger, self.site.central
        now_s, requests = charger.now_s, charger.requests
        frames, self._frames = self._frames, len(central.frames)  # a connection may be over before anybody looks
        if IDENTITY in central.connected or central.offline or self._frames > frames:
            self._heard_s = now_s
        lives = self.gateway is not None and self.gateway.alive
        if lives:
            self._see_process()
        self.looks.append(
            Look(
                at_s=now_s,
                born_s=self.born_s if lives else None,
                read_s=self._first_read_s() if lives else None,
                asked_s=requests[-1].at_s if requests else 0.0,
                heard_s=self._heard_s,
                held_w=self.held_w(1),
                may_w=self._may_w,
                since_s=self._since_s,
            )
        )

    def held_w(self, connector_id: int) -> int:
        """What the charger's register holds, nobody having asked for it."""
        return self.site.charger.holds(POWER_LIMITS[connector_id]) * STEP_W

    async def change_limits(self, chance: random.Random, ending: asyncio.Event) -> None:
        """Another limit every few seconds, until `ending`; nobody need be there to take it."""
        while not ending.is_set():
            await asyncio.sleep(chance.uniform(3, 20))
            await self.limit(chance.randint(LIMITS_W[0] // STEP_W, LIMITS_W[1] // STEP_W) * STEP_W)

    async def limit(self, power_w: int) -> bool:
        """Ask for that limit; whether it was accepted. One that was not may hold all the same, if it is higher."""
        before_w = self._may_w
        self._allow(max(before_w, power_w))
        try:
            answer = await self.site.central.call(IDENTITY, "SetChargingProfile", _profile(power_w), ANSWER_WITHIN_S)
        except (ConnectionClosedError, TimeoutError):
            return False
        if answer["status"] != "Accepted":
            return False
        self.lowered += power_w < before_w
        self._allow(power_w)
        return True

    def _see_process(self) -> None:
        """Its line in the list of processes, which everybody may read."""
        with contextlib.suppress(OSError):  # it may die at any moment
            words = Path(f"/proc/{self.gateway.pid}/cmdline").read_bytes() if self.gateway else b""
            self.seen_of_processes["the list of processes"] = words.decode(errors="replace").replace("\0", " ")

    def _allow(self, power_w: float) -> None:
        self._may_w, self._since_s = power_w, self.site.charger.now_s

    def _first_read_s(self) -> float | None:
        last = self.looks[-1] if self.looks else None
        if last is not None and last.born_s == self.born_s and last.read_s is not None:
            return last.read_s
        read_s = None
        for read in reversed(self.site.charger.requests):
            if read.at_s <= self.born_s:
                break
            read_s = read.at_s
        return read_s


def _profile(power_w: int) -> dict[str, object]:
    return {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "startSchedule": "2020-01-01T00:00:00Z",
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": power_w}],
            },
        },
    }
