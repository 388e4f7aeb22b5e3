"""A charger's registers in memory behind the `Link` that the poller speaks to, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from ocpp_gateway.errors import LinkError, LinkLostError, LinkUnavailable, RegisterRefused
from ocpp_gateway.mapping_files import load
from ocpp_gateway.registers.vocabulary import Table

MAPPING = load("compleo-duo-solo")

STATUS = {1: 268, 2: 284}
LIMIT = {0: 0, 1: 256, 2: 272}
TAG = {1: 4096, 2: 4112}


@dataclass(frozen=True)
class Asked:
    """One request on the wire, when it was sent; `value` None for a read."""

    at_s: float
    table: Table
    address: int
    count: int
    value: int | None = None


@dataclass
class RegisterBank:
    """A DUO as delivered. `refusals` maps an address to the exception it is refused with, `answer_s` delays answers.

    `on_write` sees each write and says what the register shall hold then; None keeps the written value.
    """

    number_of_connectors: int = 2
    answer_s: float = 0.001
    registers: dict[tuple[Table, int], int] = field(default_factory=dict)
    refusals: dict[int, int] = field(default_factory=dict)
    on_write: Callable[[int, int], int | None] = lambda _address, _value: None
    asked: list[Asked] = field(default_factory=list)
    refused: list[Asked] = field(default_factory=list)
    connections: int = 0
    connected: bool = False
    down: LinkError | None = None

    def __post_init__(self) -> None:
        for f in MAPPING.fields(self.number_of_connectors):
            self.registers |= {(f.table, address): 0 for address in range(f.address, f.end)}
        self.registers[Table.INPUT, 8] = self.number_of_connectors
        for place, word in ((0, 440), (1, 100), (3, 440), (4, 100), (5, 0), (256, 220), (272, 220)):
            if (Table.HOLDING, place) in self.registers:
                self.registers[Table.HOLDING, place] = word

    # ---------------------------------------------------------------- what happens to the charger

    def show(self, address: int, *words: int) -> None:
        """Set input registers."""
        self.registers |= {(Table.INPUT, address + place): word for place, word in enumerate(words)}

    def show_tag(self, connector_id: int, id_tag: str) -> None:
        """Put a tag into a connector's register."""
        data = id_tag.encode("ascii").ljust(20, b"\0")
        self.show(TAG[connector_id], *(int.from_bytes(data[i : i + 2], "big") for i in range(0, 20, 2)))

    def holding(self, address: int) -> int:
        """What a holding register holds."""
        return self.registers[Table.HOLDING, address]

    def lose(self, reason: str = "the charger closed the connection") -> None:
        """Drop the connection at the next request, and refuse new ones until `down` is None."""
        self.down = LinkUnavailable("charger", 502, reason)
        self.connected = False

    def reads_since(self, start: int) -> list[tuple[int, int]]:
        """Address and count of each read since that many requests."""
        return [(asked.address, asked.count) for asked in self.asked[start:] if asked.value is None]

    def writes(self) -> list[tuple[int, int]]:
        """Address and value of each write."""
        return [(asked.address, asked.value) for asked in self.asked if asked.value is not None]

    # ---------------------------------------------------------------- Link

    async def connect(self) -> None:
        if self.down is not None:
            raise self.down
        self.connected = True
        self.connections += 1

    async def close(self) -> None:
        self.connected = False

    async def read(self, table: Table, address: int, count: int) -> bytes:
        places = [(table, place) for place in range(address, address + count)]
        await self._answer(Asked(asyncio.get_running_loop().time(), table, address, count), places)
        return b"".join(self.registers[place].to_bytes(2, "big") for place in places)

    async def write(self, address: int, value: int) -> None:
        asked = Asked(asyncio.get_running_loop().time(), Table.HOLDING, address, 1, value)
        await self._answer(asked, [(Table.HOLDING, address)])
        held = self.on_write(address, value)
        self.registers[Table.HOLDING, address] = value if held is None else held

    async def _answer(self, asked: Asked, places: list[tuple[Table, int]]) -> None:
        if not self.connected:
            raise LinkLostError("the charger closed the connection")
        self.asked.append(asked)
        await asyncio.sleep(self.answer_s)
        if not self.connected:
            raise LinkLostError("the charger closed the connection")
        codes = [self.refusals.get(place[1], 0 if place in self.registers else 2) for place in places]
        if any(codes):
            self.refused.append(asked)
            raise RegisterRefused(
                table=asked.table, address=asked.address, count=asked.count, exception_code=max(codes)
            )
