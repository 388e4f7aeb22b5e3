"""Every register of a charger, read once: what `probe` shows. Reads only; there is no write in it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Protocol

from ocpp_gateway.errors import MODBUS_EXCEPTIONS, RegisterRefused, WrongAnswer
from ocpp_gateway.registers.codec import Value, decode
from ocpp_gateway.registers.fields import Field
from ocpp_gateway.registers.mapping import Mapping
from ocpp_gateway.registers.read_plan import Block, plan_reads, split
from ocpp_gateway.registers.vocabulary import Role, Table


class Reader(Protocol):
    """The reading half of a Modbus connection."""

    async def read(self, table: Table, address: int, count: int) -> bytes:
        """The registers, 2 * count bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """One field as the charger gave it: its bytes and value, or the Modbus exception it refused with."""

    field: Field
    data: bytes | None
    value: Value
    refused: int | None = None

    @property
    def raw(self) -> str:
        """The registers in hexadecimal, as on the wire; empty when refused."""
        return "" if self.data is None else self.data.hex(" ", 2)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "key": self.field.key,
            "title": self.field.title,
            "table": self.field.table,
            "address": self.field.address,
            "count": self.field.count,
            "raw": self.raw.split(),
            "value": self.value,
            "unit": self.field.unit,
            "confidence": self.field.confidence,
            "exception": self.refused,
        }


@dataclass(slots=True)
class Probe:
    """All readings of one pass in the order of the mapping, and how long each request took, in ms."""

    readings: list[Reading]
    latencies_ms: list[float] = field(default_factory=list)

    def latency(self) -> dict[str, float]:
        """Shortest, median and longest time of an answer, in ms."""
        times = self.latencies_ms
        return {"min": round(min(times), 2), "median": round(median(times), 2), "max": round(max(times), 2)}


async def read_everything(reader: Reader, mapping: Mapping) -> Probe:
    """Reads every field of the mapping that a charger with its number of connectors has.

    Raises WrongAnswer when the charger does not say how many connectors it has, else what the connection raises.
    """
    times: list[float] = []
    fields = mapping.fields(await _number_of_connectors(reader, mapping, times))
    waiting = list(plan_reads(fields, max_count=mapping.transport.max_read_count, max_gap=mapping.transport.max_gap))
    found: dict[str, Reading] = {}
    while waiting:
        block = waiting.pop(0)
        try:
            data = await _timed_read(reader, block, times)
        except RegisterRefused as exc:
            if len(block.fields) > 1:
                waiting[:0] = split(block)  # which of them is it
            else:
                found[block.fields[0].key] = Reading(block.fields[0], None, None, exc.exception_code)
            continue
        for inside in block.fields:
            start = 2 * (inside.address - block.address)
            words = data[start : start + 2 * inside.count]
            found[inside.key] = Reading(inside, words, decode(inside, words))
    return Probe([found[f.key] for f in fields if f.key in found], times)


async def _number_of_connectors(reader: Reader, mapping: Mapping, times: list[float]) -> int:
    number = mapping.field(Role.NUMBER_OF_CONNECTORS)
    if number is None:
        return mapping.max_connectors
    block = Block(number.table, number.address, number.count, number.poll, (number,))
    try:
        data = await _timed_read(reader, block, times)
    except RegisterRefused as exc:
        problem = f"{exc}; it should hold the number of connectors: is {mapping.name} the right mapping?"
        raise WrongAnswer(problem) from exc
    return mapping.identity({Role.NUMBER_OF_CONNECTORS: decode(number, data)}).number_of_connectors


async def _timed_read(reader: Reader, block: Block, times: list[float]) -> bytes:
    begun = time.perf_counter()
    try:
        return await reader.read(block.table, block.address, block.count)
    finally:
        times.append((time.perf_counter() - begun) * 1000)


def table(probe: Probe) -> str:
    """The readings in columns, and a line about the answers' latency."""
    rows = [("KEY", "ADDRESS", "DECODED", "UNIT", "CONFIDENCE", "RAW"), *(_row(reading) for reading in probe.readings)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join([*map(str.ljust, row, widths), row[5]]) for row in rows]
    refused = sum(reading.refused is not None for reading in probe.readings)
    latency = probe.latency()
    lines.append("")
    lines.append(
        f"{len(probe.readings)} values, {refused} refused; {len(probe.latencies_ms)} requests, "
        f"latency min {latency['min']} ms, median {latency['median']} ms, max {latency['max']} ms"
    )
    return "\n".join(line.rstrip() for line in lines)


def changes(before: Probe, after: Probe) -> list[str]:
    """A line for each reading that differs."""
    old = {reading.field.key: reading for reading in before.readings}
    return [
        f"{reading.field.key}: {shown(old[reading.field.key])} -> {shown(reading)}  ({reading.raw})"
        for reading in after.readings
        if reading.field.key not in old or old[reading.field.key] != reading
    ]


def shown(reading: Reading) -> str:
    """The value for people; control characters cannot reach their terminal."""
    if reading.refused is not None:
        return f"exception {reading.refused}, {MODBUS_EXCEPTIONS.get(reading.refused, 'unknown')}"
    if reading.value is None:
        return "not plausible"
    if isinstance(reading.value, tuple):
        return ", ".join(str(item) for item in reading.value) or "none"
    text = str(reading.value)
    if isinstance(reading.value, str):
        return text if text.isprintable() and text else repr(text)
    return text


def _row(reading: Reading) -> tuple[str, str, str, str, str, str]:
    at = reading.field
    address = f"{at.table} {at.address}" if at.count == 1 else f"{at.table} {at.address}..{at.end - 1}"
    return at.key, address, shown(reading), at.unit or "", str(at.confidence), reading.raw
