"""A store of 0.1 is opened by today's gateway and goes on."""

import gzip
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from config.loader import load_site
from gateway.ingest import readers as ingest_readers
from gateway.storage.sqlite import APPLICATION, MIGRATIONS, Store
from runtime.database import connect
from tests.conftest import ROOT
from tests.unit.gateway.gateway_story import T0, Building, ack_of, reading
from wenlan.example.site import EXAMPLE

RECORDED = ROOT / "tests" / "data" / "0.1" / "store.sqlite3.gz"


def of_version_1(path: Path, *statements: str) -> None:
    with closing(connect(path)) as connection:
        connection.execute(MIGRATIONS[0])
        for statement in statements:
            connection.execute(statement)
        connection.pragma("application_id", APPLICATION)
        connection.pragma("user_version", 1)


@pytest.fixture(name="building")
def _house(tmp_path: Path) -> Iterator[Building]:
    of_version_1(
        tmp_path / "store.sqlite3",
        f"INSERT INTO stream VALUES (1, 's', 'stacks', {T0}), (2, 'w', 'west', {T0})",
        "INSERT INTO committed VALUES (1, 1, 2), (1, 8, 20), (2, 1, 3)",
        f"INSERT INTO gap VALUES (1, 3, 5, {T0}, 1, 2, 'thinned'), (1, 6, 7, {T0}, NULL, NULL, '')",
        "INSERT INTO command (id, device, action, body, who, issued) VALUES ('c1', 'probe', 'x',"
        ' CAST(\'{"id":"c1","device":"probe","action":"x","issued":1,"expires":2,"by":"me"}\''
        " AS BLOB), 'me', 1)",
    )
    building = Building(tmp_path)
    yield building
    building.writer.close()


def test_a_journal_goes_on_where_it_was(building: Building) -> None:
    outcome = building.send(*[reading(n, 20.0) for n in range(3)], first=19)
    assert ack_of(outcome).committed == ((1, 2), (8, 21))
    building.send(reading(9, 20.0), first=6)
    assert building.sql("SELECT first, last, cause FROM gap") == [(3, 5, "thinned"), (7, 7, "")]
    new = building.told(reading(10, 20.0), first=22, life="b", since=22, session="b")
    assert ack_of(new).committed == ((22, 22),)
    late = building.told(reading(5, 20.0), first=7, life="", since=0, session="b", k=2)
    assert ack_of(late).committed == ((1, 2), (6, 21))
    building.restart()
    assert ack_of(building.told(reading(11, 20.0), first=23, life="b", since=22)).committed == (
        (22, 23),
    )


def test_a_command_of_0_1_is_not_sent_again_and_ends(building: Building) -> None:
    assert building.tick().commands == ()
    assert building.sql("SELECT status FROM command") == [("unknown",)]


def test_an_upgrade_that_is_cut_off_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    of_version_1(path, f"INSERT INTO stream VALUES (1, 's', 'stacks', {T0})")
    whole = MIGRATIONS[1]
    with (
        closing(connect(path)) as connection,
        pytest.raises(Exception, match="syntax error"),
        connection,
    ):
        connection.execute(whole + "; nonsense").fetchall()
    with closing(Store(path, connect)) as store:
        assert store.connection.pragma("user_version") == len(MIGRATIONS)
        assert store.rows("lives") == [(1, 1, "")]


def test_the_recorded_store_of_a_whole_building_is_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    path.write_bytes(gzip.decompress(RECORDED.read_bytes()))
    with closing(connect(path)) as connection:
        before = connection.execute("SELECT count(*), sum(value) FROM reading").fetchall()
    building = Building(tmp_path, load_site(EXAMPLE, {"WENLAN_BROKER_PORT": "1"}).site)
    assert building.sql("SELECT count(*), sum(value) FROM reading") == before
    assert building.sql("SELECT name, since FROM life") == [("", 1), ("", 1)]
    assert ingest_readers.gaps(building.writer.ingest().store.connection) == []
    assert len(building.writer.ingest().registry.devices) >= 14
    building.tick()
    building.writer.close()
