"""The read plan against a search over every possible plan, on random maps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.mapping_files import load
from ocpp_gateway.registers.fields import Field
from ocpp_gateway.registers.read_plan import Block, plan_reads, split
from ocpp_gateway.registers.vocabulary import PollClass, Table

TEMPLATE = load("compleo-duo-solo").all_fields[0]


@st.composite
def register_maps(draw: st.DrawFn) -> list[Field]:
    """Up to nine fields without overlaps, in both tables, in random order."""
    fields: list[Field] = []
    for table in Table:
        address = draw(st.integers(0, 3))
        for _ in range(draw(st.integers(0, 8))):
            count = draw(st.integers(1, 4))
            poll = draw(st.sampled_from([PollClass.FAST, PollClass.SLOW]))
            optional = draw(st.integers(0, 9)) == 0
            place = replace(TEMPLATE, key=f"station.{table}_{address}", table=table, address=address, count=count)
            fields.append(replace(place, poll=poll, optional=optional))
            address += count + draw(st.sampled_from([0, 0, 0, 1, 2, 5]))
    return draw(st.permutations(fields))


@dataclass(frozen=True)
class Problem:
    fields: list[Field]
    max_count: int
    max_gap: int
    refused: frozenset[tuple[Table, int]]

    def plan(self) -> tuple[Block, ...]:
        return plan_reads(self.fields, max_count=self.max_count, max_gap=self.max_gap, refused=self.refused)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    fields = draw(register_maps())
    known = sorted(address for f in fields for address in addresses(f))
    refused = draw(st.frozensets(st.sampled_from(known), max_size=3)) if known else frozenset()
    return Problem(fields, draw(st.integers(4, 10)), draw(st.integers(0, 2)), refused)


def addresses(field: Field) -> set[tuple[Table, int]]:
    return {(field.table, address) for address in range(field.address, field.end)}


def asked_for(block: Block) -> set[tuple[Table, int]]:
    return {(block.table, address) for address in range(block.address, block.address + block.count)}


@given(problems())
def test_every_readable_field_is_read_once_and_whole(problem: Problem) -> None:
    plan = problem.plan()
    readable = [f.key for f in problem.fields if not addresses(f) & problem.refused]
    assert sorted(f.key for block in plan for f in block.fields) == sorted(readable)
    for block in plan:
        assert all(addresses(f) <= asked_for(block) and f.poll is block.poll for f in block.fields)


@given(problems())
def test_no_block_asks_for_an_address_it_must_not(problem: Problem) -> None:
    alone = {address for f in problem.fields if f.optional for address in addresses(f)}
    for block in problem.plan():
        assert block.count <= problem.max_count
        assert asked_for(block).isdisjoint(problem.refused)
        assert len(block.fields) == 1 or asked_for(block).isdisjoint(alone)


@given(problems())
def test_no_block_asks_for_an_undefined_address(problem: Problem) -> None:
    for block in replace(problem, max_gap=0).plan():
        assert asked_for(block) == {address for f in block.fields for address in addresses(f)}


@given(problems())
def test_p3_no_other_plan_needs_fewer_requests(problem: Problem) -> None:
    plan = problem.plan()
    for table in Table:
        for poll in PollClass:
            planned = sum(block.table is table and block.poll is poll for block in plan)
            assert planned == fewest_requests(problem, table, poll)


def fewest_requests(problem: Problem, table: Table, poll: PollClass) -> int:
    """By trying every way to cut the sorted fields into runs."""
    in_table = [f for f in problem.fields if f.table is table]
    never = {a for t, a in problem.refused if t is table} | {a for f in in_table if f.optional for _, a in addresses(f)}
    readable = [f for f in in_table if f.poll is poll and not addresses(f) & problem.refused]
    wanted = sorted(readable, key=lambda f: f.address)

    def allowed(run: list[Field]) -> bool:
        if len(run) == 1:
            return True
        span = range(run[0].address, run[-1].end)
        gaps = [after.address - before.end for before, after in pairwise(run)]
        return len(span) <= problem.max_count and never.isdisjoint(span) and max(gaps) <= problem.max_gap

    for cuts in range(len(wanted)):
        for places in combinations(range(1, len(wanted)), cuts):
            if all(allowed(wanted[a:b]) for a, b in pairwise([0, *places, len(wanted)])):
                return cuts + 1
    return 0


@given(register_maps())
def test_the_halves_of_a_block_hold_its_fields_and_nothing_beyond_it(fields: list[Field]) -> None:
    for block in plan_reads(fields, max_count=10):
        if len(block.fields) > 1:
            first, second = split(block)
            assert first.fields + second.fields == block.fields
            assert asked_for(first) | asked_for(second) <= asked_for(block)
            assert not asked_for(first) & asked_for(second)
