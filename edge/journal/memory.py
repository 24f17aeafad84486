"""What is remembered, by kind: read once at the start, then kept in memory beside the disk."""

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from contracts.codec import encode
from edge.journal.port import Change
from edge.journal.queue import Key
from edge.journal.rows import text_checksum

T = TypeVar("T", bound=Struct)

_REFUSALS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class KindMemory(Generic[T]):
    """What is remembered of one kind; see `edge.journal.port.Memory`."""

    def __init__(self, kind: str, type_: type[T]) -> None:
        self.kind = kind
        self.type_ = type_
        self._values: dict[str, T] = {}
        self._damaged: dict[str, str] = {}

    @property
    def values(self) -> Mapping[str, T]:
        """Everything that is remembered now."""
        return self._values

    @property
    def damaged(self) -> Mapping[str, str]:
        """Keys whose bytes could not be read at the start, and why."""
        return self._damaged

    def put(self, key: str, value: T) -> Change:
        """Make the change that remembers it."""
        return Change(self.kind, key, value)

    def drop(self, key: str) -> Change:
        """Make the change that forgets it."""
        return Change(self.kind, key, None)

    def load(self, key: str, value: bytes, wrong: str) -> None:
        """Take what the disk has, unless something newer is known."""
        if key in self._values or key in self._damaged:
            return
        try:
            if not wrong:
                self._values[key] = msgspec.json.decode(value, type=self.type_)
        except _REFUSALS as error:
            wrong = str(error)
        if wrong:
            self._damaged[key] = wrong

    def change(self, key: str, value: Any) -> None:
        """Follow a change."""
        self._damaged.pop(key, None)
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value


class Memories:
    """Everything that is remembered."""

    def __init__(self) -> None:
        self._kinds: dict[str, KindMemory[Any]] = {}
        self._unread: dict[str, dict[str, tuple[bytes, str]]] = {}
        self._since: set[Key] = set()
        """Changed before the disk could be read: what it says of these is older."""
        self._loaded = False

    def of(self, kind: str, type_: type[T]) -> KindMemory[T]:
        """Give what is remembered of a kind."""
        memory = self._kinds.get(kind)
        if memory is None:
            memory = self._kinds[kind] = KindMemory(kind, type_)
            unread = self._unread.pop(kind, {})
            for key in list(unread):  # the bytes of one make room for the next
                value, wrong = unread.pop(key)
                memory.load(key, value, wrong)
        elif memory.type_ is not type_:
            raise TypeError(
                f"{kind}: remembered as {memory.type_.__name__}, not as {type_.__name__}"
            )
        return memory

    def load(self, rows: Iterable[tuple[str, str, bytes, int]]) -> None:
        """Take what the disk holds (kind, key, value, checksum), once."""
        if self._loaded:
            return
        self._loaded = True
        for kind, key, value, crc in rows:
            if (kind, key) in self._since:
                continue
            right = text_checksum(kind, key, value) == crc
            wrong = "" if right else "its checksum is wrong"
            memory = self._kinds.get(kind)
            if memory is None:
                self._unread.setdefault(kind, {})[key] = (value, wrong)
            else:
                memory.load(key, value, wrong)
        self._since.clear()

    def change(self, changes: Iterable[Change]) -> tuple[tuple[Key, bytes | None], ...]:
        """Follow changes; give them as they are written."""
        written: list[tuple[Key, bytes | None]] = []
        for kind, key, value in changes:
            if kind in self._kinds:
                self._kinds[kind].change(key, value)
            elif kind in self._unread or value is None:
                self._unread.get(kind, {}).pop(key, None)
            if kind not in self._kinds and value is not None:
                self._unread.setdefault(kind, {})[key] = (encode(value), "")
            if not self._loaded:
                self._since.add((kind, key))
            written.append(((kind, key), None if value is None else encode(value)))
        return tuple(written)

    def everything(self) -> dict[Key, bytes | None]:
        """Give all that is known as it is written, for a file that lost it."""
        found: dict[Key, bytes | None] = {
            (kind, key): value
            for kind, some in self._unread.items()
            for key, (value, wrong) in some.items()
            if not wrong
        }
        for kind, memory in self._kinds.items():
            for key, value in memory.values.items():
                found[kind, key] = encode(value)
        return found
