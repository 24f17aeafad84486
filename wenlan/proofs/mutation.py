"""Makes bad messages of good ones: bytes flipped, cut, doubled, spliced, numbers made extreme."""

import json
import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from random import Random
from typing import Any

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_NUMBERS = (
    b"0",
    b"-1",
    b"1e999",
    b"-0.0",
    b"255",
    b"65536",
    b"2147483648",
    b"9007199254740993",
    b"9223372036854775808",
    b"1" * 400,
    b"1e-400",
    b"null",
    b"NaN",
)
_BYTES = bytes(
    (0, 1, 2, 9, 10, 13, 0x1B, 0x22, 0x2C, 0x5B, 0x5C, 0x5D, 0x7B, 0x7C, 0x7D, 0x7F, 0x80, 0xFF)
)
_PIECES = (
    b"",
    b"[" * 2_000,
    b'{"a":' * 500,
    "\ud7ff\U0010ffff".encode(),
    b"\xed\xa0\x80",
    b"\\u0000",
    b"\\ud800",
    b"|" * 300,
    b"\r\n",
    b"A" * 5_000,
    b"\x02\xff\xff",
    b"AY9AZ0000",
)
_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**53,
    2**63,
    -(2**70),
    1e308,
    0.1,
    float("nan"),
    "",
    "x" * 300,
    [],
    {},
    [[1, 2]],
    {"kind": "reading"},
)
LARGEST = 16 * 1024
"""Bytes of a mutated message, so that a million of them can be tried."""


def mutated(seeds: Sequence[bytes], dice: Random) -> bytes:
    """Change one of the seeds in one to six places; JSON every second time in its values only."""
    seed = dice.choice(seeds)
    if seed[:1] == b"{" and dice.random() < 0.5:
        tree = json.loads(seed)
        for _ in range(dice.choice((1, 1, 2, 4))):
            _change(tree, dice)
        return json.dumps(tree, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
    message = bytearray(seed)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        dice.choice(_WAYS)(message, seeds, dice)
    return bytes(message[:LARGEST])


def _change(tree: Any, dice: Random) -> None:
    """Change one value, somewhere below a JSON object or array."""
    while tree:
        key = dice.choice(list(tree) if isinstance(tree, dict) else range(len(tree)))
        if isinstance(tree[key], dict | list) and dice.random() < 0.8:
            tree = tree[key]
            continue
        match dice.randrange(4):
            case 0:
                del tree[key]
            case 1 if isinstance(tree, list):
                tree += deepcopy(tree[key : key + 1] * dice.choice((1, 3, 300)))
            case 1 | 2:
                tree[key] = deepcopy(dice.choice(_VALUES))
            case _:
                tree[key] = _near(tree[key], dice)
        return


def _near(value: Any, dice: Random) -> Any:
    match value:
        case str():
            return value + dice.choice(("", " ", "/", "\0", "文", "\ud800", "x" * 70, "y" * 5_000))
        case bool():
            return not value
        case int() | float():
            return dice.choice((value + 1, -value, value / 3, value * 1_000_003, value + 0.5))
    return deepcopy([value, value])


def _flip(message: bytearray, _: Sequence[bytes], dice: Random) -> None:
    if message:
        message[dice.randrange(len(message))] ^= 1 << dice.randrange(8)


def _replace(message: bytearray, _: Sequence[bytes], dice: Random) -> None:
    if message:
        message[dice.randrange(len(message))] = dice.choice(_BYTES)


def _span(message: bytearray, dice: Random, longest: int = 64) -> slice:
    begin = dice.randint(0, len(message))
    return slice(begin, begin + dice.randint(0, longest))


def _cut(message: bytearray, _: Sequence[bytes], dice: Random) -> None:
    del message[_span(message, dice)]


def _end(message: bytearray, _: Sequence[bytes], dice: Random) -> None:
    del message[dice.randint(0, len(message)) :]


def _double(message: bytearray, _: Sequence[bytes], dice: Random) -> None:
    place = _span(message, dice)
    message[place.start : place.start] = message[place] * dice.choice((1, 1, 2, 20))


def _insert(message: bytearray, _: Sequence[bytes], dice: Random) -> None:
    place = dice.randint(0, len(message))
    message[place:place] = dice.choice(_PIECES) or dice.randbytes(dice.randint(1, 8))


def _number(message: bytearray, _: Sequence[bytes], dice: Random) -> None:
    found = list(_NUMBER.finditer(bytes(message)))
    if found:
        begin, end = dice.choice(found).span()
        message[begin:end] = dice.choice(_NUMBERS)


def _splice(message: bytearray, seeds: Sequence[bytes], dice: Random) -> None:
    other = dice.choice(seeds)
    message[_span(message, dice, len(message) + 1)] = other[
        _span(bytearray(other), dice, len(other) + 1)
    ]


_WAYS: tuple[Callable[[bytearray, Sequence[bytes], Random], None], ...] = (
    _flip,
    _replace,
    _cut,
    _end,
    _double,
    _insert,
    _number,
    _splice,
)
