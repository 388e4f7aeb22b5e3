"""When a tag register's content is somebody presenting a card.

An event is a change to a non-empty tag, seen in two equal reads; so is its end: one odd read changes nothing. A tag
that stands there since before is nobody's: it may be the last customer's. Source: decisions.md, Tags; conformance
A-03; registers.md 2.3; faults M-20.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ocpp_gateway.registers.snapshot import Tag


@dataclass(frozen=True, slots=True)
class TagWatch:
    """What was seen of a tag register. `standing` is content that is no news; `presented` this visit's card.

    `unusable` tells that what stands there cannot be an idTag; `candidate` is what was read once and differs.
    """

    standing: str | None = None
    unusable: bool = False
    candidate: Tag | None = None
    presented: str | None = None
    started: bool = False

    @property
    def pending(self) -> bool:
        """Whether a card was read once and waits for its second, equal read."""
        return self.candidate is not None and self.candidate.id_tag is not None

    def car_left(self) -> TagWatch:
        """The watch for the next visit: what stands now stays standing, and belongs to nobody."""
        return replace(self, presented=None)


def watch(before: TagWatch, tag: Tag) -> tuple[TagWatch, str | None]:
    """The watch after a read, and the id tag presented by it, if any."""
    if not before.started:  # what stands at the first read may be anybody's
        return replace(before, started=True, standing=tag.id_tag, unusable=tag.unusable), None
    if _is_same(tag, before.standing, unusable=before.unusable):
        return (before if before.candidate is None else replace(before, candidate=None)), None
    once = before.candidate
    if once is None or (once.id_tag, once.unusable) != (tag.id_tag, tag.unusable):
        return replace(before, candidate=tag), None
    if tag.read_s == once.read_s:
        return before, None
    # An unreadable card is somebody else's: what it starts is not billed to the card before it.
    presented = None if tag.unusable else tag.id_tag or before.presented
    return replace(before, standing=tag.id_tag, unusable=tag.unusable, candidate=None, presented=presented), tag.id_tag


def _is_same(tag: Tag, standing: str | None, *, unusable: bool) -> bool:
    if tag.id_tag is None or standing is None:
        return tag.id_tag is standing and tag.unusable is unusable
    return tag.id_tag.casefold() == standing.casefold()
