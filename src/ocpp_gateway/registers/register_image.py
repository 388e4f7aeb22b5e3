"""What a charger's registers held when they were last read, and the snapshots made from it.

A poll mostly brings the bytes it brought before, so bytes are compared first and only changed ones are decoded.
One poller owns an image; it is not thread-safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ocpp_gateway.errors import MODBUS_EXCEPTIONS
from ocpp_gateway.instant import Instant
from ocpp_gateway.registers.codec import Value, decoder, integer_decoder
from ocpp_gateway.registers.fields import Field, RegisterType
from ocpp_gateway.registers.mapping import Mapping
from ocpp_gateway.registers.mapping_checks import DERATING_LABELS
from ocpp_gateway.registers.read_plan import Block
from ocpp_gateway.registers.snapshot import ChargerIdentity, ChargerSnapshot, ConnectorSnapshot, Tag
from ocpp_gateway.registers.vocabulary import (
    ChargePointErrorCode,
    ChargePointStatus,
    Confidence,
    PollClass,
    Role,
    Table,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One field as people look at it.

    `raw` holds its registers and `age_s` the time since they were read; both are None when nobody read them.
    `error` says why there is no value to believe.
    """

    key: str
    title: str
    role: Role | None
    connector_id: int | None
    table: Table
    address: int
    raw: tuple[int, ...] | None
    value: Value
    unit: str | None
    age_s: float | None
    confidence: Confidence
    error: str | None
    note: str | None


class RegisterImage:
    """The last bytes of every field of one charger."""

    def __init__(self, mapping: Mapping, number_of_connectors: int) -> None:
        self.mapping = mapping
        self.number_of_connectors = number_of_connectors
        self.implausible_count = 0  # values dropped because they cannot be true, counted when they change
        self._cells = {field.key: _Cell(field) for field in mapping.fields(number_of_connectors)}
        self._blocks: dict[Block, tuple[_BlockImage, tuple[tuple[_Cell, int], ...]]] = {}  # cells with their offset
        self._station = self._by_role(None)
        connector_ids = range(1, number_of_connectors + 1)
        self._connectors = {connector_id: self._by_role(connector_id) for connector_id in connector_ids}
        self._limits = (
            (0, self._station["station_power_limit_w"]),
            *((connector_id, cells["power_limit_w"]) for connector_id, cells in self._connectors.items()),
        )
        self._snapshots = tuple(ConnectorSnapshot(connector_id) for connector_id in connector_ids)
        self._changed: set[int] = set()  # connectors whose snapshot is older than their cells

    def take(self, block: Block, data: bytes, now: Instant) -> bool:
        """Keep what a read of that block brought; whether one of its fields holds other bytes than before.

        `data` is 2 × block.count big-endian bytes. Raises ValueError for another length.
        """
        known = self._blocks.get(block)
        if known is None:
            parts = tuple((self._cells[f.key], 2 * (f.address - block.address)) for f in block.fields)
            known = self._blocks[block] = _BlockImage(block), parts
        image, cells = known
        image.read_s = now.monotonic_s
        if image.data == data:
            if image.connectors_with_tag:  # a tag tells when it was read
                self._changed |= image.connectors_with_tag
            return False
        if len(data) != 2 * block.count:
            raise ValueError(f"{block} has {2 * block.count} bytes, not {len(data)}")
        image.data = data
        self._changed |= image.connectors_with_tag
        changed = False
        for cell, offset in cells:
            raw = data[offset : offset + cell.size]
            if cell.raw == raw and cell.image is image:
                continue
            changed |= cell.raw != raw
            if cell.image is not None and cell.image is not image:
                cell.image.data = None  # whoever read it before has to look again
            cell.image = image
            cell.raw = raw
            cell.value = cell.decode(raw)
            cell.exception_code = None
            self.implausible_count += cell.value is None
            if cell.field.connector_id:
                self._changed.add(cell.field.connector_id)
        return changed

    def refuse(self, fields: Iterable[Field], exception_code: int) -> None:
        """Note that the charger answered a read of these fields with a Modbus exception: they hold no value now."""
        for field in fields:
            cell = self._cells[field.key]
            if cell.image is not None:
                cell.image.data = None
            cell.image = cell.raw = cell.value = None
            cell.exception_code = exception_code
            if field.connector_id:
                self._changed.add(field.connector_id)

    def snapshot(self, now: Instant, interrupted: bool = False) -> ChargerSnapshot:
        """All registers, decoded; `now` is when the last fast block arrived.

        A connector whose registers brought nothing new since the last call is the same object as then.
        """
        if self._changed:
            self._snapshots = tuple(
                _connector_snapshot(connector_id, cells) if connector_id in self._changed else before
                for (connector_id, cells), before in zip(self._connectors.items(), self._snapshots, strict=True)
            )
            self._changed.clear()
        station = self._station
        return ChargerSnapshot(
            now,
            self._snapshots,
            station["station_power_w"].value,
            _phases(station, "station_current_l1_a", "station_current_l2_a", "station_current_l3_a"),
            station["station_power_limit_w"].value,
            station["fallback_power_w"].value,
            station["fallback_interval_s"].value,
            interrupted=interrupted,
            limits_read_s={connector_id: cell.image.read_s for connector_id, cell in self._limits if cell.image},
        )

    def word(self, field: Field) -> int | None:
        """A field's registers as one number; None when nobody read them."""
        return self._cells[field.key].raw_number

    def identity(self) -> ChargerIdentity:
        """Who the charger is. Raises WrongAnswer when its registers do not say how many connectors there are."""
        return self.mapping.identity({role: cell.value for role, cell in self._station.items()})

    def readings(self, now: Instant) -> tuple[Reading, ...]:
        """Every field of the mapping, in its order, for people: `probe`, the dashboard."""
        return tuple(cell.reading(now) for cell in self._cells.values())

    def _by_role(self, connector_id: int | None) -> dict[str, _Cell]:
        """The cell of every role; one that is never read for a role that this charger lacks."""
        cells: dict[str, _Cell] = dict.fromkeys((role.value for role in Role), _NEVER_READ)
        for cell in self._cells.values():
            if cell.field.connector_id == connector_id and cell.field.role:
                cells[cell.field.role.value] = cell
        return cells


class _Cell:
    """One field with what was last read of it. `image` is None, as `raw` and `value`, before that and when refused."""

    __slots__ = ("decode", "exception_code", "field", "image", "integer", "raw", "size", "value")

    def __init__(self, field: Field) -> None:
        self.field = field
        self.size = 2 * field.count
        self.decode = decoder(field)
        self.integer: Callable[[bytes], int] = integer_decoder(field)
        self.image: _BlockImage | None = None
        self.raw: bytes | None = None
        self.value: Any = None  # Value; the mapping's checks hold that its kind is right for its role
        self.exception_code: int | None = None

    @property
    def raw_number(self) -> int | None:
        return None if self.raw is None else self.integer(self.raw)

    def reading(self, now: Instant) -> Reading:
        field = self.field
        return Reading(
            key=field.key,
            title=field.title,
            role=field.role,
            connector_id=field.connector_id,
            table=field.table,
            address=field.address,
            raw=None if self.raw is None else words(self.raw),
            value=self.value,
            unit=field.unit,
            age_s=None if self.image is None else now.monotonic_s - self.image.read_s,
            confidence=field.confidence,
            error=self._error(),
            note=field.note,
        )

    def _error(self) -> str | None:
        field = self.field
        if self.exception_code is not None:
            meaning = MODBUS_EXCEPTIONS.get(self.exception_code, "unknown exception")
            return f"refused: Modbus exception {self.exception_code}, {meaning}"
        if self.raw is None or self.value is not None:
            return None
        if field.type is RegisterType.TAG:
            return "holds a byte that no idTag may hold"
        if field.labels:
            return f"{self.raw_number} has no meaning in the mapping"
        return f"{self.raw_number} is outside {field.minimum}..{field.maximum}"


_NEVER_READ = _Cell(
    Field("", "", None, None, Table.INPUT, 0, 1, RegisterType.U16, PollClass.ONCE, Confidence.UNCONFIRMED, "")
)
"""What stands for a role that a charger lacks: nobody ever reads it, so it never has a value."""


class _BlockImage:
    """What a block's last read brought; `data` is None when it has to be looked at whatever it is.

    It does not know its cells, which know it: a lost link lets go of all that was read, and nothing has to search it.
    """

    __slots__ = ("connectors_with_tag", "data", "read_s")

    def __init__(self, block: Block) -> None:
        tags = (field.connector_id for field in block.fields if field.role is Role.ID_TAG)
        self.connectors_with_tag = {connector_id for connector_id in tags if connector_id}
        self.data: bytes | None = None
        self.read_s = 0.0


def words(data: bytes) -> tuple[int, ...]:
    """Big-endian register bytes as numbers."""
    return tuple(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))


def _connector_snapshot(connector_id: int, cells: dict[str, _Cell]) -> ConnectorSnapshot:
    status, error, derating = cells["status"], cells["error_code"], cells["derating"]
    error_code = error.value
    if error_code is None:
        error_code = ChargePointErrorCode.NO_ERROR if error.raw is None else ChargePointErrorCode.OTHER_ERROR
    return ConnectorSnapshot(
        connector_id,
        status=status.value if status.exception_code is None else _status_by_word(cells["status_word"]),
        status_raw=status.raw_number,
        error_code=error_code,
        error_code_raw=error.raw_number,
        charging_s=cells["charging_s"].value,
        session_energy_wh=cells["session_energy_wh"].value,
        power_w=cells["power_w"].value,
        current_a=_phases(cells, "current_l1_a", "current_l2_a", "current_l3_a"),
        voltage_v=_phases(cells, "voltage_l1_v", "voltage_l2_v", "voltage_l3_v"),
        derating=DERATING_LABELS.get(derating.value),
        power_limit_w=cells["power_limit_w"].value,
        tag=_tag(cells["id_tag"]),
    )


_BY_FLAG = (
    ("error", ChargePointStatus.FAULTED),
    ("charging", ChargePointStatus.CHARGING),
    ("active", ChargePointStatus.PREPARING),
)


def _status_by_word(word: _Cell) -> ChargePointStatus | None:
    """The status of a charger whose firmware has no status register yet, as far as its status word tells.

    Source: Compleo register 257: bit 3 error, bit 1 charging, bit 0 active; a suspended car looks like a preparing one.
    """
    if word.value is None:
        return None
    return next((status for flag, status in _BY_FLAG if flag in word.value), ChargePointStatus.AVAILABLE)


def _phases(cells: dict[str, _Cell], l1: str, l2: str, l3: str) -> tuple[float | None, float | None, float | None]:
    return cells[l1].value, cells[l2].value, cells[l3].value


def _tag(cell: _Cell) -> Tag | None:
    if cell.image is None:
        return None
    return Tag(id_tag=cell.value or None, unusable=cell.value is None, read_s=cell.image.read_s)
