"""The SIP2 driver against servers that behave as real ones do."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from drivers.capabilities import Circulation, Whereabouts
from drivers.devices.sip2_system import SPEC, Sip2Circulation
from drivers.errors import LinkDownError, NotSentError, RefusedError
from drivers.links.sip2_tcp import Sip2Connection
from runtime.host import system_host
from tests.conftest import play
from tests.polled import leaping_clock
from tests.scenario.sip2_quirks import Quirks, QuirkyServer, serving, settings

AT = 1_795_000_000_000_000
CLOCK = replace(leaping_clock(1), wall=lambda: AT)
Dialogue = Callable[[Sip2Circulation, QuirkyServer], Awaitable[None]]


@asynccontextmanager
async def kiosk(
    server: QuirkyServer, **changes: object
) -> AsyncIterator[tuple[Sip2Circulation, QuirkyServer]]:
    async with serving(server):
        config = settings(server.port, **changes)
        link = Sip2Connection(config, system_host())
        driver = SPEC.build(config.devices[0], link, CLOCK)
        assert isinstance(driver, Sip2Circulation)
        assert isinstance(driver, Circulation)
        try:
            yield driver, server
        finally:
            await link.aclose()


def tell(dialogue: Dialogue, quirks: Quirks | None = None, **changes: object) -> QuirkyServer:
    server = QuirkyServer(replace(quirks) if quirks else Quirks())

    async def story() -> None:
        async with kiosk(server, **changes) as (driver, quirky):
            await dialogue(driver, quirky)

    play(story())
    return server


async def a_whole_visit(library: Sip2Circulation, server: QuirkyServer) -> None:
    patron = await library.patron("reader-1")
    assert (patron.valid, patron.name) == (True, "Jane")
    lent = await library.checkout("reader-1", "b1", AT)
    assert (lent.ok, lent.title, lent.due, lent.security) == (True, "A title", "2026-12-24", True)
    assert server.holders == {"b1": "reader-1"}
    assert await library.whereabouts("b1", "reader-1") is Whereabouts.LENT_TO_CARD
    assert await library.whereabouts("b1", "reader-2") is Whereabouts.LENT
    assert await library.whereabouts("b1") is Whereabouts.LENT
    back = await library.checkin("b1", AT)
    assert (back.ok, back.security, back.alert) == (True, True, False)
    assert server.holders == {}
    assert await library.whereabouts("b1") is Whereabouts.FREE


HABITS: dict[str, tuple[Quirks, dict[str, object]]] = {
    "by the book": (Quirks(), {}),
    "CRLF": (Quirks(ends_with=b"\r\n"), {}),
    "LF": (Quirks(ends_with=b"\n"), {}),
    "byte by byte": (Quirks(bytewise=True), {}),
    "no error detection": (Quirks(detects=False), {"error_detection": "report"}),
    "error detection off": (Quirks(detects=False), {"error_detection": "off"}),
    "a wrong checksum, repeated with AY0": (Quirks(damages=2), {}),
    "a wrong checksum, repeated as it was": (Quirks(damages=2, repeats_with_zero=False), {}),
    "wrong checksums throughout": (Quirks(damages=99), {"error_detection": "report"}),
    "no answer to 97": (Quirks(damages=1, knows_97=False), {}),
    "98 instead of an answer": (Quirks(status_first=1), {}),
    "96 at first": (Quirks(garbles=1), {}),
    "silence at first": (Quirks(swallows=1), {}),
    "checkin and checkout N": (Quirks(checkout="N"), {"obey_status_flags": False}),
}


@pytest.mark.parametrize("habit", HABITS)
def test_a_whole_visit_with(habit: str) -> None:
    quirks, changes = HABITS[habit]
    server = tell(a_whole_visit, quirks, **changes)
    assert server.connections <= 2
    assert all(line.count("\r") == 1 and "\n" not in line for line in server.heard)


def test_patron_status_is_asked_where_patron_information_is_unknown() -> None:
    async def story(library: Sip2Circulation, server: QuirkyServer) -> None:
        assert (await library.patron("reader-1")).valid
        assert not (await library.patron("stranger")).valid
        assert await library.whereabouts("b1", "reader-1") is Whereabouts.FREE

    server = tell(story, Quirks(bx="YYYYYYYNYYYYYYYY"))
    assert not any(line.startswith("63") for line in server.heard)
    asked = next(line for line in server.heard if line.startswith("23"))
    assert "|AC|AD|" in asked


def test_a_repeated_checkout_that_was_carried_out_twice_is_one_loan() -> None:
    async def story(library: Sip2Circulation, server: QuirkyServer) -> None:
        server.quirks.swallows = 1
        assert (await library.checkout("reader-1", "b1", AT)).ok
        server.quirks.swallows = 1
        assert (await library.checkin("b1", AT)).ok
        assert server.holders == {}
        server.quirks.swallows = 1
        assert not (await library.checkout("reader-1", "reference", AT)).ok

    server = tell(story)
    lines = [line for line in server.heard if line.startswith("11") and "ABb1" in line]
    assert len(lines) == 2
    assert lines[0] == lines[1]


def test_lasting_silence_is_a_link_that_is_down_and_the_next_request_gets_its_own_answer() -> None:
    async def story(library: Sip2Circulation, server: QuirkyServer) -> None:
        await library.check()
        server.quirks.swallows = 3
        with pytest.raises(LinkDownError) as caught:
            await library.checkout("reader-1", "b1", AT)
        assert not isinstance(caught.value, NotSentError)
        assert (await library.patron("reader-1")).valid

    server = tell(story)
    assert server.connections == 2
    assert sum(line.startswith("11") for line in server.heard) == 3


def test_a_server_that_hangs_up_is_reached_again() -> None:
    async def story(library: Sip2Circulation, server: QuirkyServer) -> None:
        await library.check()
        server.quirks.hangs_up_after = 0
        with pytest.raises(LinkDownError):
            await library.checkin("b1", AT)
        server.quirks.hangs_up_after = 10**9
        assert not (await library.checkin("b1", AT)).ok

    assert tell(story).connections == 2


def test_a_connection_closed_meanwhile_costs_nothing() -> None:
    async def story(library: Sip2Circulation, server: QuirkyServer) -> None:
        await library.check()
        await asyncio.sleep(0.05)
        assert (await library.checkout("reader-1", "b1", AT)).ok

    async def hung_up() -> None:
        server = QuirkyServer()
        async with kiosk(server) as (library, _):
            await library.check()
            wire = library.link._wire
            assert wire is not None
            wire[0].feed_eof()
            await story(library, server)
            assert server.connections == 2

    play(hung_up())


def test_what_never_left_is_told_apart() -> None:
    async def story() -> None:
        link = Sip2Connection(settings(1), system_host())
        library = SPEC.build(settings(1).devices[0], link, CLOCK)
        assert isinstance(library, Sip2Circulation)
        with pytest.raises(NotSentError, match="cannot be reached"):
            await library.checkout("reader-1", "b1", AT)
        await link.aclose()

    play(story())


@pytest.mark.parametrize(
    ("quirks", "what"),
    [
        (Quirks(password="other"), "refused; check login and password"),
        (Quirks(online="N"), "offline"),
        (Quirks(deaf=True), "no answer to 93"),
        (Quirks(endless=True), "without an end"),
        (Quirks(garbles=99), "not understood"),
        (Quirks(detects=False), "report to accept it"),
    ],
)
def test_a_server_that_cannot_be_used_is_not_sent_anything(quirks: Quirks, what: str) -> None:
    async def story(library: Sip2Circulation, server: QuirkyServer) -> None:
        with pytest.raises(NotSentError, match=what):
            await library.checkout("reader-1", "b1", AT)

    server = tell(story, quirks)
    assert not any(line.startswith("11") for line in server.heard)
    assert len(server.heard) <= 5


def test_status_flags_stop_the_kiosk_when_they_are_obeyed() -> None:
    async def story(library: Sip2Circulation, server: QuirkyServer) -> None:
        await library.check()
        answer = await library.checkout("reader-1", "b1", AT)
        assert (answer.ok, answer.message) == (False, "The library system lends nothing now.")

    server = tell(story, Quirks(checkout="N"))
    assert server.holders == {}


def test_strict_servers_get_what_they_want() -> None:
    server = tell(a_whole_visit)
    by_code = {line[:2]: line for line in server.heard}
    assert by_code["93"].startswith("9300CNkiosk|COsecret|CPkiosk-1|AY0AZ")
    assert by_code["11"][4:40].count(" ") == 6  # two dates in UTC, none left blank
    assert by_code["11"][4:22] == by_code["11"][22:40]
    for code in ("11", "09", "63", "17"):
        assert "|AC|" in by_code[code]
        assert "|AY" in by_code[code]
    assert by_code["09"][39:].startswith("APkiosk-1|AOL|ABb1|AC|AY")


def test_a_library_system_with_a_zone_gets_local_dates() -> None:
    devices = [settings(1).devices[0].model_copy(update={"timezone": "Asia/Shanghai"})]
    heard = tell(a_whole_visit, devices=devices).heard
    dates = {"11": slice(4, 40), "09": slice(3, 39), "63": slice(5, 23), "17": slice(2, 20)}
    found = {line[:2]: line[dates[line[:2]]] for line in heard if line[:2] in dates}
    local = "20261118    190640"  # AT is 11:06:40 in UTC
    assert found == {"11": local * 2, "09": local * 2, "63": local, "17": local}


def test_an_undone_checkout_is_cancelled_explicitly() -> None:
    async def story(library: Sip2Circulation, server: QuirkyServer) -> None:
        await library.checkout("reader-1", "b1", AT)
        assert (await library.undo_checkout("reader-1", "b1", AT)).ok

    server = tell(story)
    assert "|BIY|" in server.heard[-1]
    assert server.holders == {}


def test_a_card_number_that_would_break_out_of_its_field_never_leaves() -> None:
    async def story(library: Sip2Circulation, server: QuirkyServer) -> None:
        with pytest.raises(RefusedError, match="AA holds a delimiter"):
            await library.patron("x|ADy")

    assert not any(line.startswith("63") for line in tell(story).heard)


def test_several_callers_take_turns() -> None:
    async def story(library: Sip2Circulation, server: QuirkyServer) -> None:
        answers = await asyncio.gather(
            *(library.checkout("reader-1", f"b{number}", AT) for number in range(20))
        )
        assert all(answer.ok for answer in answers)
        assert len(server.holders) == 20

    assert tell(story).connections == 1


def test_a_cancelled_exchange_leaves_no_answer_for_the_next() -> None:
    async def story(library: Sip2Circulation, server: QuirkyServer) -> None:
        await library.check()
        server.quirks.swallows = 1
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await library.checkout("reader-1", "b1", AT)
        assert await library.whereabouts("b2") is Whereabouts.FREE

    assert tell(story).connections == 2


def test_wrong_checksums_that_are_accepted_are_counted_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tell(a_whole_visit, Quirks(damages=99), error_detection="report")
    warned = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert "(oddity 1)" in warned[0]
    assert len(warned) <= 2


def test_no_password_in_any_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tell(a_whole_visit, Quirks(damages=1))
    with pytest.raises(NotSentError) as caught:
        tell(a_whole_visit, Quirks(password="other"))
    assert "secret" not in caplog.text + str(caught.value)
    assert "reader-1" not in caplog.text
