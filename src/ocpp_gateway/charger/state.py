"""What the core remembers of a charge point and its connectors between two events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ocpp_gateway.charger.configuration import Configuration
from ocpp_gateway.charger.events import RegistrationStatus
from ocpp_gateway.charger.id_tags import EMPTY_LIST, AuthorizationCache
from ocpp_gateway.charger.measurands import Phases
from ocpp_gateway.charger.metering import Meter
from ocpp_gateway.charger.other_masters import OtherMasters
from ocpp_gateway.charger.records import (
    LimitRecord,
    LocalListRecord,
    MeterRecord,
    ProfileRecord,
    ReservationRecord,
    TagRecord,
    TransactionRecord,
)
from ocpp_gateway.charger.status import PLUGGED, ReportedStatus
from ocpp_gateway.charger.stillness import Stillness
from ocpp_gateway.charger.tags import TagWatch
from ocpp_gateway.instant import Instant
from ocpp_gateway.registers.snapshot import ChargerIdentity, ConnectorSnapshot
from ocpp_gateway.registers.vocabulary import ChargePointStatus
from ocpp_gateway.smart_charging.guard import NOT_GUARDED, Guard
from ocpp_gateway.smart_charging.power import PowerRegister
from ocpp_gateway.smart_charging.profiles import ChargingProfile
from ocpp_gateway.smart_charging.sharing import Sharing


class AuthorizationMode(StrEnum):
    """Who decides who charges (decisions.md)."""

    CHARGER = "charger"
    CENTRAL_SYSTEM = "central_system"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class ChargePointSettings:
    """What the operator set and the mapping states; fixed while the charge point runs."""

    max_power_w: int
    power_register: PowerRegister
    limit_registers: Mapping[int, Mapping[int, tuple[str, int]]] = field(default_factory=dict)
    """Table and address of each limit register, by the charger's number of connectors, then by connector id."""
    mode: AuthorizationMode = AuthorizationMode.CHARGER
    free_id_tag: str = "FREE"
    unknown_id_tag: str = "UNKNOWN"
    connector_max_power_w: int | None = None
    read_only: bool = False
    accept_standing_tag: bool = False
    refuse_unstored: bool = False  # no energy for a new session while nothing can be stored
    obey_lower: bool = False  # a lower limit that another master wrote is left for a while
    fallback_trigger_factor: int | None = None  # intervals after which the charger falls back; None: it does not
    number_of_connectors: int = 1  # until the charger, or the store, tells
    vendor: str | None = None  # these three override what the registers say
    model: str | None = None
    serial_number: str | None = None
    fallback_vendor: str = "unknown"  # the mapping's literals, for a charger that never answered
    fallback_model: str = "unknown"
    unreachable_after_s: float = 60.0
    upload_schemes: tuple[str, ...] = ("http", "https", "ftp", "ftps")  # of addresses that GetDiagnostics may name

    @property
    def connector_cap_w(self) -> int:
        """What no connector ever exceeds, whatever else is asked for."""
        return min(self.max_power_w, self.connector_max_power_w or self.max_power_w)


@dataclass(frozen=True, slots=True)
class Authorization:
    """Somebody may charge here as soon as the car is plugged; until `expires_s` (monotonic), None for ever."""

    id_tag: str
    parent_id_tag: str | None
    expires_s: float | None
    profile: dict[str, Any] | None = None  # the TxProfile that RemoteStartTransaction brought along


@dataclass(frozen=True, slots=True)
class PendingAuthorize:
    """An Authorize.req under way: for whom, and where."""

    connector_id: int
    id_tag: str
    profile: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """What looks like the end of a transaction and must stand for a while; `since` is when it was first seen."""

    since: Instant
    polls: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Charging seen without a transaction; `meter_wh` is the meter before it."""

    since: Instant
    meter_wh: int


@dataclass(frozen=True, slots=True)
class SafeState:
    """A limit that the charger did not take (`safe_state.py`).

    `written_w` was written and `reads_w` read back (None: nothing), for `reason`; `holds_w` is what the register may
    hold now. `lowered`: 0 W was confirmed since, so that from `try_at_s` on the limiter's word is tried again.
    """

    since: Instant
    written_w: int
    reads_w: int | None
    reason: str
    holds_w: int | None
    tries: int
    try_at_s: float
    lowered: bool = False

    def is_tried(self, now_s: float) -> bool:
        """Whether the connector is given what the limiter says, to see if the charger obeys again."""
        return self.lowered and now_s >= self.try_at_s


@dataclass(frozen=True, slots=True)
class Rating:
    """The most that a limit register was seen to take, in W, of a higher value written."""

    power_w: int
    read_at: Instant


@dataclass(slots=True)
class Connector:
    """One connector."""

    connector_id: int
    meter: Meter
    operative: bool = True
    closed: bool = False  # our stop or refusal holds it at 0 W until the car leaves or a new authorisation
    meter_kept: MeterRecord | None = None  # what the store has of it
    tags: TagWatch = field(default_factory=TagWatch)
    tags_kept: TagRecord | None = None  # what the store has of them
    registers: ConnectorSnapshot | None = None
    register_status: ChargePointStatus | None = None  # the last one that was a status
    status_unknown_since_s: float | None = None
    seen_at: Instant | None = None
    stillness: Stillness | None = None  # while a car charges: since when its values have not moved

    transaction: TransactionRecord | None = None
    unproven: bool = False  # the transaction comes from before a gap; the charger has not shown yet that it goes on
    contradicted: bool = False  # since that gap another card, or lower counters, were seen
    another: Ending | None = None  # another session than the open transaction's shows, for certain if it stands
    found: Evidence | None = None  # that other one charges
    shown: str | None = None  # a card shown while it was open what became of the transaction
    after_restart: bool = False
    authorization: Authorization | None = None
    unasked: PendingAuthorize | None = None  # a card shown while the central system was away
    evidence: Evidence | None = None
    ending: Ending | None = None
    absent: Ending | None = None
    visited: bool = False  # a car or a card was here since the connector was last free
    plug_awaited_until_s: float = 0.0  # a card was shown before the plug; 0 when a car is here, or nobody is expected
    faulted_since_s: float | None = None
    preparing_since_s: float | None = None
    preparing_expired: bool = False
    unwanted_since_s: float | None = None  # energy flows although we hold 0 W
    unwanted_told: bool = False
    next_sample_s: float | None = None
    samples: list[dict[str, Any]] = field(default_factory=list)  # for StopTransaction's transactionData
    released_to: int | None = None  # the reservation whose card was shown: the gate is open to it

    pulled_at: Instant | None = None  # the cable was pulled in a transaction: to be told once
    reported: ReportedStatus | None = None
    unreported: tuple[ChargePointStatus, Instant] | None = None  # a status that must stand, and since when
    commanded_w: int | None = None
    confirmed_w: int | None = None  # what the register held when it was last written
    at_most_w: int | None = None  # the most that the register may hold, by writes and readings; None: not known yet
    phases_used: int | None = None  # the most that this car was seen to use
    guard: Guard = NOT_GUARDED
    refused_w: int | None = None
    refused_until_s: float = 0.0
    safe_state: SafeState | None = None  # the charger did not take a limit

    @property
    def plugged(self) -> bool:
        """Whether the charger shows a car."""
        return self.register_status in PLUGGED

    @property
    def frozen(self) -> bool:
        """Whether what the charger shows while a car charges is old: nothing measured is believed then."""
        return self.stillness is not None and self.stillness.is_frozen


@dataclass(frozen=True, slots=True)
class InstalledProfile:
    """A charging profile with where it is installed, ready to evaluate."""

    record: ProfileRecord
    profile: ChargingProfile


@dataclass(slots=True)
class ChargePoint:
    """One charge point."""

    settings: ChargePointSettings
    configuration: Configuration
    connectors: dict[int, Connector]
    away: dict[int, Connector] = field(default_factory=dict)  # connectors that the charger does not show now
    identity: ChargerIdentity | None = None
    operative: bool = True
    profiles: list[InstalledProfile] = field(default_factory=list)
    limits: dict[tuple[str, int], LimitRecord] = field(default_factory=dict)  # by source and connector
    silent: set[tuple[str, int]] = field(default_factory=set)  # sources whose lifetime is over; the operator was told
    ratings: dict[int, Rating] = field(default_factory=dict)  # by connector, 0 the station
    cache: AuthorizationCache = field(default_factory=AuthorizationCache)
    local_list: LocalListRecord = EMPTY_LIST
    reservations: list[ReservationRecord] = field(default_factory=list)
    list_conflict: bool = False  # the central system contradicted the local list it sent; to be told once
    diagnostics_status: str | None = None  # of an upload that runs
    unstored: frozenset[str] | None = None  # transactions that began while nothing can be stored, if that is refused
    restart_after: set[str] = field(default_factory=set)  # transactions whose ends a Reset wants told first
    restart_by_s: float | None = None  # a Reset waits no longer than until then

    registration: RegistrationStatus | None = None  # None: no session with the central system
    next_heartbeat_s: float | None = None
    pending_authorize: dict[int, PendingAuthorize] = field(default_factory=dict)
    booted_as: dict[str, str] | None = None
    boot_by_s: float | None = None  # when to boot without having heard from the charger
    boot_due: bool = False  # with the next snapshot, if it changes what we say

    link_up_s: float | None = None  # since when the link is up; None while it is down
    unreachable_at_s: float | None = None  # when a silent charger becomes Faulted
    unreachable: bool = False
    lost: bool = False  # the operator was told so
    station_reported: ReportedStatus | None = None
    station_commanded_w: int | None = None
    station_confirmed_w: int | None = None
    station_refused_w: int | None = None
    station_refused_until_s: float = 0.0
    station_power_w: float | None = None
    station_current_a: Phases = (None, None, None)
    last_snapshot_at: Instant | None = None
    other_masters: OtherMasters = field(default_factory=OtherMasters)
    sharing: Sharing = field(default_factory=Sharing)  # of the station's power between the connectors
    station_limit_w: int | None = None  # what the station's limit register held when it was last read
    limits_read_s: Mapping[int, float] = field(default_factory=dict)  # when each limit register was, by connector id
    limits_until_s: float | None = None  # when a profile's period ends
    silent_from_s: float | None = None  # when the next of the sources' lifetimes is over
    next_aligned_s: float | None = None
    reservations_until_s: float | None = None  # when the next one expires

    @property
    def accepted(self) -> bool:
        """Whether the central system takes requests from us now."""
        return self.registration is RegistrationStatus.ACCEPTED
