"""Which registers to ask for together: fields in, block reads out."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ocpp_gateway.registers.fields import Field
from ocpp_gateway.registers.vocabulary import PollClass, Table


@dataclass(frozen=True, slots=True)
class Block:
    """One read request: `count` registers of one table from `address`, and the fields its answer holds."""

    table: Table
    address: int
    count: int
    poll: PollClass
    fields: tuple[Field, ...]

    def __hash__(self) -> int:
        # Blocks are looked up at every poll; hashing all their fields would cost more than the poll.
        return self.address

    def __str__(self) -> str:
        """As people say it: `input 257..264`."""
        return f"{self.table} {self.address}..{self.address + self.count - 1}"


def plan_reads(
    fields: Sequence[Field],
    *,
    max_count: int,
    max_gap: int = 0,
    refused: AbstractSet[tuple[Table, int]] = frozenset(),
) -> tuple[Block, ...]:
    """The fewest requests that read every field, in the order of poll classes, tables and addresses.

    A block has at most `max_count` registers of one table and one poll class, and crosses at most `max_gap` other
    addresses between two of its fields: a charger refuses a whole read for one address it lacks. An optional field is
    read alone, so that its refusal costs no neighbour. Fields on `refused` addresses are left out, and no block touches
    one. Fields must not overlap (the mapping's check).

    Raises ValueError for a field longer than `max_count`.
    """
    for f in fields:
        if f.count > max_count:
            raise ValueError(f"{f.key} has {f.count} registers, more than one read of {max_count} gives")
    blocks: list[Block] = []
    for poll in PollClass:
        for table in Table:
            in_table = sorted((f for f in fields if f.table is table), key=lambda f: f.address)
            readable = [f for f in in_table if f.poll is poll and not _addresses(f) & refused]
            forbidden = {address for t, address in refused if t is table}
            forbidden |= {address for f in in_table if f.optional for address in range(f.address, f.end)}
            run: list[Field] = []
            for f in (f for f in readable if not f.optional):
                if run and (f.end - run[0].address > max_count or not _joins(run[-1], f, forbidden, max_gap)):
                    blocks.append(_block(run))
                    run = []
                run.append(f)
            if run:
                blocks.append(_block(run))
            blocks += [_block([f]) for f in readable if f.optional]
    order = list(PollClass)
    return tuple(sorted(blocks, key=lambda b: (order.index(b.poll), b.table, b.address)))


def split(block: Block) -> tuple[Block, Block]:
    """The two halves of a block, cut between fields where they come closest to equal.

    Raises ValueError for a block with one field: half a value means nothing.
    """
    if len(block.fields) < 2:
        raise ValueError(f"{block} holds one field and cannot be split")
    middle = block.address + block.count / 2
    cut = min(range(1, len(block.fields)), key=lambda i: abs(block.fields[i].address - middle))
    first, second = block.fields[:cut], block.fields[cut:]
    return _block(first), _block(second)


def _joins(before: Field, after: Field, forbidden: set[int], max_gap: int) -> bool:
    between = range(before.end, after.address)
    return len(between) <= max_gap and forbidden.isdisjoint(between)


def _block(fields: Sequence[Field]) -> Block:
    start, end = fields[0].address, fields[-1].end
    return Block(fields[0].table, start, end - start, fields[0].poll, tuple(fields))


def _addresses(field: Field) -> set[tuple[Table, int]]:
    return {(field.table, address) for address in range(field.address, field.end)}
