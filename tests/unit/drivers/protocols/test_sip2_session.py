"""The SIP2 session told as timelines: what comes in, what goes out, and that it always ends."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.protocols.sip2.messages import ASK_AGAIN, Request, build, seal
from drivers.protocols.sip2.session import (
    MOST_RESENDS,
    Action,
    Deliver,
    Fail,
    Input,
    Note,
    Received,
    Rules,
    Send,
    Session,
    StatusChanged,
    TimedOut,
    step,
)

DATE = "20261121    120000"
ASK = Request("17", (DATE,), (("AO", "L"), ("AB", "1"), ("AC", "")))
SILENCE = TimedOut()
STRICT, REPORT = Rules(), Rules(error_detection="report")
OFF = Rules(error_detection="off")
FIRST = build(ASK, 0, "utf-8") + b"\r"
SECOND = build(ASK, 1, "utf-8") + b"\r"
AGAIN = ASK_AGAIN + b"\r"


def answer(sequence: int | None = 0, code: str = "18", end: bytes = b"\r") -> bytes:
    fixed = {
        "18": "030101" + DATE,
        "12": "1NNY" + DATE,
        "98": "YYYYYN100003" + DATE + "2.00",
    }[code]
    raw = f"{code}{fixed}AB1|".encode()
    return (raw if sequence is None else seal(raw + b"AY%d" % sequence)) + end


def play(rules: Rules, *events: Input | bytes) -> list[Action]:
    """Ask once, feed the events, and give everything that came out except notes."""
    session, done = step(Session(), rules, ASK)
    actions = list(done)
    for event in events:
        given_event = Received(event) if isinstance(event, bytes) else event
        session, done = step(session, rules, given_event)
        actions += done
    return [action for action in actions if not isinstance(action, Note)]


def sends(actions: Sequence[Action]) -> list[bytes]:
    return [action.data for action in actions if isinstance(action, Send)]


def ended(actions: Sequence[Action]) -> str:
    match actions[-1]:
        case Deliver(message, resent):
            return f"{message.code}{' after resend' if resent else ''}"
        case Fail(reason):
            return f"failed: {reason}"
        case other:
            return type(other).__name__


def test_a_plain_exchange() -> None:
    actions = play(STRICT, answer())
    assert sends(actions) == [FIRST]
    assert ended(actions) == "18"


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\r\n\r\n"])
def test_any_end_of_line_ends_a_message(end: bytes) -> None:
    assert ended(play(STRICT, answer(end=end))) == "18"
    assert ended(play(STRICT, b"\n" + answer(end=end))) == "18"


def test_a_message_may_come_byte_by_byte() -> None:
    assert ended(play(STRICT, *(bytes([byte]) for byte in answer()))) == "18"


def test_silence_makes_it_send_the_same_bytes_again() -> None:
    actions = play(STRICT, SILENCE, answer())
    assert sends(actions) == [FIRST, FIRST]
    assert ended(actions) == "18 after resend"


def test_lasting_silence_fails_after_the_retries() -> None:
    actions = play(STRICT, SILENCE, SILENCE, SILENCE)
    assert sends(actions) == [FIRST] * 3
    assert ended(actions) == "failed: no answer to 17 after 2 resends"


def test_a_wrong_checksum_is_asked_for_again_and_the_repetition_may_have_any_number() -> None:
    actions = play(STRICT, answer()[:-2] + b"0\r", answer(7))
    assert sends(actions) == [FIRST, AGAIN]
    assert ended(actions) == "18 after resend"


def test_a_good_answer_with_a_foreign_number_is_discarded() -> None:
    actions = play(STRICT, answer(9), answer(0))
    assert sends(actions) == [FIRST]
    assert ended(actions) == "18"


def test_96_makes_it_send_again_but_not_after_97() -> None:
    ninety_six = seal(b"96") + b"\r"
    assert sends(play(STRICT, ninety_six, answer())) == [FIRST, FIRST]
    actions = play(STRICT, answer()[:-2] + b"0\r", ninety_six)
    assert sends(actions) == [FIRST, AGAIN]
    assert ended(actions).startswith("failed: 96 came as the answer to 97")


def test_96_and_97_never_loop() -> None:
    for event in (seal(b"96") + b"\r", answer()[:-2] + b"0\r", b"garbage\r"):
        actions = play(Rules(retries=9), *[event] * 20)
        assert len(sends(actions)) == 1 + MOST_RESENDS
        assert ended(actions).startswith("failed")


def test_a_status_instead_of_the_answer_makes_it_send_as_a_new_message() -> None:
    actions = play(STRICT, answer(0, "98"), answer(1))
    assert sends(actions) == [FIRST, SECOND]
    assert any(isinstance(action, StatusChanged) for action in actions)
    assert ended(actions) == "18 after resend"


def test_a_status_that_says_offline_ends_the_exchange() -> None:
    offline = answer(0, "98").replace(b"98Y", b"98N")[:-5]
    actions = play(REPORT, offline + b"\r")
    assert ended(actions) == "failed: the library system says that it is offline"


def test_missing_error_detection_is_a_setting() -> None:
    assert ended(play(REPORT, answer(None))) == "18"
    assert ended(play(OFF, answer(None))) == "18"
    assert ended(play(STRICT, *[answer(None)] * 5)).startswith("failed: 18: checksum is absent")
    session, done = step(Session(), OFF, ASK)
    assert done == (Send(build(ASK, None, "utf-8") + b"\r"),)
    assert session.own is None


def test_unknown_and_unasked_messages_change_nothing() -> None:
    actions = play(STRICT, seal(b"7720AY0") + b"\r", answer(0, "12"), answer())
    assert sends(actions) == [FIRST]
    assert ended(actions) == "18"


def test_a_second_answer_is_not_taken_for_the_next_request() -> None:
    session, _ = step(Session(), STRICT, ASK)
    session, done = step(session, STRICT, Received(answer(0) + answer(0)))
    assert [type(action) for action in done] == [Deliver]
    session, _ = step(session, STRICT, ASK)
    session, done = step(session, STRICT, Received(answer(0)))
    assert [type(action) for action in done] == [Note]
    session, done = step(session, STRICT, Received(answer(1)))
    assert [type(action) for action in done] == [Deliver]


def test_numbers_run_from_0_to_9_and_begin_again() -> None:
    session, numbers = Session(), []
    for _ in range(12):
        session, done = step(session, STRICT, ASK)
        assert session.own is not None
        numbers.append(session.own)
        session, done = step(session, STRICT, Received(answer(int(session.own))))
        assert isinstance(done[-1], Deliver)
    assert "".join(numbers) == "012345678901"


def test_a_message_without_an_end_is_given_up() -> None:
    actions = play(STRICT, *[b"98" + b"Y" * 2000] * 6)
    assert ended(actions).startswith("failed: 12012 bytes without an end")


def test_one_exchange_at_a_time() -> None:
    session, _ = step(Session(), STRICT, ASK)
    with pytest.raises(ValueError, match="under way"):
        step(session, STRICT, ASK)


events = st.one_of(
    st.just(SILENCE),
    st.binary(max_size=60),
    st.sampled_from(
        [
            answer(),
            answer(5),
            answer(None),
            answer(0, "12"),
            answer(0, "98"),
            answer(1, "98"),
            seal(b"96") + b"\r",
            b"96\r",
            b"\r\n",
            b"98YYY\r",
            answer()[:-3],
        ]
    ),
)


@given(
    st.lists(events, max_size=30),
    st.sampled_from([STRICT, REPORT, OFF, Rules(retries=0), Rules(retries=9)]),
)
def test_whatever_comes_an_exchange_ends_once_and_sends_little(
    story: list[Input | bytes], rules: Rules
) -> None:
    actions = play(rules, *story)
    ends = [action for action in actions if isinstance(action, Deliver | Fail)]
    assert len(ends) <= 1
    assert len(sends(actions)) <= 1 + min(rules.retries, MOST_RESENDS)
    # Silence alone ends it, whatever came before.
    assert (
        len([a for a in play(rules, *story, *[SILENCE] * 4) if isinstance(a, Deliver | Fail)]) == 1
    )
