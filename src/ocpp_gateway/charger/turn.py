"""One event's effects, collected by the rules in the order in which they shall act."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from ocpp_gateway.charger.events import (
    Alarm,
    Boot,
    Call,
    Command,
    CommandKind,
    Effect,
    Persist,
    Reply,
    ReplyError,
    ReplyWithRegister,
    Restart,
    StartTransfer,
)
from ocpp_gateway.charger.records import OutboxRecord, Record
from ocpp_gateway.instant import Instant


class Turn:
    """What is to be done about one event, at `now`."""

    __slots__ = ("_new_id", "_request_ids", "effects", "now")

    def __init__(self, now: Instant, new_id: Callable[[], str], request_ids: count[int]) -> None:
        self.now = now
        self.effects: list[Effect] = []
        self._new_id = new_id
        self._request_ids = request_ids

    @property
    def now_s(self) -> float:
        """The moment of the event on the monotonic clock."""
        return self.now.monotonic_s

    def new_id(self) -> str:
        """A fresh UUID."""
        return self._new_id()

    def persist(self, record: Record) -> None:
        """Keep a record."""
        self.effects.append(Persist(record))

    def enqueue(self, action: str, payload: dict[str, Any], local_id: str | None) -> None:
        """Queue a transaction-related message; it is delivered in order, at least once."""
        self.persist(OutboxRecord(self._new_id(), action, payload, self.now, local_id))

    def call(self, action: str, payload: dict[str, Any], *, triggered: bool = False) -> int:
        """Ask the central system now; gives the request's id."""
        request_id = next(self._request_ids)
        self.effects.append(Call(request_id, action, payload, triggered))
        return request_id

    def reply(self, call_id: str, payload: dict[str, Any]) -> None:
        """Answer a CALL."""
        self.effects.append(Reply(call_id, payload))

    def reply_error(self, call_id: str, code: str, description: str = "") -> None:
        """Answer a CALL with a CALLERROR."""
        self.effects.append(ReplyError(call_id, code, description))

    def command(self, connector_id: int, power_w: int, source: str) -> None:
        """Write a power limit, which that source set; connector 0 is the station."""
        self.effects.append(Command(CommandKind.LIMIT, connector_id, power_w, source))

    def reply_with_register(self, call_id: str, key: str) -> None:
        """Answer a DataTransfer with a register as last read."""
        self.effects.append(ReplyWithRegister(call_id, key))

    def boot(self, payload: dict[str, str], *, at_once: bool = False) -> None:
        """Announce who we are."""
        self.effects.append(Boot(payload, at_once))

    def start_upload(self, transfer: StartTransfer) -> None:
        """Upload the support bundle."""
        self.effects.append(transfer)

    def restart(self) -> None:
        """Start this charger's session anew."""
        self.effects.append(Restart())

    def alarm(self, event: str, *, cleared: bool = False, **fields: Any) -> None:
        """Tell an operator."""
        self.effects.append(Alarm(event, fields, cleared))
