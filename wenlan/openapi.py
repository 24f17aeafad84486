"""The REST contract as a file: `python -m wenlan.openapi --write` renews it."""

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, cast

from config.base import Name
from config.links import ModbusDevice, ModbusTcp
from config.site import Edge, Site, Space, SpaceKind
from gateway.devices.snapshot import Live
from gateway.storage.read_pool import READERS, Archive
from gateway.web.app import build_app
from gateway.web.services import Parts
from runtime.database import connect

if TYPE_CHECKING:
    from gateway.commands.requests import Requests

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "reference" / "openapi.json"


def document() -> str:
    """Give the OpenAPI document of the application as text."""
    name = Name(en="A library", zh="图书馆")
    bus = ModbusTcp(
        kind="modbus-tcp",
        id="bus",
        host="127.0.0.1",
        devices=(ModbusDevice(id="probe", model="xy-md02"),),
    )
    site = Site.model_validate(
        {
            "site": "any",
            "name": name,
            "timezone": "Etc/UTC",
            "broker": "mqtt://127.0.0.1:1883",
            "spaces": (Space(id="room", kind=SpaceKind.VAULT, name=name),),
            "edges": (Edge(id="edge", links=(bus,)),),
        }
    )
    archive = Archive(Path("none"), connect, ThreadPoolExecutor(READERS))
    try:
        parts = Parts(site, Live(), archive, cast("Requests", None), lambda: 0)
        schema = build_app(parts).openapi()
    finally:
        archive.close()
    return json.dumps(schema, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main() -> int:
    """Write the document, or say whether it is true."""
    parser = argparse.ArgumentParser(prog="python -m wenlan.openapi", description=__doc__)
    parser.add_argument("--write", action="store_true", help="renew the file")
    if parser.parse_args().write:
        DOCUMENT.parent.mkdir(parents=True, exist_ok=True)
        DOCUMENT.write_text(document(), encoding="utf-8")
        return 0
    if DOCUMENT.exists() and DOCUMENT.read_text(encoding="utf-8") == document():
        return 0
    sys.stderr.write(f"{DOCUMENT.name} is not what the application says; run with --write\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
