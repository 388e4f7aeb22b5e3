"""Who may charge: presented cards, the central system's word, and remote starts, by authorisation mode.

Source: OCPP 1.6 §4.1, §4.8, §5.11; conformance A-02 to A-12, A-25; decisions.md, Authorisation modes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from ocpp_gateway.charger import transactions
from ocpp_gateway.charger.events import Failure
from ocpp_gateway.charger.state import Authorization, AuthorizationMode, ChargePoint, Connector, PendingAuthorize
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import parse_utc

ACCEPTED = "Accepted"


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
    ask(point, connector, turn, id_tag, remote=False)


def ask(point: ChargePoint, connector: Connector, turn: Turn, id_tag: str, *, remote: bool) -> None:
    """Send Authorize.req, or decide by the offline rules while the central system is away (A-14 to A-16)."""
    request = PendingAuthorize(connector.connector_id, id_tag, remote)
    if point.accepted:
        point.pending_authorize[turn.call("Authorize", {"idTag": id_tag})] = request
    else:
        _offline(point, connector, turn, id_tag)


def answered(point: ChargePoint, turn: Turn, request_id: int, payload: dict[str, Any]) -> None:
    """Authorize.conf arrived."""
    request = point.pending_authorize.pop(request_id, None)
    if request is None:
        return
    connector = point.connectors[request.connector_id]
    status, parent_id_tag = id_tag_info(payload, turn.now.utc)
    if status == ACCEPTED:
        _granted(point, connector, turn, request.id_tag, parent_id_tag)
    else:
        turn.alarm("id_tag_refused", connector_id=connector.connector_id, id_tag=request.id_tag, status=status)
        _refused(point, connector, turn)


def failed(point: ChargePoint, turn: Turn, request_id: int, failure: Failure) -> None:
    """Authorize.req got no answer: offline, the offline rules decide; otherwise nobody is authorised (A-09)."""
    request = point.pending_authorize.pop(request_id, None)
    if request is not None and failure is Failure.OFFLINE:
        _offline(point, point.connectors[request.connector_id], turn, request.id_tag)


def grant(point: ChargePoint, connector: Connector, turn: Turn, id_tag: str, parent_id_tag: str | None = None) -> None:
    """Authorise: a plugged car starts at once, otherwise the plug is awaited for ConnectionTimeOut (X-08, R-14)."""
    timeout_s = point.configuration.integer("ConnectionTimeOut")
    connector.authorization = Authorization(id_tag, parent_id_tag, turn.now_s + timeout_s if timeout_s else None)
    connector.preparing_expired = False
    transactions.set_closed(connector, turn, closed=False)


def reopen(connector: Connector, turn: Turn, id_tag: str) -> None:
    """Lift what we closed, for that tag: the charger's own start then begins a transaction with it."""
    connector.tags = replace(connector.tags, presented=id_tag)
    transactions.set_closed(connector, turn, closed=False)


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
    )


def judged(
    point: ChargePoint, connector: Connector, turn: Turn, payload: dict[str, Any], *, transmissions: int
) -> None:
    """StartTransaction.conf of the running transaction says whether its tag is welcome (A-25)."""
    transaction = connector.transaction
    if transaction is None:
        return
    status, parent_id_tag = id_tag_info(payload, None)
    if status == "ConcurrentTx" and transmissions > 1:  # a repeat meets our own transaction (faults O-14)
        status = ACCEPTED
    if status == ACCEPTED:
        if parent_id_tag is not None:
            connector.transaction = replace(transaction, parent_id_tag=parent_id_tag)
            turn.persist(connector.transaction)
        return
    turn.alarm("id_tag_refused", connector_id=connector.connector_id, id_tag=transaction.id_tag, status=status)
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


def id_tag_info(payload: dict[str, Any], now: datetime | None) -> tuple[str, str | None]:
    """The status and the parent of an answer's idTagInfo; one that expired before `now` counts as Expired."""
    info = payload.get("idTagInfo")
    if not isinstance(info, dict):
        return ACCEPTED if info is None else "Invalid", None
    status, parent_id_tag = str(info.get("status", "Invalid")), info.get("parentIdTag")
    try:
        expired = now is not None and parse_utc(str(info["expiryDate"])) <= now
    except (KeyError, ValueError):
        expired = False
    return "Expired" if status == ACCEPTED and expired else status, parent_id_tag if isinstance(
        parent_id_tag, str
    ) else None


def same_tag(one: str, other: str) -> bool:
    """Id tags are compared without case and passed on with it (A-04)."""
    return one.casefold() == other.casefold()


def _granted(point: ChargePoint, connector: Connector, turn: Turn, id_tag: str, parent_id_tag: str | None) -> None:
    transaction = connector.transaction
    if transaction is not None:
        if same_tag(transaction.id_tag, id_tag):
            if parent_id_tag is not None and transaction.parent_id_tag is None:
                connector.transaction = replace(transaction, parent_id_tag=parent_id_tag)
                turn.persist(connector.transaction)
        elif (
            point.settings.mode is AuthorizationMode.CENTRAL_SYSTEM
            and parent_id_tag is not None
            and transaction.parent_id_tag is not None
            and same_tag(parent_id_tag, transaction.parent_id_tag)
        ):  # a card of the same group stops
            transactions.stop(point, connector, turn, reason="Local", at=turn.now, id_tag=id_tag, close=True)
        return
    if point.settings.mode is AuthorizationMode.CENTRAL_SYSTEM:
        grant(point, connector, turn, id_tag, parent_id_tag)
        start_if_authorised(point, connector, turn)
    else:  # the charger decides; a new authorisation only lifts what we closed
        reopen(connector, turn, id_tag)


def _refused(point: ChargePoint, connector: Connector, turn: Turn) -> None:
    """Authorize.conf said no."""
    if point.settings.mode is not AuthorizationMode.CHARGER or point.settings.read_only:
        return  # the gate is closed anyway, and somebody else's transaction goes on
    presented = connector.tags.presented
    if connector.transaction is None:
        transactions.set_closed(connector, turn, closed=True)
    elif presented is not None and same_tag(connector.transaction.id_tag, presented):
        deauthorise(point, connector, turn)


def _offline(point: ChargePoint, connector: Connector, turn: Turn, id_tag: str) -> None:
    if (
        point.settings.mode is AuthorizationMode.CENTRAL_SYSTEM
        and connector.transaction is None
        and point.configuration.flag("AllowOfflineTxForUnknownId")
    ):
        grant(point, connector, turn, id_tag)
        start_if_authorised(point, connector, turn)
