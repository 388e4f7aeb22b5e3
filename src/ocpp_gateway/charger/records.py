"""What the core asks the store to keep, and gets back after a restart. Each record replaces the one with its key."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from ocpp_gateway.instant import Instant
from ocpp_gateway.registers.snapshot import ChargerIdentity

MAIN = "main"
"""The name of the one central system; rows are keyed by it so that there can be more."""


class Outcome(StrEnum):
    """How a transmission of a message ended."""

    ANSWERED = "answered"
    ERROR = "error"  # a CALLERROR, or an answer that cannot be used
    TIMEOUT = "timeout"
    LINK_LOST = "link_lost"


ReadingKind = Literal["start", "stop", "fell", "leapt", "segment", "corrected"]


@dataclass(frozen=True, slots=True)
class MeterRecord:
    """A connector's virtual meter and what it was fed from (conformance M-31, M-32).

    `total_wh` never falls. `register_wh` and `charging_s` are the charger's session counters as last taken in;
    None before the first reading.
    """

    connector_id: int
    total_wh: int = 0
    register_wh: int | None = None
    charging_s: int | None = None


@dataclass(frozen=True, slots=True)
class AvailabilityRecord:
    """What ChangeAvailability set, for connector 0 (the station) or one connector (conformance S-14, R-28)."""

    connector_id: int
    operative: bool


@dataclass(frozen=True, slots=True)
class GateRecord:
    """Whether our stop or refusal holds a connector at 0 W, until the car leaves or somebody is authorised."""

    connector_id: int
    closed: bool


@dataclass(frozen=True, slots=True)
class TagRecord:
    """What stands in a connector's tag register, and which card was presented for the visit that lasts.

    `standing` is None when the register is empty, or holds what cannot be an idTag: then it is `unusable`.
    """

    connector_id: int
    standing: str | None
    unusable: bool
    presented: str | None


@dataclass(frozen=True, slots=True)
class ConfigurationRecord:
    """A configuration key changed by the central system; kept over the file's value."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class IdentityRecord:
    """The charger's identity as last read, to boot with while the charger is away."""

    identity: ChargerIdentity


@dataclass(frozen=True, slots=True)
class ProfileRecord:
    """An installed charging profile. `payload` is OCPP's csChargingProfiles as received, limits as JSON numbers.

    Keyed by (connector_id, charging_profile_id). `local_id` binds a TxProfile to its transaction.
    """

    connector_id: int
    charging_profile_id: int
    payload: dict[str, Any]
    local_id: str | None
    installed_at: Instant


@dataclass(frozen=True, slots=True)
class ProfileRemoved:
    """That profile is gone."""

    connector_id: int
    charging_profile_id: int


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """A transaction from StartTransaction to the last answer; keyed by `local_id`, our own UUID.

    `transaction_ids` holds what each central system calls it, by that system's name; 0 and negative are legal
    (E 3.54), so absence is a missing entry. Meter values are of the virtual meter, in Wh.
    `last_meter_wh`/`last_sample_at` are the last evidence of this transaction: what a Stop(PowerLoss) reports.
    `standing_tag` is what the charger's tag register held while it ran, so that another card shows after a restart.
    `open` is False once the StopTransaction row exists.
    """

    local_id: str
    connector_id: int
    id_tag: str
    meter_start_wh: int
    started_at: Instant
    last_meter_wh: int
    last_sample_at: Instant
    serial_number: str | None = None
    parent_id_tag: str | None = None
    standing_tag: str | None = None
    transaction_ids: dict[str, str] = field(default_factory=dict)
    charging_seen: bool = False
    deauthorized: bool = False
    stopped_at: Instant | None = None
    meter_stop_wh: int | None = None
    stop_reason: str | None = None

    @property
    def open(self) -> bool:
        """Whether it still runs."""
        return self.stopped_at is None


@dataclass(frozen=True, slots=True)
class TransactionIdRecord:
    """What a central system calls a transaction, by its StartTransaction.conf; it may be over by then."""

    local_id: str
    transaction_id: str
    central_system: str = MAIN


@dataclass(frozen=True, slots=True)
class CachedTag:
    """What the central system last said of an id tag (OCPP 1.6 §3.5.1). Keyed by the tag without case.

    `number` grows with each change, so that the oldest entry can be told; times are ISO 8601.
    """

    id_tag: str
    status: str
    number: int
    expiry_date: str | None = None
    parent_id_tag: str | None = None


@dataclass(frozen=True, slots=True)
class CachedTagForgotten:
    """That id tag is in the cache no more."""

    id_tag: str


@dataclass(frozen=True, slots=True)
class CacheCleared:
    """ClearCache."""


@dataclass(frozen=True, slots=True)
class LocalListRecord:
    """The whole local authorization list: its version, and idTagInfo as received by id tag."""

    version: int
    entries: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ReservationRecord:
    """A reservation (OCPP 1.6 §5.13), keyed by `reservation_id`; connector 0 is any one. `expiry_date`: ISO 8601."""

    reservation_id: int
    connector_id: int
    id_tag: str
    expiry_date: str
    parent_id_tag: str | None = None


@dataclass(frozen=True, slots=True)
class ReservationRemoved:
    """That reservation was used, cancelled or has expired."""

    reservation_id: int


@dataclass(frozen=True, slots=True)
class LimitRecord:
    """What an external source, or the operator, allows a connector (0: the station), in W; see `events.LimitSet`.

    Keyed by (source, connector_id). `set_at` is when the source last said so.
    """

    source: str
    connector_id: int
    power_w: int
    lifetime_s: float | None
    failsafe_w: int | None
    set_at: Instant


@dataclass(frozen=True, slots=True)
class LimitForgotten:
    """That source says nothing of that connector any more."""

    source: str
    connector_id: int


@dataclass(frozen=True, slots=True)
class TransactionSample:
    """One meter value for StopTransaction's transactionData, of a transaction that runs; dropped with its stop."""

    local_id: str
    meter_value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TransactionReading:
    """What the charger showed when a transaction began, ended, or its meter did more than follow the register.

    `kind`: `start`; `stop`; `fell` and `leapt`, a reading not believed yet; `segment`, the register began anew and that
    was believed; `corrected`, what was believed is taken back. Between two of them the virtual meter grows as the
    register does, so each value in between can be worked out. `meter` is what the virtual meter made of it; the
    values of the charger are None where nothing was read.
    """

    local_id: str
    kind: ReadingKind
    read_at: Instant
    meter: MeterRecord
    status_raw: int | None = None
    session_energy_wh: int | None = None
    charging_s: int | None = None
    id_tag: str | None = None
    power_w: float | None = None


@dataclass(frozen=True, slots=True)
class OutboxRecord:
    """A transaction-related message to deliver, in order, at least once, to one central system.

    `payload` is complete but for `transactionId`, which delivery fills in from the transaction with `local_id`.
    Stamps in it may be markers of a moment whose UTC time is not known yet (`Instant.stamp`).
    `message_id` is the OCPP-J unique id, made with the row: every repeat on a lost connection carries it.
    """

    message_id: str
    action: str
    payload: dict[str, Any]
    created_at: Instant
    local_id: str | None = None
    central_system: str = MAIN


@dataclass(frozen=True, slots=True)
class OutboxDone:
    """That message was answered (or given up, when `dead`): its row leaves the queue, and stays in the ledger."""

    seq: int
    dead: bool = False
    answer: dict[str, Any] | None = None
    answered_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class StampsResolved:
    """The UTC time of a boot's monotonic zero became known: stamps of that boot are filled in."""

    boot_id: str
    utc_at_zero: str


Record = (
    MeterRecord
    | AvailabilityRecord
    | GateRecord
    | TagRecord
    | ConfigurationRecord
    | IdentityRecord
    | ProfileRecord
    | ProfileRemoved
    | TransactionRecord
    | TransactionIdRecord
    | TransactionSample
    | TransactionReading
    | CachedTag
    | CachedTagForgotten
    | CacheCleared
    | LocalListRecord
    | ReservationRecord
    | ReservationRemoved
    | LimitRecord
    | LimitForgotten
    | OutboxRecord
    | OutboxDone
    | StampsResolved
)


@dataclass(frozen=True, slots=True)
class StoredCharger:
    """All that the store knows of one charge point when the gateway starts."""

    identity: ChargerIdentity | None = None
    configuration: dict[str, str] = field(default_factory=dict)
    meters: tuple[MeterRecord, ...] = ()
    availability: tuple[AvailabilityRecord, ...] = ()
    gates: tuple[GateRecord, ...] = ()
    tags: tuple[TagRecord, ...] = ()
    profiles: tuple[ProfileRecord, ...] = ()
    open_transactions: tuple[TransactionRecord, ...] = ()
    samples: dict[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)  # by local_id, oldest first
    cached_tags: tuple[CachedTag, ...] = ()
    local_list: LocalListRecord | None = None
    reservations: tuple[ReservationRecord, ...] = ()
    limits: tuple[LimitRecord, ...] = ()
