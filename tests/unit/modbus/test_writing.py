"""What may be written, rounded how, in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.modbus.writing import is_writable, next_write, word_for, write_and_read_back
from ocpp_gateway.registers.fields import Field
from ocpp_gateway.registers.vocabulary import Role, Table
from unit.modbus.register_bank import MAPPING, RegisterBank

LIMIT = MAPPING.field(Role.POWER_LIMIT_W, 1)
assert LIMIT is not None


def test_only_the_two_limits_and_the_two_fallback_registers_may_be_written() -> None:
    assert [f.key for f in MAPPING.fields(2) if is_writable(f)] == [
        "station.station_power_limit_w",
        "station.fallback_power_w",
        "station.fallback_interval_s",
        "connector.1.power_limit_w",
        "connector.2.power_limit_w",
    ]


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(replace(LIMIT, role=Role.STATUS), id="another role"),
        pytest.param(replace(LIMIT, role=None), id="an extra"),
        pytest.param(replace(LIMIT, table=Table.INPUT), id="an input register"),
        pytest.param(replace(LIMIT, writable=False), id="not writable in the mapping"),
        pytest.param(replace(LIMIT, count=2), id="two registers"),
    ],
)
async def test_no_mapping_can_make_anything_else_writable(field: Field) -> None:
    bank = RegisterBank()
    with pytest.raises(ValueError, match="not a register that may be written"):
        await write_and_read_back(bank, field, 1)
    assert bank.asked == []


@given(value_w=st.integers(0, 6_553_599))
def test_a_limit_is_never_rounded_up(value_w: int) -> None:
    assert LIMIT is not None
    assert 0 <= value_w - 100 * word_for(LIMIT, value_w) < 100


@pytest.mark.parametrize("value_w", [-1, 6_553_600])
def test_a_limit_that_does_not_fit_is_refused(value_w: int) -> None:
    assert LIMIT is not None
    with pytest.raises(ValueError, match="cannot hold"):
        word_for(LIMIT, value_w)


HELD_W = {0: 44000, 1: 11000, 2: 11000}


@pytest.mark.parametrize(
    ("pending_w", "order"),
    [
        pytest.param({1: 22000, 2: 4200}, [2, 1], id="a decrease before an increase"),
        pytest.param({1: 22000, 0: 44000, 2: 0}, [0, 2, 1], id="a repeat counts as no increase"),
        pytest.param({2: 5000, 1: 4000, 0: 9000}, [2, 1, 0], id="decreases in their order"),
        pytest.param({0: 50000, 2: 12000, 1: 12000}, [0, 2, 1], id="increases in their order"),
    ],
)
def test_what_lowers_a_limit_is_written_before_what_raises_one(pending_w: dict[int, int], order: list[int]) -> None:
    written = []
    while (connector_id := next_write(pending_w, HELD_W, frozenset())) is not None:
        written.append(connector_id)
        pending_w = {c: value_w for c, value_w in pending_w.items() if c != connector_id}
    assert written == order


def test_a_register_raised_a_moment_ago_may_be_lowered_but_not_raised() -> None:
    assert next_write({1: 22000}, HELD_W, {1}) is None
    assert next_write({1: 22000, 2: 22000}, HELD_W, {1}) == 2
    assert next_write({1: 4200}, HELD_W, {1}) == 1


def test_a_limit_that_nobody_read_may_be_a_higher_one() -> None:
    assert next_write({2: 22000, 1: 4200}, {1: None, 2: 11000}, frozenset()) == 1
