"""FEIG frames against the manual's vectors, and against noise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.protocols.rfid import feig, iso28560
from drivers.protocols.rfid.iso15693 import TagError, parse_system_information, uid_bytes

UID = "E004010012345678"
OTHER = "E0040150AABBCCDD"
B1 = bytes.fromhex("1101013130303030303030353600000000000098a4444b373138353030000000")


def hexed(text: str) -> bytes:
    return bytes.fromhex(text)


REQUESTS = [
    (feig.frame(0x52, b"\0"), "06 ff 52 00 0f 6e"),
    (feig.frame(0x65), "05 ff 65 e5 cb"),
    (feig.frame(0x69), "05 ff 69 89 01"),
    (feig.inventory(), "07 ff b0 01 00 1c 56"),
    (feig.inventory(more=True), "07 ff b0 01 80 14 d2"),
    (feig.system_information(UID), "0f ff b0 2b 01 e0 04 01 00 12 34 56 78 11 a3"),
    (feig.read_blocks(UID, 0, 8), "11 ff b0 23 01 e0 04 01 00 12 34 56 78 00 08 07 d6"),
    (
        feig.write_blocks(UID, 0, [B1[at : at + 4] for at in range(0, 32, 4)]),
        "32 ff b0 24 01 e0 04 01 00 12 34 56 78 00 08 04 31 01 01 11 30 30 30 30 35 30 30 30"
        " 00 00 00 36 98 00 00 00 37 4b 44 a4 30 35 38 31 00 00 00 30 fc 3d",
    ),
    (feig.write_afi(UID, 0x07), "10 ff b0 27 01 e0 04 01 00 12 34 56 78 07 d8 de"),
    (feig.write_afi(UID, 0xC2), "10 ff b0 27 01 e0 04 01 00 12 34 56 78 c2 79 4f"),
    (feig.write_dsfid(UID, 0x3E), "10 ff b0 29 01 e0 04 01 00 12 34 56 78 3e 47 3b"),
]
READ_8 = hexed(
    "30 00 b0 00 08 04 00 31 01 01 11 00 30 30 30 30 00 35 30 30 30 00 00 00 00 36 00 98 00 00 00"
    " 00 37 4b 44 a4 00 30 35 38 31 00 00 00 00 30 a4 39"
)
TWO_TAGS = hexed("1b 00 b0 00 02 03 3e e0 04 01 00 12 34 56 78 03 06 e0 04 01 50 aa bb cc dd f4 68")


def reply(raw: bytes) -> feig.Reply:
    found = feig.find_reply(raw, feig.ISO_HOST)
    assert found is not None
    return found


@pytest.mark.parametrize(("written", "vector"), REQUESTS)
def test_requests(written: bytes, vector: str) -> None:
    assert written == hexed(vector)


def test_inventories() -> None:
    none = reply(hexed("06 00 b0 01 5c 63"))
    assert none == (feig.NO_TRANSPONDER, b"")
    one = reply(hexed("11 00 b0 00 01 03 3e e0 04 01 00 12 34 56 78 a0 e6"))
    assert feig.parse_inventory(one.data) == [(UID, 0x3E)]
    assert feig.parse_inventory(reply(TWO_TAGS).data) == [(UID, 0x3E), (OTHER, 0x06)]


def test_system_information() -> None:
    data = reply(hexed("13 00 b0 00 3e e0 04 01 00 12 34 56 78 07 1b 03 01 5f 9e")).data
    about = feig.parse_system_information(data)
    assert (about.uid, about.dsfid, about.afi) == (UID, 0x3E, 0x07)
    assert (about.blocks, about.block_size, about.ic) == (28, 4, 1)


def test_blocks_are_turned_into_the_tags_own_order() -> None:
    memory = feig.parse_blocks(reply(READ_8).data, 8)
    assert memory == B1
    assert iso28560.decode(memory, 0x3E).item == "1000000056"


def test_statuses_are_told_in_words() -> None:
    assert reply(hexed("06 00 b0 00 d5 72")) == (feig.OK, b"")
    missing = reply(hexed("07 00 b0 95 10 72 fd"))
    assert feig.explain(missing) == "the tag refuses: no such block"
    assert "scan mode" in feig.explain(feig.Reply(0x82, b""))
    assert feig.explain(feig.Reply(0x77, b"")) == "status 0x77"


def test_a_long_frame() -> None:
    head = hexed("02 01 2c 00 b0 00") + bytes(292)
    raw = head + feig.crc16(head).to_bytes(2, "little")
    assert len(raw) == 300
    assert reply(b"\x02" + raw) == (0, bytes(292))
    assert feig.find_reply(raw[:-1], feig.ISO_HOST) is None


def test_only_the_right_command_and_address_answer() -> None:
    assert feig.find_reply(TWO_TAGS, 0x65) is None
    assert feig.find_reply(TWO_TAGS, feig.ISO_HOST, 0) is not None
    assert feig.find_reply(TWO_TAGS, feig.ISO_HOST, 1) is None


@pytest.mark.parametrize("count", range(len(READ_8)))
def test_an_unfinished_frame_is_no_reply(count: int) -> None:
    assert feig.find_reply(READ_8[:count], feig.ISO_HOST) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        hexed("01 03 3e e0 04 01 00 12 34 56"),
        hexed("01 03 3e 11 04 01 00 12 34 56 78"),
        hexed("01 04 3e e0 04 01 00 12 34 56 78"),
        hexed("01 03 3e e0 04 01 00 12 34 56 78 00"),
        hexed("02 03 3e e0 04 01 00 12 34 56 78"),
    ],
)
def test_a_nonsense_inventory_gives_one_error(data: bytes) -> None:
    with pytest.raises(TagError):
        feig.parse_inventory(data)


def test_an_answer_with_other_blocks_than_asked_gives_one_error() -> None:
    for data in (b"", b"\x08", READ_8[4:-3], READ_8[4:-2] + b"\0"):
        with pytest.raises(TagError):
            feig.parse_blocks(data, 8)
    with pytest.raises(TagError):
        feig.parse_blocks(READ_8[4:-2], 7)


def test_system_information_through_the_air() -> None:
    about = parse_system_information(hexed("0355443322110004E00007"))
    assert (about.uid, about.dsfid, about.afi) == ("E004001122334455", 0x00, 0x07)
    assert (about.blocks, about.ic) == (None, None)
    whole = parse_system_information(hexed("0f 7856341200 0104e0 3e c2 1b03 01"))
    assert whole == (UID, 0x3E, 0xC2, 28, 4, 1)
    for nonsense in ("", "03", "0355443322110004E000", "0355443322110004110007"):
        with pytest.raises(TagError):
            parse_system_information(hexed(nonsense))


@pytest.mark.parametrize("uid", ["", "E0", "xyz", "1104010012345678", UID + "00"])
def test_what_is_no_uid_is_refused(uid: str) -> None:
    with pytest.raises(TagError):
        uid_bytes(uid)


@given(st.binary(max_size=12), st.sampled_from([READ_8, TWO_TAGS]))
def test_a_frame_is_found_behind_noise(noise: bytes, raw: bytes) -> None:
    assert feig.find_reply(noise + raw, feig.ISO_HOST) == feig.find_reply(raw, feig.ISO_HOST)


@given(st.data())
def test_a_damaged_frame_is_no_reply(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from([READ_8, TWO_TAGS])))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    assert feig.find_reply(bytes(raw), feig.ISO_HOST) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_a_reply_or_none(raw: bytes) -> None:
    found = feig.find_reply(raw, feig.ISO_HOST)
    for parse in (feig.parse_inventory, feig.parse_system_information):
        try:
            parse(found.data if found else raw)
        except TagError:
            continue


@given(st.integers(0, 255), st.binary(max_size=250), st.integers(0, 255))
def test_what_is_framed_is_found(command: int, data: bytes, address: int) -> None:
    raw = feig.frame(command, data, address)
    assert raw[0] == len(raw)
    if data:
        assert feig.find_reply(raw, command, address) == (data[0], data[1:])
