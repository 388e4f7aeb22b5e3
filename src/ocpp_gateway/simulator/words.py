"""Values to register words, as a charger lays them out.

Written apart from `registers.codec` on purpose: a mistake made in both would have to be made twice.
"""

from __future__ import annotations

import struct
from math import floor

from ocpp_gateway.registers.fields import Field, WordOrder

Value = int | float | str | bytes | tuple[int, ...] | frozenset[str] | None


def words_of(field: Field, value: Value) -> tuple[int, ...]:
    """The words of a field that shows this value; all 0 for None.

    Numbers are in the field's unit and cut to whole steps, as a display does; a label gives its number, names of
    bits their sum; bytes and text longer than the field are cut. Raises ValueError for a label the field lacks.
    """
    if value is None:
        return (0,) * field.count
    if isinstance(value, frozenset):
        value = sum(1 << bit for bit, name in field.bits.items() if name in value)
    if isinstance(value, tuple):
        value = bytes(value)
    if isinstance(value, str):
        value = _number_in(field, value) if field.labels else value.encode("ascii", "replace")
    if isinstance(value, bytes):
        data = value[: 2 * field.count].ljust(2 * field.count, b"\0")
        return struct.unpack(f">{field.count}H", data)
    return _split(field, floor(value / field.scale + 1e-6))


def version_number(version: str) -> int:
    """`6.4.1` as a charger packs it: main << 24 | minor << 16 | patch << 8 | add."""
    main, minor, patch, *add = (int(part) for part in version.split("."))
    return main << 24 | minor << 16 | patch << 8 | sum(add)


def number_in(field: Field, words: tuple[int, ...]) -> float:
    """The number that these words of a field hold, in the field's unit."""
    ordered = reversed(words) if field.word_order is WordOrder.LOW_WORD_FIRST else iter(words)
    raw = 0
    for word in ordered:
        raw = raw << 16 | word
    return raw * field.scale


def _number_in(field: Field, label: str) -> int:
    for number, name in field.labels.items():
        if name == label:
            return number
    raise ValueError(f"{field.key} has no number for {label}")


def _split(field: Field, number: int) -> tuple[int, ...]:
    words = tuple(number >> 16 * place & 0xFFFF for place in range(field.count))
    return words if field.word_order is WordOrder.LOW_WORD_FIRST else words[::-1]
