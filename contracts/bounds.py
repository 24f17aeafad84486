"""How long the texts and lists on the wire may be, and how a longer one is cut.

Lengths are in characters; a character takes at most six bytes of JSON (an escape). A record is at
most `LARGEST_RECORD` bytes because each of its fields is bounded, not because somebody looked.
"""

from functools import cache
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.inspect import (
    DictType,
    Field,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

LARGEST_RECORD = 64 * 1024
"""Bytes of one record as JSON."""
LAST_NUMBER = 2**53
"""The greatest sequence number; JSON readers that only know doubles still tell it exactly."""
LAST_INSTANT = 2**62

Id: TypeAlias = Annotated[str, Meta(max_length=100)]
"""Of an edge, a device, a stream, a loan, a command …"""
Name: TypeAlias = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9_.-]*\Z")]
"""Of a point or a block of a device."""
Path: TypeAlias = Annotated[str, Meta(max_length=200)]
"""Of a point: `device/name`."""
Word: TypeAlias = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9_.:/+ -]*\Z")]
"""One of a list that grows with the versions. Readers keep a word that they do not know."""
Text: TypeAlias = Annotated[str, Meta(max_length=4000)]
"""For people: a cause, a reason."""
Line: TypeAlias = Annotated[str, Meta(max_length=500)]
"""For people: a title, a name."""
Unit: TypeAlias = Annotated[str, Meta(max_length=32)]
At: TypeAlias = Annotated[int, Meta(ge=0, le=LAST_INSTANT)]
"""An instant; 0 where there is none."""
Span: TypeAlias = Annotated[int, Meta(ge=-LAST_INSTANT, le=LAST_INSTANT)]
"""Microseconds between two instants."""
Number: TypeAlias = Annotated[int, Meta(ge=0, le=LAST_NUMBER)]
"""A sequence number, from 1; 0 where there is none."""

CUT = "…"
T = TypeVar("T", bound=Struct)


def shortened(message: T) -> T:
    """Give a message whose texts and lists fit their bounds; one that fits is given back as it is.

    A text that is cut ends with `…`. Numbers and patterns are not touched: what breaks those is
    wrong, not long.
    """
    changed = {
        field.name: short
        for field in _fields(type(message))
        if (short := _cut(before := getattr(message, field.name), field.type)) is not before
    }
    return msgspec.structs.replace(message, **changed) if changed else message


@cache
def _fields(kind: type[Struct]) -> tuple[Field, ...]:
    told = type_info(kind)
    assert isinstance(told, StructType)
    return told.fields


def _cut(value: Any, kind: Type) -> Any:
    match kind:
        case StrType() if isinstance(value, str):
            return _cut_text(value, kind.max_length)
        case VarTupleType() if isinstance(value, tuple):
            shorter = tuple(_cut(one, kind.item_type) for one in value[: kind.max_length])
            return value if shorter == value else shorter
        case DictType() if isinstance(value, dict):
            pairs = list(value.items())[: kind.max_length]
            fewer = {_cut(k, kind.key_type): _cut(v, kind.value_type) for k, v in pairs}
            return value if fewer == value else fewer
        case UnionType():
            return next(
                (cut for one in kind.types if (cut := _cut(value, one)) is not value), value
            )
        case StructType() if isinstance(value, Struct):
            return shortened(value)
    return value


def _cut_text(text: str, longest: int | None) -> str:
    if longest is None or len(text) <= longest:
        return text
    return text[: longest - 1] + CUT
