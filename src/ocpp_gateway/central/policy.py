"""How the central system answers: what it knows, and what a test wants it to do instead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Literal

from ocpp_gateway.central.frames import error_payload
from ocpp_gateway.central.ledger import Transaction

Registration = Literal["Accepted", "Pending", "Rejected"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What happens to one CALL.

    `delay_s`: waits that long first, while other CALLs are answered. `copies`: 0 never answers, 2 answers twice.
    `payload`: sent as it is, instead of the usual one. `error`: a CALLERROR instead; the CALL counts as not processed.
    `hang_up`: the CALL is processed, then the connection closes without an answer.
    """

    delay_s: float = 0.0
    copies: int = 1
    payload: Any = None
    error: dict[str, Any] | None = None
    hang_up: bool = False

    def late(self, delay_s: float) -> Answer:
        """The same answer after a delay."""
        return replace(self, delay_s=delay_s)


USUAL = Answer()


def no_answer() -> Answer:
    """The CALL is processed and its answer lost; the connection stays."""
    return Answer(copies=0)


def late(delay_s: float) -> Answer:
    """The usual answer after a delay."""
    return Answer(delay_s=delay_s)


def call_error(code: str, description: str = "", details: dict[str, Any] | None = None) -> Answer:
    """A CALLERROR; any code goes, also one that OCPP does not know."""
    return Answer(error=error_payload(code, description, details or {}))


def payload(value: Any) -> Answer:
    """A CALLRESULT with that payload, valid or not."""
    return Answer(payload=value)


def duplicate(copies: int = 2) -> Answer:
    """The usual answer several times."""
    return Answer(copies=copies)


def hang_up() -> Answer:
    """The CALL is processed, then the connection closes without an answer (faults O-13)."""
    return Answer(hang_up=True)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Policy:
    """What the central system knows and grants; fields may change at any time.

    `id_tags`: idTagInfo by idTag, compared without case (OCPP 1.6 §3.9). `interval_s`: of BootNotification.conf.
    `next_transaction_id`: may give any integer, also 0, a negative one or the same one again.
    `knows_repeats`: a StartTransaction.req that comes again gets its first id again, as SteVe does; most real
    central systems open a second transaction (faults I1).
    """

    registration: Registration = "Accepted"
    interval_s: int = 300
    current_time: Callable[[], datetime] = utc_now
    id_tags: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    default_id_tag_info: dict[str, Any] = field(default_factory=lambda: {"status": "Accepted"})
    next_transaction_id: Callable[[], int] = field(default_factory=lambda: count(1).__next__)
    knows_repeats: bool = True
    _next: dict[str, deque[Answer]] = field(default_factory=dict)
    _always: dict[str, Answer] = field(default_factory=dict)

    def answer_next(self, action: str, *answers: Answer) -> None:
        """The next CALLs of that action are answered so, one after the other; `USUAL` leaves one as it is."""
        self._next.setdefault(action, deque()).extend(answers)

    def answer_always(self, action: str, answer: Answer) -> None:
        """Every CALL of that action is answered so, until `USUAL` is set again."""
        self._always[action] = answer

    def take(self, action: str) -> Answer:
        """How the CALL at hand is answered."""
        queue = self._next.get(action)
        return queue.popleft() if queue else self._always.get(action, USUAL)

    def id_tag_info(self, id_tag: str) -> dict[str, Any]:
        for known, found in self.id_tags.items():
            if known.casefold() == id_tag.casefold():
                return found
        return self.default_id_tag_info

    def transaction_id(self, transaction: Transaction, answer: Answer = USUAL) -> int | None:
        """The id that StartTransaction.conf gives: the one in a payload of our own, a known one, or a new one."""
        if answer.payload is not None:
            return _integer(answer.payload.get("transactionId")) if isinstance(answer.payload, dict) else None
        if transaction.transaction_ids and self.knows_repeats:
            return transaction.transaction_ids[-1]
        return self.next_transaction_id()

    def stamp(self) -> str:
        return self.current_time().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def usual_payload(policy: Policy, action: str, request: dict[str, Any], transaction_id: int | None) -> dict[str, Any]:
    """The CALLRESULT payload for a valid request; `transaction_id` is needed for a StartTransaction.req alone."""
    return ANSWERS[action](policy, request, transaction_id)


def _integer(value: object) -> int | None:
    """An integer as a tolerant reader takes it: 7, 7.0 and "7" are the same id."""
    match value:
        case bool():
            return None
        case int():
            return value
        case float() if value.is_integer():
            return int(value)
        case str() if value.removeprefix("-").isdecimal():
            return int(value)
    return None


def _boot(policy: Policy, _request: dict[str, Any], _id: int | None) -> dict[str, Any]:
    return {"status": policy.registration, "currentTime": policy.stamp(), "interval": policy.interval_s}


def _authorize(policy: Policy, request: dict[str, Any], _id: int | None) -> dict[str, Any]:
    return {"idTagInfo": policy.id_tag_info(request["idTag"])}


def _start(policy: Policy, request: dict[str, Any], transaction_id: int | None) -> dict[str, Any]:
    return {"transactionId": transaction_id, "idTagInfo": policy.id_tag_info(request["idTag"])}


def _stop(policy: Policy, request: dict[str, Any], _id: int | None) -> dict[str, Any]:
    return {"idTagInfo": policy.id_tag_info(request["idTag"])} if "idTag" in request else {}


def _heartbeat(policy: Policy, _request: dict[str, Any], _id: int | None) -> dict[str, Any]:
    return {"currentTime": policy.stamp()}


def _nothing(_policy: Policy, _request: dict[str, Any], _id: int | None) -> dict[str, Any]:
    return {}


def _unknown_vendor(_policy: Policy, _request: dict[str, Any], _id: int | None) -> dict[str, Any]:
    return {"status": "UnknownVendorId"}


def _no_certificates(_policy: Policy, _request: dict[str, Any], _id: int | None) -> dict[str, Any]:
    return {"status": "Rejected"}


ANSWERS: dict[str, Callable[[Policy, dict[str, Any], int | None], dict[str, Any]]] = {
    "Authorize": _authorize,
    "BootNotification": _boot,
    "DataTransfer": _unknown_vendor,
    "DiagnosticsStatusNotification": _nothing,
    "FirmwareStatusNotification": _nothing,
    "Heartbeat": _heartbeat,
    "LogStatusNotification": _nothing,
    "MeterValues": _nothing,
    "SecurityEventNotification": _nothing,
    "SignCertificate": _no_certificates,
    "SignedFirmwareStatusNotification": _nothing,
    "StartTransaction": _start,
    "StatusNotification": _nothing,
    "StopTransaction": _stop,
}
"""Every CALL a charge point may send (OCPP 1.6 §4, security whitepaper), and its usual answer."""
