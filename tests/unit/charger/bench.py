"""A charge point on the bench: the core alone, its clock in the hand of the test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from ocpp_gateway.charger.core import ChargerCore
from ocpp_gateway.charger.events import (
    Alarm,
    Answered,
    Call,
    CallReceived,
    ClockSet,
    Command,
    CommandConfirmed,
    DeadlineReached,
    Delivered,
    Effect,
    Event,
    Failed,
    Failure,
    LinkLost,
    LinkUp,
    Persist,
    RegistrationStatus,
    Reply,
    ReplyError,
    SessionDown,
    SessionUp,
    SnapshotTaken,
)
from ocpp_gateway.charger.records import (
    AvailabilityRecord,
    ConfigurationRecord,
    GateRecord,
    IdentityRecord,
    LimitForgotten,
    LimitRecord,
    MeterRecord,
    OutboxRecord,
    ProfileRecord,
    ProfileRemoved,
    Record,
    StampsResolved,
    StoredCharger,
    TagRecord,
    TransactionIdRecord,
    TransactionRecord,
)
from ocpp_gateway.charger.state import AuthorizationMode, ChargePointSettings, Connector
from ocpp_gateway.instant import Instant, format_utc, parse_utc, resolve_stamp
from ocpp_gateway.registers.snapshot import ChargerIdentity, ChargerSnapshot, ConnectorSnapshot, Tag
from ocpp_gateway.registers.vocabulary import ChargePointStatus
from ocpp_gateway.smart_charging.power import PowerRegister

NINE = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
REGISTER = PowerRegister(step_w=100, minimum_w=4200, nominal_voltage_v=230.0, tolerance_w=60)
DUO = ChargerIdentity(2, "Compleo", "DUO", "SN-1", "6.4.1")
SETTINGS = ChargePointSettings(
    max_power_w=44_000, power_register=REGISTER, connector_max_power_w=22_000, number_of_connectors=2
)

Kept = TypeVar("Kept", bound=Record)


@dataclass
class Shelf:
    """What a store would have kept."""

    stored: StoredCharger = field(default_factory=StoredCharger)
    outbox: list[OutboxRecord] = field(default_factory=list)

    def keep(self, record: Record) -> None:
        stored = self.stored
        match record:
            case OutboxRecord():
                self.outbox.append(record)
            case MeterRecord():
                meters = {meter.connector_id: meter for meter in stored.meters} | {record.connector_id: record}
                self.stored = replace(stored, meters=tuple(meters.values()))
            case TransactionRecord():
                others = [one for one in stored.open_transactions if one.local_id != record.local_id]
                self.stored = replace(stored, open_transactions=tuple([*others, record] if record.open else others))
            case TransactionIdRecord():
                self.stored = replace(
                    stored,
                    open_transactions=tuple(
                        replace(one, transaction_ids={"main": record.transaction_id})
                        if one.local_id == record.local_id
                        else one
                        for one in stored.open_transactions
                    ),
                )
            case GateRecord():
                gates = {gate.connector_id: gate for gate in stored.gates} | {record.connector_id: record}
                self.stored = replace(stored, gates=tuple(gates.values()))
            case TagRecord():
                tags = {tag.connector_id: tag for tag in stored.tags} | {record.connector_id: record}
                self.stored = replace(stored, tags=tuple(tags.values()))
            case AvailabilityRecord():
                known = {one.connector_id: one for one in stored.availability} | {record.connector_id: record}
                self.stored = replace(stored, availability=tuple(known.values()))
            case ConfigurationRecord():
                self.stored = replace(stored, configuration=stored.configuration | {record.key: record.value})
            case IdentityRecord():
                self.stored = replace(stored, identity=record.identity)
            case ProfileRecord():
                self.stored = replace(stored, profiles=(*stored.profiles, record))
            case ProfileRemoved():
                gone = (record.connector_id, record.charging_profile_id)
                kept = tuple(p for p in stored.profiles if (p.connector_id, p.charging_profile_id) != gone)
                self.stored = replace(stored, profiles=kept)
            case LimitRecord():
                self._keep_limits(record, *self._limits_but(record))
            case LimitForgotten():
                self._keep_limits(*self._limits_but(record))
            case StampsResolved(boot_id, utc_at_zero):
                zero = parse_utc(utc_at_zero)
                self.outbox = [
                    replace(
                        row,
                        payload={
                            name: resolve_stamp(value, boot_id=boot_id, utc_at_zero=zero)
                            if name == "timestamp"
                            else value
                            for name, value in row.payload.items()
                        },
                    )
                    for row in self.outbox
                ]
            case _:
                pass

    def _limits_but(self, gone: LimitRecord | LimitForgotten) -> list[LimitRecord]:
        key = (gone.source, gone.connector_id)
        return [limit for limit in self.stored.limits if (limit.source, limit.connector_id) != key]

    def _keep_limits(self, *limits: LimitRecord) -> None:
        self.stored = replace(self.stored, limits=limits)


class Bench:
    """Drives a core by hand: time goes on by `wait`, registers change by `see`."""

    def __init__(self, settings: ChargePointSettings = SETTINGS, /, **configuration: str) -> None:
        self.settings, self.configuration = settings, configuration
        self.now = Instant(NINE, "boot", 1000.0)
        self.shelf = Shelf()
        self.effects: list[Effect] = []
        self.obeys = False  # every limit reads back as commanded, at once
        self._ids = count(1)
        self._seq = count(1)
        self._undelivered = 0
        self.registers = {
            connector_id: ConnectorSnapshot(
                connector_id,
                ChargePointStatus.AVAILABLE,
                0,
                charging_s=0,
                session_energy_wh=0,
                tag=Tag(None, unusable=False, read_s=0.0),
            )
            for connector_id in (1, 2)
        }
        self.core = self._core()

    def _core(self) -> ChargerCore:
        return ChargerCore(
            self.settings,
            self.shelf.stored,
            from_file=self.configuration,
            started_at=self.now,
            new_id=lambda: f"id-{next(self._ids)}",
        )

    # ------------------------------------------------------------ what happens

    def give(self, event: Event) -> list[Effect]:
        effects = self.core.handle(event, self.now)
        for effect in effects:
            if isinstance(effect, Persist):
                self.shelf.keep(effect.record)
        self.effects += effects
        if self.obeys:
            for command in [effect for effect in effects if isinstance(effect, Command)]:
                effects += self.give(CommandConfirmed(command.kind, command.connector_id, command.value))
        return effects

    def online(self, *, interval_s: int = 300, booted: bool = True) -> Bench:
        self.give(SessionUp(RegistrationStatus.ACCEPTED, interval_s, booted))
        return self

    def linked(self, identity: ChargerIdentity = DUO) -> Bench:
        """The charger answers, and 15 s of quiet polling have settled it."""
        self.give(LinkUp(identity))
        self.poll(15)
        return self

    def offline(self) -> Bench:
        """The connection to the central system is gone; what was asked gets no answer."""
        self.give(SessionDown())
        return self

    def cut(self) -> Bench:
        """The charger stops answering."""
        self.give(LinkLost("the cable is pulled"))
        return self

    def unseen(self, connector_id: int = 1, **changes: Any) -> Bench:
        """A connector's registers change while nobody reads them."""
        self.registers[connector_id] = replace(self.registers[connector_id], **changes)
        return self

    def see(self, connector_id: int = 1, *, seconds: float = 1.0, **changes: Any) -> list[Effect]:
        """A connector's registers change, and the next poll shows it."""
        return self.unseen(connector_id, **changes).poll(1, seconds=seconds)

    def poll(self, times: int = 1, *, seconds: float = 1.0, interrupted: bool = False) -> list[Effect]:
        effects: list[Effect] = []
        for _ in range(times):
            self.wait(seconds)
            for connector_id, one in self.registers.items():
                if one.tag is not None:
                    self.registers[connector_id] = replace(one, tag=replace(one.tag, read_s=self.now.monotonic_s))
            snapshot = ChargerSnapshot(self.now, tuple(self.registers.values()), interrupted=interrupted)
            effects += self.give(SnapshotTaken(snapshot))
        return effects

    def card(self, id_tag: str | None, connector_id: int = 1) -> list[Effect]:
        """A card stands in the tag register for two polls (None: the register is empty)."""
        self.registers[connector_id] = replace(
            self.registers[connector_id], tag=Tag(id_tag, unusable=False, read_s=self.now.monotonic_s)
        )
        return self.poll(2)

    def charging(self, connector_id: int = 1, *, id_tag: str | None = "CARD") -> Bench:
        """A car is plugged, a card is shown, and where the charger decides it charges."""
        self.see(connector_id, status=ChargePointStatus.PREPARING)
        if id_tag is not None:
            self.card(id_tag, connector_id)
        if self.settings.mode is AuthorizationMode.CENTRAL_SYSTEM:
            self.authorize()
        self.charge(connector_id)
        return self

    def charge(self, connector_id: int = 1, *, wh: int = 0, seconds: float = 1.0) -> list[Effect]:
        """So many seconds later so much more energy has flowed."""
        before = self.registers[connector_id]
        return self.see(
            connector_id,
            seconds=seconds,
            status=ChargePointStatus.CHARGING,
            charging_s=(before.charging_s or 0) + round(seconds),
            session_energy_wh=(before.session_energy_wh or 0) + wh,
        )

    def leave(self, connector_id: int = 1, *, tag: str | None = None) -> list[Effect]:
        """The car is unplugged, and that has stood long enough."""
        left = Tag(tag, unusable=False, read_s=self.now.monotonic_s)
        effects = self.see(connector_id, status=ChargePointStatus.AVAILABLE, tag=left)
        return effects + self.poll(4)

    def wait(self, seconds: float) -> list[Effect]:
        """Time goes on; deadlines on the way are kept."""
        effects: list[Effect] = []
        until = self.now.plus(seconds)
        while (due_s := self.core.next_deadline_s) is not None and due_s <= until.monotonic_s:
            self.now = self.now.plus(max(due_s - self.now.monotonic_s, 0.0))
            effects += self.give(DeadlineReached())
        self.now = until
        return effects

    def ask(self, action: str, **payload: Any) -> dict[str, Any] | str:
        """The central system's CALL; gives the answer's payload, or the error code."""
        for effect in self.give(CallReceived("call", action, payload)):
            if isinstance(effect, Reply):
                return effect.payload
            if isinstance(effect, ReplyError):
                return effect.code
        raise AssertionError(f"{action} was not answered")

    def authorize(self, status: str = "Accepted", **info: str) -> None:
        """Answer the last Authorize.req."""
        request = next(e for e in reversed(self.effects) if isinstance(e, Call) and e.action == "Authorize")
        self.give(Answered(request.request_id, {"idTagInfo": {"status": status, **info}}))

    def unanswered(self, failure: Failure) -> None:
        """The last Authorize.req gets no usable answer."""
        request = next(e for e in reversed(self.effects) if isinstance(e, Call) and e.action == "Authorize")
        self.give(Failed(request.request_id, failure))

    def deliver(self, transaction_id: int = 7, status: str = "Accepted", transmissions: int = 1) -> None:
        """The central system answers all that is in the outbox."""
        for row in self.shelf.outbox[self._undelivered :]:
            answer: dict[str, Any] = {}
            if row.action == "StartTransaction":
                answer = {"transactionId": transaction_id, "idTagInfo": {"status": status}}
            self._undelivered += 1
            self.give(Delivered(next(self._seq), row.action, row.local_id, answer, transmissions))

    def killed_and_restarted(self, seconds: float = 5.0) -> Bench:
        """The process dies and starts again; only the store remembers."""
        self.now = self.now.plus(seconds)
        self.core = self._core()
        return self

    def forget_the_time(self) -> Bench:
        """A machine without a clock battery: nobody has told it the time yet."""
        self.now = replace(self.now, utc=None)
        return self

    def learn_the_time(self, utc: datetime) -> list[Effect]:
        """The central system tells the time."""
        self.now = replace(self.now, utc=utc)
        return self.give(ClockSet("boot", format_utc(utc - timedelta(seconds=self.now.monotonic_s))))

    # ------------------------------------------------------------ what came of it

    def connector(self, connector_id: int = 1) -> Connector:
        return self.core.point.connectors[connector_id]

    def queued(self, action: str | None = None) -> list[dict[str, Any]]:
        return [row.payload for row in self.shelf.outbox if action is None or row.action == action]

    def actions(self) -> list[str]:
        return [row.action for row in self.shelf.outbox if row.action != "MeterValues"]

    def statuses(self, connector_id: int = 1) -> list[str]:
        return [
            effect.payload["status"]
            for effect in self.effects
            if isinstance(effect, Call)
            and effect.action == "StatusNotification"
            and effect.payload["connectorId"] == connector_id
        ]

    def stops(self) -> list[dict[str, Any]]:
        return self.queued("StopTransaction")

    def starts(self) -> list[dict[str, Any]]:
        return self.queued("StartTransaction")

    def alarms(self) -> list[str]:
        return [e.event + "_cleared" * e.cleared for e in self.effects if isinstance(e, Alarm)]

    def commanded_w(self, connector_id: int = 1) -> int | None:
        values = [e.value for e in self.effects if isinstance(e, Command) and e.connector_id == connector_id]
        return values[-1] if values else None

    def calls(self, action: str) -> list[dict[str, Any]]:
        return [e.payload for e in self.effects if isinstance(e, Call) and e.action == action]


def mode(name: AuthorizationMode, **changes: Any) -> ChargePointSettings:
    """The bench's settings in another authorisation mode."""
    return replace(SETTINGS, mode=name, **changes)


def kept(effects: Iterable[Effect], kind: type[Kept]) -> list[Kept]:
    """The records of a kind among the effects."""
    return [effect.record for effect in effects if isinstance(effect, Persist) and isinstance(effect.record, kind)]


def seconds_after(stamp: str, start: datetime = NINE) -> float:
    return (datetime.fromisoformat(stamp) - start) / timedelta(seconds=1)
