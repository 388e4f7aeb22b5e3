"""What the API answers, as models: the OpenAPI document is made from them. Null is unknown, never a guess.

They describe; nothing is parsed by them. A later version may add members, so clients skip those that they do not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Many:
    """A list of these."""

    model: type[BaseModel]


class ChargerIdentity(BaseModel):
    """Who the charger says it is."""

    vendor: str | None
    model: str | None
    serial_number: str | None
    firmware_version: str | None
    number_of_connectors: int


class ModbusState(BaseModel):
    """The charger's side."""

    connected: bool
    unreachable: bool
    last_poll_at: str | None
    last_poll_age_s: float | None
    round_s: float | None
    lost_links: int
    missed_rounds: int
    last_error: str | None


class Outbox(BaseModel):
    """What waits for the central system."""

    messages: int
    oldest_at: str | None
    oldest_age_s: float | None
    thinned: int
    dead_letters: int


class CentralSystemState(BaseModel):
    """The central system's side."""

    connected: bool
    registration: Literal["Accepted", "Pending", "Rejected"] | None
    last_problem: str | None
    outbox: Outbox | None


class ConnectorRegisters(BaseModel):
    """What the registers of a connector say."""

    status: str | None
    status_raw: int | None
    error_code_raw: int | None
    power_w: float | None
    current_a: tuple[float | None, float | None, float | None]
    voltage_v: tuple[float | None, float | None, float | None]
    session_energy_wh: int | None
    charging_s: int | None
    power_limit_w: int | None
    derating: str | None


class RunningTransaction(BaseModel):
    """A transaction that runs."""

    local_id: str
    transaction_ids: dict[str, str]
    id_tag: str
    started_at: str
    meter_start_wh: int
    energy_wh: int


class Connector(BaseModel):
    """One connector. `status` and `error_code` are words of OCPP 1.6."""

    connector_id: int
    status: str
    error_code: str
    vendor_error_code: str | None
    info: str | None
    operative: bool
    gate_open: bool
    meter_wh: int
    registers: ConnectorRegisters | None
    power_limit_commanded_w: int | None
    limited_by: str
    transaction: RunningTransaction | None


class ExternalLimit(BaseModel):
    """A limit from outside OCPP: what was said, and what counts of it now."""

    source: str
    connector_id: int
    power_w: int
    lifetime_s: float | None
    failsafe_w: int | None
    set_at: str
    counts_w: int
    until: str | None
    silent: bool


class Limit(ExternalLimit):
    """The same, with the charger that it is on."""

    charger: str


class Charger(BaseModel):
    """One charger."""

    identity: str
    charger: ChargerIdentity | None
    modbus: ModbusState
    central_system: CentralSystemState
    authorization_mode: Literal["charger", "central_system", "free"]
    read_only: bool
    operative: bool
    status: str
    power_w: float | None
    max_power_w: int
    power_limit_commanded_w: int | None
    limited_by: str
    external_limits: list[ExternalLimit]
    connectors: list[Connector]


class Register(BaseModel):
    """One register. `raw` are its words; of a card neither they nor the whole tag are shown."""

    key: str
    title: str
    connector_id: int | None
    table: Literal["holding", "input"]
    address: int
    raw: list[int] | None
    value: int | float | str | list[int] | list[str] | None
    unit: str | None
    age_s: float | None
    confidence: str
    error: str | None
    note: str | None


class Message(BaseModel):
    """A question with its answer. No secrets; id tags are cut."""

    number: int
    at: str
    direction: Literal["sent", "received"]
    action: str | None
    message_id: str | None
    latency_s: float | None
    result: Literal["answered", "error", "unanswered", "malformed"]
    request: Any
    response: Any


class Transmission(BaseModel):
    """One time that a message went out."""

    number: int
    message_id: str
    sent_at: str | None
    transaction_id: str | None
    outcome: str | None
    problem: str | None
    answer: Any


class QueuedMessage(BaseModel):
    """A message of a transaction, delivered or not."""

    seq: int
    charge_point: str
    action: str
    state: Literal["queued", "done", "dead"]
    local_id: str | None
    payload: dict[str, Any]
    created_at: str
    last_error: str | None
    given_up_at: str | None
    transmissions: list[Transmission]


class Transaction(BaseModel):
    """A transaction, running or over."""

    number: int
    charge_point: str
    local_id: str
    transaction_ids: dict[str, str]
    connector_id: int
    id_tag: str
    started_at: str
    stopped_at: str | None
    stop_reason: str | None
    meter_start_wh: int
    meter_stop_wh: int | None
    energy_wh: int
    queued_messages: int
    dead_letters: int


class TransactionLedger(Transaction):
    """All that a transaction rests on."""

    messages: list[QueuedMessage]
    readings: list[dict[str, Any]]


class Resent(BaseModel):
    """A message that is in the queue again."""

    charge_point: str
    seq: int
    action: str


class Profile(BaseModel):
    """An installed charging profile. `payload` is as the central system sent it."""

    connector_id: int
    charging_profile_id: int
    purpose: str
    stack_level: int
    kind: str
    unit: Literal["A", "W"]
    local_id: str | None
    installed_at: str
    in_force: bool
    payload: dict[str, Any]


class Step(BaseModel):
    """From `start_s` on this is the limit, and that source sets it."""

    start_s: float
    power_w: float
    source: str
    charging_profile_id: int | None


class Schedule(BaseModel):
    """What will be the limit."""

    connector_id: int
    at: str
    covered_s: float
    periods: list[Step]
    commanded_w: int | None


class ConfigurationKey(BaseModel):
    """An OCPP configuration key."""

    key: str
    value: str
    default: str
    read_only: bool
    type: str
    meaning: str
    source: Literal["central_system", "file", "boot", "default"]


class Health(BaseModel):
    """How well both sides can be reached, and what the clock is worth."""

    modbus: dict[str, Any]
    central_system: dict[str, Any]
    clock: dict[str, Any]


class Why(BaseModel):
    """How a limit comes about."""

    connector_id: int
    at: str
    summary: str
    limit_w: float | None
    decided_by: str
    sources: list[dict[str, Any]]


class Started(BaseModel):
    """What a start has come to so far."""

    outcome: Literal[
        "started", "waits_for_plug", "asks_central_system", "waits_for_central_system", "released", "refused"
    ]


class Availability(BaseModel):
    """`scheduled`: a transaction goes on until its end."""

    operative: bool
    scheduled: bool


class ConnectionTest(BaseModel):
    """Whether the central system lets us in."""

    reached: bool
    stands_already: bool
    took_s: float | None
    problem: str | None


class LogLevels(BaseModel):
    """The level of each part, `gateway` of all of it."""

    levels: dict[str, str]


class AuditEntry(BaseModel):
    """One thing that somebody did."""

    number: int
    at: str
    who: str
    action: str
    detail: str


class Package(BaseModel):
    """One installed package."""

    name: str
    version: str
    licence: str | None


class About(BaseModel):
    """What runs here."""

    version: str
    python: str
    platform: str
    started_at: str | None
    uptime_s: float
    read_only: bool
    packages: list[Package]


class Token(BaseModel):
    """A bearer token, without what proves it."""

    name: str
    role: Literal["viewer", "operator"]


class NewToken(Token):
    """A bearer token; this is the only time that it is shown."""

    token: str
