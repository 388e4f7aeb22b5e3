"""What a snapshot means for one connector: meter, tag, coming and leaving of the car, start and end of a transaction.

Source: decisions.md, Energy and sessions, Tags; conformance M-31 to M-34, X-01, X-16 to X-18.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

from ocpp_gateway.charger import authorization, meter_values, metering, readings, stillness, tags, transactions
from ocpp_gateway.charger.records import TransactionRecord
from ocpp_gateway.charger.state import AuthorizationMode, ChargePoint, Connector, Ending, Evidence
from ocpp_gateway.charger.transactions import Fate
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import Instant, age_s
from ocpp_gateway.registers.snapshot import ConnectorSnapshot
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from ocpp_gateway.smart_charging.power import LIMIT_ACTS_WITHIN_S, phases_in_use

SETTLING_S = 10.0
"""After a reconnect a zero proves nothing for so long."""
MUST_STAND_S = 3.0
MUST_STAND_POLLS = 2
TAG_AWAITED_S = 5.0
"""How long a start waits for the second read of a card that was seen once."""
FAULT_GRACE_S = 300.0


def observe(
    point: ChargePoint, connector: Connector, registers: ConnectorSnapshot, turn: Turn, *, interrupted: bool
) -> None:
    """Take in one connector's registers."""
    _take_in(point, connector, _without_frozen(connector, registers, turn), turn, interrupted=interrupted)
    if connector.unproven:  # whose what is read is, is not known yet: a process after this one is to find it anew
        return
    _keep_meter(connector, turn)
    record = connector.tags.record(connector.connector_id)
    if record is not None and record != connector.tags_kept:
        connector.tags_kept = record
        turn.persist(record)


def _keep_meter(connector: Connector, turn: Turn) -> None:
    """The store has the meter at each step, but not yet at one that a transaction may be about to begin before."""
    meter = connector.meter.record
    kept_wh = None if connector.meter_kept is None else connector.meter_kept.register_wh
    if meter.register_wh != kept_wh and connector.evidence is None:
        connector.meter_kept = meter
        turn.persist(meter)


def _take_in(
    point: ChargePoint, connector: Connector, registers: ConnectorSnapshot, turn: Turn, *, interrupted: bool
) -> None:
    if interrupted:
        doubt(point, connector, turn)
    before = None if interrupted or not _seen_on_this_link(point, connector) else connector.registers
    connector.registers, connector.seen_at = registers, turn.now
    settled = point.link_up_s is not None and turn.now_s - point.link_up_s >= SETTLING_S
    _take_status(connector, registers, turn)
    settled = _another_stands(connector, registers, turn, settled=settled) or settled
    found = connector.found
    fate = _fate(point, connector, registers, turn, settled=settled)
    if fate is None:
        connector.shown = _watch_tag(connector, registers, turn) or connector.shown
        _watch_fault(point, connector, turn)
        return
    if fate is Fate.UNKNOWN and point.settings.mode is not AuthorizationMode.CENTRAL_SYSTEM:
        connector.evidence = found
    meter_before_wh = connector.meter.total_wh
    charged_since_s = transactions.charged_since_s(connector, registers)
    grew = _take_counters(point, connector, registers, before, turn, settled=settled)
    if fate is Fate.OVER:
        _end_with_the_rest(point, connector, turn, charged_since_s)
        grew = False  # what it shows is of the session that has just been told
    _take_tag(point, connector, registers, turn)
    _take_presence(point, connector, turn, settled=settled)
    if connector.transaction is not None:
        _run(point, connector, turn, settled=settled, metered=connector.meter.total_wh != meter_before_wh)
    elif point.settings.mode is AuthorizationMode.CENTRAL_SYSTEM:
        authorization.start_if_authorised(point, connector, turn)
        _watch_unwanted_energy(connector, turn, charging=grew and connector.transaction is None)
    else:
        _start_on_evidence(point, connector, turn, meter_before_wh, grew=grew)


def doubt(point: ChargePoint, connector: Connector, turn: Turn) -> None:
    """After a gap it is to be shown that a transaction goes on; what charged before it is one, whatever came since."""
    if connector.evidence is not None:
        _start(point, connector, turn, connector.evidence)
    connector.contradicted = connector.contradicted and connector.unproven  # it has been open ever since
    connector.unproven = connector.transaction is not None
    connector.another = connector.found = None
    if connector.shown != connector.tags.standing:
        connector.shown = None


def _seen_on_this_link(point: ChargePoint, connector: Connector) -> bool:
    seen_at = connector.seen_at
    return seen_at is not None and point.link_up_s is not None and seen_at.monotonic_s >= point.link_up_s


def _without_frozen(connector: Connector, registers: ConnectorSnapshot, turn: Turn) -> ConnectorSnapshot:
    """The registers, without values that stand still while a car charges: those count as not read (faults M-15)."""
    was_frozen = connector.frozen
    connector.stillness = stillness.watched(connector.stillness, registers, turn.now_s)
    if connector.frozen and not was_frozen:
        turn.alarm("values_frozen", connector_id=connector.connector_id, charging_s=registers.charging_s)
    elif was_frozen and not connector.frozen:
        turn.alarm("values_frozen", cleared=True, connector_id=connector.connector_id)
    return stillness.unmeasured(registers) if connector.frozen else registers


def _take_status(connector: Connector, registers: ConnectorSnapshot, turn: Turn) -> None:
    """An unknown status is kept out; after a while it is reported as a fault (decisions.md, OCPP details)."""
    if registers.status is not None:
        connector.register_status, connector.status_unknown_since_s = registers.status, None
    elif registers.status_raw is not None and connector.status_unknown_since_s is None:
        connector.status_unknown_since_s = turn.now_s
        turn.alarm("unknown_status", connector_id=connector.connector_id, raw=registers.status_raw)


def _fate(
    point: ChargePoint, connector: Connector, registers: ConnectorSnapshot, turn: Turn, *, settled: bool
) -> Fate | None:
    """What became of the transaction from before a gap, None if not known yet; ends it when nothing shows it."""
    transaction = connector.transaction
    if transaction is None or not connector.unproven:
        connector.unproven = False
        return Fate.GOES_ON
    fate = transactions.fate(point, connector, registers, turn.now, settled=settled)
    if fate is Fate.UNKNOWN:
        _end_unseen(point, connector, turn, transaction.last_sample_at, transaction.last_meter_wh)
    if fate is Fate.GOES_ON:
        connector.unproven = connector.after_restart = False
        connector.found = None
        meter_values.schedule_samples(point, connector, turn)
    return fate


def _another_stands(connector: Connector, registers: ConnectorSnapshot, turn: Turn, *, settled: bool) -> bool:
    """Whether the charger shows another session than the open transaction's for so long that no settling is awaited.

    A transaction is open after a gap, and again if it looked over while the link settled.
    """
    open_again = connector.ending is not None and not settled
    if not (connector.unproven or open_again) or not transactions.shows_another(connector, registers):
        connector.another = None
        return False
    connector.unproven = True
    connector.another = _stands(connector.another, turn)
    if connector.found is None and connector.another.polls >= MUST_STAND_POLLS and _shows(connector, Status.CHARGING):
        connector.found = Evidence(turn.now, connector.meter.total_wh)
    return _confirmed(connector.another, turn)


def _end_with_the_rest(point: ChargePoint, connector: Connector, turn: Turn, charged_since_s: int) -> None:
    """A session ended while no gateway lived, and the counters still show all of it (X-51)."""
    transaction = connector.transaction
    if transaction is not None:
        at = transaction.last_sample_at.plus(charged_since_s)
        early = (age_s(at.stamp(), turn.now) or 0.0) >= 0
        _end_unseen(point, connector, turn, at if early else turn.now, connector.meter.total_wh)


def _end_unseen(point: ChargePoint, connector: Connector, turn: Turn, at: Instant, meter_wh: int) -> None:
    """The transaction ended in a gap; `at` is the last evidence of charging."""
    reason = "PowerLoss" if connector.after_restart else "Other"
    transactions.stop(point, connector, turn, reason=reason, at=at, meter_wh=meter_wh)
    connector.tags = connector.tags.car_left()


def _take_counters(
    point: ChargePoint,
    connector: Connector,
    registers: ConnectorSnapshot,
    before: ConnectorSnapshot | None,
    turn: Turn,
    *,
    settled: bool,
) -> bool:
    """Feed the virtual meter; gives whether the charger shows energy flowing.

    `before` is the last snapshot unless there was a gap since. What grew unseen is not of a car that waits.
    """
    seconds_grew = before is not None and _higher(registers.charging_s, before.charging_s)
    if registers.session_energy_wh is None:
        return registers.status is Status.CHARGING or seconds_grew
    meter = connector.meter
    fed = metering.feed(
        meter,
        register_wh=registers.session_energy_wh,
        charging_s=registers.charging_s,
        now_s=turn.now_s,
        rated_power_w=point.settings.connector_cap_w,
        zero_proves=settled or _began_on_this_link(point, connector.transaction, turn),
    )
    connector.meter = fed
    if fed.suspicion is not None and meter.suspicion is None:
        kind = "fell" if fed.suspicion.is_drop else "leapt"
        turn.alarm(
            f"energy_register_{kind}", connector_id=connector.connector_id, register_wh=registers.session_energy_wh
        )
    did = readings.kind_of(meter, fed)
    if did is not None and connector.transaction is not None:
        readings.keep(connector, turn, connector.transaction.local_id, did)
    if registers.status is Status.PREPARING:
        energy_grew = before is not None and _higher(registers.session_energy_wh, before.session_energy_wh)
    else:
        energy_grew = fed.total_wh > meter.total_wh
    return registers.status is Status.CHARGING or (connector.plugged and (seconds_grew or energy_grew))


def _higher(now: int | None, before: int | None) -> bool:
    return now is not None and before is not None and now > before


def _began_on_this_link(point: ChargePoint, transaction: TransactionRecord | None, turn: Turn) -> bool:
    """Whether the transaction, if there is one, is no older than the connection to the charger.

    Status and counters are not read at once: it may have begun with the counters of the session before. They must be
    seen to fall, and be kept so, or after a kill it would look as if its own had been reset.
    """
    if transaction is None:
        return True
    began = transaction.started_at
    return point.link_up_s is not None and began.boot_id == turn.now.boot_id and began.monotonic_s >= point.link_up_s


def _watch_tag(connector: Connector, registers: ConnectorSnapshot, turn: Turn) -> str | None:
    """Take in a read of the tag; gives the card presented by it."""
    if registers.tag is None:
        return None
    before = connector.tags
    connector.tags, presented = tags.watch(before, registers.tag)
    if connector.tags.unusable and not before.unusable:
        turn.alarm("id_tag_unusable", connector_id=connector.connector_id)
    return presented


def _take_tag(point: ChargePoint, connector: Connector, registers: ConnectorSnapshot, turn: Turn) -> None:
    before = connector.tags
    presented = _watch_tag(connector, registers, turn)
    shown, connector.shown = connector.shown, None
    if presented is None and shown is not None and (shown == connector.tags.standing or connector.evidence is not None):
        presented, connector.tags = shown, connector.tags.of(shown)
    cleared = before.standing is not None and connector.tags.standing is None
    if cleared and _shows(connector, Status.AVAILABLE) and not _awaits_plug(connector, turn.now_s):
        connector.tags = connector.tags.car_left()  # its card has gone with it
    if presented is not None:
        if not connector.plugged:  # the visit begins with the card (S-20)
            connector.visited = True
            timeout_s = point.configuration.integer("ConnectionTimeOut")
            connector.plug_awaited_until_s = turn.now_s + timeout_s if timeout_s else inf
        authorization.tag_presented(point, connector, turn, presented)


def _take_presence(point: ChargePoint, connector: Connector, turn: Turn, *, settled: bool) -> None:
    """The car came, stands, or has left: leaving must stand, as it reopens the gate."""
    if connector.plugged:
        connector.absent, connector.visited, connector.plug_awaited_until_s = None, True, 0.0
        used = None if connector.registers is None else phases_in_use(connector.registers.current_a)
        if used is not None:
            connector.phases_used = max(used, connector.phases_used or 0)
        if connector.preparing_since_s is None and connector.transaction is None:
            connector.preparing_since_s = turn.now_s
            standing = connector.tags.standing
            if point.settings.accept_standing_tag and connector.tags.presented is None and standing is not None:
                connector.tags = connector.tags.of(standing)
                authorization.tag_presented(point, connector, turn, standing)
        return
    if not connector.visited:
        return
    if not _shows(connector, Status.AVAILABLE) or not settled or _awaits_plug(connector, turn.now_s):
        connector.absent = None
        return
    connector.absent = _stands(connector.absent, turn)
    if connector.transaction is None and _confirmed(connector.absent, turn):
        connector.visited = connector.preparing_expired = False
        connector.preparing_since_s = connector.unwanted_since_s = connector.evidence = connector.phases_used = None
        connector.tags, connector.unasked = connector.tags.car_left(), None
        transactions.set_closed(connector, turn, closed=False)


def _shows(connector: Connector, status: Status) -> bool:
    """Whether the last snapshot itself shows that status; `register_status` outlives unknown ones, and proves less."""
    return connector.registers is not None and connector.registers.status is status


def _is_unknown(connector: Connector) -> bool:
    """Whether the last snapshot shows no status that means anything: nothing starts or ends by it (faults M-16)."""
    return connector.registers is None or connector.registers.status is None


def _awaits_plug(connector: Connector, now_s: float) -> bool:
    """Whether somebody showed a card and may still come with a car: for ConnectionTimeOut, or while it is shown."""
    shown = connector.tags.presented is not None and connector.tags.presented == connector.tags.standing
    return connector.plug_awaited_until_s > (0.0 if shown else now_s)


def _run(point: ChargePoint, connector: Connector, turn: Turn, *, settled: bool, metered: bool) -> None:
    """A transaction runs: does it look over? What looks over is neither sampled nor told until it is decided."""
    reason = transactions.end_reason(connector)
    if reason is not None and metered:  # energy that is first seen together with the end
        transactions.keep_meter(connector, turn)
    if reason is None:
        connector.ending = None
        transactions.progress(point, connector, turn, metered=metered)
        _watch_fault(point, connector, turn)
    elif not settled:  # it proves nothing yet, but it is not said to be otherwise either
        connector.ending = connector.ending or Ending(turn.now, 0)
    elif not _is_unknown(connector):
        connector.ending = _stands(connector.ending, turn)
        if _confirmed(connector.ending, turn):
            id_tag = connector.transaction.id_tag if reason == "Local" and connector.transaction is not None else None
            if reason == "EVDisconnected":
                connector.pulled_at = connector.ending.since
            transactions.stop(point, connector, turn, reason=reason, at=connector.ending.since, id_tag=id_tag)


def _watch_fault(point: ChargePoint, connector: Connector, turn: Turn) -> None:
    """The charger's own fault ends a transaction after a grace time (X-18)."""
    if connector.register_status is not Status.FAULTED:
        connector.faulted_since_s = None
    elif connector.faulted_since_s is None:
        connector.faulted_since_s = turn.now_s
    elif turn.now_s - connector.faulted_since_s >= FAULT_GRACE_S:
        transactions.stop(point, connector, turn, reason="Other", at=turn.now)


def _start_on_evidence(
    point: ChargePoint, connector: Connector, turn: Turn, meter_before_wh: int, *, grew: bool
) -> None:
    """The charger decides who charges: the first evidence of charging starts the transaction."""
    if connector.closed or not connector.operative:
        connector.evidence = None
        _watch_unwanted_energy(connector, turn, charging=grew and _shows(connector, Status.CHARGING))
        return
    _watch_unwanted_energy(connector, turn, charging=False)
    if grew and connector.evidence is None:
        connector.evidence = Evidence(turn.now, meter_before_wh)
    evidence = connector.evidence
    if evidence is None:
        return
    if connector.tags.pending and turn.now_s - evidence.since.monotonic_s < TAG_AWAITED_S:
        return
    _start(point, connector, turn, evidence)


def _start(point: ChargePoint, connector: Connector, turn: Turn, evidence: Evidence) -> None:
    """The charger has decided: the transaction of the card that was presented, as far as it was read."""
    if point.settings.mode is AuthorizationMode.FREE:
        id_tag = point.settings.free_id_tag
    else:
        id_tag = connector.tags.payer or point.settings.unknown_id_tag
        if connector.tags.payer is None and connector.tags.standing is not None:
            turn.alarm("id_tag_standing", connector_id=connector.connector_id)
    transactions.start(
        point, connector, turn, id_tag=id_tag, parent_id_tag=None, at=evidence.since, meter_wh=evidence.meter_wh
    )


def _watch_unwanted_energy(connector: Connector, turn: Turn, *, charging: bool) -> None:
    """Energy that flows although we hold 0 W is reported, not billed to anybody (A-02, R-24)."""
    if not charging:
        connector.unwanted_since_s, connector.unwanted_told = None, False
    elif connector.unwanted_since_s is None:
        connector.unwanted_since_s = turn.now_s
    elif not connector.unwanted_told and turn.now_s - connector.unwanted_since_s >= LIMIT_ACTS_WITHIN_S:
        connector.unwanted_told = True
        turn.alarm("energy_without_authorization", connector_id=connector.connector_id)


def _stands(before: Ending | None, turn: Turn) -> Ending:
    return Ending(turn.now, 1) if before is None else replace(before, polls=before.polls + 1)


def _confirmed(ending: Ending, turn: Turn) -> bool:
    return ending.polls >= MUST_STAND_POLLS and turn.now_s - ending.since.monotonic_s >= MUST_STAND_S
