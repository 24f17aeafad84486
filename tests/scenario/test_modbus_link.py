"""The Modbus TCP link against servers that misbehave on a real socket."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
import uvloop

from config.registers import Table
from drivers.errors import BadReplyError, DriverError, LinkDownError, NotSentError, RefusedError
from drivers.links.tcp import ModbusTcpLink
from drivers.protocols.modbus.pdu import DeviceFailureError
from runtime.host import Streams, system_host
from tests.scenario.hostile_modbus import (
    TIMEOUT,
    Asked,
    answer,
    config_of,
    hostile,
    once,
    read,
    sending,
)

Play = Callable[[Coroutine[Any, Any, None]], None]

WRONG = {
    "wrong unit": lambda a: a.frame(a.pdu(1, 2), unit=a.unit + 1),
    "unit 0": lambda a: a.frame(a.pdu(1, 2), unit=0),
    "wrong function": lambda a: a.frame(bytes([3]) + a.pdu(1, 2)[1:]),
    "transaction 0": lambda a: a.frame(a.pdu(1, 2), transaction=0),
    "protocol 1": lambda a: a.frame(a.pdu(1, 2), protocol=1),
    "one word less": lambda a: a.good(1),
    "one word more": lambda a: a.good(1, 2, 3),
    "no data": lambda a: a.frame(bytes([4])),
    "byte count lies up": lambda a: a.frame(bytes([4, 6]) + bytes(4)),
    "byte count lies down": lambda a: a.frame(bytes([4, 2]) + bytes(4)),
    "length 0": lambda a: a.frame(a.pdu(1, 2), length=0),
    "length 1": lambda a: a.frame(a.pdu(1, 2), length=1),
    "length 300": lambda a: a.frame(a.pdu(1, 2), length=300),
    "exception without code": lambda a: a.frame(bytes([0x84])),
    "exception, length short by one": lambda a: a.frame(bytes([0x84, 2]), length=2),
    "exception of another function": lambda a: a.frame(bytes([0x83, 2])),
    "exception too long": lambda a: a.frame(bytes([0x84, 2, 0])),
    "text": lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "zeros": lambda _: bytes(64),
    "exception 4": lambda a: a.frame(bytes([0x84, 4])),
    "exception 8": lambda a: a.frame(bytes([0x84, 8])),
    "exception 77": lambda a: a.frame(bytes([0x84, 77])),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_reply_is_refused_at_once_and_the_next_read_is_sound(play: Play, what: str) -> None:
    async def story() -> None:
        async with hostile(once(sending(WRONG[what]))) as (_, link):
            begun = asyncio.get_running_loop().time()
            with pytest.raises(BadReplyError, match=r"bus .*unit 1, function 4, address 1"):
                await read(link)
            assert asyncio.get_running_loop().time() - begun < TIMEOUT / 2
            assert await read(link) == [218, 546]

    play(story())


SILENT = {
    "nothing": lambda _: b"",
    "half a header": lambda a: a.good(1, 2)[:5],
    "all but one byte": lambda a: a.good(1, 2)[:-1],
    "only another transaction": lambda a: a.frame(a.pdu(1, 2), transaction=a.transaction + 1),
    "64 kilobytes of other transactions": lambda a: 4700 * a.frame(a.pdu(1, 2), transaction=9999),
}


@pytest.mark.parametrize("what", SILENT)
def test_silence_ends_at_the_deadline_and_the_next_read_is_sound(play: Play, what: str) -> None:
    async def story() -> None:
        async with hostile(once(sending(SILENT[what]))) as (_, link):
            begun = asyncio.get_running_loop().time()
            with pytest.raises(LinkDownError, match=r"no answer in 0.2 s"):
                await read(link)
            assert TIMEOUT * 0.9 < asyncio.get_running_loop().time() - begun < 4 * TIMEOUT
            assert await read(link) == [218, 546]

    play(story())


CODES = {
    1: RefusedError,
    2: RefusedError,
    3: RefusedError,
    4: DeviceFailureError,
    5: LinkDownError,
    6: LinkDownError,
    8: BadReplyError,
    10: LinkDownError,
    11: LinkDownError,
    200: BadReplyError,
}


@pytest.mark.parametrize("code", CODES)
def test_exceptions_are_sorted_and_keep_the_connection(play: Play, code: int) -> None:
    async def story() -> None:
        refuse = sending(lambda asked: asked.frame(bytes([0x84, code])))
        async with hostile(once(refuse)) as (server, link):
            with pytest.raises(DriverError, match=f"exception {code}:") as caught:
                await read(link)
            assert type(caught.value) is CODES[code]
            assert await read(link) == [218, 546]
            assert server.connections == 1

    play(story())


def test_a_reply_byte_by_byte_is_a_reply(play: Play) -> None:
    async def slowly(asked: Asked, writer: asyncio.StreamWriter) -> None:
        for byte in asked.good(1, 2):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.002)

    async def story() -> None:
        async with hostile(slowly, timeout="2s") as (_, link):
            assert await read(link) == [1, 2]

    play(story())


def test_a_reply_slower_than_the_deadline_is_none(play: Play) -> None:
    async def too_slowly(asked: Asked, writer: asyncio.StreamWriter) -> None:
        for byte in asked.good(1, 2):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(TIMEOUT / 5)

    async def story() -> None:
        async with hostile(once(too_slowly)) as (_, link):
            with pytest.raises(LinkDownError):
                await read(link)
            assert await read(link) == [218, 546]

    play(story())


def test_a_late_reply_is_never_taken_for_the_next(play: Play) -> None:
    """The server answers each request late, with a value that only that request may get."""

    async def story() -> None:
        late: list[asyncio.Task[None]] = []

        async def tardy(asked: Asked, writer: asyncio.StreamWriter) -> None:
            async def reply(delay: float) -> None:
                await asyncio.sleep(delay)
                if not writer.is_closing():
                    writer.write(asked.good(asked.unit, asked.unit))

            delay = 1.3 * TIMEOUT if asked.unit % 2 else 0.0
            late.append(asyncio.create_task(reply(delay), name=f"late {asked.unit}"))

        async with hostile(tardy) as (_, link):
            for unit in range(1, 9):
                if unit % 2:
                    with pytest.raises(LinkDownError):
                        await read(link, unit)
                else:
                    assert await read(link, unit) == [unit, unit]
            await asyncio.gather(*late)

    play(story())


def test_a_gateway_that_hands_an_old_answer_to_the_new_connection_deceives_nobody(
    play: Play,
) -> None:
    async def story() -> None:
        old: list[bytes] = []

        async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
            if not old:
                old.append(asked.good(6666, 6666))
            else:
                writer.write(old[0] + asked.good(218, 546))

        async with hostile(behave) as (_, link):
            with pytest.raises(LinkDownError):
                await read(link)
            assert await read(link) == [218, 546]
            assert await read(link) == [218, 546]

    play(story())


def test_every_reply_sent_twice_disturbs_nothing(play: Play) -> None:
    async def twice(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(asked.good(asked.unit, 0) * 2)

    async def story() -> None:
        async with hostile(twice) as (server, link):
            for unit in range(1, 30):
                assert await read(link, unit) == [unit, 0]
                await asyncio.sleep(0)
            assert server.connections == 1

    play(story())


def test_replies_with_swapped_transactions_are_never_values(play: Play) -> None:
    async def swapped(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(asked.frame(asked.pdu(1, 1), transaction=asked.transaction + 1))

    async def story() -> None:
        async with hostile(swapped) as (_, link):
            for _ in range(3):
                with pytest.raises(LinkDownError):
                    await read(link)

    play(story())


def test_an_endless_stream_ends_at_the_deadline(play: Play) -> None:
    async def flood(asked: Asked, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(bytes(range(256)) * 16)
            await writer.drain()

    async def story() -> None:
        async with hostile(once(flood)) as (_, link):
            begun = asyncio.get_running_loop().time()
            with pytest.raises(DriverError):
                await read(link)
            assert asyncio.get_running_loop().time() - begun < 4 * TIMEOUT
            assert await read(link) == [218, 546]

    play(story())


def test_a_connection_closed_when_idle_is_no_error_for_a_read(play: Play) -> None:
    async def closing(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await answer(asked, writer)
        await writer.drain()
        writer.close()

    async def story() -> None:
        async with hostile(closing) as (server, link):
            for wait in (0.0, 0.05, 0.0):
                assert await read(link) == [218, 546]
                await asyncio.sleep(wait)
            assert server.connections == 3

    play(story())


def test_a_connection_closed_just_when_it_is_used_again_is_no_error_for_a_read(play: Play) -> None:
    async def story() -> None:
        async def every_second(asked: Asked, writer: asyncio.StreamWriter) -> None:
            if len(server.requests) == 2:
                writer.close()
            else:
                await answer(asked, writer)

        async with hostile(every_second) as (server, link):
            assert await read(link) == [218, 546]
            assert await read(link) == [218, 546]
            assert (len(server.requests), server.connections) == (3, 2)

    play(story())


def test_a_server_that_hangs_up_before_it_is_asked_was_never_sent_anything(play: Play) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def late(host: str, port: int) -> Streams:
        reader, writer = await asyncio.open_connection(host, port)
        assert await reader.read() == b""
        return reader, writer

    async def story() -> None:
        listener = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        link = ModbusTcpLink(config_of(port), replace(system_host(), open_connection=late))
        with pytest.raises(NotSentError, match="cannot connect"):
            await link.write(1, 6, 1, (7,))
        assert link.connections == 1
        await link.aclose()
        listener.close()

    play(story())


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 408 Request Timeout\r\n\r\n", bytes(64)])
def test_garbage_behind_a_reply_costs_a_connection_and_no_read(play: Play, garbage: bytes) -> None:
    async def story() -> None:
        async def garrulous(asked: Asked, writer: asyncio.StreamWriter) -> None:
            writer.write(asked.good(1, 2) + garbage)

        async with hostile(garrulous) as (server, link):
            for _ in range(3):
                assert await read(link) == [1, 2]
            assert server.connections == 3

    play(story())


def test_a_late_reply_in_two_pieces_around_a_request_costs_nothing(play: Play) -> None:
    async def story() -> None:
        rest: list[bytes] = []

        async def halves(asked: Asked, writer: asyncio.StreamWriter) -> None:
            late = asked.frame(asked.pdu(6, 6), transaction=999)
            writer.write(b"".join(rest) + asked.good(1, 2) + late[:5])
            rest[:] = [late[5:]]

        async with hostile(halves) as (server, link):
            for _ in range(3):
                assert await read(link) == [1, 2]
            assert server.connections == 1

    play(story())


def test_coils_are_written_together(play: Play) -> None:
    async def echo(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(asked.frame(bytes([asked.function]) + asked.data[:4]))

    async def story() -> None:
        async with hostile(echo) as (server, link):
            await link.write(1, 15, 0x13, (1, 0, 1, 1, 0, 0, 1, 1, 1, 0))
            assert server.requests[0].function == 15
            assert server.requests[0].data == bytes.fromhex("0013 000a 02 cd01")

    play(story())


@pytest.mark.parametrize(("function", "words"), [(16, (0,) * 124), (6, (70_000,)), (3, (1,))])
def test_what_fits_no_request_is_refused_and_never_sent(
    play: Play, function: int, words: tuple[int, ...]
) -> None:
    async def story() -> None:
        async with hostile(answer) as (server, link):
            with pytest.raises(RefusedError, match=r"bus .*unit 1"):
                await link.write(1, function, 0, words)
            assert server.connections == 0

    play(story())


def test_a_connection_closed_instead_of_an_answer_is_told_at_once(play: Play) -> None:
    async def hang_up(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def story() -> None:
        async with hostile(hang_up) as (server, link):
            with pytest.raises(LinkDownError, match="connection closed"):
                await read(link)
            assert server.connections == 1

    play(story())


def test_a_write_is_never_sent_twice(play: Play) -> None:
    async def story() -> None:
        async def deaf(asked: Asked, writer: asyncio.StreamWriter) -> None:
            if asked.function == 4:
                await answer(asked, writer)
            elif asked.data[:2] == b"\x00\x02":
                writer.close()

        async with hostile(deaf) as (server, link):
            await read(link)
            for address in (1, 2):
                with pytest.raises(LinkDownError):
                    await link.write(1, 6, address, (7,))
            assert [asked.function for asked in server.requests] == [4, 6, 6]

    play(story())


def test_a_server_that_closes_after_each_reply_can_be_written_to(play: Play) -> None:
    """A write must not go to a connection that is about to end: it is never sent again."""

    async def curt(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.function == 4:
            await answer(asked, writer)
        else:
            writer.write(asked.frame(bytes([asked.function]) + asked.data[:4]))
        await writer.drain()
        await asyncio.sleep(0.02)  # the client may take the connection for a living one
        writer.close()

    async def story() -> None:
        async with hostile(curt, timeout="2s") as (_, link):
            for value in range(3):
                assert await read(link) == [218, 546]
                assert await read(link) == [218, 546]
                await link.write(1, 6, 1, (value,))
                await link.write(1, 6, 1, (value,))

    play(story())


@pytest.mark.parametrize(("function", "words"), [(5, (1,)), (6, (7,)), (16, (7, 8))])
def test_a_write_whose_echo_differs_is_refused(
    play: Play, function: int, words: tuple[int, ...]
) -> None:
    async def echo(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(asked.frame(bytes([asked.function]) + asked.data[:4]))

    async def otherwise(asked: Asked, writer: asyncio.StreamWriter) -> None:
        data = asked.data[:3] + bytes([asked.data[3] ^ 1])
        writer.write(asked.frame(bytes([asked.function]) + data))

    async def story() -> None:
        async with hostile(echo) as (server, link):
            await link.write(1, function, 3, words)
            assert server.requests[0].data[:2] == b"\x00\x03"
            server.behave = otherwise
            with pytest.raises(BadReplyError, match="echo differs"):
                await link.write(1, function, 3, words)

    play(story())


def test_a_cancelled_read_leaves_nothing_for_the_next(play: Play) -> None:
    async def story() -> None:
        async def late(asked: Asked, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.05)
            writer.write(asked.good(asked.unit, 0))

        async with hostile(late) as (_, link):
            first = asyncio.create_task(read(link, 1), name="first")
            await asyncio.sleep(0.02)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert await read(link, 2) == [2, 0]

    play(story())


@pytest.mark.parametrize("table", [Table.COILS, Table.DISCRETE_INPUTS])
def test_bits_come_as_0_and_1(play: Play, table: Table) -> None:
    async def bits(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(asked.frame(bytes([asked.function, 2, 0b10100101, 0b11])))

    async def story() -> None:
        async with hostile(bits) as (server, link):
            assert list(await link.read(1, table, 0, 10)) == [1, 0, 1, 0, 0, 1, 0, 1, 1, 1]
            assert server.requests[0].function == (1 if table is Table.COILS else 2)

    play(story())


def test_on_the_loop_of_production_a_deaf_server_is_left_at_once() -> None:
    """uvloop: the same ends, and the connection is gone without waiting for the other side."""

    async def story() -> None:
        async with hostile(once(sending(lambda _: b""))) as (server, link):
            with pytest.raises(LinkDownError):
                await read(link)
            async with asyncio.timeout(TIMEOUT):
                await server.wait_cut()
            assert await read(link) == [218, 546]
            server.behave = sending(WRONG["wrong function"])
            with pytest.raises(BadReplyError):
                await read(link)

    uvloop.run(story())
