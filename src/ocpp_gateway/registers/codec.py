"""Register bytes to values and back.

Bytes are as on the wire: big-endian registers in the order of their addresses. Decoding is total: any bytes of the
right length give a value, or None for one that must not be believed.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from ocpp_gateway.registers.fields import NUMBERS, Field, RegisterType, WordOrder

Value = int | float | str | tuple[int, ...] | tuple[str, ...] | None
Decoder = Callable[[bytes], Value]

MAX_ID_TAG_LENGTH = 20
"""OCPP 1.6 §7.28: an IdToken is a CiString20."""


def decode(field: Field, data: bytes) -> Value:
    """The value of a field in its unit, from its 2 × count bytes.

    Numbers are int, or float when the scale is a fraction; labelled ones their label; `bits` the names of the set
    bits; `u8_pair` (high, low). A tag is "" when the register is empty. None: a number outside its plausible range or
    without a label, or a tag holding a byte that no idTag may hold. Raises ValueError when `data` has another length.
    """
    if len(data) != 2 * field.count:
        raise ValueError(f"{field.key} has {2 * field.count} bytes, not {len(data)}")
    return decoder(field)(data)


def decoder(field: Field) -> Decoder:
    """The function that decodes this field's bytes; made once, called every poll. It does not check the length."""
    if field.type in NUMBERS:
        return _number_decoder(field)
    if field.type is RegisterType.BITS:
        names = sorted(field.bits.items())
        return lambda data: tuple(name for bit, name in names if int.from_bytes(data, "big") >> bit & 1)
    if field.type is RegisterType.VERSION:
        integer = integer_decoder(field)
        return lambda data: _version(integer(data))
    return BYTE_DECODERS[field.type]


def integer_decoder(field: Field) -> Callable[[bytes], int]:
    """The function that gives the raw number in the bytes of a one- or two-register field."""
    if field.type is RegisterType.I16:
        return lambda data: int.from_bytes(data, "big", signed=True)
    if field.count == 2 and field.word_order is WordOrder.LOW_WORD_FIRST:
        return lambda data: int.from_bytes(data[2:] + data[:2], "big")
    return lambda data: int.from_bytes(data, "big")


def _number_decoder(field: Field) -> Decoder:
    integer = integer_decoder(field)
    if field.labels:
        labels = dict(field.labels)
        return lambda data: labels.get(integer(data))
    limits = INTEGER_RANGE[field.type]
    minimum = limits[0] if field.minimum is None else field.minimum
    maximum = limits[1] if field.maximum is None else field.maximum
    if field.scale < 1:  # 159 / 10 is 15.9, 159 * 0.1 is 15.9000000000000003
        divisor = round(1 / field.scale)

        def fraction(data: bytes) -> float | None:
            raw = integer(data)
            return raw / divisor if minimum <= raw <= maximum else None

        return fraction
    scale = int(field.scale)

    def number(data: bytes) -> int | None:
        raw = integer(data)
        return raw * scale if minimum <= raw <= maximum else None

    return number


INTEGER_RANGE = {
    RegisterType.U16: (0, 0xFFFF),
    RegisterType.I16: (-0x8000, 0x7FFF),
    RegisterType.U32: (0, 0xFFFF_FFFF),
}


def _version(number: int) -> str:
    """main<<24 | minor<<16 | patch<<8 | add; the add part shows only when there is one. Source: vendor document V05."""
    parts = number.to_bytes(4, "big")
    return ".".join(map(str, parts if parts[3] else parts[:3]))


def _string(data: bytes) -> str:
    """The text after leading NULs up to the next one, without blanks at its ends; "" for none, or all 0xFF.

    A byte that is not printable ASCII shows as "?": the text goes to logs, pages and the central system.
    """
    text = data.lstrip(b"\0").split(b"\0", 1)[0].strip(b" ")
    if data.count(0xFF) == len(data):
        return ""
    return "".join(chr(byte) if 0x20 <= byte <= 0x7E else "?" for byte in text)


def _id_tag(data: bytes) -> str | None:
    """What may be sent as an idTag; "" for an empty register; None when a byte would have to be dropped.

    Dropping one could make two cards into one person, so nobody is named (faults M-20; decisions, Tags).
    """
    text = data.strip(b"\0 ")
    if text in (b"", b"0") or data.count(0xFF) == len(data):
        return ""
    if len(text) > MAX_ID_TAG_LENGTH or not all(0x20 <= byte <= 0x7E for byte in text):
        return None
    return text.decode("ascii")


def _u8_pair(data: bytes) -> tuple[int, ...]:
    return tuple(data)


BYTE_DECODERS: dict[RegisterType, Decoder] = {
    RegisterType.STRING: _string,
    RegisterType.TAG: _id_tag,
    RegisterType.U8_PAIR: _u8_pair,
}


# ---------------------------------------------------------------- values to registers


def encode(field: Field, value: object) -> int:
    """The word to write for a value in the field's unit.

    Nothing is rounded: who writes a limit rounds it down first. Raises ValueError for a value that this one register
    cannot hold exactly, or that `decode` would not believe.
    """
    words = encode_words(field, value)
    if len(words) != 1:
        raise ValueError(f"{field.key} fills {len(words)} registers, a write sets one")
    return words[0]


def encode_words(field: Field, value: object) -> tuple[int, ...]:
    """The registers that decode to a value: the inverse of `decode`, for every type. Raises ValueError as `encode`."""
    data = _encode_bytes(field, value)
    if data is None or len(data) != 2 * field.count or decode(field, data) != value:
        raise ValueError(f"{field.key} cannot hold {value!r}")
    return struct.unpack(f">{field.count}H", data)


def _encode_bytes(field: Field, value: object) -> bytes | None:
    match field.type, value:
        case (RegisterType.STRING | RegisterType.TAG), str() if value.isascii():
            return value.encode("ascii").ljust(2 * field.count, b"\0")
        case RegisterType.U8_PAIR, (int(high), int(low)) if _are_bytes([high, low]):
            return bytes([high, low])
        case RegisterType.VERSION, str():
            parts = [int(part) if part.isdecimal() else -1 for part in value.split(".")]
            number = int.from_bytes([*parts, 0][:4], "big") if len(parts) in (3, 4) and _are_bytes(parts) else None
        case RegisterType.BITS, tuple():
            number = sum(1 << bit for bit, name in field.bits.items() if name in value)
        case _, str() if field.labels:
            number = next((raw for raw, label in field.labels.items() if label == value), None)
        case _, (int() | float()) if not isinstance(value, bool) and math.isfinite(value):
            number = round(value * round(1 / field.scale)) if field.scale < 1 else round(value / field.scale)
        case _:
            return None
    return None if number is None else _registers(field, number)


def _registers(field: Field, number: int) -> bytes | None:
    lowest, highest = INTEGER_RANGE.get(field.type, (0, (1 << 16 * field.count) - 1))
    if not lowest <= number <= highest:
        return None
    data = number.to_bytes(2 * field.count, "big", signed=lowest < 0)
    return data[2:] + data[:2] if field.count == 2 and field.word_order is WordOrder.LOW_WORD_FIRST else data


def _are_bytes(numbers: list[int]) -> bool:
    return all(0 <= number <= 0xFF for number in numbers)
