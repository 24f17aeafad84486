"""The command line: every subcommand can be asked for, and loads only what it runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import PRODUCT
from tests.conftest import ROOT
from wenlan.cli import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_tells_what_it_takes(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: wenlan {name}" in capsys.readouterr().out


def test_every_module_of_commands_is_a_subcommand() -> None:
    files = {path.stem for path in (ROOT / "wenlan" / "commands").glob("[a-z]*.py")}
    assert files == {module for module, _ in COMMANDS.values()}


def test_a_word_that_is_no_subcommand_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["gatewy"])
    assert ended.value.code == 2
    assert "gateway" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "foreign"),
    [("edge", "fastapi gateway pymodbus simulators"), ("gateway", "serial drivers edge")],
)
def test_a_process_loads_only_what_it_runs(name: str, foreign: str) -> None:
    program = f"import sys, wenlan.commands.{name}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not set(foreign.split()) & set(done.stdout.split())


def test_a_gateway_that_has_read_its_site_opens_no_device() -> None:
    """It knows the models, to refuse what `check` refuses; nothing by which one is reached."""
    program = """if True:
        import argparse, sys
        from pathlib import Path
        import wenlan.commands.gateway as gateway
        from wenlan.example.site import EXAMPLE
        from wenlan.options import read_site
        read_site(argparse.Namespace(site=EXAMPLE, data=Path("none")))
        print(*sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "drivers.registry" in loaded
    assert not {"pymodbus", "serial", "edge", "drivers.links.tcp"} & loaded


def test_every_process_reads_its_site_through_one_door() -> None:
    doors = [
        str(path.relative_to(ROOT))
        for folder in (*PRODUCT, "benchmarks")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "load_site(" in path.read_text(encoding="utf-8")
    ]
    assert doors == ["config/loader.py", "wenlan/site_rules.py"]


@pytest.mark.parametrize("name", ["edge stacks", "simulate", "gateway", "import nothing.csv"])
def test_no_process_starts_with_what_check_refuses(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site.yaml"
    ac = {"id": "ac", "model": "liebert-pac", "safe": {"temperature_setpoint": 99}}
    link = {"kind": "modbus-tcp", "id": "bus", "host": "127.0.0.1", "devices": [ac]}
    names = {"en": "Library", "zh": "图书馆"}
    site.write_text(
        json.dumps(
            {
                "site": "site",
                "name": names,
                "timezone": "Asia/Shanghai",
                "broker": "mqtt://127.0.0.1",
                "spaces": [{"id": "vault", "kind": "vault", "name": names}],
                "edges": [{"id": "stacks", "links": [link]}],
            }
        ),
        encoding="utf-8",
    )
    arguments = [*name.split(), "--site", str(site), "--data", str(tmp_path / "data")]
    assert main(arguments) == 2
    assert "safe value 99 is outside what may be written; give 5 to 40" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
