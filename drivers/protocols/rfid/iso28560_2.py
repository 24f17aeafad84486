"""The object layout of library tags: ISO 28560-2 on ISO/IEC 15962 (in China WH/T 44-2012).

A tag holds data sets, each with its own object number (OID) and its own way of compaction.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from drivers.protocols.rfid.iso15693 import TagError
from drivers.protocols.rfid.tag_content import TagContent, checked_item

DSFID = 0x06
ITEM = 1
CONTENT = 2
OWNER = 3
USAGE = 5
_NULL, _END = 0x80, 0x00


class DataSet(NamedTuple):
    """One object of a tag."""

    oid: int
    compaction: int
    data: bytes


def data_sets(memory: bytes) -> Iterator[DataSet]:
    """Walk through the objects; raise TagError where one runs past the end."""
    place = 0

    def take(count: int) -> bytes:
        nonlocal place
        taken = memory[place : place + count]
        if len(taken) < count:
            raise TagError(f"28560-2: the object at byte {begin} runs past the end")
        place += count
        return taken

    while place < len(memory):
        begin = place
        precursor = take(1)[0]
        if precursor == _END:
            return
        if precursor == _NULL:
            continue
        oid = precursor & 0x0F
        if oid == 15:
            oid += take(1)[0]
        padding = take(1)[0] if precursor & 0x80 else 0
        length = 0
        while True:
            byte = take(1)[0]
            length = length << 7 | byte & 0x7F
            if not byte & 0x80 or length > len(memory):
                break
        yield DataSet(oid, precursor >> 4 & 0x07, take(length))
        take(min(padding, len(memory) - place))


def decode(memory: bytes) -> TagContent:
    """Read the objects; raise TagError unless there is a primary item id among them."""
    found = {one.oid: one for one in reversed(list(data_sets(memory)))}
    if ITEM not in found:
        raise TagError("28560-2: there is no primary item id")
    usage = found[USAGE].data[:1] if USAGE in found else b""
    return TagContent(
        checked_item(text(found[ITEM])),
        usage[0] >> 4 if usage else 1,
        _owner(found[OWNER]) if OWNER in found else "",
    )


def _owner(found: DataSet) -> str:
    try:
        return decode_isil(found.data) if found.compaction == 0 else text(found)
    except TagError:
        return ""  # nobody's loan fails because an owner's name cannot be read


def text(one: DataSet) -> str:
    """Undo the compaction (ISO/IEC 15962, 9.2); raise TagError."""
    try:
        return _COMPACTIONS[one.compaction](one.data)
    except (UnicodeDecodeError, ValueError) as error:
        raise TagError(f"28560-2: object {one.oid}: {error}") from error


def _integer(data: bytes) -> str:
    return str(int.from_bytes(data, "big"))


def _numeric(data: bytes) -> str:
    digits = data.hex().upper().removesuffix("F")
    if not digits.isdigit():
        raise TagError("28560-2: a numeric object holds other than digits")
    return digits


def _groups(data: bytes, width: int) -> list[int]:
    bits = int.from_bytes(data, "big")
    total = len(data) * 8
    return [bits >> (total - width * (n + 1)) & ((1 << width) - 1) for n in range(total // width)]


def _five_bit(data: bytes) -> str:
    return "".join(chr(0x40 + group) for group in _groups(data, 5)).rstrip("@")


def _six_bit(data: bytes) -> str:
    # Padding is the beginning of 100000, which is a blank when it is whole.
    letters = (chr(group + 0x40 if group < 0x20 else group) for group in _groups(data, 6))
    return "".join(letters).rstrip(" ")


def _seven_bit(data: bytes) -> str:
    return "".join(map(chr, _groups(data, 7))).rstrip("\x7f")


_COMPACTIONS: tuple[Callable[[bytes], str], ...] = (
    lambda data: data.decode("ascii"),  # defined by the application: plain for an item id
    _integer,
    _numeric,
    _five_bit,
    _six_bit,
    _seven_bit,
    lambda data: data.decode("latin-1"),
    lambda data: data.decode("utf-8"),
)

_UPPER, _LOWER, _DIGITS = "upper", "lower", "digits"
_ALPHABETS = {
    _UPPER: {0: "-"} | {n: chr(0x40 + n) for n in range(1, 27)},
    _LOWER: {0: "-"} | {n: chr(0x60 + n) for n in range(1, 27)},
    _DIGITS: {n: str(n) for n in range(10)} | {10: "-", 11: ":"},
}
_WIDTHS = {_UPPER: 5, _LOWER: 5, _DIGITS: 4}
_LATCHES = {
    _UPPER: {28: _LOWER, 30: _DIGITS},
    _LOWER: {28: _UPPER, 30: _DIGITS},
    _DIGITS: {12: _UPPER, 14: _LOWER},
}
_SHIFTS = {
    _UPPER: {29: _LOWER, 31: _DIGITS},
    _LOWER: {29: _UPPER, 31: _DIGITS},
    _DIGITS: {13: _UPPER, 15: _LOWER},
}


def decode_isil(data: bytes) -> str:
    """Read an owner's name in the shift code of ISO 28560-2; raise TagError."""
    bits = "".join(f"{byte:08b}" for byte in data)
    name, mode, place = "", _UPPER, 0
    shifted: str | None = None
    while True:
        now = shifted or mode
        group = bits[place : place + _WIDTHS[now]]
        if len(group) < _WIDTHS[now]:
            return name
        code, place = int(group, 2), place + len(group)
        if shifted is None and code in _LATCHES[now]:
            mode = _LATCHES[now][code]
        elif shifted is None and code in _SHIFTS[now]:
            shifted = _SHIFTS[now][code]
        elif code in _ALPHABETS[now]:
            name, shifted = name + _ALPHABETS[now][code], None
        else:
            raise TagError(f"28560-2: owner: code {code} means nothing among {now}")


def encode(content: TagContent) -> bytes:
    """Write item, content parameter, owner and usage; raise TagError for what does not fit."""
    item = checked_item(content.item)
    compaction, data = _compact(item)
    owner = encode_isil(content.owner) if content.owner else b""
    present = 1 << 7 - (USAGE - OWNER) | (0x80 if owner else 0)
    sets = [DataSet(ITEM, compaction, data), DataSet(CONTENT, 0, bytes([present]))]
    if owner:
        sets.append(DataSet(OWNER, 0, owner))
    sets.append(DataSet(USAGE, 0, bytes([content.usage << 4])))
    return b"".join(_written(one) for one in sets) + bytes([_END])


def _written(one: DataSet) -> bytes:
    if len(one.data) > 0x7F:
        raise TagError(f"28560-2: object {one.oid} has {len(one.data)} bytes; 127 fit")
    return bytes([one.compaction << 4 | one.oid, len(one.data)]) + one.data


def _compact(item: str) -> tuple[int, bytes]:
    """Choose as ISO/IEC 15962 does: number, digits, plain octets, UTF-8."""
    if item.isascii() and item.isdigit():
        if item[0] != "0":
            number = int(item)
            return 1, number.to_bytes((number.bit_length() + 7) // 8, "big")
        return 2, bytes.fromhex(item + "F" * (len(item) % 2))
    try:
        return 6, item.encode("latin-1")
    except UnicodeEncodeError:
        return 7, item.encode()


def encode_isil(name: str) -> bytes:
    """Write an owner's name in the shift code of ISO 28560-2; raise TagError."""
    mode, bits = _UPPER, ""
    for letter in name:
        code = _code(mode, letter)
        if code is None:
            other = next((m for m in _ALPHABETS if _code(m, letter) is not None), None)
            if other is None:
                raise TagError(f"28560-2: owner {name!r}: {letter!r} cannot be written")
            latch = next(code for code, to in _LATCHES[mode].items() if to == other)
            bits += f"{latch:0{_WIDTHS[mode]}b}"
            mode, code = other, _code(other, letter)
        bits += f"{code:0{_WIDTHS[mode]}b}"
    if -len(bits) % 8 >= _WIDTHS[mode]:
        # What is left over would be read as a letter: a latch at the end says nothing.
        bits += f"{next(iter(_LATCHES[mode])):0{_WIDTHS[mode]}b}"
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _code(mode: str, letter: str) -> int | None:
    return next((code for code, own in _ALPHABETS[mode].items() if own == letter), None)
