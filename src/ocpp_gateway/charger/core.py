"""`ChargerCore`: a charge point as a function of events. Decides, and leaves acting to others.

`handle` gives the effects of one event; `next_deadline_s` says when to wake it without one. Whoever runs the
core commits all `Persist` effects of an event in one transaction before any other effect acts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from ocpp_gateway.charger import (
    authorization,
    connectors,
    current_guard,
    external_limits,
    limit_writes,
    limits,
    meter_values,
    observation,
    own_fallback,
    register_watch,
    reporting,
    requests,
    reservations,
    safe_state,
    stamps,
    transactions,
    unstored,
)
from ocpp_gateway.charger.events import (
    Answered,
    AvailabilityAsked,
    CallReceived,
    ClockSet,
    CommandConfirmed,
    CommandRefused,
    DeadlineReached,
    Delivered,
    DeliveryGivenUp,
    Effect,
    Event,
    Failed,
    LimitRemoved,
    LimitSet,
    LinkLost,
    LinkUp,
    RegistrationStatus,
    SessionDown,
    SessionUp,
    SnapshotTaken,
    StartAsked,
    StopAsked,
    StoreFailed,
    StoreRecovered,
    TransferChanged,
)
from ocpp_gateway.charger.id_tags import info_of
from ocpp_gateway.charger.records import (
    IdentityRecord,
    OutboxDone,
    StoredCharger,
    TransactionIdRecord,
)
from ocpp_gateway.charger.requests import local
from ocpp_gateway.charger.requests.core_profile import restart_heartbeat, restart_when_told
from ocpp_gateway.charger.state import ChargePoint, ChargePointSettings, Connector
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import Instant
from ocpp_gateway.registers.snapshot import ChargerIdentity

BOOT_WITHOUT_CHARGER_AFTER_S = 30.0
SHORTEST_HEARTBEAT_S, LONGEST_HEARTBEAT_S = 10, 86_400


class ChargerCore:
    """One charge point: its state, and the rules that change it."""

    def __init__(
        self,
        settings: ChargePointSettings,
        stored: StoredCharger,
        *,
        from_file: dict[str, str],
        started_at: Instant,
        new_id: Callable[[], str],
    ) -> None:
        self._new_id = new_id
        self._request_ids = count(1)
        self._utc_known = False  # an earlier process of this boot may have left stamps without it
        self.point = connectors.restored(settings, stored, from_file)
        self.point.boot_by_s = started_at.monotonic_s + BOOT_WITHOUT_CHARGER_AFTER_S
        self.point.unreachable_at_s = started_at.monotonic_s + settings.unreachable_after_s
        meter_values.reschedule_aligned(self.point, started_at)

    def handle(self, event: Event, now: Instant) -> list[Effect]:
        """What is to be done about an event, in order."""
        turn = Turn(now, self._new_id, self._request_ids)
        if now.utc is not None and not self._utc_known:
            self._utc_known = True
            stamps.complete(self.point, turn)
        _RULES[type(event)](self.point, event, turn)
        if not isinstance(event, (CommandConfirmed, Answered)):
            _deadlines(self.point, turn)
            limits.apply_limits(self.point, turn)
            reporting.report_changes(self.point, turn)
        return turn.effects

    @property
    def next_deadline_s(self) -> float | None:
        """When, on the monotonic clock, something happens by itself next."""
        point = self.point
        moments = [
            point.next_heartbeat_s,
            point.boot_by_s,
            point.unreachable_at_s,
            point.limits_until_s,
            point.silent_from_s,
            point.next_aligned_s,
            point.reservations_until_s,
            point.restart_by_s,
        ]
        for connector in point.connectors.values():
            if connector.authorization is not None:
                moments.append(connector.authorization.expires_s)
            moments += [_preparing_ends_s(point, connector), reporting.must_stand_until_s(point, connector)]
        return min((moment for moment in moments if moment is not None), default=None)


# ---------------------------------------------------------------- the charger's side


def _link_up(point: ChargePoint, event: LinkUp, turn: Turn) -> None:
    if event.identity != point.identity:
        point.identity = event.identity
        turn.persist(IdentityRecord(event.identity))
    connectors.show(point, event.identity.number_of_connectors)
    point.link_up_s = turn.now_s  # it is reachable when a snapshot arrives, not yet
    if event.found is not None:
        register_watch.watch_fallback(point, event.found, turn)
    own_fallback.judge_silence(point, event, turn)
    limit_writes.forget_held(point)  # it may have restarted, or fallen back
    if event.found is not None:
        limit_writes.take_held(point, event.found)
    for connector in point.connectors.values():
        observation.doubt(point, connector, turn)
    safe_state.begin_anew(point, turn.now_s)
    point.boot_due = True


def _link_lost(point: ChargePoint, event: LinkLost, turn: Turn) -> None:
    point.link_up_s, point.lost = None, True
    if point.unreachable_at_s is None and not point.unreachable:
        point.unreachable_at_s = turn.now_s + point.settings.unreachable_after_s
    turn.alarm("charger_lost", reason=event.reason)


def _snapshot(point: ChargePoint, event: SnapshotTaken, turn: Turn) -> None:
    snapshot = event.snapshot
    if point.lost:
        turn.alarm("charger_lost", cleared=True)
    point.lost, point.unreachable, point.unreachable_at_s = False, False, None
    point.last_snapshot_at = snapshot.taken_at
    point.station_power_w, point.station_current_a = snapshot.power_w, snapshot.current_a
    point.station_limit_w, point.limits_read_s = snapshot.station_power_limit_w, snapshot.limits_read_s
    for registers in snapshot.connectors:
        connector = point.connectors.get(registers.connector_id)
        if connector is not None:
            observation.observe(point, connector, registers, turn, interrupted=snapshot.interrupted)
    _end_what_vanished(point, turn)
    limit_writes.take_held(point, snapshot)
    register_watch.watch_registers(point, snapshot, turn)
    current_guard.watch_currents(point, turn)
    if point.boot_due:  # not before there is a status to tell
        _boot(point, turn)


def _end_what_vanished(point: ChargePoint, turn: Turn) -> None:
    """A transaction on a connector that a settled charger does not show any more ends with what was last seen of it."""
    for connector in point.away.values():
        transaction = connector.transaction
        settled = point.link_up_s is not None and turn.now_s - point.link_up_s >= observation.SETTLING_S
        if transaction is not None and settled:
            transactions.stop(
                point,
                connector,
                turn,
                reason="PowerLoss" if connector.after_restart else "Other",
                at=transaction.last_sample_at,
                meter_wh=transaction.last_meter_wh,
            )


def _command_confirmed(point: ChargePoint, event: CommandConfirmed, turn: Turn) -> None:
    makes_room = limit_writes.take_confirmed(point, event)
    if safe_state.confirmed(point, event, turn) or makes_room:
        limits.apply_limits(point, turn)
        reporting.report_changes(point, turn)
    own_fallback.limits_stand(point, turn)


# ---------------------------------------------------------------- the central system's side


def _session_up(point: ChargePoint, event: SessionUp, turn: Turn) -> None:
    point.registration = event.registration
    if event.registration is not RegistrationStatus.ACCEPTED:
        return
    if event.booted and event.interval_s > 0:
        interval_s = min(max(event.interval_s, SHORTEST_HEARTBEAT_S), LONGEST_HEARTBEAT_S)
        point.configuration.learn("HeartbeatInterval", str(interval_s))
    restart_heartbeat(point, turn)
    meter_values.reschedule_aligned(point, turn.now)
    reporting.report_all(point, turn)
    authorization.ask_again(point, turn)


def _session_down(point: ChargePoint, event: SessionDown, turn: Turn) -> None:
    point.registration = point.next_heartbeat_s = None
    if point.restart_by_s is not None:
        point.restart_by_s = turn.now_s  # the next connection begins with the boot, and what is queued follows


def _clock_set(point: ChargePoint, event: ClockSet, turn: Turn) -> None:
    """It comes with a UTC time, which `handle` acts on; a step of the clock moves the boundaries."""
    meter_values.reschedule_aligned(point, turn.now)


def _call(point: ChargePoint, event: CallReceived, turn: Turn) -> None:
    requests.handle(point, event, turn)


def _answered(point: ChargePoint, event: Answered, turn: Turn) -> None:
    authorization.answered(point, turn, event.request_id, event.payload)
    limits.apply_limits(point, turn)
    reporting.report_changes(point, turn)


def _failed(point: ChargePoint, event: Failed, turn: Turn) -> None:
    authorization.failed(point, turn, event.request_id, event.failure)


def _delivered(point: ChargePoint, event: Delivered, turn: Turn) -> None:
    turn.persist(OutboxDone(event.seq, answer=event.payload, answered_at=turn.now))
    if event.id_tag is not None and "idTagInfo" in event.payload:
        authorization.learn(point, turn, event.id_tag, info_of(event.payload["idTagInfo"]))
    if event.action == "StopTransaction":
        restart_when_told(point, turn, event.local_id)
    if event.action != "StartTransaction" or event.local_id is None:
        return
    transaction_id = str(event.payload["transactionId"])
    turn.persist(TransactionIdRecord(event.local_id, transaction_id))
    for connector in point.connectors.values():
        transaction = connector.transaction
        if transaction is not None and transaction.local_id == event.local_id:
            ids = {**transaction.transaction_ids, "main": transaction_id}
            connector.transaction = replace(transaction, transaction_ids=ids)
            authorization.judged(point, connector, turn, event.payload, transmissions=event.transmissions)


def _given_up(point: ChargePoint, event: DeliveryGivenUp, turn: Turn) -> None:
    turn.persist(OutboxDone(event.seq, dead=True, answered_at=turn.now))
    turn.alarm("message_not_delivered", action=event.action, seq=event.seq, local_id=event.local_id)
    if event.action == "StopTransaction":
        restart_when_told(point, turn, event.local_id)


def _transfer_changed(point: ChargePoint, event: TransferChanged, turn: Turn) -> None:
    """Each try tells its beginning and its end (R-45, R-46)."""
    point.diagnostics_status = None if event.last else event.status
    turn.call("DiagnosticsStatusNotification", {"status": event.status})


# ---------------------------------------------------------------- time


def _deadline(point: ChargePoint, event: DeadlineReached, turn: Turn) -> None:
    """What is due is done after every event."""


def _deadlines(point: ChargePoint, turn: Turn) -> None:
    now_s = turn.now_s
    if point.next_heartbeat_s is not None and now_s >= point.next_heartbeat_s:
        turn.call("Heartbeat", {})
        restart_heartbeat(point, turn)
    if point.boot_by_s is not None and now_s >= point.boot_by_s:
        _boot(point, turn)
    restart_when_told(point, turn)
    if point.unreachable_at_s is not None and now_s >= point.unreachable_at_s:
        point.unreachable, point.unreachable_at_s = True, None
    if point.reservations:
        reservations.end_what_is_over(point, turn)
    external_limits.notice_silence(point, turn)
    meter_values.send_aligned(point, turn)
    for connector in point.connectors.values():
        granted = connector.authorization
        if granted is not None and granted.expires_s is not None and now_s >= granted.expires_s:
            authorization.expire(point, connector)
        ends_s = _preparing_ends_s(point, connector)
        if ends_s is not None and now_s >= ends_s:
            connector.preparing_expired = True


def _preparing_ends_s(point: ChargePoint, connector: Connector) -> float | None:
    """When a plugged car without a transaction has taken longer than ConnectionTimeOut (S-21)."""
    timeout_s = point.configuration.integer("ConnectionTimeOut")
    if connector.preparing_since_s is None or connector.preparing_expired or timeout_s == 0:
        return None
    return None if connector.transaction is not None else connector.preparing_since_s + timeout_s


def _boot(point: ChargePoint, turn: Turn) -> None:
    """Announce who we are, when it is known or has been waited for, and again when it is not the same any more."""
    point.boot_by_s, point.boot_due = None, False
    payload = boot_payload(point.settings, point.identity)
    if payload != point.booted_as:
        point.booted_as = payload
        turn.boot(payload)


def boot_payload(settings: ChargePointSettings, identity: ChargerIdentity | None) -> dict[str, str]:
    """BootNotification.req: the operator's word, else the registers', else the mapping's (B-02, T-20)."""
    read = identity or ChargerIdentity(settings.number_of_connectors)
    fields: tuple[tuple[str, str | None, int], ...] = (
        ("chargePointVendor", settings.vendor or read.vendor or settings.fallback_vendor, 20),
        ("chargePointModel", settings.model or read.model or settings.fallback_model, 20),
        ("chargePointSerialNumber", settings.serial_number or read.serial_number, 25),
        ("firmwareVersion", read.firmware_version, 50),
    )
    return {name: value[:longest] for name, value, longest in fields if value}


_RULES: dict[type[Any], Callable[[ChargePoint, Any, Turn], None]] = {
    LinkUp: _link_up,
    LinkLost: _link_lost,
    SnapshotTaken: _snapshot,
    SessionUp: _session_up,
    SessionDown: _session_down,
    ClockSet: _clock_set,
    CallReceived: _call,
    Answered: _answered,
    Failed: _failed,
    Delivered: _delivered,
    DeliveryGivenUp: _given_up,
    CommandConfirmed: _command_confirmed,
    CommandRefused: safe_state.refused,
    TransferChanged: _transfer_changed,
    LimitSet: external_limits.set_limit,
    LimitRemoved: external_limits.remove_limit,
    StoreFailed: unstored.store_failed,
    StoreRecovered: unstored.store_recovered,
    StartAsked: local.start_asked,
    StopAsked: local.stop_asked,
    AvailabilityAsked: local.availability_asked,
    DeadlineReached: _deadline,
}
