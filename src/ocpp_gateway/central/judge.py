"""Judges a charge point by what it sends: frames, message ids, order of calls, boot, answers, and (`rules`) content.

Independent of the gateway's own OCPP code, so that it cannot share its mistakes. A violation is written down and
changes nothing else. Times are seconds of one monotonic clock, given by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ocpp_gateway.central.frames import ERROR_CODES, Kind, Message, compact
from ocpp_gateway.central.ledger import Ledger
from ocpp_gateway.central.policy import ANSWERS
from ocpp_gateway.central.rules import Rules
from ocpp_gateway.central.schemas import known, problems

MAX_FRAME_BYTES = 65536
_REMEMBERED = 100_000
_TIMEOUT_TOLERANCE_S = 1.0
_BOOT_TOLERANCE_S = 0.05


@dataclass(slots=True)
class _Peer:
    """What is known of one charge point. The second half holds for its present connection only."""

    rules: Rules
    registration: str | None = None
    seen: dict[str, str] = field(default_factory=dict)

    open_call: tuple[str, float] | None = None
    next_boot_s: float | None = None
    asked: dict[str, list[str]] = field(default_factory=dict)
    triggered: set[str] = field(default_factory=set)
    told: dict[tuple[str, str], None] = field(default_factory=dict)
    spoke_unregistered: bool = False


class Judge:
    """Collects violations of all charge points.

    `connectors`: number of connectors by identity, where known. `message_timeout_s`: how long a charge point has to
    wait for an answer before its next CALL (T-27).
    """

    def __init__(
        self,
        connectors: Mapping[str, int],
        *,
        message_timeout_s: float = 30.0,
        on_violation: Callable[[str], None] | None = None,
    ) -> None:
        self.ledger = Ledger()
        self.violations: list[str] = []
        self.message_timeout_s = message_timeout_s
        self._connectors = connectors
        self._on_violation = on_violation
        self._peers: dict[str, _Peer] = {}

    def report(self, identity: str, rule: str, problem: str, text: str = "") -> None:
        """Writes down a violation with the frame that shows it."""
        violation = f"{rule} {identity}: {problem}" + (f" in {text[:2000]}" if text else "")
        self.violations.append(violation)
        if self._on_violation:
            self._on_violation(violation)

    def connected(self, identity: str) -> None:
        """A new connection: nothing is outstanding on it, and any status may come next."""
        old = self._peer(identity)
        self._peers[identity] = _Peer(old.rules, old.registration, old.seen)
        old.rules.forget_statuses()

    def forget(self) -> None:
        """Forgets stopped transactions, and message ids and messages that were answered: a year fits into memory."""
        self.ledger.forget_stopped()
        for peer in self._peers.values():
            peer.seen.clear()
            peer.told.clear()
            peer.asked = {message_id: actions for message_id, actions in peer.asked.items() if actions}

    def unusable(self, identity: str, message: Message, text: str) -> None:
        """A message that is no frame of OCPP-J."""
        self.report(identity, message.rule, message.payload, text)

    def call(self, identity: str, message: Message, text: str, now_s: float) -> tuple[str, str] | None:
        """Judges a CALL. The code and description of the CALLERROR it deserves; None when it can be processed."""
        peer, action, message_id = self._peer(identity), message.action or "", message.message_id or ""
        if len(text.encode()) >= MAX_FRAME_BYTES:
            self.report(identity, "T-22", f"a frame of {len(text.encode())} bytes", text)
        if peer.seen.setdefault(message_id, text) != text:
            self.report(identity, "T-15", f"message id {message_id!r} was used before, for something else", text)
        _keep_newest(peer.seen)
        if peer.open_call and now_s - peer.open_call[1] < self.message_timeout_s - _TIMEOUT_TOLERANCE_S:
            self.report(identity, "T-25", f"a CALL while {peer.open_call[0]!r} is not answered", text)
        peer.open_call = (message_id, now_s)
        if action not in ANSWERS:
            return self._unknown(identity, action, text)
        self._registered(identity, peer, action, text, now_s)
        found = problems(action, "request", message.payload)
        for code, problem in found:
            self.report(identity, code, f"{action}.req: {problem}", text)
        if found:
            return found[0]
        if (action, compact(message.payload)) in peer.told:
            self.report(identity, "I1", "repeated, although it was answered on this connection", text)
        for rule, problem in peer.rules.judge(action, message.payload):
            self.report(identity, rule, problem, text)
        return None

    def answered(self, identity: str, message: Message, payload: dict[str, Any] | None, now_s: float) -> None:
        """Our answer to a CALL goes out; `payload` is None for a CALLERROR and for an answer that is not valid."""
        peer, action = self._peer(identity), message.action or ""
        if peer.open_call and peer.open_call[0] == message.message_id:
            peer.open_call = None
        if payload is None:
            return
        if action == "BootNotification":
            peer.registration = payload["status"]
            peer.spoke_unregistered = False
            accepted = payload["status"] == "Accepted"
            peer.next_boot_s = None if accepted else now_s + payload["interval"] - _BOOT_TOLERANCE_S
        if action in ("StartTransaction", "MeterValues", "StopTransaction"):
            if action == "StartTransaction":
                self.ledger.started(identity, message.payload).id_told = True
            peer.told[action, compact(message.payload)] = None
            _keep_newest(peer.told)

    def asking(self, identity: str, message_id: str, action: str, payload: Any) -> None:
        """Our CALL goes out; the charge point owes one answer (two, when the same id is used twice: T-30)."""
        peer = self._peer(identity)
        peer.asked.setdefault(message_id, []).append(action)
        if action in ("TriggerMessage", "ExtendedTriggerMessage") and isinstance(payload, dict):
            peer.triggered.add(str(payload.get("requestedMessage")))
            if payload.get("requestedMessage") == "BootNotification":
                peer.next_boot_s = None

    def answer(self, identity: str, message: Message, text: str) -> str | None:
        """Judges a CALLRESULT or CALLERROR; the action of the CALL it answers, None when there is no such CALL."""
        peer = self._peer(identity)
        asked = peer.asked.get(message.message_id or "")
        if not asked:
            self.report(identity, "T-16", f"an answer to {message.message_id!r}, which is not open", text)
            return None
        action = asked.pop(0)
        if peer.registration == "Rejected":
            self.report(identity, "B-05", "a rejected charge point does not answer", text)
        if message.kind is Kind.ERROR:
            if message.payload["errorCode"] not in ERROR_CODES:
                self.report(identity, "T-33", f"there is no error code {message.payload['errorCode']!r}", text)
            return action
        if not known(action):
            self.report(identity, "T-31", f"{action!r} is no OCPP 1.6 message, yet it was not refused", text)
            return action
        found = problems(action, "response", message.payload)
        for code, problem in found:
            self.report(identity, code, f"{action}.conf: {problem}", text)
        if not found:
            self._judge_result(identity, peer, action, message.payload, text)
        return action

    def _judge_result(self, identity: str, peer: _Peer, action: str, payload: dict[str, Any], text: str) -> None:
        if action == "GetConfiguration":
            if payload.get("unknownKey") == []:
                self.report(identity, "C-02", "unknownKey is left out when there is none", text)
            keys = payload.get("configurationKey", ())
            if any(key["key"].casefold() == "authorizationkey" and key.get("value") for key in keys):
                self.report(identity, "Z-07", "AuthorizationKey is write-only")
        starts_or_stops = action in ("RemoteStartTransaction", "RemoteStopTransaction")
        if starts_or_stops and peer.registration == "Pending" and payload["status"] == "Accepted":
            self.report(identity, "B-07", f"{action} accepted while pending", text)

    def _registered(self, identity: str, peer: _Peer, action: str, text: str, now_s: float) -> None:
        if action == "BootNotification":
            if peer.next_boot_s is not None and now_s < peer.next_boot_s:
                early_s = peer.next_boot_s - now_s
                self.report(identity, "B-08", f"BootNotification {early_s:.1f} s before the interval is over", text)
            return
        asked_for = peer.registration == "Pending" and action in peer.triggered
        if peer.registration != "Accepted" and not asked_for and not peer.spoke_unregistered:
            peer.spoke_unregistered = True  # one violation; the rest of the connection would only repeat it
            self.report(identity, "B-01", f"{action}.req while registration is {peer.registration or 'unknown'}", text)

    def _unknown(self, identity: str, action: str, text: str) -> tuple[str, str]:
        if known(action):
            self.report(identity, "T-17", f"{action}.req is for a central system to send", text)
            return "NotSupported", f"{action}.req is not for a central system"
        self.report(identity, "T-17", f"there is no {action!r} in OCPP 1.6", text)
        return "NotImplemented", "unknown action"

    def _peer(self, identity: str) -> _Peer:
        if identity not in self._peers:
            self._peers[identity] = _Peer(Rules(identity, self.ledger, self._connectors.get(identity)))
        return self._peers[identity]


def _keep_newest(remembered: dict[Any, Any]) -> None:
    if len(remembered) > _REMEMBERED:
        del remembered[next(iter(remembered))]
