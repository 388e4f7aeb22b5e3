"""What every store must do, whatever it is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

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
    Outcome,
    ProfileRecord,
    ProfileRemoved,
    Record,
    ReservationRecord,
    ReservationRemoved,
    StampsResolved,
    StoredCharger,
    TagRecord,
    TransactionIdRecord,
    TransactionRecord,
    TransactionSample,
)
from ocpp_gateway.errors import StoreError
from ocpp_gateway.instant import Instant
from ocpp_gateway.registers.snapshot import ChargerIdentity
from ocpp_gateway.store import Backlog, OutboxRow, Store

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
CP = "SITE-1"
OTHER = "SITE-2"

OpenStore = Callable[..., Awaitable[Store]]


def at(seconds: float, *, utc: datetime | None = NOON) -> Instant:
    return Instant(None if utc is None else utc + timedelta(seconds=seconds), "boot-1", seconds)


def without_clock(seconds: float, boot_id: str = "boot-1") -> Instant:
    return Instant(None, boot_id, seconds)


def a_transaction(local_id: str = "tx-1", **changes: Any) -> TransactionRecord:
    transaction = TransactionRecord(
        local_id=local_id,
        connector_id=1,
        id_tag="04A1",
        meter_start_wh=1000,
        started_at=at(0),
        last_meter_wh=1000,
        last_sample_at=at(0),
    )
    return replace(transaction, **changes)


def a_message(message_id: str = "m-1", action: str = "MeterValues", **changes: Any) -> OutboxRecord:
    return replace(OutboxRecord(message_id, action, {"connectorId": 1}, at(0), local_id="tx-1"), **changes)


async def drained(store: Store, charge_point: str = CP, central_system: str = "main") -> list[OutboxRow]:
    """Every queued row in the order of its delivery, each answered."""
    rows = []
    while (row := await store.outbox_head(charge_point, central_system)) is not None:
        rows.append(row)
        await store.commit(charge_point, [OutboxDone(row.seq)])
    return rows


async def sent(
    store: Store,
    seq: int,
    number: int,
    outcome: Outcome | None = None,
    problem: str = "",
    *,
    next_message_id: str | None = None,
    charge_point: str = CP,
) -> None:
    """A transmission, and how it ended."""
    await store.outbox_sending(
        charge_point, seq, number=number, message_id=f"sent-{number}", sent_at=at(number).stamp(), transaction_id=None
    )
    if outcome is not None:
        await store.outbox_failed(
            charge_point, seq, number=number, outcome=outcome, problem=problem, next_message_id=next_message_id
        )


async def head(store: Store) -> OutboxRow:
    row = await store.outbox_head(CP)
    assert row is not None
    return row


async def test_a_charge_point_never_seen_is_empty(store: Store) -> None:
    assert await store.load(CP) == StoredCharger()
    assert await store.outbox_head(CP) is None
    assert await store.outbox_depth(CP) == 0
    assert await store.transactions(CP, 10) == ()


EVERYTHING = StoredCharger(
    identity=ChargerIdentity(2, vendor="Compleo", model="DUO", serial_number="S1", firmware_version="6.4.1"),
    configuration={"MeterValueSampleInterval": "60", "AuthorizationKey": ""},
    meters=(MeterRecord(1, 123456, 700, 3600), MeterRecord(2, 3_000_000_000_000)),
    availability=(AvailabilityRecord(0, operative=True), AvailabilityRecord(1, operative=False)),
    gates=(GateRecord(1, closed=True), GateRecord(2, closed=False)),
    tags=(TagRecord(1, "04A1", unusable=False, presented="04A1"), TagRecord(2, None, unusable=True, presented=None)),
    profiles=(
        ProfileRecord(0, 7, {"chargingProfileId": 7, "limit": 16.0, "note": "Grüße \ud800"}, None, without_clock(5.25)),
        ProfileRecord(1, 7, {"chargingProfileId": 7, "limit": 11.1}, "tx-1", at(6)),
    ),
    open_transactions=(
        a_transaction(
            serial_number="S1",
            parent_id_tag="PARENT",
            standing_tag="04A1",
            transaction_ids={"main": "0", "second": "-7"},
            charging_seen=True,
            deauthorized=True,
            last_meter_wh=1500,
            last_sample_at=without_clock(61.5, "boot-0"),
        ),
        a_transaction("tx-2", connector_id=2),
    ),
    samples={
        "tx-2": ({"timestamp": "2026-03-01T12:00:00.123Z", "sampledValue": [{"value": "1"}]}, {"timestamp": "@b@1"})
    },
    cached_tags=(
        CachedTag("04a1", "Accepted", 3, "2026-04-01T00:00:00+00:00", "PARENT"),
        CachedTag("Straße", "Blocked", 2**40),
    ),
    local_list=LocalListRecord(7, {"04a1": {"status": "Accepted", "expiryDate": "2026-04-01T00:00:00Z"}, "b": {}}),
    reservations=(
        ReservationRecord(-5, 0, "04A1", "2026-03-01T13:00:00Z"),
        ReservationRecord(2**40, 2, "B", "2026-03-01T14:00:00Z", "PARENT"),
    ),
    limits=(
        LimitRecord("grid", 0, 4_200, 60.5, 0, at(3)),
        LimitRecord("grid", 2, 6_553_500, 60.0, None, without_clock(5.25)),
        LimitRecord("operator", 1, 0, None, None, at(4)),
    ),
)


def records_of(charger: StoredCharger) -> list[Record]:
    assert charger.identity is not None
    return [
        IdentityRecord(charger.identity),
        *(ConfigurationRecord(key, value) for key, value in charger.configuration.items()),
        *charger.meters,
        *charger.availability,
        *charger.gates,
        *charger.tags,
        *charger.profiles,
        *charger.open_transactions,
        *(TransactionSample(local_id, value) for local_id, values in charger.samples.items() for value in values),
        *charger.cached_tags,
        *([] if charger.local_list is None else [charger.local_list]),
        *charger.reservations,
        *charger.limits,
    ]


async def test_every_record_comes_back_after_a_restart(open_store: OpenStore) -> None:
    store = await open_store()
    await store.commit(CP, records_of(EVERYTHING))

    assert await store.load(CP) == EVERYTHING
    assert await (await open_store()).load(CP) == EVERYTHING


async def test_limits_keep_their_number_type(store: Store) -> None:
    await store.commit(CP, [ProfileRecord(1, 1, {"limit": 16.0, "stackLevel": 0}, None, at(0))])

    (profile,) = (await store.load(CP)).profiles
    assert repr(profile.payload) == "{'limit': 16.0, 'stackLevel': 0}"


REPLACED: list[tuple[str, Sequence[Record], StoredCharger]] = [
    ("meter", [MeterRecord(1, 5, 5, 5), MeterRecord(1, 6)], StoredCharger(meters=(MeterRecord(1, 6),))),
    (
        "availability",
        [AvailabilityRecord(0, operative=False), AvailabilityRecord(0, operative=True)],
        StoredCharger(availability=(AvailabilityRecord(0, operative=True),)),
    ),
    (
        "gate",
        [GateRecord(1, closed=True), GateRecord(1, closed=False)],
        StoredCharger(gates=(GateRecord(1, closed=False),)),
    ),
    (
        "tag",
        [TagRecord(1, "04A1", unusable=False, presented="04A1"), TagRecord(1, None, unusable=False, presented=None)],
        StoredCharger(tags=(TagRecord(1, None, unusable=False, presented=None),)),
    ),
    (
        "configuration",
        [ConfigurationRecord("A", "1"), ConfigurationRecord("A", "2")],
        StoredCharger(configuration={"A": "2"}),
    ),
    (
        "identity",
        [IdentityRecord(ChargerIdentity(2, model="DUO")), IdentityRecord(ChargerIdentity(1, vendor="V"))],
        StoredCharger(identity=ChargerIdentity(1, vendor="V")),
    ),
    (
        "profile",
        [ProfileRecord(1, 1, {"a": 1}, "tx-1", at(0)), ProfileRecord(1, 1, {"b": 2}, None, at(9))],
        StoredCharger(profiles=(ProfileRecord(1, 1, {"b": 2}, None, at(9)),)),
    ),
    (
        "profile removed",
        [
            ProfileRecord(1, 1, {}, None, at(0)),
            ProfileRecord(1, 2, {}, None, at(0)),
            ProfileRemoved(1, 1),
            ProfileRemoved(2, 2),
        ],
        StoredCharger(profiles=(ProfileRecord(1, 2, {}, None, at(0)),)),
    ),
    (
        "transaction",
        [a_transaction(serial_number="S"), a_transaction(last_meter_wh=1100, last_sample_at=at(60))],
        StoredCharger(open_transactions=(a_transaction(last_meter_wh=1100, last_sample_at=at(60)),)),
    ),
    (
        "transaction stopped",
        [a_transaction(), a_transaction(stopped_at=without_clock(9), meter_stop_wh=1200, stop_reason="Local")],
        StoredCharger(),
    ),
    (
        "cached tag, whatever its case",
        [CachedTag("04aß", "Accepted", 1, "2026-04-01T00:00:00Z", "P"), CachedTag("04ASS", "Invalid", 2)],
        StoredCharger(cached_tags=(CachedTag("04ASS", "Invalid", 2),)),
    ),
    (
        "cached tag forgotten, whatever its case",
        [
            CachedTag("A", "Accepted", 1),
            CachedTag("B", "Accepted", 2),
            CachedTagForgotten("a"),
            CachedTagForgotten("C"),
        ],
        StoredCharger(cached_tags=(CachedTag("B", "Accepted", 2),)),
    ),
    (
        "cache cleared",
        [CachedTag("A", "Accepted", 1), CachedTag("B", "Accepted", 2), CacheCleared(), CachedTag("C", "Accepted", 3)],
        StoredCharger(cached_tags=(CachedTag("C", "Accepted", 3),)),
    ),
    (
        "local list as a whole",
        [LocalListRecord(1, {"a": {"status": "Accepted"}, "b": {}}), LocalListRecord(2, {"b": {"status": "Blocked"}})],
        StoredCharger(local_list=LocalListRecord(2, {"b": {"status": "Blocked"}})),
    ),
    (
        "local list emptied",
        [LocalListRecord(1, {"a": {}}), LocalListRecord(0, {})],
        StoredCharger(local_list=LocalListRecord(0, {})),
    ),
    (
        "reservation",
        [
            ReservationRecord(1, 1, "A", "2026-03-01T13:00:00Z", "P"),
            ReservationRecord(1, 2, "B", "2026-03-01T14:00:00Z"),
        ],
        StoredCharger(reservations=(ReservationRecord(1, 2, "B", "2026-03-01T14:00:00Z"),)),
    ),
    (
        "reservation removed",
        [
            ReservationRecord(1, 1, "A", "2026-03-01T13:00:00Z"),
            ReservationRecord(2, 2, "B", "2026-03-01T13:00:00Z"),
            ReservationRemoved(1),
            ReservationRemoved(3),
        ],
        StoredCharger(reservations=(ReservationRecord(2, 2, "B", "2026-03-01T13:00:00Z"),)),
    ),
    (
        "limit",
        [LimitRecord("grid", 0, 4_200, 60.0, 0, at(3)), LimitRecord("grid", 0, 8_000, None, None, at(4))],
        StoredCharger(limits=(LimitRecord("grid", 0, 8_000, None, None, at(4)),)),
    ),
    (
        "limit forgotten",
        [
            LimitRecord("grid", 0, 4_200, 60.0, 0, at(3)),
            LimitRecord("grid", 1, 4_200, 60.0, 0, at(3)),
            LimitRecord("operator", 0, 4_200, None, None, at(3)),
            LimitForgotten("grid", 0),
            LimitForgotten("site", 0),
        ],
        StoredCharger(
            limits=(
                LimitRecord("grid", 1, 4_200, 60.0, 0, at(3)),
                LimitRecord("operator", 0, 4_200, None, None, at(3)),
            )
        ),
    ),
]


@pytest.mark.parametrize(
    ("records", "expected"), [pytest.param(records, expected, id=name) for name, records, expected in REPLACED]
)
async def test_a_record_replaces_the_one_with_its_key(
    store: Store, records: Sequence[Record], expected: StoredCharger
) -> None:
    for record in records:
        await store.commit(CP, [record])
    assert await store.load(CP) == expected


async def test_charge_points_see_nothing_of_each_other(store: Store) -> None:
    await store.commit(CP, [*records_of(EVERYTHING), a_message()])

    assert await store.load(OTHER) == StoredCharger()
    assert await store.outbox_head(OTHER) is None
    assert await store.outbox_depth(OTHER) == 0
    assert await store.transactions(OTHER, 10) == ()
    removals: list[Record] = [CacheCleared(), CachedTagForgotten("04A1"), ReservationRemoved(-5), ProfileRemoved(1, 7)]
    removals.append(LimitForgotten("operator", 1))
    await store.commit(OTHER, removals)
    assert await store.load(CP) == EVERYTHING


async def test_cached_tags_come_by_number(store: Store) -> None:
    for tag in (CachedTag("A", "Accepted", 2), CachedTag("B", "Accepted", 3), CachedTag("C", "Accepted", 1)):
        await store.commit(CP, [tag])
    await store.commit(CP, [CachedTag("a", "Blocked", 4)])

    assert [(tag.id_tag, tag.number) for tag in (await store.load(CP)).cached_tags] == [("C", 1), ("B", 3), ("a", 4)]


async def test_a_failing_record_takes_the_whole_commit_with_it(store: Store) -> None:
    records: list[Record] = [MeterRecord(1, 5), a_transaction(), a_message(), OutboxDone(seq=4711)]

    with pytest.raises(StoreError, match="no outbox row 4711"):
        await store.commit(CP, records)
    assert await store.load(CP) == StoredCharger()
    assert await store.outbox_depth(CP) == 0

    await store.commit(CP, records[:-1])  # and the store works on
    assert (await store.load(CP)).meters == (MeterRecord(1, 5),)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(ConfigurationRecord("A", "\ud800"), id="text that is no Unicode"),
        pytest.param(MeterRecord(1, 2**63), id="a number beyond 64 bits"),
        pytest.param(a_message(payload={"limit": float("nan")}), id="NaN in a payload"),
        pytest.param(TransactionIdRecord("tx-unknown", "1"), id="an id for a transaction that is not there"),
    ],
)
async def test_what_cannot_be_kept_is_refused_as_a_whole(store: Store, record: Record) -> None:
    with pytest.raises(StoreError):
        await store.commit(CP, [MeterRecord(1, 5), record])
    assert await store.load(CP) == StoredCharger()


async def test_the_outbox_of_another_charge_point_cannot_be_touched(store: Store) -> None:
    await store.commit(CP, [a_message()])
    row = await head(store)

    with pytest.raises(StoreError, match="SITE-2 has no outbox row"):
        await store.commit(OTHER, [OutboxDone(row.seq)])
    with pytest.raises(StoreError, match="SITE-2 has no outbox row"):
        await sent(store, row.seq, 1, charge_point=OTHER)
    with pytest.raises(StoreError, match="SITE-2 has no outbox row"):
        await store.outbox_failed(OTHER, row.seq, number=1, outcome=Outcome.ERROR, problem="", next_message_id="x")
    assert await head(store) == row


# ---------------------------------------------------------------- transactions


async def test_transactions_come_newest_first_by_the_order_of_their_beginning(store: Store) -> None:
    stopped = a_transaction("tx-1", stopped_at=at(9), meter_stop_wh=1200, stop_reason="EVDisconnected")
    await store.commit(CP, [stopped])
    set_back = at(-86400)
    await store.commit(CP, [a_transaction("tx-2", started_at=set_back, transaction_ids={"main": "8"})])
    await store.commit(CP, [a_transaction("tx-3", started_at=without_clock(1))])

    latest = await store.transactions(CP, 10)
    assert [transaction.local_id for transaction in latest] == ["tx-3", "tx-2", "tx-1"]
    assert latest[1].transaction_ids == {"main": "8"}
    assert latest[2] == stopped
    assert len(await store.transactions(CP, 2)) == 2


async def test_a_transaction_id_outlives_records_that_do_not_know_it(store: Store) -> None:
    await store.commit(CP, [a_transaction()])
    await store.commit(CP, [TransactionIdRecord("tx-1", "42"), TransactionIdRecord("tx-1", "-1", "second")])
    await store.commit(CP, [a_transaction(last_meter_wh=1100)])

    (transaction,) = (await store.load(CP)).open_transactions
    assert transaction == a_transaction(last_meter_wh=1100, transaction_ids={"main": "42", "second": "-1"})


async def test_a_second_transaction_id_takes_the_place_of_the_first(store: Store) -> None:
    await store.commit(CP, [a_transaction(transaction_ids={"main": "1"})])
    await store.commit(CP, [a_transaction(transaction_ids={"main": "2"})])
    await store.commit(CP, [TransactionIdRecord("tx-1", "3")])

    (transaction,) = (await store.load(CP)).open_transactions
    assert transaction.transaction_ids == {"main": "3"}


async def test_samples_come_oldest_first_of_the_transactions_that_run(open_store: OpenStore) -> None:
    store = await open_store()
    await store.commit(CP, [TransactionSample("tx-1", {"value": "1"}), a_transaction(), a_transaction("tx-2")])
    for value in ("2", "3"):
        await store.commit(
            CP, [TransactionSample("tx-2", {"value": value}), TransactionSample("tx-1", {"value": value})]
        )

    assert (await (await open_store()).load(CP)).samples == {
        "tx-1": ({"value": "1"}, {"value": "2"}, {"value": "3"}),
        "tx-2": ({"value": "2"}, {"value": "3"}),
    }


async def test_samples_go_with_the_stop_of_their_transaction_and_with_nothing_else(store: Store) -> None:
    samples = [TransactionSample("tx-1", {"value": "1"}), TransactionSample("tx-2", {"value": "2"})]
    await store.commit(CP, [a_transaction(), a_transaction("tx-2"), *samples])
    await store.commit(CP, [a_transaction(last_meter_wh=1100), TransactionIdRecord("tx-1", "7")])
    assert set((await store.load(CP)).samples) == {"tx-1", "tx-2"}

    stopped = a_transaction(stopped_at=without_clock(9), meter_stop_wh=1200, stop_reason="Local")
    with pytest.raises(StoreError):
        await store.commit(CP, [stopped, OutboxDone(seq=4711)])
    assert set((await store.load(CP)).samples) == {"tx-1", "tx-2"}

    await store.commit(CP, [stopped])
    assert set((await store.load(CP)).samples) == {"tx-2"}
    await store.commit(CP, [a_transaction()])  # were they there still, they would come back with it
    assert set((await store.load(CP)).samples) == {"tx-2"}


# ---------------------------------------------------------------- outbox


async def test_messages_leave_in_the_order_of_their_records(store: Store) -> None:
    await store.commit(CP, [a_message("a"), MeterRecord(1, 1), a_message("b")])
    await store.commit(OTHER, [a_message("x")])
    await store.commit(CP, [a_message("c")])

    assert await store.outbox_depth(CP) == 3
    assert [row.message_id for row in await drained(store)] == ["a", "b", "c"]
    assert await store.outbox_depth(CP) == 0
    assert await store.outbox_depth(OTHER) == 1


async def test_the_backlog_is_what_waits_since_when_and_what_was_thinned(open_store: OpenStore) -> None:
    store = await open_store(queue_bound=4)
    assert await store.backlog(CP) == Backlog(0, None, 0)
    await store.commit(OTHER, [a_message("x", local_id="tx-2")])
    await store.commit(CP, [a_message(str(second), created_at=at(second)) for second in (1, 2, 3)])
    assert await store.backlog(CP) == Backlog(3, at(1).stamp(), 0)

    await store.commit(CP, [OutboxDone(2), *(a_message(str(second), created_at=at(second)) for second in (4, 5))])
    assert await store.backlog(CP) == Backlog(2, at(2).stamp(), 2)
    assert await store.backlog(CP, "second") == Backlog(0, None, 2)
    assert await store.backlog(OTHER) == Backlog(1, at(0).stamp(), 0)
    every = {CP: Backlog(2, at(2).stamp(), 2), OTHER: Backlog(1, at(0).stamp(), 0)}
    assert await store.backlogs() == every


async def test_a_row_carries_what_its_delivery_needs(store: Store) -> None:
    payload = {"connectorId": 1, "meterValue": [{"timestamp": at(3).stamp()}]}
    message = a_message(payload=payload, created_at=at(3))
    await store.commit(CP, [a_transaction(transaction_ids={"main": "0"}), message])

    row = await head(store)
    assert row == OutboxRow(
        seq=row.seq,
        message_id="m-1",
        action="MeterValues",
        payload=payload,
        local_id="tx-1",
        transaction_id="0",
        start_dead=False,
        transmissions=0,
        last_error=None,
        created_at="2026-03-01T12:00:03.123Z",
    )


async def test_the_message_may_come_before_its_transaction(store: Store) -> None:
    await store.commit(CP, [a_message(), a_transaction(transaction_ids={"main": "5"})])
    assert (await head(store)).transaction_id == "5"


async def test_a_row_learns_its_transaction_id_from_the_answer_before_it(store: Store) -> None:
    await store.commit(CP, [a_transaction(), a_message("start", "StartTransaction"), a_message("values")])
    start = await head(store)
    assert (start.message_id, start.transaction_id) == ("start", None)

    await store.commit(CP, [TransactionIdRecord("tx-1", "77"), OutboxDone(start.seq, answer={"transactionId": 77})])
    values = await head(store)
    assert (values.message_id, values.transaction_id) == ("values", "77")


async def test_central_systems_have_queues_and_ids_of_their_own(store: Store) -> None:
    await store.commit(
        CP,
        [
            a_transaction(transaction_ids={"main": "1", "second": "2"}),
            a_message("a", "StartTransaction"),
            a_message("b", "StartTransaction", central_system="second"),
            a_message("c", central_system="second"),
        ],
    )
    await store.commit(CP, [OutboxDone((await head(store)).seq, dead=True)])

    assert await store.outbox_head(CP) is None
    rows = await drained(store, central_system="second")
    told = [(row.message_id, row.transaction_id, row.start_dead) for row in rows]
    assert told == [("b", "2", False), ("c", "2", False)]


async def test_after_a_dead_start_the_rows_of_that_transaction_say_so(store: Store) -> None:
    await store.commit(
        CP,
        [
            a_message("start", "StartTransaction"),
            a_message("values"),
            a_message("other", local_id="tx-2"),
            a_message("none", local_id=None),
        ],
    )
    await store.commit(CP, [OutboxDone((await head(store)).seq, dead=True)])

    assert [(row.message_id, row.start_dead) for row in await drained(store)] == [
        ("values", True),
        ("other", False),
        ("none", False),
    ]


async def test_an_attempt_is_remembered_across_a_restart(open_store: OpenStore) -> None:
    store = await open_store()
    await store.commit(CP, [a_message("m-1"), a_message("m-2")])
    row = await head(store)
    await sent(store, row.seq, 1, Outcome.LINK_LOST)
    await sent(store, row.seq, 2, Outcome.ERROR, "InternalError", next_message_id="m-1b")

    store = await open_store()
    assert await head(store) == replace(row, message_id="m-1b", transmissions=2, last_error="InternalError")


async def test_a_row_ends_once(store: Store) -> None:
    await store.commit(CP, [a_message("a"), a_message("b")])
    first = await head(store)
    await store.commit(CP, [OutboxDone(first.seq, answer={}), OutboxDone(first.seq, answer={})])
    await store.commit(CP, [OutboxDone(first.seq, dead=True), MeterRecord(1, 5)])

    assert (await head(store)).message_id == "b"
    assert await store.outbox_depth(CP) == 1
    assert (await store.load(CP)).meters == (MeterRecord(1, 5),)


async def test_an_answered_start_cannot_be_given_up_any_more(store: Store) -> None:
    await store.commit(CP, [a_message("start", "StartTransaction"), a_message("values")])
    start = await head(store)
    await store.commit(CP, [OutboxDone(start.seq, answer={})])
    await store.commit(CP, [OutboxDone(start.seq, dead=True)])

    assert not (await head(store)).start_dead


async def test_a_late_answer_revives_a_dead_start(store: Store) -> None:
    await store.commit(CP, [a_transaction(), a_message("start", "StartTransaction"), a_message("values")])
    start = await head(store)
    await store.commit(CP, [OutboxDone(start.seq, dead=True)])
    await store.commit(CP, [OutboxDone(start.seq, answer={"transactionId": 3}), TransactionIdRecord("tx-1", "3")])

    values = await head(store)
    assert (values.message_id, values.transaction_id, values.start_dead) == ("values", "3", False)


async def test_a_sequence_number_is_never_given_twice(open_store: OpenStore) -> None:
    seen: list[int] = []
    for number in range(3):
        store = await open_store()
        await store.commit(CP, [a_message(f"a{number}"), a_message(f"b{number}")])
        seen += [row.seq for row in await drained(store)]
    assert seen == sorted(set(seen))
    assert len(seen) == 6


# ---------------------------------------------------------------- stamps


async def test_b_13_stamps_without_a_clock_are_filled_in_later(store: Store) -> None:
    payload = {
        "timestamp": without_clock(10).stamp(),
        "idTag": "@boot-1",  # no stamp, though it looks a little like one
        "transactionData": [{"timestamp": without_clock(20.5).stamp(), "sampledValue": [{"value": "1"}]}, 7, None],
    }
    records: list[Record] = [
        a_transaction(started_at=without_clock(10), last_sample_at=without_clock(20), transaction_ids={"main": "1"}),
        ProfileRecord(1, 1, {}, None, without_clock(30)),
        a_message(payload=payload, created_at=without_clock(10)),
        TransactionSample("tx-1", {"timestamp": without_clock(15).stamp(), "sampledValue": [{"value": "1"}]}),
        TransactionSample("tx-1", {"timestamp": without_clock(15, "boot-0").stamp()}),
    ]
    await store.commit(CP, records)
    elsewhere = TransactionSample("tx-9", {"timestamp": without_clock(15).stamp()})
    await store.commit(OTHER, [a_message(created_at=without_clock(10)), a_transaction("tx-9"), elsewhere])
    await store.commit(CP, [StampsResolved("boot-1", "2026-03-01T12:00:00Z")])

    zero = datetime(2026, 3, 1, 12, tzinfo=UTC)
    charger = await store.load(CP)
    (transaction,) = charger.open_transactions
    assert transaction.started_at == Instant(zero + timedelta(seconds=10), "boot-1", 10)
    assert transaction.last_sample_at == Instant(zero + timedelta(seconds=20), "boot-1", 20)
    assert transaction.stopped_at is None
    assert charger.profiles[0].installed_at == Instant(zero + timedelta(seconds=30), "boot-1", 30)
    assert charger.samples["tx-1"] == (
        {"timestamp": "2026-03-01T12:00:15.000Z", "sampledValue": [{"value": "1"}]},
        {"timestamp": without_clock(15, "boot-0").stamp()},
    )
    row = await head(store)
    assert row.created_at == "2026-03-01T12:00:10.000Z"
    assert row.payload == {
        "timestamp": "2026-03-01T12:00:10.000Z",
        "idTag": "@boot-1",
        "transactionData": [{"timestamp": "2026-03-01T12:00:20.500Z", "sampledValue": [{"value": "1"}]}, 7, None],
    }
    (other,) = await drained(store, OTHER)
    assert other.created_at == without_clock(10).stamp()  # each charge point hears of the clock by itself
    assert (await store.load(OTHER)).samples == {"tx-9": (elsewhere.meter_value,)}


async def test_b_13_stamps_of_another_boot_or_already_known_stay(store: Store) -> None:
    before = a_transaction(started_at=without_clock(10, "boot-0"), last_sample_at=at(20))
    message = a_message(payload={"a": without_clock(1, "boot-0").stamp(), "b": at(2).stamp()}, created_at=at(2))
    await store.commit(CP, [before, message])
    row = await head(store)
    await store.commit(CP, [StampsResolved("boot-1", "2030-01-01T00:00:00Z")])

    assert (await store.load(CP)).open_transactions == (before,)
    assert await head(store) == row


async def test_b_13_the_stop_of_a_transaction_that_is_over_gets_its_time(store: Store) -> None:
    await store.commit(CP, [a_transaction(stopped_at=without_clock(50), meter_stop_wh=1, stop_reason="Local")])
    await store.commit(CP, [StampsResolved("boot-1", "2026-03-01T12:00:00Z")])

    (transaction,) = await store.transactions(CP, 1)
    assert transaction.stopped_at == Instant(datetime(2026, 3, 1, 12, 0, 50, tzinfo=UTC), "boot-1", 50)


# ---------------------------------------------------------------- life


async def test_a_cancelled_commit_is_whole_once_the_cancellation_arrives(store: Store) -> None:
    for number in range(20):
        commit = asyncio.create_task(store.commit(CP, [MeterRecord(1, number), a_message(f"m-{number}")]))
        await asyncio.sleep(0)  # it has begun
        commit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await commit
    assert (await store.load(CP)).meters == (MeterRecord(1, 19),)
    assert await store.outbox_depth(CP) == 20


async def test_commits_of_many_tasks_are_each_whole(store: Store) -> None:
    async def one(number: int) -> None:
        await store.commit(f"SITE-{number}", [MeterRecord(1, number), a_message()])

    await asyncio.gather(*(one(number) for number in range(50)))
    for number in range(50):
        assert (await store.load(f"SITE-{number}")).meters == (MeterRecord(1, number),)
        assert await store.outbox_depth(f"SITE-{number}") == 1


async def test_one_gateway_per_store(store: Store, open_store: OpenStore, store_url: str) -> None:
    with pytest.raises(StoreError, match=r"in use by another gateway, process \d+"):
        await Store.open(store_url)
    await open_store()  # which closes the first


async def test_a_cancelled_open_holds_nothing(store_url: str) -> None:
    opening = asyncio.create_task(Store.open(store_url))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await (await Store.open(store_url)).close()


async def test_a_closed_store_says_so(store: Store) -> None:
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.commit(CP, [MeterRecord(1, 1)])
    with pytest.raises(StoreError, match="closed"):
        await store.outbox_head(CP)


@pytest.mark.looptime
async def test_virtual_time_waits_for_the_disk(store: Store) -> None:
    loop = asyncio.get_running_loop()
    for number in range(1440):
        async with asyncio.timeout(1):  # of virtual time: passes at once if the loop does not know of the thread
            await store.commit(CP, [MeterRecord(1, number)])
        await asyncio.sleep(60)
    assert loop.time() == pytest.approx(86400, abs=60)
