"""When a tag register's content is somebody presenting a card.

An event is a change to a non-empty tag, seen in two equal reads; so is its end: one odd read changes nothing. A tag
that stands there since before is nobody's: it may be the last customer's. Since before what, outlives the process: a
card shown while no gateway lived differs from what stood there when the last one saw it. Source: decisions.md, Tags;
conformance A-03; registers.md 2.3; faults M-20.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ocpp_gateway.charger.records import TagRecord
from ocpp_gateway.registers.snapshot import Tag


@dataclass(frozen=True, slots=True)
class TagWatch:
    """What was seen of a tag register. `standing` is content that is no news; `presented` this visit's card.

    `billed`: a transaction has begun with it; whose card it is after a kill, that transaction tells, and nothing else.
    `unusable` tells that what stands there cannot be an idTag; `candidate` is what was read once and differs.
    `remembered`: this is what an earlier process saw, and nothing was read since.
    """

    standing: str | None = None
    unusable: bool = False
    candidate: Tag | None = None
    presented: str | None = None
    billed: bool = False
    started: bool = False
    remembered: bool = False

    @property
    def pending(self) -> bool:
        """Whether a card was read once and waits for its second, equal read."""
        return self.candidate is not None and self.candidate.id_tag is not None

    @property
    def payer(self) -> str | None:
        """Whose card pays for what begins now: the one that was presented; one that has paid only while it stands."""
        return None if self.billed and self.presented != self.standing else self.presented

    def record(self, connector_id: int) -> TagRecord | None:
        """What a restart must not forget; None before the first read."""
        presented = None if self.billed else self.presented
        return TagRecord(connector_id, self.standing, self.unusable, presented) if self.started else None

    def car_left(self) -> TagWatch:
        """The watch for the next visit: what stands now stays standing, and belongs to nobody."""
        return replace(self, presented=None, billed=False)

    def of(self, id_tag: str) -> TagWatch:
        """The watch of a visit for which that card was presented, by whatever way."""
        return replace(self, presented=id_tag, billed=False)


def remembered(record: TagRecord, *, in_transaction: bool) -> TagWatch:
    """The watch of a process before this one. The card of a transaction is in that, and is not presented anew."""
    presented = None if in_transaction else record.presented
    return TagWatch(record.standing, record.unusable, presented=presented, started=True, remembered=True)


def watch(before: TagWatch, tag: Tag) -> tuple[TagWatch, str | None]:
    """The watch after a read, and the id tag presented by it, if any."""
    if not before.started:  # what stands at the first read may be anybody's
        return replace(before, started=True, standing=tag.id_tag, unusable=tag.unusable), None
    if before.remembered:
        same = _is_same(tag, before.standing, unusable=before.unusable)
        # Whose card it was that is gone now may be gone too.
        before = replace(before, remembered=False, presented=before.presented if same else None)
    if _is_same(tag, before.standing, unusable=before.unusable):
        return (before if before.candidate is None else replace(before, candidate=None)), None
    once = before.candidate
    if once is None or (once.id_tag, once.unusable) != (tag.id_tag, tag.unusable):
        return replace(before, candidate=tag), None
    if tag.read_s == once.read_s:
        return before, None
    # An unreadable card is somebody else's: what it starts is not billed to the card before it.
    presented = None if tag.unusable else tag.id_tag or before.presented
    billed = before.billed and tag.id_tag is None
    seen = replace(before, standing=tag.id_tag, unusable=tag.unusable, candidate=None)
    return replace(seen, presented=presented, billed=billed), tag.id_tag


def _is_same(tag: Tag, standing: str | None, *, unusable: bool) -> bool:
    if tag.id_tag is None or standing is None:
        return tag.id_tag is standing and tag.unusable is unusable
    return tag.id_tag.casefold() == standing.casefold()
