"""Register bytes to values and back, by tables."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from ocpp_gateway.mapping_files import load
from ocpp_gateway.registers.codec import Value, decode, encode, encode_words
from ocpp_gateway.registers.fields import Field, RegisterType, WordOrder

FIELDS = {field.key: field for field in load("compleo-duo-solo").all_fields}
POWER_LIMIT = FIELDS["connector.1.power_limit_w"]
CURRENT = FIELDS["connector.1.current_l1_a"]
SECONDS = FIELDS["connector.1.charging_s"]
STATUS = FIELDS["connector.1.status"]
STATUS_WORD = FIELDS["connector.1.status_word"]
TAG = FIELDS["connector.1.id_tag"]
SERIAL = FIELDS["station.serial_number"]
VERSION = FIELDS["station.firmware_version"]
REVISION = FIELDS["station.hardware_revision"]
SIGNED = replace(POWER_LIMIT, type=RegisterType.I16, scale=1)


def from_words(field: Field, *words: int) -> Value:
    return decode(field, struct.pack(f">{len(words)}H", *words))


def from_text(field: Field, text: bytes) -> Value:
    return decode(field, text.ljust(2 * field.count, b"\0"))


@pytest.mark.parametrize(
    ("field", "words", "value"),
    [
        pytest.param(POWER_LIMIT, [220], 22000, id="steps of 100 W"),
        pytest.param(POWER_LIMIT, [0xFFFF], 6553500, id="no plausible range, no doubt"),
        pytest.param(CURRENT, [159], 15.9, id="15.9 and not 15.900000000000002"),
        pytest.param(CURRENT, [2000], 200.0, id="the highest current that is believed"),
        pytest.param(CURRENT, [2001], None, id="m_18 one more"),
        pytest.param(CURRENT, [0xFFFF], None, id="m_18 minus 0.1 A in an unsigned register"),
        pytest.param(SIGNED, [0xFFFF], -1, id="signed"),
        pytest.param(SIGNED, [0x8000], -32768, id="signed, the lowest"),
        pytest.param(SECONDS, [0x0E10, 0], 3600, id="low word first"),
        pytest.param(SECONDS, [0, 1], 65536, id="high word second"),
        pytest.param(replace(SECONDS, word_order=WordOrder.HIGH_WORD_FIRST), [0, 1], 1, id="high word first"),
        pytest.param(STATUS, [5], "Finishing", id="label"),
        pytest.param(STATUS, [99], None, id="m_16 no such status"),
        pytest.param(STATUS_WORD, [0x0025], ("active", "limited"), id="bits without a name are not looked at"),
        pytest.param(STATUS_WORD, [0xFFF0], (), id="no named bit"),
        pytest.param(VERSION, [0x0100, 0x0604], "6.4.1", id="version"),
        pytest.param(VERSION, [0x0107, 0x0604], "6.4.1.7", id="version with an add part"),
        pytest.param(VERSION, [0, 0], "0.0.0", id="version of nothing"),
        pytest.param(REVISION, [0x0D02], (13, 2), id="two numbers in one register"),
    ],
)
def test_numbers(field: Field, words: list[int], value: Value) -> None:
    decoded = from_words(field, *words)
    assert decoded == value
    assert type(decoded) is type(value) or isinstance(decoded, str)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        pytest.param(b"04A1B2C3", "04A1B2C3", id="plain"),
        pytest.param(b"\0\0 04A1 \0", "04A1", id="blanks and NULs around it"),
        pytest.param(b"ABCDEFGHIJKLMNOPQRST", "ABCDEFGHIJKLMNOPQRST", id="twenty characters"),
        pytest.param(b"A B", "A B", id="blank inside"),
        pytest.param(b"<script>", "<script>", id="printable, so it is passed on as it is"),
        pytest.param(b"04a1", "04a1", id="case is passed on"),
        pytest.param(b"", "", id="empty"),
        pytest.param(b" " * 20, "", id="blanks only"),
        pytest.param(b"\xff" * 20, "", id="all 0xFF"),
        pytest.param(b"0", "", id="a single zero"),
        pytest.param(b"04\0A1", None, id="NUL inside: cutting there could make two cards one"),
        pytest.param(b"04A1\xff", None, id="0xFF behind"),
        pytest.param(b"04A1\r\n", None, id="line end"),
        pytest.param(b"\x1b[31m04", None, id="terminal colours"),
        pytest.param("Jürgen".encode(), None, id="not ASCII"),
        pytest.param(b"04A1\x7f", None, id="DEL"),
        pytest.param(b"04A1\t", None, id="tab is no blank"),
    ],
)
def test_fault_m_20_a_tag_is_whole_or_nobodys(raw: bytes, value: str | None) -> None:
    assert from_text(TAG, raw) == value


def test_fault_m_20_a_tag_longer_than_an_id_tag_is_nobodys() -> None:
    long_tag = replace(TAG, count=11)
    assert from_text(long_tag, b"A" * 20) == "A" * 20
    assert from_text(long_tag, b"A" * 21) is None


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        pytest.param(b"C12345", "C12345", id="plain"),
        pytest.param(b"\0\0C1 ", "C1", id="NULs before, blanks behind"),
        pytest.param(b"C1\0rest", "C1", id="cut at NUL"),
        pytest.param(b"C\xff1\n", "C?1?", id="what cannot be printed shows"),
        pytest.param(b"", "", id="empty"),
        pytest.param(b"\xff" * 32, "", id="all 0xFF"),
    ],
)
def test_a_string_is_always_printable(raw: bytes, value: str) -> None:
    assert from_text(SERIAL, raw) == value


def test_a_wrong_number_of_bytes_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="2 bytes, not 4"):
        decode(POWER_LIMIT, b"\0\0\0\0")


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        pytest.param(POWER_LIMIT, 4200, 42, id="limit"),
        pytest.param(POWER_LIMIT, 0, 0, id="pause"),
        pytest.param(CURRENT, 15.9, 159, id="fraction"),
        pytest.param(CURRENT, 16, 160, id="whole amperes"),
        pytest.param(STATUS, "Charging", 2, id="label"),
        pytest.param(STATUS_WORD, ("active", "error"), 9, id="bits"),
        pytest.param(REVISION, (13, 2), 0x0D02, id="two numbers"),
        pytest.param(SIGNED, -1, 0xFFFF, id="negative"),
    ],
)
def test_encode_gives_the_word_that_means_a_value(field: Field, value: object, word: int) -> None:
    assert encode(field, value) == word


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param(POWER_LIMIT, 4250, id="between two steps: rounding is not ours to do"),
        pytest.param(POWER_LIMIT, -100, id="negative"),
        pytest.param(POWER_LIMIT, 6553600, id="one step too much"),
        pytest.param(POWER_LIMIT, True, id="true is no number"),
        pytest.param(POWER_LIMIT, "4200", id="text is no number"),
        pytest.param(POWER_LIMIT, float("nan"), id="not a number"),
        pytest.param(POWER_LIMIT, float("inf"), id="infinite"),
        pytest.param(POWER_LIMIT, None, id="nothing"),
        pytest.param(CURRENT, 200.1, id="implausible"),
        pytest.param(STATUS, "Sleeping", id="unknown label"),
        pytest.param(STATUS, 2, id="the number of a label"),
        pytest.param(STATUS_WORD, ("active", "asleep"), id="unknown bit"),
        pytest.param(REVISION, (13, 256), id="more than a byte"),
        pytest.param(SECONDS, 5, id="two registers cannot be written at once"),
        pytest.param(VERSION, "6.4", id="two registers, and too short"),
    ],
)
def test_encode_refuses_what_the_register_cannot_hold_exactly(field: Field, value: object) -> None:
    with pytest.raises(ValueError):
        encode(field, value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param(TAG, "A" * 21, id="tag too long"),
        pytest.param(TAG, "ä", id="tag not ASCII"),
        pytest.param(VERSION, "6.4", id="version too short"),
        pytest.param(VERSION, "6.4.256", id="version part too large"),
        pytest.param(VERSION, "6.4.x", id="version of letters"),
        pytest.param(SECONDS, 1 << 32, id="too large"),
    ],
)
def test_encode_words_refuses_what_would_read_differently(field: Field, value: object) -> None:
    with pytest.raises(ValueError):
        encode_words(field, value)
