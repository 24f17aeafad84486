"""A host with faults, switched from outside."""

from contextlib import closing
from pathlib import Path

import pytest

from contracts.instants import SECOND
from runtime.clock import system_clock
from runtime.database import DatabaseError, Failure, failure
from wenlan.proofs.disk_faults import Faults
from wenlan.proofs.faulty_host import Control, Troubles, faulty_host, switch


def test_troubles_are_switched_by_a_file(tmp_path: Path) -> None:
    control = Control(tmp_path / "control")
    assert control() == Troubles()
    switch(tmp_path / "control", Troubles(Faults(full=True)))
    assert control().disk.full
    switch(tmp_path / "control", Troubles(Faults(room=5)))
    control().disk.room = 3  # what the disk has used up stays used
    assert control().disk.room == 3
    (tmp_path / "control").unlink()
    assert control() == Troubles()


def test_a_control_file_with_a_slip_is_not_taken_for_a_sound_host(tmp_path: Path) -> None:
    (tmp_path / "control").write_text('{"disk": {"ful": true}}')
    with pytest.raises(ValueError, match="ful"):
        Control(tmp_path / "control")()


def test_database_folder_and_clock_are_all_on_that_host(tmp_path: Path) -> None:
    control = tmp_path / "control"
    host, _layer = faulty_host(Control(control))
    folder = host.folder(tmp_path / "data")
    with closing(host.connect(folder.path / "s")) as store:
        store.execute("CREATE TABLE t (n INTEGER) STRICT")
        switch(control, Troubles(Faults(full=True), clock_ahead=-3600.0))
        with pytest.raises(DatabaseError) as caught:
            store.execute("INSERT INTO t VALUES (1)")
        assert failure(caught.value) is Failure.FULL
        with pytest.raises(OSError, match="No space"):
            folder.write("key", b"x")
        assert abs(system_clock().wall() - host.clock.wall() - 3600 * SECOND) < SECOND
        control.unlink()
        store.execute("INSERT INTO t VALUES (1)")
