"""What the central system says of an id tag, and the two places where the charge point remembers it.

The local authorization list is the central system's, changed by SendLocalList alone; the cache is our own memory
of its answers. The list has priority. Source: OCPP 1.6 §3.5, §7.27; conformance A-04, A-14 to A-24, R-61 to R-68.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ocpp_gateway.charger.records import CachedTag, LocalListRecord
from ocpp_gateway.instant import parse_utc

ACCEPTED = "Accepted"
STATUSES = frozenset({ACCEPTED, "Blocked", "Expired", "Invalid", "ConcurrentTx"})
CACHE_SIZE = 500
LOCAL_LIST_MAX_LENGTH = 1000
SEND_LOCAL_LIST_MAX_LENGTH = 250


@dataclass(frozen=True, slots=True)
class IdTagInfo:
    """idTagInfo. `status` is one of OCPP's; what else an answer says counts as Invalid."""

    status: str
    expiry_date: datetime | None = None
    parent_id_tag: str | None = None

    def at(self, now: datetime | None) -> str:
        """The status at a moment: what has expired is Expired. Without a clock nothing expires."""
        past = self.expiry_date is not None and now is not None and self.expiry_date <= now
        return "Expired" if past and self.status == ACCEPTED else self.status


def info_of(payload: Mapping[str, Any] | None) -> IdTagInfo:
    """The idTagInfo in a payload, taken tolerantly: absent is Accepted (StopTransaction.conf), unknown is Invalid."""
    if payload is None:
        return IdTagInfo(ACCEPTED)
    status, parent_id_tag = payload.get("status"), payload.get("parentIdTag")
    try:
        expiry_date = None if payload.get("expiryDate") is None else parse_utc(str(payload["expiryDate"]))
    except ValueError:
        expiry_date = None
    return IdTagInfo(
        status if isinstance(status, str) and status in STATUSES else "Invalid",
        expiry_date,
        parent_id_tag if isinstance(parent_id_tag, str) and parent_id_tag else None,
    )


def folded(id_tag: str) -> str:
    """Id tags are compared without case, and passed on with it (A-04)."""
    return id_tag.casefold()


# ---------------------------------------------------------------- the cache


@dataclass(slots=True)
class AuthorizationCache:
    """The cache in memory, oldest entry first; the store keeps the same."""

    entries: dict[str, CachedTag] = field(default_factory=dict)
    next_number: int = 1

    @classmethod
    def restored(cls, stored: Sequence[CachedTag]) -> AuthorizationCache:
        """The cache that a store kept."""
        ordered = sorted(stored, key=lambda entry: entry.number)
        return cls({folded(entry.id_tag): entry for entry in ordered}, ordered[-1].number + 1 if ordered else 1)

    def find(self, id_tag: str) -> IdTagInfo | None:
        """What was last said of a tag."""
        entry = self.entries.get(folded(id_tag))
        if entry is None:
            return None
        expiry_date = None if entry.expiry_date is None else parse_utc(entry.expiry_date)
        return IdTagInfo(entry.status, expiry_date, entry.parent_id_tag)

    def remember(self, id_tag: str, info: IdTagInfo) -> tuple[CachedTag | None, list[str]]:
        """Take in an answer: the entry to keep (None when nothing changed), and the tags pushed out for it (A-18)."""
        key = folded(id_tag)
        expiry_date = None if info.expiry_date is None else info.expiry_date.isoformat()
        known = self.entries.pop(key, None)
        said = (info.status, expiry_date, info.parent_id_tag)
        if known is not None and (known.status, known.expiry_date, known.parent_id_tag) == said:
            self.entries[key] = known
            return None, []
        pushed_out = [self._evict() for _ in range(len(self.entries) - CACHE_SIZE + 1)]
        entry = CachedTag(id_tag, info.status, self.next_number, expiry_date, info.parent_id_tag)
        self.next_number += 1
        self.entries[key] = entry
        return entry, pushed_out

    def forget(self, id_tag: str) -> bool:
        """Drop a tag; gives whether it was there."""
        return self.entries.pop(folded(id_tag), None) is not None

    def _evict(self) -> str:
        """Not-valid entries go first, then the oldest."""
        key = next((key for key, entry in self.entries.items() if entry.status != ACCEPTED), next(iter(self.entries)))
        return self.entries.pop(key).id_tag


# ---------------------------------------------------------------- the local list


class UpdateStatus(StrEnum):
    """OCPP 1.6 §7.47."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    VERSION_MISMATCH = "VersionMismatch"


EMPTY_LIST = LocalListRecord(0, {})


def find_in_list(local_list: LocalListRecord, id_tag: str) -> IdTagInfo | None:
    """What the local list says of a tag."""
    info = local_list.entries.get(folded(id_tag))
    return None if info is None else info_of(info)


def updated_list(local_list: LocalListRecord, request: Mapping[str, Any]) -> tuple[UpdateStatus, LocalListRecord]:
    """The list after a SendLocalList.req, whole or not at all (R-61 to R-67).

    Full replaces everything, and with version 0 clears; Differential adds, changes, and removes what comes without
    idTagInfo. A list without entries has version 0 (R-65).
    """
    version, updates = request["listVersion"], request.get("localAuthorizationList") or []
    full = request["updateType"] == "Full"
    tags = [folded(update["idTag"]) for update in updates]
    if version < 0 or (version == 0 and (updates or not full)):
        return UpdateStatus.FAILED, local_list
    if len(updates) > SEND_LOCAL_LIST_MAX_LENGTH or len(set(tags)) != len(tags):
        return UpdateStatus.FAILED, local_list
    if not full and version <= shown_version(local_list):
        return UpdateStatus.VERSION_MISMATCH, local_list
    if full and any("idTagInfo" not in update for update in updates):
        return UpdateStatus.FAILED, local_list
    entries = {} if full else dict(local_list.entries)
    for tag, update in zip(tags, updates, strict=True):
        if "idTagInfo" in update:
            entries[tag] = update["idTagInfo"]
        else:
            entries.pop(tag, None)
    if len(entries) > LOCAL_LIST_MAX_LENGTH:
        return UpdateStatus.FAILED, local_list
    return UpdateStatus.ACCEPTED, LocalListRecord(version, entries)


def shown_version(local_list: LocalListRecord) -> int:
    """GetLocalListVersion: 0 for an empty list (R-65)."""
    return local_list.version if local_list.entries else 0
