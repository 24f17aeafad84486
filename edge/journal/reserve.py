"""Space set aside beside a journal, given up when the disk is full so that thinning can work.

All of it blocks, and raises OSError.
"""

from edge.journal.opening import Place

RESERVE = 4 * 2**20
"""Bytes kept in a file of their own."""
PLENTY = 4 * RESERVE
"""Bytes that must be free before the reserve is made again."""


def has_room(place: Place) -> bool:
    """Say whether the disk has room again."""
    return place.folder.free() > RESERVE


def release(place: Place) -> None:
    """Give up the space that was set aside."""
    place.folder.unlink(_name(place))


def keep(place: Place) -> None:
    """Set some space aside when there is plenty."""
    if not place.folder.exists(_name(place)) and place.folder.free() > PLENTY:
        place.folder.write(_name(place), bytes(RESERVE))


def _name(place: Place) -> str:
    return f"{place.name}.reserve"
