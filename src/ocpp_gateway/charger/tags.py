"""When a tag register's content is somebody presenting a card.

An event is a change to a non-empty tag, seen in two equal reads. A tag that stands there since before is
nobody's: it may be the last customer's. Source: decisions.md, Tags; conformance A-03; registers.md 2.3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ocpp_gateway.registers.snapshot import Tag


@dataclass(frozen=True, slots=True)
class TagWatch:
    """What was seen of a tag register. `standing` is content that is no news; `presented` this visit's card.

    `candidate` and `empty_read_s` are a change that was read once: it counts when a second read says the same.
    """

    standing: str | None = None
    candidate: str | None = None
    candidate_read_s: float = 0.0
    empty_read_s: float | None = None
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
    if seen is None:
        return before if tag.unusable else _emptied(before, tag.read_s), None
    if before.standing is not None and seen.casefold() == before.standing.casefold():
        known = before.candidate is None and before.empty_read_s is None
        return before if known else replace(before, candidate=None, empty_read_s=None), None
    if before.candidate != seen:
        return replace(before, candidate=seen, candidate_read_s=tag.read_s, empty_read_s=None), None
    if tag.read_s == before.candidate_read_s:
        return before, None
    return replace(before, standing=seen, candidate=None, presented=seen), seen


def _emptied(before: TagWatch, read_s: float) -> TagWatch:
    """A register that reads empty twice was cleared: the same card is news when it comes again."""
    if before.standing is None and before.candidate is None:
        return before
    if before.empty_read_s is None:
        return replace(before, candidate=None, empty_read_s=read_s)
    if read_s == before.empty_read_s:
        return before
    return replace(before, standing=None, candidate=None, empty_read_s=None)
