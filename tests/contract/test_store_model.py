"""Whatever is committed, in whatever order and over whatever restarts, the store and a few dictionaries agree."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from ocpp_gateway.charger.records import (
    AvailabilityRecord,
    CacheCleared,
    CachedTag,
    CachedTagForgotten,
    ConfigurationRecord,
    GateRecord,
    IdentityRecord,
    LimitForgotten,
    LimitRecord,
    LocalListRecord,
    MeterRecord,
    OutboxDone,
    OutboxRecord,
    ProfileRecord,
    ProfileRemoved,
    Record,
    ReservationRecord,
    ReservationRemoved,
    StampsResolved,
    StoredCharger,
    TransactionIdRecord,
    TransactionRecord,
    TransactionSample,
)
from ocpp_gateway.errors import StoreError
from ocpp_gateway.instant import Instant, format_utc
from ocpp_gateway.registers.snapshot import ChargerIdentity
from ocpp_gateway.store import Store

CHARGE_POINTS = ("SITE-1", "SITE-2")
SYSTEMS = ("main", "second")
BOOTS = ("boot-1", "boot-2")
URLS = {"sqlite": "sqlite:///{directory}/gateway.db"}

wh = st.integers(0, 2**40)
text = st.text(st.characters(codec="utf-8"), max_size=8)
connector_ids = st.integers(0, 2)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
instants = st.builds(
    Instant,
    utc=st.none() | moments,
    boot_id=st.sampled_from(BOOTS),
    monotonic_s=st.floats(0, 1e8).map(lambda seconds: round(seconds, 3)),
)
identities = st.builds(
    ChargerIdentity,
    number_of_connectors=st.integers(1, 2),
    vendor=st.none() | text,
    model=st.none() | text,
    serial_number=st.none() | text,
    firmware_version=st.none() | text,
)
profile_ids = st.integers(1, 2)
id_tags = st.sampled_from(["04a1", "04A1", "ß", "SS", "x"])
numbers = st.integers(1, 2**40)
plain_records: st.SearchStrategy[Record] = st.one_of(
    st.builds(MeterRecord, connector_ids, wh, st.none() | wh, st.none() | st.integers(0, 10**9)),
    st.builds(AvailabilityRecord, connector_ids, operative=st.booleans()),
    st.builds(GateRecord, connector_ids, closed=st.booleans()),
    st.builds(ConfigurationRecord, st.sampled_from(["A", "B", "a"]), text),
    st.builds(IdentityRecord, identities),
    st.builds(
        ProfileRecord,
        connector_ids,
        profile_ids,
        payload=st.dictionaries(text, st.integers() | st.floats(-1e9, 1e9) | text, max_size=3),
        local_id=st.none() | text,
        installed_at=instants,
    ),
    st.builds(ProfileRemoved, connector_ids, profile_ids),
    st.builds(CachedTag, id_tags, text, numbers, expiry_date=st.none() | text, parent_id_tag=st.none() | text),
    st.builds(CachedTagForgotten, id_tags),
    st.just(CacheCleared()),
    st.builds(LocalListRecord, numbers, st.dictionaries(text, st.dictionaries(text, text, max_size=2), max_size=2)),
    st.builds(ReservationRecord, st.integers(-1, 1), connector_ids, id_tags, text, parent_id_tag=st.none() | text),
    st.builds(ReservationRemoved, st.integers(-1, 1)),
    st.builds(
        LimitRecord,
        st.sampled_from(("grid", "operator")),
        connector_ids,
        wh,
        st.none() | st.floats(0.1, 1e6),
        st.none() | wh,
        instants,
    ),
    st.builds(LimitForgotten, st.sampled_from(("grid", "operator")), connector_ids),
)


@st.composite
def transactions(draw: st.DrawFn, charge_point: str) -> TransactionRecord:
    stopped_at = draw(st.none() | instants)
    return TransactionRecord(
        local_id=f"{charge_point}/{draw(st.integers(1, 3))}",
        connector_id=draw(connector_ids),
        id_tag=draw(text),
        meter_start_wh=draw(wh),
        started_at=draw(instants),
        last_meter_wh=draw(wh),
        last_sample_at=draw(instants),
        serial_number=draw(st.none() | text),
        parent_id_tag=draw(st.none() | text),
        standing_tag=draw(st.none() | text),
        transaction_ids=draw(st.dictionaries(st.sampled_from(SYSTEMS), text, max_size=2)),
        charging_seen=draw(st.booleans()),
        deauthorized=draw(st.booleans()),
        stopped_at=stopped_at,
        meter_stop_wh=None if stopped_at is None else draw(wh),
        stop_reason=None if stopped_at is None else draw(text),
    )


@dataclass
class Message:
    """A row as the model knows it: moments stay moments, and become stamps when asked."""

    record: OutboxRecord
    nested: Instant
    state: str = "queued"

    @property
    def payload(self) -> dict[str, Any]:
        return payload_of(self.record.created_at, self.nested)


def payload_of(created_at: Instant, nested: Instant) -> dict[str, Any]:
    return {"timestamp": created_at.stamp(), "values": [{"timestamp": nested.stamp(), "value": "1"}], "n": 1}


def sample_of(moment: Instant) -> dict[str, Any]:
    return {"timestamp": moment.stamp(), "sampledValue": [{"value": "1"}]}


@dataclass
class Model:
    """What one charge point should hold."""

    identity: ChargerIdentity | None = None
    configuration: dict[str, str] = field(default_factory=dict)
    meters: dict[int, MeterRecord] = field(default_factory=dict)
    availability: dict[int, AvailabilityRecord] = field(default_factory=dict)
    gates: dict[int, GateRecord] = field(default_factory=dict)
    profiles: dict[tuple[int, int], ProfileRecord] = field(default_factory=dict)
    transactions: dict[str, TransactionRecord] = field(default_factory=dict)  # in the order of their beginning
    samples: dict[str, list[Instant]] = field(default_factory=dict)
    cached_tags: dict[str, CachedTag] = field(default_factory=dict)
    local_list: LocalListRecord | None = None
    reservations: dict[int, ReservationRecord] = field(default_factory=dict)
    limits: dict[tuple[str, int], LimitRecord] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    def take(self, record: Record) -> None:
        match record:
            case MeterRecord():
                self.meters[record.connector_id] = record
            case AvailabilityRecord():
                self.availability[record.connector_id] = record
            case GateRecord():
                self.gates[record.connector_id] = record
            case ConfigurationRecord():
                self.configuration[record.key] = record.value
            case IdentityRecord():
                self.identity = record.identity
            case ProfileRecord():
                self.profiles[record.connector_id, record.charging_profile_id] = record
            case ProfileRemoved():
                self.profiles.pop((record.connector_id, record.charging_profile_id), None)
            case TransactionRecord():
                before = self.transactions.get(record.local_id)
                ids = ({} if before is None else before.transaction_ids) | record.transaction_ids
                self.transactions[record.local_id] = replace(record, transaction_ids=ids)
                if not record.open:
                    self.samples.pop(record.local_id, None)
            case TransactionIdRecord():
                known = self.transactions[record.local_id]
                ids = known.transaction_ids | {record.central_system: record.transaction_id}
                self.transactions[record.local_id] = replace(known, transaction_ids=ids)
            case CachedTag():
                self.cached_tags[record.id_tag.casefold()] = record
            case CachedTagForgotten():
                self.cached_tags.pop(record.id_tag.casefold(), None)
            case CacheCleared():
                self.cached_tags.clear()
            case LocalListRecord():
                self.local_list = record
            case ReservationRecord():
                self.reservations[record.reservation_id] = record
            case ReservationRemoved():
                self.reservations.pop(record.reservation_id, None)
            case LimitRecord():
                self.limits[record.source, record.connector_id] = record
            case LimitForgotten():
                self.limits.pop((record.source, record.connector_id), None)
            case _:
                raise AssertionError(record)

    def resolve(self, boot_id: str, utc_at_zero: datetime) -> None:
        def known(instant: Instant) -> Instant:
            return instant.resolved(boot_id=boot_id, utc_at_zero=utc_at_zero)

        for profile in list(self.profiles.values()):
            self.take(replace(profile, installed_at=known(profile.installed_at)))
        for limit in list(self.limits.values()):
            self.take(replace(limit, set_at=known(limit.set_at)))
        for transaction in list(self.transactions.values()):
            self.take(
                replace(
                    transaction,
                    started_at=known(transaction.started_at),
                    last_sample_at=known(transaction.last_sample_at),
                    stopped_at=None if transaction.stopped_at is None else known(transaction.stopped_at),
                )
            )
        for local_id, moments in self.samples.items():
            self.samples[local_id] = [known(moment) for moment in moments]
        for message in self.messages:
            if message.state != "done":
                message.record = replace(message.record, created_at=known(message.record.created_at))
                message.nested = known(message.nested)

    def loaded(self) -> StoredCharger:
        def by_key(records: dict[Any, Any]) -> tuple[Any, ...]:
            return tuple(records[key] for key in sorted(records))

        return StoredCharger(
            identity=self.identity,
            configuration=self.configuration,
            meters=by_key(self.meters),
            availability=by_key(self.availability),
            gates=by_key(self.gates),
            profiles=by_key(self.profiles),
            open_transactions=tuple(transaction for transaction in self.transactions.values() if transaction.open),
            samples={
                local_id: tuple(sample_of(moment) for moment in moments)
                for local_id, moments in self.samples.items()
                if local_id in self.transactions and self.transactions[local_id].open
            },
            cached_tags=tuple(sorted(self.cached_tags.values(), key=lambda tag: (tag.number, tag.id_tag.casefold()))),
            local_list=self.local_list,
            reservations=by_key(self.reservations),
            limits=by_key(self.limits),
        )

    def queue(self, central_system: str) -> list[Message]:
        return [
            message
            for message in self.messages
            if message.state == "queued" and message.record.central_system == central_system
        ]

    def start_is_dead(self, of: OutboxRecord) -> bool:
        return of.local_id is not None and any(
            message.state == "dead"
            and message.record.action == "StartTransaction"
            and message.record.local_id == of.local_id
            and message.record.central_system == of.central_system
            for message in self.messages
        )


class StoreMachine(RuleBasedStateMachine):
    """Commits, deliveries and restarts in any order."""

    url = ""  # with a place for the directory

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.TemporaryDirectory()
        self.store = self.opened()
        self.models = {charge_point: Model() for charge_point in CHARGE_POINTS}
        self.message_number = 0
        self.last_seq = 0

    def opened(self) -> Store:
        return self.loop.run_until_complete(Store.open(self.url.format(directory=self.directory.name)))

    def teardown(self) -> None:
        self.loop.run_until_complete(self.store.close())
        self.loop.close()
        self.directory.cleanup()

    def commit(self, charge_point: str, *records: Record) -> None:
        self.loop.run_until_complete(self.store.commit(charge_point, records))

    @rule(data=st.data(), charge_point=st.sampled_from(CHARGE_POINTS), records=st.lists(plain_records, max_size=4))
    def commit_records(self, data: st.DataObject, charge_point: str, records: Sequence[Record]) -> None:
        some = [*records, *data.draw(st.lists(transactions(charge_point), max_size=2))]
        self.commit(charge_point, *some)
        for record in some:
            self.models[charge_point].take(record)

    @rule(charge_point=st.sampled_from(CHARGE_POINTS), records=st.lists(plain_records, max_size=3))
    def fail_to_commit(self, charge_point: str, records: Sequence[Record]) -> None:
        with pytest.raises(StoreError):
            self.commit(charge_point, *records, OutboxDone(seq=10**9))

    @rule(
        charge_point=st.sampled_from(CHARGE_POINTS),
        system=st.sampled_from(SYSTEMS),
        action=st.sampled_from(["StartTransaction", "MeterValues", "StopTransaction"]),
        number=st.none() | st.integers(1, 3),
        created_at=instants,
        nested=instants,
    )
    def enqueue(
        self, *, charge_point: str, system: str, action: str, number: int | None, created_at: Instant, nested: Instant
    ) -> None:
        self.message_number += 1
        record = OutboxRecord(
            message_id=f"m-{self.message_number}",
            action=action,
            payload=payload_of(created_at, nested),
            created_at=created_at,
            local_id=None if number is None else f"{charge_point}/{number}",
            central_system=system,
        )
        self.commit(charge_point, record)
        self.models[charge_point].messages.append(Message(record, nested))

    @rule(charge_point=st.sampled_from(CHARGE_POINTS), number=st.integers(1, 3), moments=st.lists(instants, max_size=3))
    def sample(self, charge_point: str, number: int, moments: list[Instant]) -> None:
        local_id = f"{charge_point}/{number}"
        self.commit(charge_point, *(TransactionSample(local_id, sample_of(moment)) for moment in moments))
        if moments:
            self.models[charge_point].samples.setdefault(local_id, []).extend(moments)

    @rule(charge_point=st.sampled_from(CHARGE_POINTS), system=st.sampled_from(SYSTEMS), dead=st.booleans())
    def end_the_head(self, charge_point: str, system: str, dead: bool) -> None:
        row = self.loop.run_until_complete(self.store.outbox_head(charge_point, system))
        queue = self.models[charge_point].queue(system)
        if row is None:
            assert queue == []
            return
        self.commit(charge_point, OutboxDone(row.seq, dead=dead, answer=None if dead else {}))
        queue[0].state = "dead" if dead else "done"

    @precondition(lambda self: any(model.transactions for model in self.models.values()))
    @rule(data=st.data(), system=st.sampled_from(SYSTEMS), transaction_id=text)
    def name_a_transaction(self, data: st.DataObject, system: str, transaction_id: str) -> None:
        named = [(point, local_id) for point, model in self.models.items() for local_id in model.transactions]
        charge_point, local_id = data.draw(st.sampled_from(named))
        record = TransactionIdRecord(local_id, transaction_id, system)
        self.commit(charge_point, record)
        self.models[charge_point].take(record)

    @rule(charge_point=st.sampled_from(CHARGE_POINTS), boot_id=st.sampled_from(BOOTS), utc_at_zero=moments)
    def learn_the_time(self, charge_point: str, boot_id: str, utc_at_zero: datetime) -> None:
        zero = utc_at_zero.replace(microsecond=0) - timedelta(days=365 * 5)
        self.commit(charge_point, StampsResolved(boot_id, format_utc(zero)))
        self.models[charge_point].resolve(boot_id, zero)

    @rule()
    def restart(self) -> None:
        self.loop.run_until_complete(self.store.close())
        self.store = self.opened()

    @invariant()
    def what_is_loaded_is_what_was_committed(self) -> None:
        for charge_point, model in self.models.items():
            assert self.loop.run_until_complete(self.store.load(charge_point)) == model.loaded()
            newest_first = tuple(reversed(model.transactions.values()))
            assert self.loop.run_until_complete(self.store.transactions(charge_point, 10)) == newest_first

    @invariant()
    def the_head_is_the_oldest_that_waits(self) -> None:
        for charge_point, model in self.models.items():
            for system in SYSTEMS:
                queue = model.queue(system)
                assert self.loop.run_until_complete(self.store.outbox_depth(charge_point, system)) == len(queue)
                row = self.loop.run_until_complete(self.store.outbox_head(charge_point, system))
                if not queue:
                    assert row is None
                    continue
                record = queue[0].record
                transaction = model.transactions.get(record.local_id or "")
                assert row is not None
                assert (row.message_id, row.action, row.payload, row.local_id, row.created_at) == (
                    record.message_id,
                    record.action,
                    queue[0].payload,
                    record.local_id,
                    record.created_at.stamp(),
                )
                assert row.transaction_id == (None if transaction is None else transaction.transaction_ids.get(system))
                assert row.start_dead == model.start_is_dead(record)


@pytest.mark.parametrize("backend", URLS)
def test_the_store_agrees_with_a_model(backend: str) -> None:
    class Machine(StoreMachine):
        url = URLS[backend]

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
