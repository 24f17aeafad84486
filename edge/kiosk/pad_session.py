"""What lies on the pad, and what a reader wants by laying it there. Pure: no clock, no I/O.

Times are seconds of the monotonic clock.

A session begins with the first tag and ends when the pad is empty. In a session with a card, books
are lent to it; in one without, they are taken back. Whatever is dealt with is not dealt with again
until it has been lifted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from contracts.records import LoanAction
from drivers.capabilities import Tag
from drivers.protocols.rfid.tag_content import TagContent

ABSENCE = 1.0
"""Seconds; a tag missed for less has not been lifted: fields have holes."""
STABLE = 1.0
"""Seconds that books lie without a card before they are taken back; a card may follow."""
IDLE = 30.0
"""Seconds; a card that lay this long while nothing came was forgotten: nothing is lent to it."""
MOST_READS = 8


@dataclass(frozen=True, slots=True)
class Lying:
    """One tag."""

    uid: str
    since: float
    missing: float | None = None
    """Since which look it has not answered. A long pause between two looks lifts nothing."""
    dsfid: int = 0
    content: TagContent | None = None
    reads: int = 0
    """How often reading it failed."""
    dealt: bool = False
    spent: bool = False
    """A forgotten card."""

    @property
    def unread(self) -> bool:
        """Say whether it should be read before anything is decided."""
        return self.content is None and not self.dealt and self.reads < MOST_READS


@dataclass(frozen=True, slots=True)
class Pad:
    """Everything on the pad at the last look."""

    at: float = 0.0
    tags: Mapping[str, Lying] = field(default_factory=lambda: MappingProxyType({}))
    had_card: bool = False
    moved: float = 0.0
    """When something last came, or was dealt with."""
    unclear: bool = False
    """Nobody knows what was dealt with before a restart: nothing is until all was lifted."""

    @property
    def here(self) -> list[Lying]:
        """The tags that answered at the last look."""
        return [tag for tag in self.tags.values() if tag.missing is None]

    def holds(self, uids: Iterable[str]) -> bool:
        """Say whether all these tags answered at the last look."""
        return {tag.uid for tag in self.here}.issuperset(uids)


class Dealing(NamedTuple):
    """One thing to do: lend or take back one item."""

    action: LoanAction
    item: str
    uids: tuple[str, ...]
    card: str = ""


def restored(uids: Iterable[str], at: float, *, had_card: bool) -> Pad:
    """Give the pad as it was before a restart: these tags had been dealt with."""
    tags = {uid: Lying(uid, at, at, dealt=True) for uid in uids}
    return Pad(at, MappingProxyType(tags), had_card, at)


def unclear(at: float) -> Pad:
    """Give a pad of which nobody knows any more what was dealt with."""
    return Pad(at, had_card=True, moved=at, unclear=True)


def look(pad: Pad, tags: Sequence[Tag], at: float) -> Pad:
    """Take an inventory into account."""
    answering = {tag.uid: tag for tag in tags}
    lying: dict[str, Lying] = {}
    for uid, tag in pad.tags.items():
        missing = None if uid in answering else at if tag.missing is None else tag.missing
        if missing is None or at - missing < ABSENCE:
            spent = tag.spent or _forgotten(pad, tag, at)
            lying[uid] = replace(tag, missing=missing, spent=spent)
    came = answering.keys() - lying.keys()
    for uid, seen in answering.items():
        known = lying.get(uid) or Lying(uid, at)
        lying[uid] = replace(known, dsfid=seen.dsfid)
    if not lying:
        return Pad(at)
    return replace(pad, at=at, tags=MappingProxyType(lying), moved=at if came else pad.moved)


def _forgotten(pad: Pad, tag: Lying, at: float) -> bool:
    return tag.content is not None and tag.content.is_card and at - pad.moved >= IDLE


def learn(pad: Pad, uid: str, content: TagContent | None) -> Pad:
    """Take note of what a tag says; None: it could not be read this time."""
    tag = pad.tags[uid]
    tag = replace(tag, content=content, reads=tag.reads + (content is None))
    card = content is not None and content.is_card
    return replace(_with(pad, [tag]), had_card=pad.had_card or card)


def dealt(pad: Pad, uids: Iterable[str]) -> Pad:
    """Take note that these tags were dealt with."""
    done = [replace(pad.tags[uid], dealt=True) for uid in uids if uid in pad.tags]
    return replace(_with(pad, done), moved=pad.at)


def postponed(pad: Pad, uids: Iterable[str]) -> Pad:
    """Take note that nothing could be done with these tags yet."""
    return _with(pad, [replace(pad.tags[uid], dealt=False) for uid in uids if uid in pad.tags])


def _with(pad: Pad, changed: Iterable[Lying]) -> Pad:
    return replace(pad, tags=MappingProxyType({**pad.tags, **{tag.uid: tag for tag in changed}}))


def wanted(pad: Pad) -> Dealing | None:
    """Say what to do next, one item at a time: the pad is looked at again before the next."""
    if pad.unclear or any(tag.unread for tag in pad.tags.values()):
        return None
    cards = [tag for tag in pad.here if tag.content is not None and tag.content.is_card]
    if pad.had_card:
        numbers = {tag.content.item for tag in cards if tag.content is not None}
        # Two cards, a forgotten one, or none any more: nobody knows whose the books would be.
        if len(numbers) != 1 or any(tag.spent for tag in cards):
            return None
        action, card, settled = LoanAction.CHECKOUT, numbers.pop(), pad.at
    else:
        action, card, settled = LoanAction.CHECKIN, "", pad.at - STABLE
    for item, tags in _items(pad).items():
        if all(tag.since <= settled and tag.missing is None for tag in tags) and _whole(tags):
            return Dealing(action, item, tuple(tag.uid for tag in tags), card)
    return None


def _items(pad: Pad) -> dict[str, list[Lying]]:
    """Give the tags of each book that has not been dealt with."""
    items: dict[str, list[Lying]] = {}
    for tag in pad.tags.values():
        if tag.content is not None and not tag.content.is_card and not tag.dealt:
            items.setdefault(tag.content.item, []).append(tag)
    return items


def _whole(tags: Sequence[Lying]) -> bool:
    """Say whether every part of a set lies there: a volume left out must not leave unlent."""
    contents = [tag.content for tag in tags if tag.content is not None]
    parts = {content.part for content in contents}
    return len(parts) >= max(content.parts for content in contents)
