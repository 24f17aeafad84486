"""While its disk is sick an edge goes on, says so, and nothing is lost that the gateway took."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from contracts.layouts import Column, Layout, sample
from contracts.ranges import Ranges
from contracts.records import DeviceChanged, RecordsGivenUp, Sample, VolatileEnded
from edge.journal.journal import Journal, Policy
from edge.journal.rows import OVERHEAD
from tests.unit.edge.journal.journal_model import Story
from tests.unit.edge.journal.journal_world import (
    ALL,
    Note,
    World,
    held,
    passes,
    play,
    records,
    settle,
    values,
)
from wenlan.proofs.disk_faults import Faults

EIO = Faults(write_error=1.0, sync_error=1.0, open_error=1.0, read_error=1.0)


def condition(journal: Journal) -> str:
    """Say how a journal is."""
    return journal.state.condition


async def edge(path: Path, policy: Policy | None = None) -> Story:
    """Start an edge on a disk that can be made sick."""
    story = Story(path, 1, policy=policy or Policy())
    await story.begin()
    return story


def test_eio_while_the_edge_starts_leaves_a_sound_journal_alone(tmp_path: Path) -> None:
    async def story() -> None:
        sick = await edge(tmp_path)
        notes = sick.journal.memory("note", Note)
        sick.journal.append([sick.world.reading(20.0)], [notes.put("a", Note("x"))])
        await settle(sick.journal)
        stream = sick.journal.tracks()[0].stream
        sick.faults = EIO
        sick._put_there(sick.world.path)
        loop = asyncio.get_running_loop()
        loop.call_later(1.5, setattr, sick, "faults", Faults())
        await sick.begin()
        first = sick.journal.tracks()[0]
        assert (first.stream, list(first.held)) == (stream, [(1, 1)])
        assert sick.journal.memory("note", Note).values == {"a": Note("x")}
        assert not [one for one in sick.world.path.iterdir() if "corrupt" in one.name]

    play(story())


def test_a_disk_that_stays_sick_does_not_keep_an_edge_from_starting(tmp_path: Path) -> None:
    async def story() -> None:
        sick = await edge(tmp_path)
        notes = sick.journal.memory("note", Note)
        sick.journal.append([], [notes.put("a", Note("x")), notes.put("b", Note("y"))])
        await settle(sick.journal)
        sick.faults = EIO
        sick._put_there(sick.world.path)
        await sick.begin()
        journal = sick.journal
        assert condition(journal) == "failing"
        notes = journal.memory("note", Note)
        assert not notes.values
        ticket = journal.append([sick.world.event("1")], [notes.put("b", Note("newer"))])
        (track,) = journal.tracks()
        assert (track.use, list(track.held)) == ("volatile", [(1, 1)])
        assert not await ticket.durable(1.0)
        sick.faults = Faults()
        await settle(journal)
        assert condition(journal) == "ok"
        # What the disk remembered is there by now, but not over what is newer.
        assert notes.values == {"a": Note("x"), "b": Note("newer")}
        own = next(one for one in journal.tracks() if one.use == "own")
        found = [one for one in await records(journal) if isinstance(one, VolatileEnded)]
        assert [(one.stream, one.last) for one in found] == [(track.stream, 1)]
        assert [tuple(one) for one in own.held] == [(own.since, own.since)]

    play(story())


def test_a_ticket_of_a_sick_disk_is_kept_when_the_gateway_has_it(tmp_path: Path) -> None:
    async def story() -> None:
        sick = await edge(tmp_path)
        sick.faults = EIO
        journal = sick.journal
        doubtful = journal.append([sick.world.event("in doubt")])
        await journal.step()
        assert journal.state.condition == "failing"
        ticket = journal.append([sick.world.event("in memory")])
        only = journal.append([], [journal.memory("note", Note).put("a", Note("x"))])
        volatile = next(one for one in journal.tracks() if one.use == "volatile")
        assert not await ticket.durable(0.0)
        journal.named(volatile.stream, Ranges([(1, 1)]), Ranges())
        assert await ticket.durable(0.0)
        # What only a disk can keep is not kept, and what is in doubt is not either.
        assert not await only.durable(0.5)
        assert not await doubtful.durable(0.5)
        sick.faults = Faults()
        await settle(journal)
        assert await only.durable(0.0)
        assert await doubtful.durable(0.0)

    play(story())


def test_a_second_stream_in_memory_waits_until_the_first_is_drained(tmp_path: Path) -> None:
    async def story() -> None:
        sick = await edge(tmp_path)
        journal = sick.journal
        sick.faults = EIO
        journal.append([sick.world.event("a")])
        await journal.step()
        journal.append([sick.world.event("b")])
        first = next(one.stream for one in journal.tracks() if one.use == "volatile")
        sick.faults = Faults()
        await settle(journal)
        sick.faults = EIO
        journal.append([sick.world.event("c")])
        await journal.step()
        journal.append([sick.world.event("d")])
        assert [one.stream for one in journal.tracks() if one.use == "volatile"] == [first]
        journal.named(first, Ranges([(1, 1)]), Ranges())
        journal.named(first, Ranges(), Ranges([(1, 1)]))
        journal.append([sick.world.event("e")])
        second = next(one for one in journal.tracks() if one.use == "volatile")
        assert second.stream != first
        sick.faults = Faults()
        await settle(journal)
        found = [getattr(one, "cause", "") for one in await records(journal)]
        assert sorted(one for one in found if one) == ["a", "c", "d", "e"]

    play(story())


def test_an_append_takes_no_time_whatever_the_disk_does(tmp_path: Path) -> None:
    async def story() -> None:
        sick = await edge(tmp_path)
        loop = asyncio.get_running_loop()
        sick.faults = EIO
        begun = loop.time()
        for n in range(1, 200):
            sick.journal.append([sick.world.reading(n)])
        assert loop.time() == begun

    play(story())


def test_when_memory_is_full_samples_go_first_and_each_hole_is_declared(tmp_path: Path) -> None:
    async def story() -> None:
        sick = await edge(tmp_path)
        journal = sick.journal
        journal._intake._most = 100 * (OVERHEAD + 100)
        sick.faults = EIO
        journal.append([sick.world.event("first")])
        await journal.step()
        for n in range(1, 400):
            await passes(1.0)
            journal.append([sick.world.reading(n)])
            if n % 100 == 0:
                journal.append([sick.world.event(f"e{n}")])
        sick.faults = Faults()
        await settle(journal)
        found = await records(journal)
        causes = [getattr(one, "cause", "") for one in found]
        assert {one for one in causes if one} == {"first", "e100", "e200", "e300"}
        got = values(found)
        notices = [one for one in found if isinstance(one, RecordsGivenUp)]
        declared = sum(one.last - one.first + 1 for one in notices)
        assert 0 < len(got) < 399
        assert declared >= 399 - len(got)

    play(story())


def test_a_full_queue_of_a_slow_disk_is_a_declared_hole(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            journal._intake._most = 20 * (OVERHEAD + 100)
            tickets = [journal.append([world.reading(n)]) for n in range(1, 101)]
            await settle(journal)
            kept = [await one.durable(0.0) for one in tickets]
            assert True in kept
            assert False in kept
            found = await records(journal)
            assert len(values(found)) == sum(kept)
            (notice,) = [one for one in found if isinstance(one, RecordsGivenUp)]
            assert notice.last - notice.first + 1 == len(kept) - sum(kept)
            (ranges,) = (await held(journal)).values()
            assert ranges == [(1, sum(kept)), (notice.last + 1, notice.last + 1)]

    play(story())


def test_a_full_budget_is_thinned_in_steps_and_what_is_owed_stays_a_handful_of_ranges(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        policy = Policy(largest=300_000, urgent=frozenset({("gate", "air")}))
        world = World(tmp_path / "edge", policy=policy)
        async with world.journal() as journal:
            for n in range(1, 4001):
                await passes(2.0)
                journal.append([world.reading(n)])
                if n % 10 == 0:
                    journal.append([world.reading(n, "gate")])
                if n % 100 == 0:
                    journal.append([world.event(f"e{n}")])
                if n % 20 == 0:
                    await settle(journal)
            assert journal.state.fill < 1.0
            ranges = [one for track in journal.tracks() for one in track.held]
            assert len(ranges) <= 20
            found = await records(journal)
            gate = [one for one in found if getattr(one, "device", "") == "gate"]
            assert len(gate) == 400
            assert len([one for one in found if getattr(one, "cause", "")]) == 40
            own = [one for one in found if isinstance(one, Sample) and one.device == "d1"]
            gaps = [two - one for one, two in pairwise(sorted(one.at for one in own))]
            assert max(gaps) <= 60_000_000
            notices = [one for one in found if isinstance(one, RecordsGivenUp)]
            assert notices
            assert {one.reason for one in notices} == {"the journal's budget is used up"}

    play(story())


def test_a_value_takes_at_most_twelve_bytes_of_journal(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        layout = Layout("air", tuple(Column(f"p{n}", 1) for n in range(15)))
        digest = layout.digest
        async with world.journal() as journal:
            for n in range(2000):
                await passes(1.0)
                found = {f"p{k}": round(20 + ((n * 7 + k * 13) % 50) / 10, 1) for k in range(15)}
                journal.append([sample("climate-07", layout, digest, world.now(), found)])
            await settle(journal)
        size = (world.path / "journal.sqlite3").stat().st_size
        assert size / 2000 / 15 <= 12.0

    play(story())


def test_six_hundred_thousand_remembered_commands_cost_nothing_when_idle(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            notes = journal.memory("command", Note)
            one = Note("x")
            for start in range(0, 600_000, 50_000):
                journal.append([], [notes.put(f"{n}", one) for n in range(start, start + 50_000)])
                await settle(journal)
            steps = 0

            async def counted() -> None:
                nonlocal steps
                while True:
                    journal._wake.clear()
                    wait = await journal.step()
                    steps += 1
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(wait):
                            await journal._wake.wait()

            running = asyncio.create_task(counted())
            await passes(3600.0)
            running.cancel()
            await asyncio.wait([running])
            assert steps <= 5

    play(story())


@dataclass
class Held(Executor):
    """Does work at once, or, while it holds, when it is let go."""

    holding: bool = False
    waiting: list[Callable[[], None]] = field(default_factory=list)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()

        def work() -> None:
            try:
                done.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001 - it is given to whoever waits
                done.set_exception(error)

        if self.holding:
            self.waiting.append(work)
        else:
            work()
        return done

    async def let_go(self) -> None:
        """Do the next piece of work, and let everybody hear of it."""
        self.waiting.pop(0)()
        await passes(0.001)


def test_a_group_that_failed_behind_the_notice_of_a_rotten_row_is_not_taken_for_written(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        sick, held_up = Story(tmp_path, 1), Held()
        sick.world.executor = held_up
        await sick.begin()
        journal = sick.journal
        journal.append([sick.world.event("rots")])
        await settle(journal)
        sick.world.connections[-1].execute("UPDATE entry SET body = x'78'").fetchall()
        held_up.holding = True
        reading = asyncio.create_task(journal.read(journal.tracks()[0].stream, 1, 1, ALL))
        await passes(0.001)
        await held_up.let_go()
        ticket = journal.append([sick.world.event("afterwards")])
        writing = asyncio.create_task(journal.step())
        await passes(0.001)
        await held_up.let_go()  # the notice, which takes the number that the group would have had
        sick.faults = EIO
        held_up.holding = False
        await held_up.let_go()
        await asyncio.wait((reading, writing))
        sick.faults = Faults()
        await settle(journal)
        causes = [one.cause for one in await records(journal) if isinstance(one, DeviceChanged)]
        assert causes == ["afterwards"]
        assert await ticket.durable(0)
        await journal.__aexit__(None, None, None)

    play(story())
