"""A mapping in words: what is asked together, how often, and every register. For `ocpp-gateway mapping show`."""

from __future__ import annotations

from collections.abc import Iterator

from ocpp_gateway.registers.fields import Field
from ocpp_gateway.registers.mapping import Mapping
from ocpp_gateway.registers.read_plan import Block, plan_reads
from ocpp_gateway.registers.vocabulary import PollClass, Table

FUNCTION_CODE = {Table.HOLDING: 3, Table.INPUT: 4}


def describe(mapping: Mapping) -> str:
    """The whole mapping as text: head, read plan by number of connectors, registers, notes, sources."""
    return "\n".join([*_head(mapping), *_plans(mapping), *_registers(mapping), *_notes(mapping), *_sources(mapping)])


def _head(mapping: Mapping) -> Iterator[str]:
    transport, limits = mapping.transport, mapping.limits
    yield f"{mapping.name}: {mapping.vendor} {', '.join(mapping.models)}"
    yield f"Modbus TCP port {transport.port}, unit {transport.unit_id}, {transport.word_order.replace('_', ' ')}"
    yield (
        f"limit in steps of {limits.step_w} W, at least {limits.minimum_power_w} W to charge, "
        f"divided by {limits.phases} phase{'s' if limits.phases > 1 else ''}"
    )


def _plans(mapping: Mapping) -> Iterator[str]:
    transport = mapping.transport
    how_often = {
        PollClass.FAST: "every cycle",
        PollClass.IN_TURN: "one of them every cycle, all of them on each connection",
        PollClass.SLOW: f"every {transport.slow_interval_s:g} s",
        PollClass.ONCE: "once per connection",
        PollClass.ON_CHANGE: (
            f"every {transport.slow_interval_s:g} s; every cycle for a connector that is Preparing, SuspendedEVSE or\n"
            "    Finishing, that charges and shows no tag, or whose status or tag changed within the last two cycles"
        ),
    }
    yield ""
    gap = f"across at most {transport.max_gap} undefined" if transport.max_gap else "never across an undefined address"
    yield f"Read plan: at most {transport.max_read_count} registers a request, {gap}"
    for number in range(1, mapping.max_connectors + 1):
        plan = plan_reads(mapping.fields(number), max_count=transport.max_read_count, max_gap=transport.max_gap)
        model = f" ({mapping.model_names[number]})" if number in mapping.model_names else ""
        yield ""
        yield f"{number} connector{'s' if number > 1 else ''}{model}"
        for poll in PollClass:
            blocks = [block for block in plan if block.poll is poll]
            if blocks:
                yield f"  {poll}: {len(blocks)} request{'s' if len(blocks) > 1 else ''}, {how_often[poll]}"
                yield from (f"    {_request(block)}" for block in blocks)


def _request(block: Block) -> str:
    names = [field.key.rpartition(".")[2] for field in block.fields]
    shown = ", ".join(names if len(names) <= 3 else [names[0], "…", names[-1]])
    optional = "  (optional)" if any(field.optional for field in block.fields) else ""
    return f"FC{FUNCTION_CODE[block.table]} {block.address:>5} × {block.count:<3}  {shown}{optional}"


def _registers(mapping: Mapping) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("address", "table", "key", "type", "unit", "poll", "access", "confidence")]
    rows += [_row(field) for field in sorted(mapping.all_fields, key=lambda f: (f.address, f.table))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    yield ""
    yield "Registers"
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(field: Field) -> tuple[str, ...]:
    address = str(field.address) if field.count == 1 else f"{field.address}..{field.end - 1}"
    unit = f"{field.scale:g} {field.unit}" if field.unit and field.scale != 1 else field.unit or ""
    extra = " (extra)" if field.role is None else ""
    access = "rw" if field.writable else "r"
    return address, field.table, field.key + extra, field.type, unit, field.poll, access, field.confidence


def _notes(mapping: Mapping) -> Iterator[str]:
    """Each note once: connectors mostly share them."""
    yield ""
    yield "Notes"
    said: set[str] = set()
    for field in mapping.all_fields:
        if field.note and field.note not in said:
            said.add(field.note)
            yield f"  {field.address} {field.title} [{field.source}]: {field.note}"


def _sources(mapping: Mapping) -> Iterator[str]:
    yield ""
    yield "Sources"
    yield from (f"  {tag}: {text}" for tag, text in mapping.sources.items())
