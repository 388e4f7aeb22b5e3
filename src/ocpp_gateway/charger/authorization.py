"""Who may charge: presented cards, the central system's word, and remote starts, by authorisation mode.

Source: OCPP 1.6 §3.5, §4.1, §4.8, §5.11; conformance A-02 to A-30; decisions.md, Authorisation modes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ocpp_gateway.charger import transactions
from ocpp_gateway.charger.events import Failure
from ocpp_gateway.charger.id_tags import ACCEPTED, IdTagInfo, find_in_list, folded, info_of
from ocpp_gateway.charger.records import CachedTagForgotten
from ocpp_gateway.charger.reservations import is_for, reservation_at
from ocpp_gateway.charger.state import Authorization, AuthorizationMode, ChargePoint, Connector, PendingAuthorize
from ocpp_gateway.charger.turn import Turn

# ---------------------------------------------------------------- somebody asks


def tag_presented(point: ChargePoint, connector: Connector, turn: Turn, id_tag: str) -> None:
    """Somebody held a card to the reader."""
    mode, transaction = point.settings.mode, connector.transaction
    if mode is AuthorizationMode.FREE:
        return
    if transaction is not None and same_tag(transaction.id_tag, id_tag):
        if mode is AuthorizationMode.CENTRAL_SYSTEM:  # the starting card stops without asking
            transactions.stop(point, connector, turn, reason="Local", at=turn.now, id_tag=id_tag, close=True)
        return
    if mode is AuthorizationMode.CENTRAL_SYSTEM and not connector.operative:
        return
    ask(point, connector, turn, id_tag)


def ask(
    point: ChargePoint, connector: Connector, turn: Turn, id_tag: str, *, profile: dict[str, Any] | None = None
) -> None:
    """Find out whether a tag may charge: by list and cache where that is allowed, else by Authorize.req (A-05 to A-07).

    `profile` is what RemoteStartTransaction brought along for the transaction to come.
    """
    known = lookup(point, id_tag)
    accepted = known is not None and known.at(turn.now.utc) == ACCEPTED
    if not point.accepted:
        _decide_offline(point, connector, turn, PendingAuthorize(connector.connector_id, id_tag, profile))
    elif known is not None and accepted and point.configuration.flag("LocalPreAuthorize"):
        _granted(point, connector, turn, id_tag, parent_id_tag=known.parent_id_tag, profile=profile)
    else:
        request = PendingAuthorize(connector.connector_id, id_tag, profile)
        point.pending_authorize[turn.call("Authorize", {"idTag": id_tag})] = request


def answered(point: ChargePoint, turn: Turn, request_id: int, payload: dict[str, Any]) -> None:
    """Authorize.conf arrived."""
    request = point.pending_authorize.pop(request_id, None)
    if request is None:
        return
    info = info_of(payload.get("idTagInfo"))
    learn(point, turn, request.id_tag, info)
    connector = point.connectors.get(request.connector_id)
    if connector is None:
        return
    status = info.at(turn.now.utc)
    if status == ACCEPTED:
        _granted(point, connector, turn, request.id_tag, parent_id_tag=info.parent_id_tag, profile=request.profile)
    else:
        turn.alarm("id_tag_refused", connector_id=connector.connector_id, id_tag=request.id_tag, status=status)
        _refused(point, connector, turn, request.id_tag)


def failed(point: ChargePoint, turn: Turn, request_id: int, failure: Failure) -> None:
    """Authorize.req got no answer: offline, the offline rules decide; otherwise nobody is authorised (A-09)."""
    request = point.pending_authorize.pop(request_id, None)
    connector = point.connectors.get(request.connector_id) if request is not None else None
    if request is not None and connector is not None and failure is Failure.OFFLINE:
        _decide_offline(point, connector, turn, request)


def ask_again(point: ChargePoint, turn: Turn) -> None:
    """The central system is back: cards shown meanwhile, to cars that still stand there, are asked for."""
    for connector in point.connectors.values():
        request, connector.unasked = connector.unasked, None
        if request is not None and connector.plugged and connector.transaction is None:
            ask(point, connector, turn, request.id_tag, profile=request.profile)


def admit(
    point: ChargePoint,
    connector: Connector,
    turn: Turn,
    id_tag: str,
    *,
    parent_id_tag: str | None = None,
    profile: dict[str, Any] | None = None,
) -> None:
    """Authorise: a plugged car starts at once, otherwise the plug is awaited for ConnectionTimeOut (X-08, R-14).

    Where the charger decides, this only lifts what we closed: its own start begins a transaction with that tag.
    """
    reservation = reservation_at(point.reservations, connector.connector_id)
    if reservation is not None:
        connector.released_to = reservation.reservation_id
    connector.preparing_expired = False
    transactions.set_closed(connector, turn, closed=False)
    if point.settings.mode is not AuthorizationMode.CENTRAL_SYSTEM:
        connector.tags = connector.tags.of(id_tag)
        return
    timeout_s = point.configuration.integer("ConnectionTimeOut")
    expires_s = turn.now_s + timeout_s if timeout_s else None
    connector.authorization = Authorization(id_tag, parent_id_tag, expires_s, profile)
    start_if_authorised(point, connector, turn)


def start_if_authorised(point: ChargePoint, connector: Connector, turn: Turn) -> None:
    """Plugged and authorised: the transaction starts (X-01)."""
    granted = connector.authorization
    if granted is None or connector.transaction is not None or not connector.plugged or not connector.operative:
        return
    transactions.start(
        point,
        connector,
        turn,
        id_tag=granted.id_tag,
        parent_id_tag=granted.parent_id_tag,
        at=turn.now,
        meter_wh=connector.meter.total_wh,
        profile=granted.profile,
    )


def expire(point: ChargePoint, connector: Connector) -> None:
    """Nobody plugged in time: the authorisation is dropped, a reservation is kept again (X-08)."""
    connector.authorization = connector.released_to = None


# ---------------------------------------------------------------- what is known of a tag


def lookup(point: ChargePoint, id_tag: str) -> IdTagInfo | None:
    """What the local list, or else the cache, says of a tag (A-21), as far as they are switched on (A-19, A-23)."""
    listed = find_in_list(point.local_list, id_tag) if point.configuration.flag("LocalAuthListEnabled") else None
    if listed is not None:
        return listed
    return point.cache.find(id_tag) if point.configuration.flag("AuthorizationCacheEnabled") else None


def parent_of(point: ChargePoint, id_tag: str) -> str | None:
    """The group of a tag, if it is known here."""
    known = lookup(point, id_tag)
    return None if known is None else known.parent_id_tag


def learn(point: ChargePoint, turn: Turn, id_tag: str, info: IdTagInfo) -> None:
    """Take in what the central system said of a tag: into the cache, or against the local list (A-18, S-18)."""
    listed = find_in_list(point.local_list, id_tag)
    if listed is not None:
        if point.configuration.flag("LocalAuthListEnabled") and listed.at(turn.now.utc) != info.at(turn.now.utc):
            point.list_conflict = True
        return
    if not point.configuration.flag("AuthorizationCacheEnabled"):
        return
    entry, pushed_out = point.cache.remember(id_tag, info)
    for forgotten in pushed_out:
        turn.persist(CachedTagForgotten(forgotten))
    if entry is not None:
        turn.persist(entry)


def same_tag(one: str, other: str) -> bool:
    """Id tags are compared without case and passed on with it (A-04)."""
    return folded(one) == folded(other)


# ---------------------------------------------------------------- what follows


def judged(
    point: ChargePoint, connector: Connector, turn: Turn, payload: dict[str, Any], *, transmissions: int
) -> None:
    """StartTransaction.conf of the running transaction says whether its tag is welcome (A-25, A-27)."""
    transaction = connector.transaction
    if transaction is None:
        return
    info = info_of(payload.get("idTagInfo"))
    repeated = info.status == "ConcurrentTx" and transmissions > 1  # a repeat meets our own transaction (faults O-14)
    if info.status == ACCEPTED or repeated:
        if info.parent_id_tag is not None:
            connector.transaction = replace(transaction, parent_id_tag=info.parent_id_tag)
            turn.persist(connector.transaction)
        return
    turn.alarm("id_tag_refused", connector_id=connector.connector_id, id_tag=transaction.id_tag, status=info.status)
    deauthorise(point, connector, turn)


def deauthorise(point: ChargePoint, connector: Connector, turn: Turn) -> None:
    """The running transaction's tag is refused: it ends, or only its energy does (StopTransactionOnInvalidId)."""
    if point.settings.read_only:
        return
    if connector.transaction is not None and not point.configuration.flag("StopTransactionOnInvalidId"):
        connector.transaction = replace(connector.transaction, deauthorized=True)
        turn.persist(connector.transaction)
        return
    transactions.stop(point, connector, turn, reason="DeAuthorized", at=turn.now, close=True)


def _granted(
    point: ChargePoint,
    connector: Connector,
    turn: Turn,
    id_tag: str,
    *,
    parent_id_tag: str | None,
    profile: dict[str, Any] | None,
) -> None:
    transaction = connector.transaction
    if transaction is None:
        reservation = reservation_at(point.reservations, connector.connector_id)
        if reservation is None or is_for(reservation, id_tag, parent_id_tag):
            admit(point, connector, turn, id_tag, parent_id_tag=parent_id_tag, profile=profile)
    elif same_tag(transaction.id_tag, id_tag):
        if parent_id_tag is not None and transaction.parent_id_tag is None:
            connector.transaction = replace(transaction, parent_id_tag=parent_id_tag)
            turn.persist(connector.transaction)
    elif (
        point.settings.mode is AuthorizationMode.CENTRAL_SYSTEM
        and parent_id_tag is not None
        and transaction.parent_id_tag is not None
        and same_tag(parent_id_tag, transaction.parent_id_tag)
    ):  # a card of the same group stops; A-13: a card is never compared with a group's own name
        transactions.stop(point, connector, turn, reason="Local", at=turn.now, id_tag=id_tag, close=True)


def _refused(point: ChargePoint, connector: Connector, turn: Turn, id_tag: str) -> None:
    """The tag may not charge. Where nothing is open before a yes there is nothing to do."""
    if point.settings.mode is not AuthorizationMode.CHARGER or point.settings.read_only:
        return
    if connector.transaction is None:
        transactions.set_closed(connector, turn, closed=True)
    elif same_tag(connector.transaction.id_tag, id_tag):
        deauthorise(point, connector, turn)


def _decide_offline(point: ChargePoint, connector: Connector, turn: Turn, request: PendingAuthorize) -> None:
    """A-14 to A-17: what list and cache say counts, unknown tags only by AllowOfflineTxForUnknownId."""
    if point.settings.mode is not AuthorizationMode.CENTRAL_SYSTEM:
        return  # the charger has decided; its transaction is told when the central system is back
    known = lookup(point, request.id_tag)
    if known is None:
        allowed = point.configuration.flag("AllowOfflineTxForUnknownId")
    else:
        welcome = known.at(turn.now.utc) == ACCEPTED
        allowed = welcome and point.configuration.flag("LocalAuthorizeOffline")
    if allowed:
        parent_id_tag = None if known is None else known.parent_id_tag
        _granted(point, connector, turn, request.id_tag, parent_id_tag=parent_id_tag, profile=request.profile)
    elif known is None or known.at(turn.now.utc) == ACCEPTED:  # nobody said no: ask when somebody is there
        connector.unasked = request
        turn.alarm("id_tag_waits_for_central_system", connector_id=connector.connector_id, id_tag=request.id_tag)
