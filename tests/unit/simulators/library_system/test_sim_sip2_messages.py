"""The library system's SIP2 codec, against the vectors and the real messages of others."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.library_system.messages import (
    LAYOUTS,
    Answer,
    ChecksumError,
    MalformedError,
    Request,
    UnknownCommandError,
    checksum,
    compose,
    parse,
    seal,
)
from tests.conftest import data_folder

VECTORS = {
    "941AY0AZ": "FDFD",
    "97AZ": "FEF5",
    "96AZ": "FEF6",
    "9900302.00AY1AZ": "FCA5",
    "9900802.00AY1AZ": "FCA0",
    "9300CNlibrarian@test.com|CO123456|CPselfcheck_location|AY1AZ": "EAEE",
    "9300CNinfo@test.org|COtester|CPselfcheck_location|AY0AZ": "EB8C",
    "09N20160419    12200820160419    122008APReading Room 1|AO830|AB830$28170815|AC|AY2AZ": "EB80",
    "1804020120110630    110250AB30007008641424|AJLe zahir|CK001|AQOSUL|APOSUL|BGOSUL"
    "|AH2011-10-28 23:59:59|CSPB LP COE|AY7AZ": "E174",
    "1804020120110630    110251AB30007008432675|AJIncendiaire|CK001|AQOSUL|APOSUL|BGOSUL"
    "|AH2011-10-28 23:59:59|CSPB LP CLE|AY8AZ": "E003",
    "9300CNLoginUserID|COLoginPassword|CPLocationCode|AY5AZ": "EC7B",
}
DATE = "20261121    120000"


@pytest.mark.parametrize(("text", "expected"), VECTORS.items())
def test_the_checksum_is_that_of_the_vectors(text: str, expected: str) -> None:
    assert checksum(text.encode()) == expected


@pytest.mark.parametrize("text", [text for text in VECTORS if text[:2] in LAYOUTS])
def test_a_request_of_the_vectors_is_understood(text: str) -> None:
    request = parse((text + VECTORS[text]).encode(), "utf-8")
    assert request.code == text[:2]
    assert request.checksum == VECTORS[text]


def test_a_login_gives_its_fields() -> None:
    raw = b"9300CNinfo@test.org|COtester|CPselfcheck_location|AY0AZEB8C"
    request = parse(raw, "utf-8")
    assert request.fields == {"CN": "info@test.org", "CO": "tester", "CP": "selfcheck_location"}
    assert request.sequence == "0"


def test_the_sum_is_over_bytes_as_sent_not_over_characters() -> None:
    for encoding in ("utf-8", "gb18030"):
        body = f"17{DATE}AOZJLIB|AB1|AJ文澜阁|".encode(encoding)
        assert parse(seal(body, "3"), encoding).get("AJ") == "文澜阁"


@pytest.mark.parametrize(
    "text",
    [
        f"11YN{DATE}{' ' * 18}AOZJLIB|AA1|AB2|AC|",  # no due date for a blocked renewal
        f"11YN{DATE}{DATE}AOZJLIB|AA1|AB2|",  # AC is required, empty if need be
        f"11YN{DATE}{DATE}AOZJLIB|AA1|AB2|AC",  # the last field does not end
        f"11xN{DATE}{DATE}AOZJLIB|AA1|AB2|AC|",
        f"23001{DATE[:-1]}xAO|AA1|AC|AD|",
        f"23001{DATE}AO|AA1|AC|",
        f"63001{DATE}YY        AO|AA1|",
        f"63001{DATE}          AO|AA1|BP{'9' * 256}|",
        "9900302.0",
    ],
)
def test_a_request_out_of_form_is_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        parse(text.encode(), "utf-8")


def test_an_unknown_command_is_said_to_be_unknown() -> None:
    with pytest.raises(UnknownCommandError):
        parse(seal(b"XXhello", "1"), "utf-8")


def test_unknown_fields_are_kept_apart_and_the_first_of_a_kind_counts() -> None:
    request = parse(f"35{DATE}AOa|AAb|ZZc|AAd|AC|".encode(), "utf-8")
    assert (request.get("AA"), request.get("ZZ"), request.get("AQ")) == ("b", "c", "")


@given(st.binary(max_size=300))
def test_any_bytes_give_a_request_or_one_of_three_errors(raw: bytes) -> None:
    with suppress(ChecksumError, MalformedError, UnknownCommandError):
        parse(raw, "utf-8")


@given(st.sampled_from(sorted(VECTORS)), st.data())
def test_one_changed_byte_is_noticed(text: str, data: st.DataObject) -> None:
    raw = bytearray((text + VECTORS[text]).encode())
    if text[:2] not in LAYOUTS:
        return
    place = data.draw(st.integers(0, len(raw) - 7))
    raw[place] = (raw[place] + data.draw(st.integers(1, 255))) % 256
    with pytest.raises((ChecksumError, MalformedError, UnknownCommandError)):
        parse(bytes(raw), "utf-8")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["AJ", "AF", "AE"]),
            st.text(max_size=60).filter(lambda text: not _has_control(text)),
        ),
        max_size=5,
    )
)
def test_what_is_composed_can_be_checked_by_anybody(fields: list[tuple[str, str]]) -> None:
    request = Request("99", sequence="4", checksum="FFFF")
    raw = compose(Answer("98", "x", tuple(fields)), "utf-8", request)
    assert raw[-9:-7] == b"AY"
    total = sum(raw[:-4]) + int(raw[-4:], 16)
    assert total % 65536 == 0
    assert raw.count(b"|") == len(fields)
    assert b"\r" not in raw


def _has_control(text: str) -> bool:
    return any(0xD800 <= ord(c) < 0xE000 for c in text)


def test_without_error_detection_the_answer_has_none() -> None:
    assert compose(Answer("94", "1"), "utf-8", Request("93")) == b"941"


def test_messages_of_real_kiosks_are_understood_or_refused_clearly() -> None:
    lines = (data_folder("sip2") / "messages.jsonl").read_text(encoding="utf-8").splitlines()
    understood = refused = 0
    for line in lines:
        row = json.loads(line)
        if row["dir"] != "SC->ACS" or row["code"] not in LAYOUTS or row["checksum"] == "truncated":
            continue
        raw = row["raw"].rstrip("\r\n").encode()
        try:
            request = parse(raw, "utf-8")
        except (ChecksumError, MalformedError):
            refused += 1
        else:
            understood += 1
            assert request.code == row["code"]
    assert understood > refused > 0
