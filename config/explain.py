"""What pydantic has against a site file, in the file's own words: no secret is repeated."""

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.base import Place
from config.document import Parts, Problem, dotted

SECRETS = {"broker", "url", "login", "password", "terminal_password"}
"""Keys whose values are never repeated."""
LONGEST_ECHO = 60

_LIST = "must be a list: each entry on a line of its own that begins with -"
_MAPPING = "must be a mapping: key: value, one on a line"
_WORDS = {
    "extra_forbidden": "unknown key; remove it or correct its spelling",
    "missing": "is missing; add it",
    "tuple_type": _LIST,
    "list_type": _LIST,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "string_type": "must be text; put it in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number (a valid integer)",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
}
_ON_EMPTY = {
    "tuple_type": "is empty; give a list, or remove the key",
    "list_type": "is empty; give a list, or remove the key",
    "dict_type": "is empty; give what belongs into it, or remove the key",
    "model_type": "is empty; give what belongs into it, or remove the key",
    "model_attributes_type": "is empty; give what belongs into it, or remove the key",
}
_AS_THEY_ARE = {"extra_forbidden", "missing"}


def explain(file: str, parts: Parts, error: ValidationError) -> list[Problem]:
    """Give every problem once, in the file's order."""
    problems: dict[tuple[int, str], Problem] = {}
    details = error.errors(include_url=False)
    containers = _containers(details)
    for detail in details:
        if detail["type"] == "too_short" and detail["loc"] in containers:
            continue  # Pydantic counts only the sound items of a list.
        place = _place(parts, detail)
        wrongs = detail.get("ctx", {}).get("wrongs", ())
        said = [((*place, *wrong.place), wrong.what) for wrong in wrongs]
        for where, what in said or [(place, _what(detail, _is_secret(parts, place)))]:
            line, text = parts.line(where), parts.told(where, what)
            # What aliases repeat is wrong once, where it is written.
            problems.setdefault((line, text), Problem(file, line, dotted(where), text))
    return sorted(problems.values(), key=lambda problem: problem.line)


def _containers(details: list[ErrorDetails]) -> set[Place]:
    places = {one["loc"] for one in details}
    return {place[:length] for place in places for length in range(len(place))}


def _place(parts: Parts, detail: ErrorDetails) -> Place:
    # Pydantic names the chosen member of a union in the path; the file has no such level.
    place: Place = ()
    for part in detail["loc"]:
        missing = detail["type"] == "missing" and part == detail["loc"][-1]
        if missing or (*place, part) in parts:
            place = (*place, part)
    return place


def _is_secret(parts: Parts, place: Place) -> bool:
    node = parts.node(place)
    return bool(node and node.filled) or not SECRETS.isdisjoint(place)


def _what(detail: ErrorDetails, secret: bool) -> str:  # noqa: FBT001 - of the value it is about
    kind, given = detail["type"], detail["input"]
    if given is None and kind in _ON_EMPTY:
        return _ON_EMPTY[kind]
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    shown = "" if secret else _shown(given)
    if kind == "string_pattern_mismatch":
        return f"{shown or 'this'} has a form that is not allowed ({detail['msg']})"
    what = _WORDS.get(kind, detail["msg"])
    return f"{what}; it is {shown}" if shown and kind not in _AS_THEY_ARE else what


def _shown(given: Any) -> str:
    """Repeat a value, when it is short; what is in lists and mappings may be a secret."""
    if not isinstance(given, str | int | float):
        return ""
    text = repr(given) if not isinstance(given, bool) else str(given).lower()
    return text if len(text) < LONGEST_ECHO else ""
