"""Acknowledgements that never come are noticed once."""

from edge.uplink.ack_monitor import LONGEST_SILENCE, Hearing


def test_silence_is_told_once_and_taken_back_once() -> None:
    hearing = Hearing()
    assert not hearing.overdue(1_000.0)  # nothing was sent
    hearing.sent(1_000.0)
    hearing.sent(1_020.0)
    assert not hearing.overdue(1_000.0 + LONGEST_SILENCE - 0.1)
    assert hearing.overdue(1_000.0 + LONGEST_SILENCE)
    assert not hearing.overdue(2_000.0)
    assert hearing.heard()
    assert not hearing.heard()
    hearing.sent(3_000.0)
    assert hearing.overdue(3_000.0 + LONGEST_SILENCE)


def test_an_answer_in_time_is_not_worth_a_word() -> None:
    hearing = Hearing()
    for second in range(100):
        hearing.sent(float(second))
        assert not hearing.overdue(second + 0.5)
        assert not hearing.heard()
    assert not hearing.overdue(1e6)


def test_while_the_broker_is_gone_nobody_waits() -> None:
    hearing = Hearing()
    hearing.sent(0.0)
    hearing.cut()
    assert not hearing.overdue(100.0)
    hearing.sent(100.0)
    assert not hearing.overdue(101.0)
    assert hearing.overdue(100.0 + LONGEST_SILENCE)
    hearing.cut()
    assert hearing.heard()
