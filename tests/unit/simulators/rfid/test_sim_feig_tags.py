"""What is written on the simulated tags, against the dumps of the reference."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.rfid.tags import (
    OBJECTS_DSFID,
    Usage,
    compact,
    content_map,
    crc16,
    data_set,
    fixed_block,
    objects,
    pack_isil,
    tag,
)
from tests.conftest import data_folder

FIXED = {
    ("1000000056", "DK-718500", 1, 1, 1): (
        "1101013130303030303030353600000000000098a4444b373138353030000000"
    ),
    ("1301234567", "HR-FFZG", 1, 1, 1): (
        "110101313330313233343536370000000000000754485246465a470000000000"
    ),
    ("30500123456789", "CN-PEKU", 1, 3, 2): (
        "1103023330353030313233343536373839000010f4434e50454b550000000000"
    ),
    ("1620154429", "FI-Mamk-M", 1, 1, 1): (
        "11010131363230313534343239000000000000c4cf46494d616d6b2d4d0000000000"
    ),
    ("11223344", "DE-705", 1, 1, 1): (
        "11010131313232333334340000000000000000513e4445373035000000000000"
    ),
    ("9781234567897", "US-InU", 8, 1, 1): (
        "1801013937383132333435363738393700000032b05553496e55000000000000"
    ),
}
MIKKELI = "9101046091ce43800201a8050110670242410307 3240de05ab075b00"


@pytest.mark.parametrize(("what", "expected"), FIXED.items())
def test_the_fixed_block_is_that_of_the_reference(
    what: tuple[str, str, int, int, int], expected: str
) -> None:
    identifier, owner, usage, parts, part = what
    block = fixed_block(Usage(usage), identifier, owner, parts, part)
    assert len(block) == 34
    assert block.hex().startswith(expected)


def test_the_crc_is_that_of_the_standard() -> None:
    assert crc16(b"RFID tag data model") == 0x1AEE
    assert crc16(bytes(32)).to_bytes(2, "little").hex() == "4cf1"


def test_a_real_tag_of_objects_is_reproduced_byte_for_byte() -> None:
    content = objects(Usage.CIRCULATING, "1620168259", "FI-Mamk-M", media="BA")
    assert content == bytes.fromhex(MIKKELI)


def test_the_dump_of_a_real_tag_begins_with_what_we_write() -> None:
    dumps = json.loads((data_folder("rfid") / "tags.json").read_text(encoding="utf-8"))
    dump = next(one for one in dumps if one["id"] == "fi-mamk-28560-2")
    memory = bytes.fromhex(dump["hex"])
    assert memory.startswith(objects(Usage.CIRCULATING, "1620168259", "FI-Mamk-M", "BA"))


def test_the_owner_of_chinese_practice_is_packed_with_latches() -> None:
    bits = "".join(f"{byte:08b}" for byte in pack_isil("CN-330100-1-ZJLIB"))
    expected = "00011 01110 00000 11110"  # C N - latch numeric
    expected += " 0011 0011 0000 0001 0000 0000 1010 0001 1010 1100"  # 330100-1- latch upper
    expected += " 11010 01010 01100 01001 00010"  # Z J L I B
    expected = expected.replace(" ", "")
    assert bits == expected + "1" * (-len(expected) % 8)


def test_an_owner_with_a_letter_that_no_isil_has_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        pack_isil("CN-文")


def test_numbers_beyond_fourteen_have_a_byte_of_their_own() -> None:
    assert data_set(17, 7, "史".encode()).hex() == "7f0203e58fb2"
    assert content_map([3, 5, 17]).hex() == "a002"


@given(st.from_regex(r"[0-9]{1,24}", fullmatch=True))
def test_digits_survive_compaction(text: str) -> None:
    compaction, data = compact(text)
    if compaction == 1:
        assert str(int.from_bytes(data, "big")) == text
    else:
        assert compaction == 2
        assert data.hex().upper().removesuffix("F") == text


@given(
    st.from_regex(r"[1-9][0-9]{4,15}", fullmatch=True),
    st.text(alphabet="文史通义四库全书总目", max_size=8),
)
def test_the_identifier_fills_whole_blocks_and_everything_fits(item: str, title: str) -> None:
    content = objects(Usage.CIRCULATING, item, "CN-330100-1-ZJLIB", "BA", title)
    chip = tag(1, OBJECTS_DSFID, 0x07, content)
    assert len(chip.memory) == 112
    extra, length = (content[1], content[2]) if content[0] & 0x80 else (-1, content[1])
    end = 3 + length + extra
    assert end % 4 == 0
    assert content[end] == 0x02


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        tag(1, OBJECTS_DSFID, 0x07, bytes(113))
