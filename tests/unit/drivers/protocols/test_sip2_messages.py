"""SIP2 messages: checksums and vectors, real messages of other people's systems, round trips."""

import json
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.instants import instant, moment
from drivers.protocols.sip2.messages import (
    ASK_AGAIN,
    LAYOUTS,
    LONGEST_MESSAGE,
    Check,
    Message,
    Request,
    Sip2Error,
    build,
    checksum,
    date,
    parse,
    seal,
    supports,
)
from tests.conftest import data_folder

VECTORS = [
    ("941AY0AZ", "FDFD"),
    ("97AZ", "FEF5"),
    ("96AZ", "FEF6"),
    ("9900302.00AY1AZ", "FCA5"),
    ("9900802.00AY1AZ", "FCA0"),
    ("9300CNlibrarian@test.com|CO123456|CPselfcheck_location|AY1AZ", "EAEE"),
    ("9300CNinfo@test.org|COtester|CPselfcheck_location|AY0AZ", "EB8C"),
    (
        "09N20160419    12200820160419    122008APReading Room 1|AO830|AB830$28170815|AC|AY2AZ",
        "EB80",
    ),
    (
        "1804020120110630    110250AB30007008641424|AJLe zahir|CK001|AQOSUL|APOSUL|BGOSUL"
        "|AH2011-10-28 23:59:59|CSPB LP COE|AY7AZ",
        "E174",
    ),
    (
        "1804020120110630    110251AB30007008432675|AJIncendiaire|CK001|AQOSUL|APOSUL|BGOSUL"
        "|AH2011-10-28 23:59:59|CSPB LP CLE|AY8AZ",
        "E003",
    ),
    ("9300CNLoginUserID|COLoginPassword|CPLocationCode|AY5AZ", "EC7B"),
]
DATE = "20261121    120000"


@pytest.mark.parametrize(("head", "digits"), VECTORS)
def test_checksum_vectors(head: str, digits: str) -> None:
    assert checksum(head.encode()) == digits.encode()
    assert parse((head + digits).encode(), "utf-8").check is Check.GOOD
    assert parse((head + digits.lower()).encode(), "utf-8").check is Check.GOOD


def test_the_sum_is_over_bytes_as_sent_not_over_characters() -> None:
    decomposed = "AJLe Pie\u0300ge|AY7AZ"
    composed = "AJLe Pi\u00e8ge|AY7AZ"
    head = "18040201" + "20110630    110249"
    one, other = (head + text for text in (decomposed, composed))
    assert checksum(one.encode()) != checksum(other.encode())
    for text in (one, other):
        raw = text.encode()
        assert parse(raw + checksum(raw), "utf-8").check is Check.GOOD


def test_a_request_for_repetition_has_no_number() -> None:
    assert ASK_AGAIN == b"97AZFEF5"
    assert parse(ASK_AGAIN, "utf-8") == parse(b"97AZFEF5", "cp850")
    assert parse(b"96AY3AZ" + checksum(b"96AY3AZ"), "utf-8").sequence == "3"


def test_transcript_of_the_example_server() -> None:
    status = parse(
        b"98YNNYNN60000320261121    0447212.00AOUWOLS|BXYYYYYYYYYNYNYYYY|AY1AZEDDF", "utf-8"
    )
    assert status.check is Check.GOOD
    assert status.fixed["checkin"] == status.fixed["checkout"] == "N"
    assert status.fixed["timeout"] == "600"
    assert supports(status, "63")
    assert not supports(status, "37")
    lent = parse(
        b"121NNY20261121    044721AOUWOLS|AAdjfiander|AB1565921879|AJPerl 5 desktop reference"
        b"|AH20261205    044721|CK001|AY5AZDFB1",
        "utf-8",
    )
    assert lent.check is Check.GOOD
    assert lent.fixed["ok"] == "1"
    assert lent.fixed["desensitize"] == "Y"
    assert lent.first("AJ") == "Perl 5 desktop reference"


def test_requests_are_written_as_strict_servers_want_them() -> None:
    request = Request(
        "11",
        ("Y", "N", DATE, DATE),
        (("AO", "UWOLS"), ("AA", "djfiander"), ("AB", "1"), ("AC", "")),
    )
    raw = build(request, 5, "utf-8")
    assert raw.startswith(
        b"11YN20261121    12000020261121    120000AOUWOLS|AAdjfiander|AB1|AC|AY5AZ"
    )
    assert build(request, None, "utf-8").endswith(b"|AC|")
    assert parse(raw, "utf-8").sequence == "5"


def test_dates_carry_their_zone() -> None:
    at = instant(moment(0).replace(year=2026, month=11, day=21, hour=9, minute=5, second=7))
    assert date(at) == "20261121   Z090507"
    assert date(at, ZoneInfo("Asia/Shanghai")) == "20261121    170507"


@pytest.mark.parametrize("value", ["a|b", "a\rb", "a\0", "\n"])
def test_a_value_that_would_break_out_of_its_field_is_refused(value: str) -> None:
    with pytest.raises(Sip2Error, match="AB"):
        build(Request("17", (DATE,), (("AB", value),)), 0, "utf-8")


def test_a_fixed_part_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(Sip2Error, match="date"):
        build(Request("17", ("2026",)), 0, "utf-8")


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "begins with"),
        (b"x", "begins with"),
        (b"HTTP/1.1 400", "begins with"),
        (b"12", "fixed part ok"),
        (b"121NNY2026", "fixed part date"),
        (b"98" + b"Y" * LONGEST_MESSAGE, "the limit"),
    ],
)
def test_nonsense_gives_one_error_that_says_what(raw: bytes, what: str) -> None:
    with pytest.raises(Sip2Error, match=what):
        parse(raw, "utf-8")


@pytest.mark.parametrize(
    ("raw", "check", "sequence"),
    [
        (b"941", Check.ABSENT, None),
        (b"941AY0", Check.ABSENT, "0"),
        (b"941AY0AZ", Check.WRONG, "0"),
        (b"941AY0AZFDFE", Check.WRONG, "0"),
        (b"941AY0AZFDF", Check.WRONG, "0"),
        (b"941AY0AZFDFD|", Check.GOOD, "0"),
        (b"941AY0AZFDFD ", Check.GOOD, "0"),
        (b"17" + DATE.encode() + b"ABx|AJTopaz", Check.ABSENT, None),
        (b"17" + DATE.encode() + b"ABx|AJDIE AZ", Check.ABSENT, None),
    ],
)
def test_error_detection_is_found_whatever_it_looks_like(
    raw: bytes, check: Check, sequence: str | None
) -> None:
    message = parse(raw, "utf-8")
    assert (message.check, message.sequence) == (check, sequence)


def test_fields_may_repeat_be_unknown_be_empty_or_end_without_a_delimiter() -> None:
    raw = b"64" + b" " * 14 + b"000" + DATE.encode() + b" " * 24 + b"AFone|ZZ?|AF|AFtwo||A|AU9"
    message = parse(raw, "utf-8")
    assert message.every("AF") == ["one", "", "two"]
    assert message.first("AU") == "9"
    assert ("ZZ", "?") in message.fields
    assert message.every("BL") == []
    assert message.fixed["charged"] == "    "


def test_a_delimiter_inside_a_gbk_character_does_not_split_the_field() -> None:
    title = "昞亅"  # its GBK bytes hold 0x7C
    assert b"|" in title.encode("gbk")
    raw = seal(b"20" + b"1" + DATE.encode() + b"AJ" + title.encode("gbk") + b"|ABx|AY1")
    message = parse(raw, "gbk")
    assert (message.first("AJ"), message.first("AB")) == (title, "x")
    assert message.check is Check.GOOD


def test_a_wrong_byte_never_drops_a_message() -> None:
    message = parse(b"20" + b"1" + DATE.encode() + b"AJcaf\xe9|ABx|", "utf-8")
    assert message.first("AJ") == "caf\ufffd"
    assert message.first("AB") == "x"


def test_what_a_message_says_about_people_stays_out_of_logs() -> None:
    message = parse(b"24" + b" " * 14 + b"000" + DATE.encode() + b"AEJane Doe|AA123|", "utf-8")
    assert "Jane" not in repr(message)
    login = Request("93", ("0", "0"), (("CN", "user"), ("CO", "canary"), ("CP", "x")))
    assert "canary" not in repr(login)


def test_every_real_message_parses_or_gives_one_error() -> None:
    lines = (data_folder("sip2") / "messages.jsonl").read_text(encoding="utf-8").splitlines()
    read, good, wrong = 0, 0, []
    for line in lines:
        entry = json.loads(line)
        try:
            message = parse(entry["raw"].encode(), "utf-8")
        except Sip2Error as error:
            wrong.append(f"{entry['raw']}: {error}")
            continue
        read += 1
        assert message.code == entry["code"]
        if entry["checksum"] == "valid" and entry.get("checksum_charset", "-") in ("-", "utf-8"):
            good += message.check is Check.GOOD
            assert message.check is Check.GOOD, entry["raw"]
        if entry["checksum"] == "absent":
            assert message.check is Check.ABSENT, entry["raw"]
        if entry["checksum"].startswith(("INVALID", "truncated")):
            assert message.check is not Check.GOOD, entry["raw"]
    assert read + len(wrong) == len(lines) == 170
    assert not wrong
    assert good == 60


names = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2).filter(
    lambda name: name not in ("AY", "AZ")
)
values = st.text(
    st.characters(min_codepoint=0x20, exclude_categories=("Cs", "Cc"), exclude_characters="|"),
    max_size=40,
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    code = draw(st.sampled_from(sorted(LAYOUTS)))
    fixed = tuple(
        draw(st.text("0123456789YN +", min_size=part.length, max_size=part.length))
        for part in LAYOUTS[code]
    )
    return Request(code, fixed, tuple(draw(st.lists(st.tuples(names, values), max_size=6))))


@given(requests(), st.integers(0, 9))
def test_what_is_built_is_read_back(request: Request, sequence: int) -> None:
    message = parse(build(request, sequence, "utf-8"), "utf-8")
    assert message.code == request.code
    assert tuple(message.fixed.values()) == request.fixed
    assert message.fields == request.fields
    assert message.sequence == str(sequence)
    assert message.check is Check.GOOD


@given(st.binary(max_size=300), st.sampled_from(["utf-8", "cp850", "gb18030", "latin-1"]))
def test_any_bytes_parse_or_give_one_error(raw: bytes, encoding: str) -> None:
    for candidate in (raw, b"12" + raw, b"98" + b"Y" * 40 + raw):
        try:
            message = parse(candidate, encoding)
        except Sip2Error:
            continue
        assert isinstance(message, Message)


@given(requests(), st.integers(0, 9), st.data())
def test_one_changed_byte_never_passes(
    request: Request, sequence: int, data: st.DataObject
) -> None:
    raw = bytearray(build(request, sequence, "utf-8"))
    place = data.draw(st.integers(2, len(raw) - 11)) if len(raw) > 14 else 2
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        message = parse(bytes(raw), "utf-8")
    except Sip2Error:
        return
    assert message.check is not Check.GOOD
