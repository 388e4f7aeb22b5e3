"""A mapping: everything the gateway knows of one family of chargers, read from a YAML file."""

from __future__ import annotations

from collections.abc import Mapping as ReadOnlyDict
from dataclasses import dataclass, replace

from ocpp_gateway.errors import WrongAnswer
from ocpp_gateway.registers.fields import Field
from ocpp_gateway.registers.mapping_checks import cross_checks, first_address, register_count
from ocpp_gateway.registers.mapping_schema import (
    ConnectorRegister,
    Fallback,
    MappingFile,
    Register,
    TagRule,
    Transport,
)
from ocpp_gateway.registers.snapshot import ChargerIdentity
from ocpp_gateway.registers.vocabulary import ChargePointErrorCode, ChargePointStatus, Role
from ocpp_gateway.yaml_document import parse_yaml, validate

LABEL_TYPES: dict[str, type[str]] = {Role.STATUS: ChargePointStatus, Role.ERROR_CODE: ChargePointErrorCode}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a power limit means to this charger.

    `step_w`: one step of the limit registers. `minimum_power_w`: below it the charger pauses. `phases`: the charger
    divides the limit by this many, whatever the car uses.
    """

    step_w: int
    minimum_power_w: int
    phases: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """One family of chargers: how to ask them, where their values lie, and what they mean."""

    name: str
    vendor: str
    models: tuple[str, ...]
    sources: ReadOnlyDict[str, str]
    transport: Transport
    limits: Limits
    tag: TagRule
    fallback: Fallback | None
    max_connectors: int
    connector_names: ReadOnlyDict[int, str]
    model_names: ReadOnlyDict[int, str]
    all_fields: tuple[Field, ...]
    swapped: bool = False

    def with_connectors_swapped(self) -> Mapping:
        """The same chargers with connector 1 and 2 in each other's place; those with one connector stay as they are."""
        return replace(self, swapped=not self.swapped)

    def fields(self, number_of_connectors: int) -> tuple[Field, ...]:
        """The fields of a charger with that many connectors, station first.

        Raises ValueError for a number that this family cannot have.
        """
        if not 1 <= number_of_connectors <= self.max_connectors:
            raise ValueError(f"{self.name} has 1 to {self.max_connectors} connectors, not {number_of_connectors}")
        fields = tuple(f for f in self.all_fields if f.connector_id is None or f.connector_id <= number_of_connectors)
        return tuple(map(_swapped, fields)) if self.swapped and number_of_connectors == 2 else fields

    def field(self, role: Role, connector_id: int | None = None) -> Field | None:
        """The field that plays a role, of a connector or (None) of the station; None when this charger has none."""
        return next((f for f in self.all_fields if f.role is role and f.connector_id == connector_id), None)

    def identity(self, values: ReadOnlyDict[str, object]) -> ChargerIdentity:
        """Who the charger is, from its decoded station values by role.

        Raises WrongAnswer when they do not say how many connectors there are: nothing else can be trusted then.
        """
        number = values.get(Role.NUMBER_OF_CONNECTORS)
        if not isinstance(number, int) or not 1 <= number <= self.max_connectors:
            field = self.field(Role.NUMBER_OF_CONNECTORS)
            where = f"{field.table} {field.address}" if field else "the charger"
            raise WrongAnswer(f"{where} does not give a number of connectors from 1 to {self.max_connectors}")
        serial_number, firmware_version = values.get(Role.SERIAL_NUMBER), values.get(Role.FIRMWARE_VERSION)
        return ChargerIdentity(
            number_of_connectors=number,
            vendor=self.vendor,
            model=self.model_names.get(number),
            serial_number=str(serial_number) if serial_number else None,
            firmware_version=str(firmware_version) if firmware_version else None,
        )


def _swapped(field: Field) -> Field:
    if field.connector_id is None:
        return field
    other = 3 - field.connector_id
    return replace(field, connector_id=other, key=field.key.replace(f".{field.connector_id}.", f".{other}."))


def parse_mapping(text: str, file: str) -> Mapping:
    """The mapping in a YAML text. Raises ConfigurationError with every mistake; `file` is its name for people."""
    document = parse_yaml(text, file)
    source = validate(MappingFile, document, extra_mistakes=cross_checks(document))
    fields = [_field(source, name, register) for name, register in source.station.items()]
    for connector_id in range(1, source.connectors.maximum + 1):
        fields += [_field(source, name, register, connector_id) for name, register in source.connector.items()]
    return Mapping(
        name=source.meta.name,
        vendor=source.identity.vendor,
        models=tuple(source.meta.models),
        sources=source.meta.sources,
        transport=source.transport,
        limits=Limits(
            step_w=int(source.connector[Role.POWER_LIMIT_W].scale),
            minimum_power_w=source.limit.minimum_power_w,
            phases=source.limit.phases,
        ),
        tag=source.tag,
        fallback=source.fallback,
        max_connectors=source.connectors.maximum,
        connector_names=source.connectors.names,
        model_names=source.identity.model,
        all_fields=tuple(fields),
    )


def _field(source: MappingFile, name: str, register: Register, connector_id: int | None = None) -> Field:
    low, high = register.plausible_raw or (None, None)
    label_type = LABEL_TYPES.get(name, str)
    field = Field(
        key=f"station.{name}" if connector_id is None else f"connector.{connector_id}.{name}",
        title=register.title,
        role=None if register.extra else Role(name),
        connector_id=connector_id,
        table=register.table,
        address=first_address(register, source.connectors, connector_id or 1),
        count=register_count(register),
        type=register.type,
        poll=register.poll,
        confidence=register.confidence,
        source=", ".join(register.source),
        scale=int(register.scale) if register.scale >= 1 else register.scale,
        unit=register.unit,
        word_order=source.transport.word_order,
        writable=register.access == "rw",
        optional=register.optional,
        labels={raw: label_type(label) for raw, label in register.labels.items()},
        bits=register.bits,
        minimum=low,
        maximum=high,
        note=register.note,
    )
    override = register.override.get(connector_id or 0) if isinstance(register, ConnectorRegister) else None
    if override is None:
        return field
    return replace(
        field,
        title=override.title or field.title,
        optional=field.optional if override.optional is None else override.optional,
        confidence=override.confidence or field.confidence,
        source=", ".join(override.source) if override.source else field.source,
        note=override.note or field.note,
    )
