"""What really happened at a charger, kept by the one who made it happen: cars came, charged, and left."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from faults.gateways import Process
from faults.witness import Witness
from integration.site import Site
from ocpp_gateway import mapping_files
from ocpp_gateway.central.ledger import Transaction
from ocpp_gateway.registers.vocabulary import Role, Table
from ocpp_gateway.simulator.ev import ElectricVehicle

STEP_WH = 100
"""One step of the energy register."""

LONGEST_WAIT_S = 3_000.0
CONNECTORS = (1, 2)

PLACES: dict[tuple[Role, int | None], tuple[Table, int]] = {
    (f.role, f.connector_id): (f.table, f.address)
    for f in mapping_files.load("compleo-duo-solo").fields(len(CONNECTORS))
    if f.role is Role.SESSION_ENERGY_WH or f.role is Role.ID_TAG
}
"""Where each connector's registers for energy and card stand."""


@dataclass(slots=True)
class Visit:
    """One car's visit. Energies in Wh as the register shows them.

    `energy_wh` is what it took in all, None while it is there; `seen_wh` what of it a gateway read and kept.
    `card_seen`: one gateway read the register before the card was shown, and lived until the StartTransaction came.
    """

    connector_id: int
    id_tag: str
    energy_wh: int | None = None
    seen_wh: int = 0
    card_seen: bool = False


@dataclass(slots=True)
class Story:
    """The visits at one site, in order, and how often its gateway died."""

    site: Site
    chance: random.Random
    visits: list[Visit] = field(default_factory=list)
    kills: int = 0
    speed: float = 1.0
    """Of its clocks."""
    witness: Witness = field(init=False)

    def __post_init__(self) -> None:
        self.witness = Witness(self.site, self.speed)

    def at(self, connector_id: int) -> list[Visit]:
        return [visit for visit in self.visits if visit.connector_id == connector_id]

    def told(self, connector_id: int) -> list[Transaction]:
        """The transactions that the central system heard of for a connector, in order."""
        return [row for row in self.site.central.transactions if row.connector_id == connector_id]

    async def drive(self, connector_id: int, ending: asyncio.Event) -> None:
        """One car after the other until `ending` is set; the last one is seen off."""
        while not ending.is_set():
            await asyncio.sleep(self.chance.uniform(1, 10))
            await self.visit(connector_id, self.chance.uniform(0, 30))

    async def visit(self, connector_id: int, stays_s: float) -> None:
        """A car comes with a card, stays so long once its start was told, and leaves; ends when that was told too."""
        charger, kills, number = self.site.charger, self.kills, len(self.at(connector_id))
        ready = self.has_read(connector_id)
        visit = Visit(connector_id, f"{connector_id}-{len(self.visits)}")
        self.visits.append(visit)
        charger.plug(connector_id, visit.id_tag, ElectricVehicle(energy_wanted_wh=self.chance.uniform(2_000, 9_000)))
        await self._heard(lambda: len(self.told(connector_id)) > number)
        visit.card_seen = ready and self.kills == kills
        await asyncio.sleep(stays_s)
        visit.energy_wh = self._register_wh(connector_id)
        charger.unplug(connector_id)
        await self._heard(lambda: not self.told(connector_id)[number].running)

    async def watch(self, every_s: float) -> None:
        """Note what a gateway has certainly kept of each visit: it read on after it had read that. And take a look."""
        shown = dict.fromkeys(CONNECTORS, 0)
        began_s = 0.0
        while True:
            for connector_id in CONNECTORS:
                visits = self.at(connector_id)
                if visits and visits[-1].energy_wh is None:
                    if self._has_read_on(began_s, Role.SESSION_ENERGY_WH, connector_id):
                        visits[-1].seen_wh = max(visits[-1].seen_wh, shown[connector_id])
                    shown[connector_id] = self._register_wh(connector_id)
                else:
                    shown[connector_id] = 0
            self.witness.look()
            began_s = self.site.charger.now_s
            await asyncio.sleep(every_s)

    def born(self, gateway: Process | None = None) -> None:
        """A gateway is started now; `witness.gateway` is for it, once it is there."""
        self.witness.gateway = gateway
        self.witness.born_s = self.site.charger.now_s

    def has_read(self, connector_id: int) -> bool:
        """Whether the present gateway has read a connector's card, and asked on."""
        return self._has_read_on(self.witness.born_s, Role.ID_TAG, connector_id, same_again=False)

    def _has_read_on(self, moment_s: float, role: Role, connector_id: int, *, same_again: bool = True) -> bool:
        """Whether that register was read after the moment, and the answer came whole; `same_again`: and read again.

        A gateway leaves a connection on which an answer was late, torn, wrong or lost, and asks on another one. So the
        next question on the same connection proves the answer to the one before.
        """
        table, address = PLACES[role, connector_id]
        later: set[int] = set()
        for read in reversed(self.site.charger.requests):
            if read.at_s <= moment_s:
                break
            here = read.table is table and read.address <= address < read.address + read.count
            if here and read.exception_code is None and read.connection in later:
                return True
            if read.connection is not None and (here or not same_again):
                later.add(read.connection)
        return False

    def _register_wh(self, connector_id: int) -> int:
        return int(self.site.charger.connector(connector_id).session_energy_wh) // STEP_WH * STEP_WH

    async def _heard(self, condition: Callable[[], bool]) -> None:
        await self.site.until(condition, timeout_s=LONGEST_WAIT_S)
