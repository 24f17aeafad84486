"""One request, one answer: the limits and the order of checks of the specification."""

import struct
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.modbus.pdu import answer, pack_bits
from simulators.modbus.registers import RefusalError, Registers, float_words, word


class Memory:
    """Registers and coils 0 to 3999, but not 1500."""

    def __init__(self) -> None:
        self.words = {address: address for address in range(4000) if address != 1500}
        self.bits = {address: int(address % 3 == 0) for address in self.words}
        words = {at: partial(self.words.__getitem__, at) for at in self.words}
        bits = {at: partial(self.bits.__getitem__, at) for at in self.bits}
        self.registers = Registers(
            holding=words,
            input=words,
            coils=bits,
            discrete=bits,
            holding_writes={at: partial(self.words.__setitem__, at) for at in self.words},
            coil_writes={at: partial(self.bits.__setitem__, at) for at in self.bits},
        )


def ask(text: str, memory: Memory | None = None) -> str:
    return answer(bytes.fromhex(text), (memory or Memory()).registers).pdu.hex(" ")


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        # Reads: 6.1 to 6.4.
        ("01 0000 0009", "01 02 49 00"),
        ("02 0003 0001", "02 01 01"),
        ("03 0002 0003", "03 06 00 02 00 03 00 04"),
        ("04 0008 0001", "04 02 00 08"),
        # Quantity before address.
        ("03 0000 0000", "83 03"),
        ("03 0000 007e", "83 03"),
        ("04 ffff 007e", "84 03"),
        ("01 0000 07d1", "81 03"),
        ("01 0000 0000", "81 03"),
        # A hole, and the end of the memory.
        ("03 05dc 0001", "83 02"),
        ("03 05db 0003", "83 02"),
        ("03 0f9f 0002", "83 02"),
        ("04 ffff 0002", "84 02"),
        # Writes: 6.5, 6.6, 6.11, 6.12.
        ("05 0001 ff00", "05 00 01 ff 00"),
        ("05 0001 0000", "05 00 01 00 00"),
        ("05 0001 0001", "85 03"),
        ("05 05dc ff00", "85 02"),
        ("06 0001 0003", "06 00 01 00 03"),
        ("06 05dc 0003", "86 02"),
        ("0f 0000 000a 02 cd01", "0f 00 00 00 0a"),
        ("0f 0000 000a 01 cd", "8f 03"),
        ("0f 0000 07b1 f7 00", "8f 03"),
        ("10 0001 0002 04 000a0102", "10 00 01 00 02"),
        ("10 0001 0002 03 000a01", "90 03"),
        ("10 05db 0002 04 000a0102", "90 02"),
        # Mask write, read/write: 6.16, 6.17 (the specification's own example of the mask).
        ("16 0012 00f2 0025", "16 00 12 00 f2 00 25"),
        ("17 0003 0002 0003 0001 02 00ff", "17 04 00 ff 00 04"),
        ("17 0003 007e 0003 0001 02 00ff", "97 03"),
        # Identification: 6.21.
        (
            "2b 0e 01 00",
            "2b 0e 01 81 00 00 03 00 07 45 78 61 6d 70 6c 65 01 06 64 65 76 69 63 65"
            " 02 03 31 2e 30",
        ),
        ("2b 0e 04 02", "2b 0e 04 81 00 00 01 02 03 31 2e 30"),
        ("2b 0e 04 09", "ab 02"),
        ("2b 0d 00 00", "ab 01"),
        # Unknown functions, torn requests.
        ("63", "e3 01"),
        ("08 0000 1234", "88 01"),
        ("03", "83 03"),
        ("03 0000", "83 03"),
        ("03 0000 0001 00", "83 03"),
        ("10 0001 0002", "90 03"),
    ],
)
def test_requests_of_the_specification(request_: str, response: str) -> None:
    assert ask(request_) == response


def test_the_largest_reads_are_answered() -> None:
    assert len(bytes.fromhex(ask("03 0000 007d"))) == 252
    assert len(bytes.fromhex(ask("01 05dd 07d0"))) == 252


def test_the_mask_is_that_of_the_specification() -> None:
    memory = Memory()
    memory.words[0x12] = 0x12
    ask("16 0012 00f2 0025", memory)
    assert memory.words[0x12] == 0x17


def test_a_refused_write_writes_nothing() -> None:
    memory = Memory()
    before = dict(memory.words)
    assert ask("10 05da 0003 06 000a000b000c", memory) == "90 02"
    assert memory.words == before


def test_a_device_without_a_table_does_not_know_the_function() -> None:
    bare = Registers(input={0: lambda: 1})
    assert answer(bytes.fromhex("0300000001"), bare).pdu.hex() == "8301"
    assert answer(bytes.fromhex("0600000001"), bare).pdu.hex() == "8601"
    assert answer(bytes.fromhex("0100000001"), bare).pdu.hex() == "8101"


def test_what_a_device_refuses_is_its_exception() -> None:
    def refuse() -> int:
        raise RefusalError(4)

    broken = Registers(input={0: refuse})
    assert answer(bytes.fromhex("0400000001"), broken).pdu.hex() == "8404"


@given(st.binary(max_size=260))
def test_any_request_has_an_answer_of_legal_size(request: bytes) -> None:
    reply = answer(request, MEMORY.registers)
    assert 2 <= len(reply.pdu) <= 253
    function = request[0] if request else 0
    assert reply.pdu[0] in (function, function | 0x80)
    if reply.pdu[0] & 0x80:
        assert reply.read is None
        assert reply.written is None


MEMORY = Memory()


@given(st.lists(st.booleans(), max_size=40))
def test_bits_are_packed_lowest_first(bits: list[bool]) -> None:
    packed = int.from_bytes(pack_bits(bits), "little")
    assert [packed >> place & 1 for place in range(len(bits))] == bits


@given(st.integers(-0x8000, 0x7FFF))
def test_a_negative_number_is_a_word_in_twos_complement(value: int) -> None:
    assert struct.unpack(">h", struct.pack(">H", word(value))) == (value,)


def test_floats_are_ieee() -> None:
    assert float_words(-123.45) == (0xC2F6, 0xE666)
