"""Journals that 0.1 itself wrote, killed in the midst of it, are opened and go on."""

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from contracts.codec import decode_record
from edge.control.leases import Lease
from edge.kiosk.loan_states import Loan, Phase
from tests.conftest import ROOT
from tests.unit.edge.journal.journal_world import World, pieces, play, settle


def unpacked(folder: Path, edge: str) -> list[tuple[int, bytes]]:
    """Lay a journal of 0.1 into a folder; give its backlog, read as 0.1 would."""
    folder.mkdir()
    packed = ROOT / "tests" / "data" / "0.1" / f"journal-{edge}.sqlite3.gz"
    path = folder / "journal.sqlite3"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    with closing(sqlite3.connect(path)) as old:
        return old.execute("SELECT seq, body FROM record ORDER BY seq").fetchall()


@pytest.mark.parametrize("edge", ["front", "stacks"])
def test_the_whole_backlog_of_0_1_is_sent_under_its_numbers(tmp_path: Path, edge: str) -> None:
    backlog = unpacked(tmp_path / "edge", edge)

    async def story() -> None:
        async with World(tmp_path / "edge").journal() as journal:
            await settle(journal)
            found = sorted(await pieces(journal), key=lambda piece: piece.first)
            told = [
                (piece.first + n, row.body) for piece in found for n, row in enumerate(piece.rows)
            ]
            assert [number for number, _ in told[: len(backlog)]] == [seq for seq, _ in backlog]
            for (_, body), (_, before) in zip(told, backlog, strict=False):
                assert decode_record(body) == decode_record(before)

    assert len(backlog) > 100
    play(story())


def test_leases_and_a_half_done_loan_are_still_known(tmp_path: Path) -> None:
    unpacked(tmp_path / "stacks", "stacks")
    unpacked(tmp_path / "front", "front")

    async def story() -> None:
        async with World(tmp_path / "stacks").journal() as journal:
            leases = journal.memory("lease", Lease).values
            assert {key: lease.safe for key, lease in leases.items()} == {
                "ac-v1/temperature_setpoint": 19.0,
                "ac-v2/temperature_setpoint": 19.0,
            }
        async with World(tmp_path / "front").journal() as journal:
            (loan,) = journal.memory("loan", Loan).values.values()
            assert (loan.item, loan.phase) == ("3301000000067", Phase.ASKING)
            assert loan.card, "without the card nobody could settle it"

    play(story())
