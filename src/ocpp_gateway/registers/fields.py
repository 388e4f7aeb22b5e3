"""A field: one value of a charger, where it lies in the registers and how its bits are meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ocpp_gateway.registers.vocabulary import Confidence, PollClass, Role, Table


class RegisterType(StrEnum):
    """How the bytes of a field become a value."""

    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    STRING = "string"    # two characters a register, high byte first; cut at the first NUL
    TAG = "tag"          # as string, but a byte that no idTag may hold makes it unusable
    BITS = "bits"        # one register of flags
    VERSION = "version"  # four bytes main, minor, patch, add in two registers
    U8_PAIR = "u8_pair"  # two numbers in one register, the high byte first


REGISTER_COUNT = {
    RegisterType.U16: 1,
    RegisterType.I16: 1,
    RegisterType.U32: 2,
    RegisterType.BITS: 1,
    RegisterType.VERSION: 2,
    RegisterType.U8_PAIR: 1,
}
"""Registers a type fills; strings and tags say their own count."""

NUMBERS = frozenset({RegisterType.U16, RegisterType.I16, RegisterType.U32})


class WordOrder(StrEnum):
    """Which register of a 32 bit value holds its lower half."""

    LOW_WORD_FIRST = "low_word_first"
    HIGH_WORD_FIRST = "high_word_first"


@dataclass(frozen=True, slots=True)
class Field:
    """One value at `count` registers from `address`, in one of the two tables.

    `key` is unique in a charger: `station.firmware_version`, `connector.1.status`. `role` is what the gateway uses
    it for; None for an extra, which only `probe` and the dashboard show. A number is raw × `scale` in `unit`; raw
    values outside `minimum`..`maximum` are not believed. `optional`: some chargers lack it, so it is read alone.
    `writable` is the gateway's write allow-list, not what the charger would take.
    """

    key: str
    title: str
    role: Role | None
    connector_id: int | None
    table: Table
    address: int
    count: int
    type: RegisterType
    poll: PollClass
    confidence: Confidence
    source: str
    scale: int | float = 1
    unit: str | None = None
    word_order: WordOrder = WordOrder.LOW_WORD_FIRST
    writable: bool = False
    optional: bool = False
    labels: Mapping[int, str] = field(default_factory=dict, hash=False)
    bits: Mapping[int, str] = field(default_factory=dict, hash=False)
    minimum: int | None = None
    maximum: int | None = None
    note: str | None = None

    @property
    def end(self) -> int:
        """The address after its last register."""
        return self.address + self.count
