"""What a request's answer must look like, and what is said of one that does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.modbus.link import answer_head, is_exception, why_wrong

READ = bytes.fromhex("0007 0000 0006 FF 04 0101 0008")  # transaction 7, unit 255, 8 input registers from 257
WRITE = bytes.fromhex("0007 0000 0006 FF 06 0100 00DC")

requests = st.sampled_from([READ, WRITE])


def test_the_head_of_an_answer_follows_from_its_request() -> None:
    assert answer_head(READ) == bytes.fromhex("0007 0000 0013 FF 04 10")  # 3 + 16 bytes follow the length
    assert answer_head(WRITE) == WRITE


@pytest.mark.parametrize("length", range(10))
def test_an_exception_is_known_from_its_first_byte_to_its_last(length: int) -> None:
    refusal = bytes.fromhex("0007 0000 0003 FF 84 02")
    assert is_exception(READ, refusal[:length])
    assert not is_exception(READ, refusal + b"\0")
    assert not is_exception(WRITE, refusal)


@given(request=requests, answer=st.binary(max_size=300))
def test_any_bytes_get_one_line(request: bytes, answer: bytes) -> None:
    assert "\n" not in why_wrong(request, answer)


@given(request=requests, position=st.integers(0, 8), bit=st.integers(0, 7))
def test_one_wrong_bit_in_the_head_is_found(request: bytes, position: int, bit: int) -> None:
    answer = bytearray(answer_head(request) + (b"\0" * 16 if request is READ else b""))
    answer[position] ^= 1 << bit
    assert not bytes(answer).startswith(answer_head(request))
    assert not is_exception(request, bytes(answer))
    assert why_wrong(request, bytes(answer))
