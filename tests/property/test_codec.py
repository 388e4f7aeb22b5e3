"""What must hold for any bytes and any value."""

from __future__ import annotations

import struct
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.mapping_files import load
from ocpp_gateway.registers.codec import Value, decode, encode_words
from ocpp_gateway.registers.fields import Field, RegisterType, WordOrder

FIELDS = load("compleo-duo-solo").all_fields
BY_KEY = {field.key: field for field in FIELDS}
TAG = BY_KEY["connector.1.id_tag"]
any_field = st.sampled_from(FIELDS)
word_orders = st.sampled_from(WordOrder)


@given(st.data())
def test_fault_m_20_no_bytes_make_decoding_fail(data: st.DataObject) -> None:
    field = data.draw(any_field)
    decode(field, data.draw(st.binary(min_size=2 * field.count, max_size=2 * field.count)))


@given(st.binary(min_size=20, max_size=20))
def test_fault_m_20_an_id_tag_is_printable_and_all_that_the_register_holds(raw: bytes) -> None:
    tag = decode(TAG, raw)
    if tag:
        assert isinstance(tag, str)
        assert tag.isascii()
        assert tag.isprintable()
        assert raw.replace(tag.encode(), b"", 1).strip(b"\0 ") == b""


@given(st.binary(min_size=32, max_size=32))
def test_a_string_is_printable_ascii(raw: bytes) -> None:
    text = decode(BY_KEY["station.serial_number"], raw)
    assert isinstance(text, str)
    assert text.isascii()
    assert text.isprintable()


def round_trip(field: Field, value: Value) -> Value:
    words = encode_words(field, value)
    assert len(words) == field.count
    return decode(field, struct.pack(f">{field.count}H", *words))


@given(st.integers(0, 0xFFFF_FFFF), word_orders)
def test_u32_comes_back(value: int, word_order: WordOrder) -> None:
    assert round_trip(replace(BY_KEY["connector.1.charging_s"], word_order=word_order), value) == value


@given(st.integers(0, 0xFFFF), st.sampled_from([1, 100, 0.1, 0.01, 0.001]))
def test_every_raw_value_of_a_scaled_number_comes_back(raw: int, scale: float) -> None:
    field = replace(BY_KEY["connector.1.power_limit_w"], scale=scale)
    value = decode(field, raw.to_bytes(2, "big"))
    assert encode_words(field, value) == (raw,)


@given(st.integers(-0x8000, 0x7FFF))
def test_i16_comes_back(value: int) -> None:
    assert round_trip(replace(BY_KEY["connector.1.power_limit_w"], type=RegisterType.I16, scale=1), value) == value


@given(st.tuples(*[st.integers(0, 255)] * 4), word_orders)
def test_a_version_comes_back(parts: tuple[int, ...], word_order: WordOrder) -> None:
    text = ".".join(map(str, parts if parts[3] else parts[:3]))
    assert round_trip(replace(BY_KEY["station.firmware_version"], word_order=word_order), text) == text


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20).filter(lambda text: text != "0"))
def test_a_tag_comes_back(text: str) -> None:
    assert round_trip(TAG, text) == text


@given(st.data())
def test_whatever_decodes_is_encoded_to_something_that_means_the_same(data: st.DataObject) -> None:
    field = data.draw(any_field.filter(lambda f: f.type not in (RegisterType.STRING, RegisterType.TAG)))
    value = decode(field, data.draw(st.binary(min_size=2 * field.count, max_size=2 * field.count)))
    if value is not None:
        assert round_trip(field, value) == value
