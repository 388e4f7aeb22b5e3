"""What may be written to a charger, in which order, and how it is checked.

Nothing else in the gateway writes a register. The allow-list is code: no mapping, setting or message can extend it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from ocpp_gateway.modbus.asking import Link, patiently
from ocpp_gateway.registers.codec import encode
from ocpp_gateway.registers.fields import Field
from ocpp_gateway.registers.vocabulary import Role, Table

WRITABLE_ROLES = frozenset(
    {Role.POWER_LIMIT_W, Role.STATION_POWER_LIMIT_W, Role.FALLBACK_POWER_W, Role.FALLBACK_INTERVAL_S}
)

RAISE_PAUSE_S = 1.0
"""A register is raised at most once in this time; lowering and repeating never wait (decisions.md, Power)."""


def is_writable(field: Field) -> bool:
    """Whether the gateway may ever write this field: its role is on the list, and it is one holding register."""
    return field.role in WRITABLE_ROLES and field.writable and field.table is Table.HOLDING and field.count == 1


def word_for(field: Field, value: int) -> int:
    """The word that stands for a value, rounded down to the register's step: never more than was asked for.

    Raises ValueError for a value that the register cannot hold.
    """
    return encode(field, value // step_of(field) * step_of(field))


def step_of(field: Field) -> int:
    """What one step of a field is worth in its unit."""
    return max(1, int(field.scale))


class SupersededError(Exception):
    """A newer value waits for the register: the one being written must not be sent again."""


async def write_and_read_back(
    link: Link, field: Field, word: int, *, superseded: Callable[[], bool] = lambda: False
) -> int:
    """Write a word, once more when the register then reads differently; what the register holds in the end.

    `superseded` is asked before each write, those to a busy charger included. Raises SupersededError when it is true,
    ValueError for a field that may not be written, and LinkError.
    """
    if not is_writable(field):
        raise ValueError(f"{field.key} is not a register that may be written")

    async def write() -> None:
        if superseded():
            raise SupersededError
        await link.write(field.address, word)

    async def read() -> int:
        return int.from_bytes(await link.read(field.table, field.address, 1), "big")

    await patiently(write)
    held = await patiently(read)
    if held != word:
        await patiently(write)
        held = await patiently(read)
    return held


def raises(value_w: int, held_w: int | None) -> bool:
    """Whether writing a limit raises it. A register that nobody read may hold a higher one: that does not."""
    return held_w is not None and value_w > held_w


def next_write(
    pending_w: Mapping[int, int], held_w: Mapping[int, int | None], resting: AbstractSet[int]
) -> int | None:
    """The connector whose limit is written next: what lowers or repeats first, then what raises, each in its order.

    `resting`: those that were raised a moment ago and may not be raised again yet. None when nothing is to be done now.
    """
    raising = {connector_id for connector_id, value_w in pending_w.items() if raises(value_w, held_w.get(connector_id))}
    ready = [connector_id for connector_id in pending_w if connector_id not in raising & resting]
    return min(ready, key=raising.__contains__, default=None)  # the first of those that do not raise, else the first
