"""What pydantic cannot see in a mapping file: rules between keys, between registers, and with the gateway's roles.

The checks run on every part that is sound by itself, so that a typo in one register hides no mistake in another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from ocpp_gateway.errors import Mistake
from ocpp_gateway.registers.fields import NUMBERS, REGISTER_COUNT, RegisterType
from ocpp_gateway.registers.mapping_schema import (
    ConnectorRegister,
    Connectors,
    Fallback,
    Identity,
    Limit,
    Meta,
    Register,
    Section,
    StationRegister,
    Transport,
)
from ocpp_gateway.registers.snapshot import Derating
from ocpp_gateway.registers.vocabulary import ChargePointErrorCode, ChargePointStatus, Role, Table
from ocpp_gateway.yaml_document import Document, Path, nearest

Part = TypeVar("Part", bound=Section)


@dataclass(frozen=True, slots=True)
class RoleRule:
    """What a register must be to play a role. `labels`: the names its labels are chosen from."""

    section: str
    types: frozenset[RegisterType] = NUMBERS
    unit: str | None = None
    labels: tuple[str, ...] = ()


DERATING_LABELS = {level.name.lower(): level for level in Derating}

ROLE_RULES = {
    Role.NUMBER_OF_CONNECTORS: RoleRule("station"),
    Role.FIRMWARE_VERSION: RoleRule("station", frozenset({RegisterType.VERSION, RegisterType.STRING})),
    Role.SERIAL_NUMBER: RoleRule("station", frozenset({RegisterType.STRING})),
    Role.STATION_POWER_LIMIT_W: RoleRule("station", unit="W"),
    Role.FALLBACK_POWER_W: RoleRule("station", unit="W"),
    Role.FALLBACK_INTERVAL_S: RoleRule("station", unit="s"),
    Role.STATION_POWER_W: RoleRule("station", unit="W"),
    Role.STATION_CURRENT_L1_A: RoleRule("station", unit="A"),
    Role.STATION_CURRENT_L2_A: RoleRule("station", unit="A"),
    Role.STATION_CURRENT_L3_A: RoleRule("station", unit="A"),
    Role.STATUS: RoleRule("connector", labels=tuple(ChargePointStatus)),
    Role.ERROR_CODE: RoleRule("connector", labels=tuple(ChargePointErrorCode)),
    Role.STATUS_WORD: RoleRule("connector", frozenset({RegisterType.BITS})),
    Role.POWER_LIMIT_W: RoleRule("connector", unit="W"),
    Role.POWER_W: RoleRule("connector", unit="W"),
    Role.CURRENT_L1_A: RoleRule("connector", unit="A"),
    Role.CURRENT_L2_A: RoleRule("connector", unit="A"),
    Role.CURRENT_L3_A: RoleRule("connector", unit="A"),
    Role.VOLTAGE_L1_V: RoleRule("connector", unit="V"),
    Role.VOLTAGE_L2_V: RoleRule("connector", unit="V"),
    Role.VOLTAGE_L3_V: RoleRule("connector", unit="V"),
    Role.CHARGING_S: RoleRule("connector", unit="s"),
    Role.SESSION_ENERGY_WH: RoleRule("connector", unit="Wh"),
    Role.ID_TAG: RoleRule("connector", frozenset({RegisterType.TAG})),
    Role.DERATING: RoleRule("connector", labels=tuple(DERATING_LABELS)),
}

REQUIRED_ROLES = (Role.NUMBER_OF_CONNECTORS, Role.STATUS, Role.POWER_LIMIT_W)
FALLBACK_ROLES = (Role.FALLBACK_POWER_W, Role.FALLBACK_INTERVAL_S)


def cross_checks(document: Document) -> Iterator[Mistake]:
    """Every mistake between parts of a mapping file."""
    data = document.data if isinstance(document.data, dict) else {}
    registers: dict[Path, Register] = {}
    for section, kind in (("station", StationRegister), ("connector", ConnectorRegister)):
        entries = data.get(section)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            register = _sound(kind, entry)
            if register is not None:
                registers[section, name] = register
    for path, register in registers.items():
        yield from _role_mistakes(document, path, register)
        yield from _shape_mistakes(document, path, register)
    meta, transport = _sound(Meta, data.get("meta")), _sound(Transport, data.get("transport"))
    connectors = _sound(Connectors, data.get("connectors"))
    for path, register in registers.items():
        if meta:
            yield from _source_mistakes(document, path, register, meta)
        if transport and register_count(register) > transport.max_read_count:
            problem = f"fills {register_count(register)} registers, more than transport.max_read_count"
            yield document.mistake(path, problem, at_key=True)
    if connectors:
        yield from _place_mistakes(document, registers, connectors)
        yield from _connector_id_mistakes(document, registers, connectors, _sound(Identity, data.get("identity")))
    yield from _whole_mistakes(document, registers, data)


def register_count(register: Register) -> int:
    """How many registers it fills."""
    return REGISTER_COUNT.get(register.type, register.count or 1)


def first_address(register: Register, connectors: Connectors, connector_id: int) -> int:
    """Where it begins. Raises KeyError for a group that does not exist."""
    if isinstance(register, StationRegister):
        return register.address
    assert isinstance(register, ConnectorRegister)  # noqa: S101  the two kinds there are
    group = connectors.groups[register.group]
    return group.base + (connector_id - 1) * group.stride + register.offset


# ---------------------------------------------------------------- one register


def _role_mistakes(document: Document, path: Path, register: Register) -> Iterator[Mistake]:
    section, name = path
    rule = ROLE_RULES.get(Role(name)) if name in set(Role) else None
    if rule is None:
        if not register.extra:
            roles = [role for role, r in ROLE_RULES.items() if r.section == section]
            hint = nearest(name, roles) or "set extra: true for a register that only people look at"
            yield document.mistake(path, "is no role of the gateway", hint, at_key=True)
        return
    if register.extra:
        yield document.mistake((*path, "extra"), "is a role of the gateway, so it cannot be extra")
    if rule.section != section:
        yield document.mistake(path, f"belongs under {rule.section}", at_key=True)
    if register.type not in rule.types:
        yield document.mistake((*path, "type"), f"must be one of {', '.join(sorted(rule.types))} for this role")
    if register.unit != rule.unit:
        yield document.mistake((*path, "unit"), f"must be {rule.unit}" if rule.unit else "this role has no unit")
    if rule.labels and not register.labels:
        yield document.mistake((*path, "labels"), "are missing: this role means names, not numbers", at_key=True)
    for raw, label in register.labels.items() if rule.labels else ():
        if label not in rule.labels:
            problem = f"{label} is not one of its names"
            yield document.mistake((*path, "labels", raw), problem, nearest(label, rule.labels))


def _shape_mistakes(document: Document, path: Path, register: Register) -> Iterator[Mistake]:
    fixed = REGISTER_COUNT.get(register.type)
    number = register.type in NUMBERS
    if fixed is None and register.count is None:
        yield document.mistake((*path, "count"), f"is missing: a {register.type} has no length of its own")
    if fixed is not None and register.count not in (None, fixed):
        yield document.mistake((*path, "count"), f"must be {fixed} for {register.type}, or left out")
    if register.access == "rw" and (register.table is not Table.HOLDING or register_count(register) != 1):
        yield document.mistake((*path, "access"), "only one holding register can be written")
    if not (register.scale.is_integer() or is_fraction(register.scale)):
        yield document.mistake((*path, "scale"), "must be a whole number, or one divided by a whole number")
    if register.scale != 1 and (not number or register.labels):
        yield document.mistake((*path, "scale"), "only a number without labels has a scale")
    if register.unit and (not number or register.labels):
        yield document.mistake((*path, "unit"), "only a number without labels has a unit")
    if register.labels and not number:
        yield document.mistake((*path, "labels"), "only a number has labels", at_key=True)
    if bool(register.bits) != (register.type is RegisterType.BITS):
        yield document.mistake((*path, "bits"), "type bits and named bits go together", at_key=True)
    if register.plausible_raw and (not number or register.labels):
        yield document.mistake((*path, "plausible_raw"), "only a number without labels has a plausible range")
    if register.plausible_raw and register.plausible_raw[0] > register.plausible_raw[1]:
        yield document.mistake((*path, "plausible_raw"), "the lowest value comes first")


def is_fraction(scale: float) -> bool:
    """Whether a scale is one divided by a whole number, as near as a float can say it."""
    return scale < 1 and abs(1 / round(1 / scale) - scale) < 1e-12


def _source_mistakes(document: Document, path: Path, register: Register, meta: Meta) -> Iterator[Mistake]:
    named = [((*path, "source", index), tag) for index, tag in enumerate(register.source)]
    if isinstance(register, ConnectorRegister):
        for connector_id, override in register.override.items():
            place = (*path, "override", connector_id, "source")
            named += [((*place, index), tag) for index, tag in enumerate(override.source or [])]
    for place, tag in named:
        if tag not in meta.sources:
            yield document.mistake(place, "is not in meta.sources", nearest(tag, meta.sources))


# ---------------------------------------------------------------- registers together


def _place_mistakes(document: Document, registers: dict[Path, Register], connectors: Connectors) -> Iterator[Mistake]:
    """Groups that do not exist, addresses past the end, and registers on top of each other in one table."""
    places: dict[Table, list[tuple[int, int, Path]]] = {table: [] for table in Table}
    wrong: set[Path] = set()
    for path, register in registers.items():
        if isinstance(register, ConnectorRegister) and register.group not in connectors.groups:
            hint = nearest(register.group, connectors.groups)
            yield document.mistake((*path, "group"), "is not in connectors.groups", hint)
            continue
        for connector_id in range(1, connectors.maximum + 1) if isinstance(register, ConnectorRegister) else (1,):
            start = first_address(register, connectors, connector_id)
            end = start + register_count(register)
            if end > 0x1_0000 and path not in wrong:
                wrong.add(path)
                yield document.mistake(_address_path(path), f"ends at {end - 1}; the last address is 65535")
            places[register.table].append((start, end, path))
    for table, taken in places.items():
        reached = 0
        holder: Path = ()
        for start, end, path in sorted(taken, key=lambda place: place[:2]):
            if start < reached and path not in wrong:
                wrong.add(path)
                line = document.key_place(holder)[0]
                problem = f"{table} {start} is already taken by {document.dotted(holder)} in line {line}"
                yield document.mistake(_address_path(path), problem)
            if end > reached:
                reached, holder = end, path


def _address_path(path: Path) -> Path:
    return (*path, "address" if path[0] == "station" else "offset")


def _connector_id_mistakes(
    document: Document, registers: dict[Path, Register], connectors: Connectors, identity: Identity | None
) -> Iterator[Mistake]:
    ids: list[Path] = [("connectors", "names", connector_id) for connector_id in connectors.names]
    ids += [("identity", "model", connector_id) for connector_id in (identity.model if identity else ())]
    for path, register in registers.items():
        if isinstance(register, ConnectorRegister):
            ids += [(*path, "override", connector_id) for connector_id in register.override]
    for path in ids:
        if isinstance(path[-1], int) and path[-1] > connectors.maximum:
            yield document.mistake(path, f"connectors.maximum is {connectors.maximum}", at_key=True)


def _whole_mistakes(document: Document, registers: dict[Path, Register], data: dict[Any, Any]) -> Iterator[Mistake]:
    for role in REQUIRED_ROLES:
        section = ROLE_RULES[role].section
        if isinstance(data.get(section), dict) and role not in data[section]:
            yield document.mistake((section, role), "is missing: the gateway cannot do without it", at_key=True)
    power_limit = registers.get(("connector", Role.POWER_LIMIT_W))
    if power_limit and power_limit.access != "rw":
        yield document.mistake(("connector", Role.POWER_LIMIT_W, "access"), "must be rw: it is how charging is limited")
    limit = _sound(Limit, data.get("limit"))
    if limit and power_limit and limit.minimum_power_w % power_limit.scale:
        problem = f"must be a multiple of {power_limit.scale:g} W, the scale of power_limit_w"
        yield document.mistake(("limit", "minimum_power_w"), problem)
    has_registers = any(("station", role) in registers for role in FALLBACK_ROLES)
    if has_registers and data.get("fallback") is None:
        yield document.mistake(("fallback",), "is missing: this charger has fallback registers", at_key=True)
    if not has_registers and _sound(Fallback, data.get("fallback")):
        yield document.mistake(("fallback",), "no register under station has a fallback role", at_key=True)


def _sound(kind: type[Part], value: object) -> Part | None:
    try:
        return kind.model_validate(value)
    except ValidationError:
        return None
