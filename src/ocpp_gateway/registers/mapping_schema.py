"""A mapping file as pydantic models: the keys an author may write.

What concerns more than one key is in `mapping_checks`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ocpp_gateway.registers.fields import RegisterType, WordOrder
from ocpp_gateway.registers.vocabulary import Confidence, PollClass, Table

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Text = Annotated[str, Field(min_length=1)]
Address = Annotated[int, Field(ge=0, le=0xFFFF)]
Raw = Annotated[int, Field(ge=-0x8000, le=0xFFFF_FFFF)]
ConnectorId = Annotated[int, Field(ge=1)]
Word = Field(strict=False)  # enums are written as words


class TagStanding(StrEnum):
    """What a tag means that still stands from the session before (decisions, Tags)."""

    IGNORE = "ignore"  # nobody's
    ACCEPT = "accept"  # the next driver's


class Section(BaseModel):
    """Any part of a mapping file: unknown keys are mistakes, and "1" is no number."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Meta(Section):
    """What the file is about. `sources` gives each tag that a register's `source` may name."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    models: Annotated[list[Text], Field(min_length=1)]
    sources: Annotated[dict[Text, Text], Field(min_length=1)]


class Transport(Section):
    """How to ask. A read never crosses more than `max_gap` undefined addresses."""

    port: Annotated[int, Field(ge=1, le=0xFFFF)] = 502
    unit_id: Annotated[int, Field(ge=0, le=0xFF)]
    word_order: Annotated[WordOrder, Word]
    max_read_count: Annotated[int, Field(ge=1, le=125)]
    max_gap: Annotated[int, Field(ge=0)] = 0
    slow_interval_s: Annotated[float, Field(gt=0)]


class Identity(Section):
    """What BootNotification says beside the registers: literals, the model by number of connectors."""

    vendor: Annotated[str, Field(min_length=1, max_length=20)]
    model: dict[ConnectorId, Annotated[str, Field(min_length=1, max_length=20)]]


class Group(Section):
    """Connector n's registers of this group begin at base + (n - 1) × stride."""

    base: Address
    stride: Annotated[int, Field(ge=1, le=0xFFFF)]


class Connectors(Section):
    """How many there may be (the register `number_of_connectors` says how many there are), and where they lie."""

    maximum: Annotated[int, Field(ge=1, le=64)]
    names: dict[ConnectorId, Text] = {}
    groups: Annotated[dict[Name, Group], Field(min_length=1)]


class Limit(Section):
    """What a power limit means to this charger. Its step is the scale of `power_limit_w`.

    `minimum_power_w`: the lowest limit at which it charges. `phases`: it divides the limit by this many.
    """

    minimum_power_w: Annotated[int, Field(ge=0)]
    phases: Literal[1, 3]


class TagRule(Section):
    """How to read the tag register."""

    standing: Annotated[TagStanding, Word] = TagStanding.IGNORE


class Fallback(Section):
    """The charger's own fallback acts `trigger_factor` × its interval register after the last access."""

    trigger_factor: Annotated[int, Field(ge=1)]


class Register(Section):
    """One value. Its name is the role it plays, or any name when `extra` is set."""

    title: Text
    table: Annotated[Table, Word]
    type: Annotated[RegisterType, Word]
    count: Annotated[int, Field(ge=1, le=125)] | None = None
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    unit: Text | None = None
    poll: Annotated[PollClass, Word]
    access: Literal["r", "rw"] = "r"
    extra: bool = False
    optional: bool = False
    labels: dict[Raw, Text] = {}
    bits: dict[Annotated[int, Field(ge=0, le=15)], Name] = {}
    plausible_raw: Annotated[list[Raw], Field(min_length=2, max_length=2)] | None = None
    confidence: Annotated[Confidence, Word]
    source: Annotated[list[Text], Field(min_length=1)]
    note: Text | None = None


class StationRegister(Register):
    """A value that the station has once."""

    address: Address


class Override(Section):
    """What is different for one connector."""

    title: Text | None = None
    optional: bool | None = None
    confidence: Annotated[Confidence, Word] | None = None
    source: Annotated[list[Text], Field(min_length=1)] | None = None
    note: Text | None = None


class ConnectorRegister(Register):
    """A value that every connector has, at `offset` from its group's beginning."""

    group: Name
    offset: Address
    override: dict[ConnectorId, Override] = {}


class MappingFile(Section):
    """A whole mapping file."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    meta: Meta
    transport: Transport
    identity: Identity
    connectors: Connectors
    limit: Limit
    tag: TagRule = TagRule()
    fallback: Fallback | None = None
    station: dict[Name, StationRegister]
    connector: dict[Name, ConnectorRegister]
