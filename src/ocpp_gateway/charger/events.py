"""What happens to a charger (events), and what is to be done about it (effects): all that crosses the core's border."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ocpp_gateway.charger.limit_border import is_limit_w, objection
from ocpp_gateway.charger.records import Record
from ocpp_gateway.registers.snapshot import ChargerIdentity, ChargerSnapshot


class RegistrationStatus(StrEnum):
    """OCPP 1.6 §7.41."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class Failure(StrEnum):
    """Why a request got no usable answer."""

    OFFLINE = "offline"  # no connection, or it was lost before the answer
    TIMEOUT = "timeout"  # no answer within MessageTimeout
    ERROR = "error"  # a CALLERROR, or an answer that cannot be used


class CommandKind(StrEnum):
    """What a charger can be told; more kinds come with chargers that have more registers."""

    LIMIT = "limit"  # value: W; connector 0 is the station


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The charger is connected and said what it is. Every limit is written again after this.

    `silence_s`: since it last answered anything; None when it never did in the life of this process. `found`: what it
    holds now, before anything is written.
    """

    identity: ChargerIdentity
    silence_s: float | None = None
    found: ChargerSnapshot | None = None


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The charger cannot be reached, or stopped answering. `reason` is for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """A poll cycle is complete."""

    snapshot: ChargerSnapshot


@dataclass(frozen=True, slots=True)
class SessionUp:
    """The central system answered BootNotification, or the connection came back (`booted` False).

    A Rejected registration is no session: none of these arrives.
    """

    registration: RegistrationStatus
    interval_s: int
    booted: bool


@dataclass(frozen=True, slots=True)
class SessionDown:
    """The connection to the central system is gone."""


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The UTC time of this boot's monotonic zero became known (ISO 8601)."""

    boot_id: str
    utc_at_zero: str


@dataclass(frozen=True, slots=True)
class CallReceived:
    """The central system asks. The payload passed its schema."""

    call_id: str
    action: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """A volatile request of ours (`Call`) was answered."""

    request_id: int
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """A volatile request of ours got no usable answer."""

    request_id: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class Delivered:
    """An outbox row was answered, after that many transmissions. It is done once this event's effects are committed.

    `id_tag` is the one that the message named, if any.
    """

    seq: int
    action: str
    local_id: str | None
    payload: dict[str, Any]
    transmissions: int = 1
    id_tag: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryGivenUp:
    """An outbox row used up its attempts. It becomes a dead letter: kept, shown, resendable."""

    seq: int
    action: str
    local_id: str | None


@dataclass(frozen=True, slots=True)
class CommandConfirmed:
    """The charger took a command; for a limit, the register was read back with this value."""

    kind: CommandKind
    connector_id: int
    value: int


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """The charger refused a command, or its register reads differently after the write. `reason` is for people.

    `reads_w`: what a limit register reads after all tries; None when the charger did not take the write, or the read.
    """

    kind: CommandKind
    connector_id: int
    value: int
    reason: str
    reads_w: int | None = None


@dataclass(frozen=True, slots=True)
class TransferChanged:
    """An upload goes on. `status` is a DiagnosticsStatus (OCPP 1.6 §7.24); `last`: no further try follows."""

    status: str
    last: bool


@dataclass(frozen=True, slots=True)
class LimitSet:
    """A source outside OCPP allows a connector `power_w`, in W; connector 0 is the station. Never raises anything.

    `operator` is the operator's own limit. Any other source is a machine: it gives a lifetime, and says the same again
    before that is over. When it is over the source is silent, and min(power_w, failsafe_w) counts until it speaks again
    or is removed (faults.md 4.6, S-15).
    Raises ValueError for what is no limit: NaN, a negative or boolean number, more than any register holds (S-05).
    """

    source: str
    connector_id: int
    power_w: int
    lifetime_s: float | None = None
    failsafe_w: int | None = None

    def __post_init__(self) -> None:
        wrong = objection(self.source, self.connector_id, self.power_w, self.lifetime_s, self.failsafe_w)
        if wrong is not None:
            raise ValueError(wrong)


@dataclass(frozen=True, slots=True)
class LimitRemoved:
    """That source limits that connector no more."""

    source: str
    connector_id: int


@dataclass(frozen=True, slots=True)
class StartAsked:
    """A local operator lets somebody charge: like a card at the reader, but for the reader."""

    connector_id: int
    id_tag: str


@dataclass(frozen=True, slots=True)
class StopAsked:
    """A local operator ends the transaction of a connector."""

    connector_id: int


@dataclass(frozen=True, slots=True)
class AvailabilityAsked:
    """A local operator takes a connector (0: all of them) out of service, or puts it back."""

    connector_id: int
    operative: bool


@dataclass(frozen=True, slots=True)
class StoreFailed:
    """Nothing can be stored, and `began`, by local id, are transactions that begin in what waits. Comes repeatedly."""

    began: frozenset[str]


@dataclass(frozen=True, slots=True)
class StoreRecovered:
    """All that waited is stored."""


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """The moment that `ChargerCore.next_deadline` named has come."""


Event = (
    LinkUp
    | LinkLost
    | SnapshotTaken
    | SessionUp
    | SessionDown
    | ClockSet
    | CallReceived
    | Answered
    | Failed
    | Delivered
    | DeliveryGivenUp
    | CommandConfirmed
    | CommandRefused
    | TransferChanged
    | LimitSet
    | LimitRemoved
    | StoreFailed
    | StoreRecovered
    | StartAsked
    | StopAsked
    | AvailabilityAsked
    | DeadlineReached
)


# ---------------------------------------------------------------- effects, in the order in which they act


@dataclass(frozen=True, slots=True)
class Persist:
    """Keep this. All records of one event, outbox rows included, go to disk in one commit before anything else acts."""

    record: Record


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer a CALL with a CALLRESULT."""

    call_id: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReplyError:
    """Answer a CALL with a CALLERROR; `code` is one of J Table 7, in the specification's spelling."""

    call_id: str
    code: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """Ask the central system now, or not at all (Authorize, StatusNotification, Heartbeat).

    Calls leave in the order of their effects. The answer comes back as `Answered` or `Failed` with `request_id`.
    `triggered`: asked for by TriggerMessage, so it may leave while the registration is Pending (B-06).
    """

    request_id: int
    action: str
    payload: dict[str, Any]
    triggered: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """Tell the charger. The newest value per (kind, connector) counts; commands of one event act in their order.

    `source` set the limit; it is for the log.
    Raises ValueError for a value that is no whole number from 0 to what a register holds: nothing else is ever written.
    """

    kind: CommandKind
    connector_id: int
    value: int
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not is_limit_w(self.value):
            raise ValueError(f"{self.value!r} is no limit in W")


@dataclass(frozen=True, slots=True)
class Boot:
    """Who we are to the central system: the BootNotification payload. A changed one is announced by a new boot.

    `at_once`: TriggerMessage asked for it, before its time (B-06).
    """

    payload: dict[str, Any]
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class StartTransfer:
    """Upload the support bundle to `location` as `file_name`; `TransferChanged` tells how it goes.

    `retries` further tries follow a failed one (E 3.50), `retry_interval_s` apart. The times, ISO 8601, bound what
    the bundle holds.
    """

    location: str
    file_name: str
    retries: int
    retry_interval_s: int
    start_time: str | None
    stop_time: str | None


@dataclass(frozen=True, slots=True)
class ReplyWithRegister:
    """Answer a DataTransfer with one named register as last read, or Rejected when there is none of that name."""

    call_id: str
    key: str


@dataclass(frozen=True, slots=True)
class Restart:
    """Reset: this charger's tasks start anew, the central system sees a boot. The hardware is not restarted."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An operator must know. `event` is a fixed name, `fields` say which and how much; ends with `cleared`."""

    event: str
    fields: dict[str, Any]
    cleared: bool = False


Effect = Persist | Reply | ReplyError | ReplyWithRegister | Call | Command | Boot | Restart | StartTransfer | Alarm
