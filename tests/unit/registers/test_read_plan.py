"""The read plan of the one charger that is known, and the edges of the planner."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ocpp_gateway.mapping_files import load
from ocpp_gateway.registers.read_plan import plan_reads, split
from ocpp_gateway.registers.vocabulary import PollClass, Table

MAPPING = load("compleo-duo-solo")


def requests(
    number_of_connectors: int, poll: PollClass, refused: frozenset[tuple[Table, int]] = frozenset()
) -> list[str]:
    fields = MAPPING.fields(number_of_connectors)
    return [str(block) for block in plan_reads(fields, max_count=16, refused=refused) if block.poll is poll]


def test_a_duo_needs_four_requests_a_fast_cycle() -> None:
    assert requests(2, PollClass.FAST) == ["input 257..264", "input 267..271", "input 273..280", "input 283..287"]


def test_a_solo_needs_two() -> None:
    assert requests(1, PollClass.FAST) == ["input 257..264", "input 267..271"]


def test_each_tag_is_one_request() -> None:
    assert requests(2, PollClass.ON_CHANGE) == ["input 4096..4105", "input 4112..4121"]


def test_fault_m_19_the_limits_take_turns_apart_from_the_fast_registers() -> None:
    assert requests(2, PollClass.IN_TURN) == ["holding 0..5", "holding 256..256", "holding 272..272"]
    assert requests(1, PollClass.IN_TURN) == ["holding 0..5", "holding 256..256"]


def test_the_slow_registers() -> None:
    assert requests(2, PollClass.SLOW) == ["input 9..13", "input 4106..4106", "input 4122..4122"]


def test_what_is_read_once_is_apart_from_what_changes_between() -> None:
    # 9 to 13 are power and currents: a block with them would never read the same twice
    assert requests(2, PollClass.ONCE) == ["input 6..8", "input 14..15", "input 32..47", "input 48..63"]


def test_a_refused_address_splits_the_block_around_it() -> None:
    refused = frozenset({(Table.INPUT, 268)})
    assert requests(1, PollClass.FAST, refused) == ["input 257..264", "input 267..267", "input 269..271"]


def test_an_address_refused_in_the_other_table_changes_nothing() -> None:
    assert requests(1, PollClass.FAST, frozenset({(Table.HOLDING, 268)})) == requests(1, PollClass.FAST)


def test_a_value_of_two_registers_is_left_out_for_either_of_them() -> None:
    refused = frozenset({(Table.INPUT, 263)})
    assert requests(1, PollClass.FAST, refused)[:2] == ["input 257..261", "input 264..264"]


def test_a_block_is_split_near_its_middle_and_never_inside_a_value() -> None:
    meter = plan_reads(MAPPING.fields(1), max_count=16)[0]
    assert [str(half) for half in split(meter)] == ["input 257..260", "input 261..264"]
    assert [str(half) for half in split(split(meter)[1])] == ["input 261..261", "input 262..264"]


def test_one_field_cannot_be_split() -> None:
    (tag,) = [block for block in plan_reads(MAPPING.fields(1), max_count=16) if block.poll is PollClass.ON_CHANGE]
    with pytest.raises(ValueError, match="one field"):
        split(tag)


def test_a_field_longer_than_a_read_cannot_be_planned() -> None:
    with pytest.raises(ValueError, match="more than one read of 8 gives"):
        plan_reads(MAPPING.fields(1), max_count=8)


def test_a_gap_is_crossed_only_when_the_mapping_allows_it_and_nothing_in_it_was_refused() -> None:
    def fast(max_gap: int, refused: frozenset[tuple[Table, int]] = frozenset()) -> list[str]:
        plan = plan_reads(MAPPING.fields(1), max_count=16, max_gap=max_gap, refused=refused)
        return [str(block) for block in plan if block.poll is PollClass.FAST]

    apart = ["input 257..264", "input 267..271"]
    assert fast(max_gap=1) == apart
    assert fast(max_gap=2) == ["input 257..271"]  # 265 and 266
    assert fast(max_gap=2, refused=frozenset({(Table.INPUT, 266)})) == apart


def test_a_gap_is_not_crossed_over_an_optional_field() -> None:
    fields = [replace(f, optional=f.address == 268) for f in MAPPING.fields(1)]
    plan = plan_reads(fields, max_count=16, max_gap=9)
    assert [str(b) for b in plan if b.poll is PollClass.FAST] == ["input 257..267", "input 268..268", "input 269..271"]
