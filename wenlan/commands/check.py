"""`wenlan check`: validates a site file against the catalogue; prints what its polling costs."""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from config.links import Link, ModbusTcp
from config.loader import ConfigError, SiteFile
from config.registers import RegisterMap
from drivers import registry
from drivers.protocols.modbus.plan import plan
from wenlan.example.site import EXAMPLE
from wenlan.polling_load import bus_load, loads_of
from wenlan.site_rules import load_checked_site, notes

REFUSED = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument("site", type=Path, nargs="?", default=EXAMPLE)


def run(options: argparse.Namespace) -> int:
    """Print the plan, or what is wrong; 2 when the site file is refused."""
    status, text = check(options.site, os.environ)
    print(text, file=sys.stderr if status else sys.stdout)
    return status


def check(path: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Give the exit status (0, or 2 when refused) and what to print."""
    try:
        file = load_checked_site(path, environment)
    except ConfigError as error:
        return REFUSED, str(error)
    return 0, "\n".join(_report(file))


def _report(file: SiteFile) -> Iterator[str]:
    site = file.site
    counts = (
        (len(site.edges), "edge"),
        (sum(len(edge.links) for edge in site.edges), "link"),
        (sum(1 for _ in site.devices()), "device"),
        (len(site.spaces), "space"),
        (len(site.gates), "gate"),
        (sum(len(edge.kiosks) for edge in site.edges), "kiosk"),
    )
    sizes = ", ".join(f"{count} {what}{'s' * (count != 1)}" for count, what in counts)
    yield f"{file.path}: site {site.site} is sound: {sizes}."
    for edge in site.edges:
        yield f"\nEdge {edge.id}"
        for link in edge.links:
            yield from _bus(link) if isinstance(link, ModbusTcp) else _other(link)
    remarks = sorted((*file.notes, *file.problems(notes(site))), key=lambda one: one.line)
    if remarks:
        yield "\nWorth a second look"
    for remark in remarks:
        yield f"  {remark}"


HEAD = ("device", "model", "unit", "period", "requests/s", "bytes/s", "worst age", "reads")


def _bus(link: ModbusTcp) -> Iterator[str]:
    loads = loads_of(link)
    total = bus_load(link)
    timeout, pause = link.timeout.total_seconds(), link.pause.total_seconds()
    # Every request of a full round may come before, and each may take its whole time.
    queue = total.longest_round * (pause + timeout)
    rows = [HEAD]
    for device in link.devices:
        load, registers = loads[device.id], registry.register_map(device)
        assert registers is not None
        periods = [(p.period or device.period).total_seconds() for p in registers.points]
        low, high = min(periods), max(periods)
        rows.append(
            (
                device.id,
                device.model,
                str(device.unit),
                f"{low:g} s" if low == high else f"{low:g}-{high:g} s",
                f"{load.requests:.2f}",
                f"{load.octets:.0f}",
                f"{high + queue:.1f} s",
                _reads(registers),
            )
        )
    rows.append(("together", "", "", "", f"{total.requests:.2f}", f"{total.octets:.0f}", "", ""))
    yield f"  {link.id}: {link.kind} {link.host}:{link.port}, timeout {timeout:g} s"
    yield from _table(rows)
    room = 1000 * (1 / total.requests - pause)
    yield f"    keeps up while a reply takes {room:.0f} ms or less on average"
    yield "    worst age: a period and a full round with every reply at its last moment"


def _reads(registers: RegisterMap) -> str:
    return ", ".join(
        f"{block.table} {block.first}"
        + (f"-{block.first + block.size - 1}" if block.size > 1 else "")
        for block in plan(registers.points, registers)
    )


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for row in rows:
        cells = [
            cell.rjust(width) if 2 <= column <= 6 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield ("    " + "  ".join(cells)).rstrip()


def _other(link: Link) -> Iterator[str]:
    devices = ", ".join(f"{device.id} ({device.model})" for device in link.devices)
    yield f"  {link.id}: {link.kind}: {devices}"
