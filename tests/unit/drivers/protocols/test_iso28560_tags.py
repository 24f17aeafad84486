"""Library tags: the standards' vectors, real tags, odd writers, round trips."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.protocols.rfid import iso28560, iso28560_2, iso28560_3
from drivers.protocols.rfid.iso15693 import TagError
from drivers.protocols.rfid.tag_content import TagContent, Usage
from tests.conftest import data_folder

BASIC_BLOCKS = [
    (
        "1101013130303030303030353600000000000098a4444b373138353030000000",
        TagContent("1000000056", 1, "DK-718500"),
    ),
    (
        "110101313030303030303133360000000000003615444b3731383530300000000000050100050122020071"
        "426f67766f676e656e003132333435363738393000006137383936353663",
        TagContent("1000000136", 1, "DK-718500"),
    ),
    (
        "110101313330313233343536370000000000000754485246465a470000000000",
        TagContent("1301234567", 1, "HR-FFZG"),
    ),
    (
        "1103023330353030313233343536373839000010f4434e50454b550000000000",
        TagContent("30500123456789", 1, "CN-PEKU", 3, 2),
    ),
    (
        "11010131363230313534343239000000000000c4cf46494d616d6b2d4d0000000000",
        TagContent("1620154429", 1, "FI-Mamk-M"),
    ),
    (
        "11010131313232333334340000000000000000513e4445373035000000000000",
        TagContent("11223344", 1, "DE-705"),
    ),
    (
        "1801013937383132333435363738393700000032b05553496e55000000000000",
        TagContent("9781234567897", Usage.PATRON_CARD, "US-InU"),
    ),
]
MIKKELI = "9101046091ce43800201a8050110670242410307 3240de05ab075b00"


def turned(memory: bytes) -> bytes:
    return b"".join(memory[at : at + 4][::-1] for at in range(0, len(memory), 4))


def test_crc_check_values() -> None:
    assert iso28560_3.crc16(b"RFID tag data model") == 0x1AEE
    assert iso28560_3.crc16(bytes(32)).to_bytes(2, "little") == b"\x4c\xf1"


@pytest.mark.parametrize(("raw", "content"), BASIC_BLOCKS)
def test_basic_blocks(raw: str, content: TagContent) -> None:
    memory = bytes.fromhex(raw)
    assert iso28560.decode(memory, 0x3E) == content
    assert iso28560.decode(memory, 0x00) == content
    assert iso28560.decode(memory, 0x06) == content
    assert content.is_card == (content.usage == 8)


@pytest.mark.parametrize(("raw", "content"), BASIC_BLOCKS)
def test_basic_blocks_are_written_as_the_standard_says(raw: str, content: TagContent) -> None:
    memory = bytes.fromhex(raw)
    for length in {32, min(34, len(memory))}:
        assert iso28560_3.encode(content, length) == memory[:length]


def test_each_four_bytes_turned_round() -> None:
    memory = bytes.fromhex(BASIC_BLOCKS[0][0])
    assert iso28560.decode(turned(memory), 0) == BASIC_BLOCKS[0][1]


def headed(head: str, content: TagContent) -> bytes:
    """Write a basic block with other first bytes, and a CRC that fits them."""
    raw = bytes.fromhex(head) + iso28560_3.encode(content)[3:]
    return raw[:19] + iso28560_3.crc16(raw[:19] + raw[21:]).to_bytes(2, "little") + raw[21:]


def test_odd_writers_are_understood() -> None:
    plain = TagContent("30500123456789", 1, "CN-PEKU", 3, 2)
    assert iso28560_3.decode(headed("110302", plain)) == plain
    assert iso28560_3.decode(headed("110203", plain)) == plain
    assert iso28560_3.decode(headed("810101", plain)).is_card
    assert iso28560_3.decode(headed("110000", plain))[3:] == (1, 1)
    with pytest.raises(TagError, match="version 1"):
        iso28560_3.decode(headed("220101", plain))


def test_a_real_object_tag() -> None:
    content = iso28560.decode(bytes.fromhex(MIKKELI), 0x06)
    assert content == TagContent("1620168259", 1, "FI-Mamk-M")
    sets = list(iso28560_2.data_sets(bytes.fromhex(MIKKELI)))
    assert [one.oid for one in sets] == [1, 2, 5, 7, 3]
    assert iso28560_2.text(sets[3]) == "BA"


@pytest.mark.parametrize(
    ("compaction", "data", "text"),
    [
        (0, b"ABC1", "ABC1"),
        (1, "6091ce43", "1620168259"),
        (2, "0012345f", "0012345"),
        (3, "0864", "ABR"),
        (4, "04207e", "ABG>"),
        (5, "e1a30f", "ph"),
        (6, "e94142", "\u00e9AB"),
        (7, "e69687", "\u6587"),
    ],
)
def test_compactions(compaction: int, data: str | bytes, text: str) -> None:
    raw = data if isinstance(data, bytes) else bytes.fromhex(data)
    if compaction in (3, 4, 5):
        raw = packed({3: 5, 4: 6, 5: 7}[compaction], text)
    assert iso28560_2.text(iso28560_2.DataSet(1, compaction, raw)) == text


def packed(width: int, text: str) -> bytes:
    """Cut each letter to its low bits and pad as ISO/IEC 15962 says."""
    bits = "".join(f"{ord(letter) & ((1 << width) - 1):0{width}b}" for letter in text)
    missing = -len(bits) % 8
    bits += {5: "0" * 8, 6: "10000000", 7: "1" * 8}[width][:missing]
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


@pytest.mark.parametrize("letters", range(1, 10))
def test_padding_never_becomes_a_letter(letters: int) -> None:
    for compaction, width in ((3, 5), (4, 6), (5, 7)):
        text = "ABCDEFGHI"[:letters]
        data = packed(width, text)
        assert iso28560_2.text(iso28560_2.DataSet(1, compaction, data)) == text


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        ("", "28560-3: 0 bytes"),
        ("00" * 32, "no primary item id"),
        ("80" * 40, "no primary item id"),
        ("ff" * 112, "28560-2"),
        ("02 01 a8 00", "no primary item id"),
        ("11 20 41", "past the end"),
        ("91", "past the end"),
        ("61 01 7c 00", "no item id has"),
        ("61 00 00", "empty"),
        ("21 01 ab 00", "other than digits"),
        ("71 01 ff 00", "decode"),
    ],
)
def test_what_is_no_library_tag_gives_one_error(raw: str, what: str) -> None:
    with pytest.raises(TagError, match=what):
        iso28560.decode(bytes.fromhex(raw), 0x00)


def test_one_changed_bit_in_a_basic_block_is_noticed() -> None:
    memory = bytes.fromhex(BASIC_BLOCKS[0][0])
    for bit in range(8 * 32):
        damaged = bytearray(memory)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(TagError):
            iso28560_3.decode(bytes(damaged))


def test_an_unreadable_owner_does_not_cost_the_tag() -> None:
    raw = bytes.fromhex("1101050301ff0501 80 00")
    content = iso28560.decode(raw, 0x06)
    assert content.item == "5"
    assert content.is_card


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(TagError, match="16 fit"):
        iso28560_3.encode(TagContent("x" * 17))
    with pytest.raises(TagError, match="11 fit"):
        iso28560_3.encode(TagContent("x", owner="DE-123456789012"), 32)
    with pytest.raises(TagError):
        iso28560_3.encode(TagContent("a|b"))
    with pytest.raises(TagError, match="part 2 of 256"):
        iso28560_3.encode(TagContent("a", parts=256, part=2))
    with pytest.raises(TagError, match="usage 16"):
        iso28560_3.encode(TagContent("a", usage=16))


def test_every_real_dump() -> None:
    for entry in json.loads((data_folder("rfid") / "tags.json").read_text(encoding="utf-8")):
        expected = entry["expect"]
        if "primary_item_id" not in expected:
            continue
        memory = bytes.fromhex(entry["hex"].replace(" ", ""))
        content = iso28560.decode(memory, int(entry.get("dsfid", "00"), 16))
        assert content.item == expected["primary_item_id"], entry["id"]
        if "isil" in expected:
            assert content.owner == expected["isil"]
        if "parts" in expected:
            assert (content.parts, content.part) == (expected["parts"], expected["part"])


items = st.text("ABCXYZabc0123456789-$.", min_size=1, max_size=16)
contents = st.builds(
    TagContent,
    items,
    st.sampled_from([0, 1, 2, 7, 8, 9]),
    st.sampled_from(["", "CN-PEKU", "DE-705", "FI-Mamk-M"]),
    st.just(3),
    st.integers(1, 3),
)


@given(contents, st.sampled_from([32, 34]), st.booleans())
def test_a_basic_block_is_read_as_it_was_written(
    content: TagContent, length: int, turn: bool
) -> None:
    memory = iso28560_3.encode(content, length).ljust(36, b"\0")
    assert iso28560.decode(turned(memory) if turn else memory, 0x3E) == content


isils = st.text("ABCDEFXYZabcxyz0123456789-", min_size=1, max_size=14).filter(
    lambda name: not name.startswith("-") and not name.endswith("-")
)


@given(items | st.text("0123456789", min_size=1, max_size=20), isils, st.integers(0, 15))
def test_objects_are_read_as_they_were_written(item: str, owner: str, usage: int) -> None:
    content = TagContent(item, usage, owner)
    memory = iso28560_2.encode(content)
    assert iso28560.decode(memory + bytes(-len(memory) % 4), 0x06) == content


@given(st.binary(max_size=120), st.sampled_from([0x00, 0x06, 0x3E]))
def test_any_memory_is_a_tag_or_one_error(memory: bytes, dsfid: int) -> None:
    try:
        content = iso28560.decode(memory, dsfid)
    except TagError:
        return
    assert content.item
    assert "|" not in content.item
