"""A simulated charger that keeps what is asked of it in the order of the wire, and profiles for its gateway."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from integration.site import IDENTITY, Site
from ocpp_gateway.instant import format_utc
from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.device import ILLEGAL_ADDRESS, ModbusException, SimulatedCharger

STATION, CONNECTOR_1, CONNECTOR_2 = 0, 256, 272
FALLBACK_POWER, FALLBACK_INTERVAL = 3, 5
LIMIT_REGISTERS = {STATION: 0, CONNECTOR_1: 1, CONNECTOR_2: 2}
"""Address -> connector id."""
STEP_W = 100

ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}


@dataclass(frozen=True, slots=True)
class Access:
    """One request, at a Unix time; `value` is what a write asked for, None for a read."""

    at_s: float
    table: Table
    address: int
    count: int = 1
    value: int | None = None

    @property
    def is_write(self) -> bool:
        return self.value is not None

    def reads(self, address: int) -> bool:
        """Whether it reads that holding register."""
        inside = self.address <= address < self.address + self.count
        return not self.is_write and self.table is Table.HOLDING and inside


class WatchedCharger(SimulatedCharger):
    """Keeps every access, refused ones too. Whoever waits in `seen` is woken by each. `locked` takes no writes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.accesses: list[Access] = []
        self.locked: set[int] = set()
        self._accessed = asyncio.Event()
        super().__init__(*arguments, **options)

    def read(self, table: Table, address: int, count: int) -> tuple[int, ...]:
        self._keep(Access(time.time(), table, address, count))
        return super().read(table, address, count)

    def write(self, address: int, value: int) -> None:
        self._keep(Access(time.time(), Table.HOLDING, address, value=value))
        if address in self.locked:
            raise ModbusException(ILLEGAL_ADDRESS)
        super().write(address, value)

    def _keep(self, access: Access) -> None:
        self.accesses.append(access)
        self._accessed.set()

    def written(self, *addresses: int, since: int = 0) -> list[Access]:
        """The writes to these registers, to all by default, from that access on."""
        return [a for a in self.accesses[since:] if a.is_write and (not addresses or a.address in addresses)]

    async def comes_to_hold(self, address: int, value: int) -> None:
        """Wait until that register holds it."""
        await self.seen(lambda: self.holds(address) == value)

    async def seen(self, condition: Callable[[], object], timeout_s: float = 10.0) -> None:
        """Wait until the condition on what was asked holds."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._accessed.clear()
                await self._accessed.wait()


def watched(site: Site) -> WatchedCharger:
    """The charger of a site that was made with `charger_class=WatchedCharger`."""
    assert isinstance(site.charger, WatchedCharger)
    return site.charger


def profile(
    *periods: tuple[int, float],
    start_s: float | None = None,
    purpose: str = "TxDefaultProfile",
    duration_s: int | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A charging profile: (seconds after the start, W), from a Unix time on; long ago by default."""
    start = datetime.fromtimestamp(time.time() - 3600 if start_s is None else start_s, UTC)
    schedule: dict[str, Any] = {
        "chargingRateUnit": "W",
        "startSchedule": format_utc(start),
        "chargingSchedulePeriod": [{"startPeriod": at_s, "limit": limit_w} for at_s, limit_w in periods],
    }
    if duration_s is not None:
        schedule["duration"] = duration_s
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
    } | more


async def install(site: Site, connector_id: int, charging_profile: dict[str, Any]) -> dict[str, Any]:
    """The answer to SetChargingProfile."""
    payload = {"connectorId": connector_id, "csChargingProfiles": charging_profile}
    return await site.central.call(IDENTITY, "SetChargingProfile", payload)


async def online(site: Site, boots: int = 1, timeout_s: float = 20.0) -> None:
    """Wait until the gateway has told its status after that many boots: from then on it takes commands."""

    def told() -> bool:
        frames = [f for f in site.central.frames if f.action in ("BootNotification", "StatusNotification")]
        seen: Sequence[str | None] = [f.action for f in frames if f.direction.name == "RECEIVED"]
        return seen.count("BootNotification") >= boots and seen[-1] == "StatusNotification"

    await site.until(told, timeout_s)
