"""Messages and records made from their own types: any that fit their bounds, and the largest."""

from typing import Any

from hypothesis import strategies as st
from msgspec import Raw, Struct
from msgspec.inspect import (
    BoolType,
    DictType,
    FloatType,
    IntType,
    NoneType,
    RawType,
    StrType,
    StructType,
    TupleType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from contracts.codec import encode
from contracts.records import EdgeStarted

FLOAT = st.floats(allow_nan=False, allow_infinity=False)
MOST = 4
"""Elements that are drawn for a list; its bound is met by `largest`."""


def of(kind: type[Struct]) -> st.SearchStrategy[Any]:
    """Build any struct that its own types allow."""
    return _any(type_info(kind))


def _any(kind: Type) -> st.SearchStrategy[Any]:  # noqa: C901, PLR0911 - one line a type
    match kind:
        case StructType():
            return st.builds(kind.cls, **{field.name: _any(field.type) for field in kind.fields})
        case StrType():
            longest = min(kind.max_length or 20, 20)
            plain = "abzAZ019_.-" if kind.pattern else st.characters(exclude_categories=["Cs"])
            return st.text(plain, max_size=longest)
        case IntType():
            return st.integers(kind.ge, kind.le)
        case FloatType():
            if kind.ge is not None:
                return st.floats(kind.ge, kind.le)
            return FLOAT
        case BoolType():
            return st.booleans()
        case NoneType():
            return st.none()
        case RawType():
            return st.just(Raw(encode(EdgeStarted(1, "e", "1"))))
        case VarTupleType():
            most = min(kind.max_length or MOST, MOST)
            items = st.lists(_any(kind.item_type), min_size=kind.min_length or 0, max_size=most)
            return items.map(tuple)
        case TupleType():
            return st.tuples(*map(_any, kind.item_types))
        case DictType():
            most = min(kind.max_length or MOST, MOST)
            return st.dictionaries(_any(kind.key_type), _any(kind.value_type), max_size=most)
        case UnionType():
            return st.one_of([_any(one) for one in kind.types])
    raise AssertionError(f"no values of {kind}")


def largest(kind: type[Struct]) -> Any:
    """Build the struct that takes most bytes as JSON."""
    return _largest(type_info(kind))


def _largest(kind: Type, number: int = 0) -> Any:  # noqa: C901, PLR0911 - one line a type
    match kind:
        case StructType():
            return kind.cls(**{field.name: _largest(field.type) for field in kind.fields})
        case StrType():
            assert kind.max_length is not None
            letter = "x" if kind.pattern else "\x01"
            return f"{number:x}"[: kind.max_length].ljust(kind.max_length, letter)
        case IntType():
            assert kind.ge is not None
            assert kind.le is not None
            return max(kind.ge, kind.le, key=lambda one: len(str(one)))
        case FloatType():
            return -2.2250738585072014e-308 if kind.ge is None else 0.30000000000000004
        case BoolType():
            return False
        case NoneType() | RawType():
            return None
        case VarTupleType():
            assert kind.max_length is not None
            return tuple(_largest(kind.item_type, n) for n in range(kind.max_length))
        case TupleType():
            return tuple(_largest(one) for one in kind.item_types)
        case DictType():
            assert kind.max_length is not None
            value = _largest(kind.value_type)
            return {_largest(kind.key_type, n): value for n in range(kind.max_length)}
        case UnionType():
            return max((_largest(one) for one in kind.types), key=lambda one: len(str(one)))
    raise AssertionError(f"no values of {kind}")
