"""When a tag register's content is somebody presenting a card.

An event is a change to a non-empty tag, seen in two equal reads. A tag that stands there since before is
nobody's: it may be the last customer's. Source: decisions.md, Tags; conformance A-03; registers.md 2.3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ocpp_gateway.registers.snapshot import Tag


@dataclass(frozen=True, slots=True)
class TagWatch:
    """What was seen of a tag register. `standing` is content that is no news; `presented` this visit's card."""

    standing: str | None = None
    candidate: str | None = None
    candidate_read_s: float = 0.0
    presented: str | None = None
    started: bool = False
    unusable_reported: bool = False

    @property
    def pending(self) -> bool:
        """Whether a change was read once and waits for its second, equal read."""
        return self.candidate is not None

    def car_left(self) -> TagWatch:
        """The watch for the next visit: what stands now stays standing, and belongs to nobody."""
        return replace(self, presented=None)


def watch(before: TagWatch, tag: Tag) -> tuple[TagWatch, str | None]:
    """The watch after a read, and the id tag presented by it, if any."""
    seen = tag.id_tag
    if not before.started:  # what stands at the first read may be anybody's
        return replace(before, started=True, standing=seen), None
    if seen is None and before.standing is None and before.candidate is None:
        return before, None
    if seen is None:  # cleared, or unusable: the same card is news when it comes again
        return replace(before, standing=None, candidate=None), None
    if before.standing is not None and seen.casefold() == before.standing.casefold():
        return replace(before, candidate=None), None
    if before.candidate != seen:
        return replace(before, candidate=seen, candidate_read_s=tag.read_s), None
    if tag.read_s == before.candidate_read_s:
        return before, None
    return replace(before, standing=seen, candidate=None, presented=seen), seen
