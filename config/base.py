"""The few types that every part of a site file is made of."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any, NamedTuple, TypeAlias
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

Place: TypeAlias = tuple[str | int, ...]
"""Keys and indexes that lead to a part of a site file."""


class Wrong(NamedTuple):
    """Something wrong with a part of a model; `place` is relative to that model."""

    place: Place
    what: str


def refuse(wrongs: Iterable[Wrong]) -> None:
    """Refuse a model when anything is wrong with it; for use in its validator."""
    found = tuple(wrongs)
    if found:
        text = "; ".join(wrong.what for wrong in found)
        raise PydanticCustomError("wrong_parts", "{text}", {"text": text, "wrongs": found})


class Model(BaseModel):
    """A frozen piece of a site file; unknown keys are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )


Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,47}$")]
"""Letters, digits, `_` and `-`: fits into every broker's topics, client ids and ACLs."""

PointName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]

PointPath = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,47}/[a-z][a-z0-9_]{0,47}$")
]
"""`device/point`, as in a reading."""


def _whole(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise ValueError("must be a whole number, such as 1; write no point and no yes or no")  # noqa: TRY004 - pydantic's way
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number: neither `true` nor `1.0` is taken for one."""


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number, such as 1.5; it is yes or no")  # noqa: TRY004 - pydantic's way
    return value


Number = Annotated[float, BeforeValidator(_number)]
"""A number: `true` is not taken for one."""

LONGEST_LINE, LONGEST_TEXT = 500, 4000


def _printable(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank; write something")
    if any(sign < " " and sign not in "\n\t" for sign in text):
        raise ValueError("has a control character in it; remove it")
    return text


Line = Annotated[str, StringConstraints(max_length=LONGEST_LINE), AfterValidator(_printable)]
"""A title that is no name."""
Text = Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]

_LENGTH = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)\s*$")
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def _length(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    match = _LENGTH.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a length of time; write for example 500ms, 2s, 15min")
    try:
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    except OverflowError as error:
        raise ValueError(f"{value!r} is longer than any calendar; make it shorter") from error


Length = Annotated[timedelta, BeforeValidator(_length)]
"""A length of time, written `500ms`, `2s`, `15min`, `12h` or `7d`."""

_SHORTEST = timedelta(milliseconds=1)


def _positive(length: timedelta) -> timedelta:
    if length < _SHORTEST:
        raise ValueError("is too short; make it 1ms or longer")
    return length


Positive = Annotated[Length, AfterValidator(_positive)]
"""A length of time that is not nothing."""

SHORTEST_EXCHANGE, LONGEST_EXCHANGE = timedelta(milliseconds=10), timedelta(minutes=5)
SHORTEST_PERIOD, LONGEST_PERIOD = timedelta(milliseconds=2), timedelta(days=1)


def _exchange(length: timedelta) -> timedelta:
    if length < SHORTEST_EXCHANGE:
        raise ValueError("nothing answers within less than 10ms; give the device more time")
    if length > LONGEST_EXCHANGE:
        raise ValueError("nobody waits longer than 5min for one answer; make it shorter")
    return length


def _period(length: timedelta) -> timedelta:
    if length < SHORTEST_PERIOD:
        raise ValueError("nothing can be read more often than every 2ms; make it longer")
    if length > LONGEST_PERIOD:
        raise ValueError(
            "a value a day at least, or nobody knows that it lives; make it 1d or less"
        )
    return length


Timeout = Annotated[Positive, AfterValidator(_exchange)]
"""How long one exchange may take."""
Period = Annotated[Positive, AfterValidator(_period)]
"""The time between two polls."""


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not a time zone; write for example Asia/Shanghai")
    return name


Zone = Annotated[str, AfterValidator(_zone)]
"""The name of a time zone, as in the IANA database."""


class Name(Model):
    """What people call a thing; where one language is left out, the other stands for both."""

    en: Text
    zh: Text

    @model_validator(mode="before")
    @classmethod
    def _in_one_language(cls, given: Any) -> Any:
        if isinstance(given, str):
            given = {"en": given}
        if not isinstance(given, dict):
            return given
        told = [text for text in (given.get("en"), given.get("zh")) if text not in (None, "")]
        if not told:
            raise ValueError("a name needs English (en), Chinese (zh), or both; give one")
        return {**given, "en": given.get("en") or told[0], "zh": given.get("zh") or told[0]}
