"""Site files that 0.1 took and that cannot be meant: refused in their line, with a remedy."""

from pathlib import Path

import pytest

from config.loader import ConfigError, SiteFile
from config.map_rules import map_wrongs
from drivers.registry import catalogue
from wenlan.commands.check import check
from wenlan.site_rules import load_checked_site

SITE = """\
site: annexe
name: Annexe
timezone: Asia/Shanghai
broker: mqtt://10.0.0.9
hosts: [library.example]
spaces:
  - id: vault
    kind: vault
    name: Vault
    limits: [{quantity: relative_humidity, low: 45, high: 60}]
gates:
  - {id: door, name: Door, space: vault, entries: counter/channel_0, exits: counter/channel_1}
fleet:
  stations: [{id: dock, x: 0, y: 0}, {id: desk, x: 5, y: 0}]
  ways: [[dock, desk]]
edges:
  - id: edge
    links:
      - kind: modbus-tcp
        id: bus
        host: 10.0.0.1
        port: 502
        timeout: 1s
        devices:
          - id: own
            model: custom
            unit: 1
            period: 2s
            map:
              points:
                - {name: raw, quantity: status, table: holding, register: 0}
                - {name: level, quantity: air_temperature,
                   table: holding, register: 10, type: float32}
                - {name: lamp, quantity: status, table: coil, register: 3, type: bit}
                - {name: opening, quantity: share, table: holding,
                   register: 20, write: {low: 0, high: 100, safe: 5}}
          - {id: counter, model: adam-6051, unit: 2}
          - {id: probe, model: xy-md02, unit: 3}
      - {kind: feig-serial, id: pad-line, port: /dev/ttyUSB0,
         devices: [{id: pad, model: feig-obid}]}
      - kind: sip2
        id: library
        host: library.example
        devices: [{id: ils, model: sip2, password: "p-4711"}]
      - kind: vda5050
        id: robots
        broker: mqtt://10.0.0.9
        devices: [{id: robot, model: vda5050, manufacturer: Example, serial: "007"}]
    kiosks: [{id: kiosk, name: Kiosk, space: vault, reader: pad, library: ils}]
"""
POINT = "                - {name: raw, quantity: status, table: holding, register: 0}\n"
DEVICE = "          - {id: probe, model: xy-md02, unit: 3}\n"
LINE = "      - {kind: feig-serial, id: pad-line, port: /dev/ttyUSB0,"


def point(name: str, rest: str) -> tuple[str, str]:
    """Give a replacement that adds a point behind the first."""
    return POINT, f"{POINT}                - {{name: {name}, {rest}}}\n"


def device(text: str) -> tuple[str, str]:
    return DEVICE, f"{DEVICE}          - {{{text}}}\n"


# What stands and what is put there instead, what is in the line complained of, what is said.
REFUSED = [
    # Registers.
    (*point("two", "quantity: status, table: holding, register: 0"), "two", "same register 0"),
    (*point("two", "quantity: co2, table: holding, register: 10"), "register: 10", "overlap"),
    (*point("low", "quantity: status, table: holding, register: 11"), "register: 10", "10 to 11"),
    (*point("two", "quantity: co2, table: holding, register: 20"), "register: 20", "cannot be"),
    (
        *point("two", "quantity: air_temperature, table: holding, register: 9, type: float32"),
        "register: 10",
        "overlap",
    ),
    (
        *point(
            "two", "quantity: status, table: holding, register: 10, type: uint32, order: CDAB"
        ),
        "register: 10",
        "orders of bytes",
    ),
    (
        *point(
            "two",
            "quantity: air_temperature, table: holding, register: 10, type: int32, scale: 0.1",
        ),
        "register: 10",
        "same register 10",
    ),
    (
        *point("two", "quantity: status, table: coil, register: 3, type: bit"),
        "lamp",
        "same register 3",
    ),
    (
        *point(
            "two",
            "quantity: share, table: holding, register: 90,"
            " write: {low: 0, high: 9, safe: 1, register: 20}",
        ),
        "register: 20",
        "write the same register; make one of them read-only",
    ),
    ("register: 10,", "register: 40011,", "40011", "counted from 0 here"),
    ("register: 10,", "register: 40011,", "40011", "so 40011 is 10; write that"),
    ("holding, register: 0}", "input, register: 30002}", "30002", "so 30002 is 1"),
    ("safe: 5}", "safe: 5, register: 40021}", "40021", "so 40021 is 20"),
    # Scales and bounds.
    ("type: float32}", "scale: 1e308}", "1e308", "no device's"),
    ("type: float32}", "type: float32, scale: 1e308}", "1e308", "no device's"),
    ("type: float32}", "scale: 1000}", "1000", "gives no air_temperature"),
    ("type: float32}", "scale: 0}", "scale: 0", "makes every value 0"),
    ("write: {low", "type: int16, scale: -1, write: {low", "scale: -1", "turns the limits"),
    ("quantity: share, table", "quantity: share, scale: -1, table", "scale: -1", "gives no share"),
    ("high: 100, safe", "high: 500, safe", "500", "beyond what share can be; give 0 to 100"),
    ("low: 0, high: 100, safe: 5", "low: 0, high: 100", "register: 20", "add safe, or remove"),
    ("high: 60", "high: 600", "600", "beyond what relative_humidity can be"),
    ("low: 45", "low: -45", "-45", "beyond what relative_humidity can be"),
    # Hosts.
    ("host: 10.0.0.1", "host: ''", "host: ''", "is empty"),
    ("host: 10.0.0.1", "host: ' '", "host: ' '", "is empty"),
    ("host: 10.0.0.1", "host: plc 1", "plc 1", "has a space"),
    ("host: 10.0.0.1", "host: tcp://10.0.0.1:502", "tcp:", "is a URL"),
    ("host: 10.0.0.1", "host: 10.0.0.1:502", ":502", "give the port apart"),
    ("host: 10.0.0.1", "host: '[::1]'", "::1", "without them"),
    ("host: 10.0.0.1", "host: 10.0.0.300", "300", "four numbers"),
    ("host: 10.0.0.1", "host: 0.0.0.0", "0.0.0.0", "single machine"),
    ("host: 10.0.0.1", "host: plc..example", "plc..", "empty or too long"),
    ("host: library.example", "host: library/example", "library/", "no host's name has"),
    ("hosts: [library.example]", "hosts: ['https://library.example']", "https", "is a URL"),
    ("hosts: [library.example]", "hosts: library.example", "hosts", "must be a list"),
    ("broker: mqtt://10.0.0.9\nh", "broker: mqtt://10.0.0.999\nh", "999", "four numbers"),
    ("port: /dev/ttyUSB0", "port: ''", "port: ''", "give a device file"),
    # Times.
    ("timeout: 1s", "timeout: 1ms", "timeout: 1ms", "less than 10ms"),
    ("timeout: 1s", "timeout: 60s", "timeout: 60s", "read every 2 s; make it shorter"),
    ("timeout: 1s", "timeout: 1h", "timeout: 1h", "longer than 5min"),
    ("period: 2s", "period: 1ms", "period: 1ms", "more often than every 2ms"),
    ("period: 2s", "period: 400d", "period: 400d", "make it 1d or less"),
    ("type: float32}", "type: float32, period: 1ms}", "1ms", "more often than every 2ms"),
    # Units, wires and things that are named twice.
    ("unit: 3", "unit: 248", "248", "reserved by Modbus"),
    ("unit: 3", "unit: 254", "254", "give 1 to 247, or 255"),
    (*device("id: more, model: xy-md02, unit: 3"), "more", "same registers of unit 3"),
    (
        LINE,
        "      - {kind: modbus-tcp, id: bus-2, host: 10.0.0.1,"
        " devices: [{id: more, model: xy-md02}]}\n" + LINE,
        "bus-2",
        "are one wire, 10.0.0.1:502; put the devices under one link",
    ),
    (
        LINE,
        "      - {kind: feig-serial, id: line-2, port: /dev/ttyUSB0,"
        " devices: [{id: pad-2, model: feig-obid}]}\n" + LINE,
        "pad-line",
        "are one wire",
    ),
    (
        'serial: "007"}',
        'serial: "007"}, {id: twin, model: vda5050, manufacturer: Example, serial: "007"}',
        "twin",
        "are one robot",
    ),
    (
        "library: ils}",
        "library: ils}, {id: k2, name: K, space: vault, reader: pad, library: ils}",
        "k2",
        "share reader pad",
    ),
    (
        "gates:\n",
        "gates:\n  - {id: back, name: B, space: vault, entries: counter/channel_1}\n",
        "id: door",
        "both count counter/channel_1",
    ),
    ("  - id: edge\n", "  - id: import\n", "id: import", "give the edge another id"),
    ("ways: [[dock, desk]]", "ways: [[dock, dock]]", "ways", "leads nowhere"),
    # Models.
    ("model: custom", "model: xy-md2", "xy-md2", "no model 'xy-md2' in the catalogue"),
    ("model: custom", "model: xy-md02", "map:", "remove this, or make it custom"),
    # One kind of value for another.
    ("hosts: [library.example]", "hosts: null", "hosts", "is empty; give a list, or remove"),
    ("fleet:\n", "fleet: null\nfleet_:\n", "fleet: null", "is empty; give what belongs"),
    ("  ways: [[dock, desk]]", "  ways:", "ways", "is empty; give a list"),
    ("unit: 3", "unit: true", "unit: true", "must be a whole number"),
    ("unit: 3", "unit: 1.0", "unit: 1.0", "must be a whole number"),
    ("port: 502", "port: true", "port: true", "must be a whole number"),
    ("register: 10,", "register: 1.0,", "1.0", "must be a whole number"),
    ("high: 60", "high: true", "true", "must be a number"),
    ('serial: "007"', "serial: 007", "007", "must be text; put it in quotes"),
    ("name: Annexe", "name: 7", "name: 7", "must be"),
    ('serial: "007"', "serial: a/b", "a/b", "without /, + and #"),
    ('serial: "007"', "serial: ''", "serial: ''", "write something"),
    ("        host: library.example\n", "        host: l\n        encoding: utf-16\n",
     "utf-16", "no encoding in which SIP2"),
    ("        host: library.example\n", "        host: l\n        encoding: nonsense\n",
     "nonsense", "write utf-8"),
]  # fmt: skip


def load(folder: Path, text: str) -> SiteFile:
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return load_checked_site(path, {})


def changed(old: str, new: str) -> str:
    assert old in SITE
    return SITE.replace(old, new, 1)


def remarks(folder: Path, text: str) -> str:
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    status, printed = check(path, {})
    assert status == 0, printed
    return printed.partition("Worth a second look")[2]


def test_the_site_is_sound_and_nothing_of_it_is_worth_a_second_look(tmp_path: Path) -> None:
    assert remarks(tmp_path, SITE) == ""


@pytest.mark.parametrize(("old", "new", "place", "words"), REFUSED)
def test_what_cannot_be_meant_is_refused_in_its_line(
    tmp_path: Path, old: str, new: str, place: str, words: str
) -> None:
    text = changed(old, new)
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    told = [
        problem
        for problem in refused.value.problems
        if words in problem.what and place in text.splitlines()[problem.line - 1]
    ]
    assert told, refused.value


HONEST = [
    ("host: 10.0.0.1", "host: fe80::1"),
    ("host: 10.0.0.1", "host: PLC_1.example."),
    ("port: 502", 'port: "502"'),
    ("unit: 3", "unit: 247"),
    ("timeout: 1s", "timeout: 2s"),
    ("low: 45", "low: 0"),
    ("type: float32}", "type: float32, scale: 100}"),
    ("type: float32}", "type: int16, scale: -0.1}"),
    ('serial: "007"', "serial: WL-1"),
    (
        "            map:\n",
        "            map:\n              high_addresses: true\n",
    ),
    (
        LINE,
        "      - {kind: modbus-tcp, id: bus-2, host: 10.0.0.1, port: 503,"
        " devices: [{id: more, model: xy-md02}]}\n" + LINE,
    ),
    (
        LINE,
        "      - {kind: sip2, id: library-2, host: library.example,"
        " devices: [{id: ils-2, model: sip2}]}\n" + LINE,
    ),
    # Written at one place, read at another, and what was written is shown too.
    point(
        "asked",
        "quantity: share, table: holding, register: 30,"
        " write: {low: 0, high: 9, safe: 1, register: 40}",
    ),
]


@pytest.mark.parametrize(("old", "new"), HONEST)
def test_what_is_honest_stays_without_a_word(tmp_path: Path, old: str, new: str) -> None:
    assert remarks(tmp_path, changed(old, new)) == ""


def test_an_address_beyond_40000_can_be_meant(tmp_path: Path) -> None:
    text = changed("            map:\n", "            map:\n              high_addresses: true\n")
    assert remarks(tmp_path, text.replace("register: 10,", "register: 40011,")) == ""


# What is allowed, and said by `check`.
NOTED = [
    (*point("sign", "quantity: status, table: holding, register: 0, type: int16"), "two views"),
    (*point("raw_level", "quantity: status, table: holding, register: 10, type: uint32"), "views"),
    (*point("raw_opening", "quantity: status, table: holding, register: 20"), "two views"),
    ("timeout: 1s", "timeout: 3s", "longer than a period"),
    ("register: 0}", "register: 32080}", "looks like a manual's number"),
    ("unit: 3", "unit: 255", "unit 255 is the server itself"),
    ("unit: 3", "unit: 0", "unit 0 is the server itself"),
    ("unit: 3", "unit: 2", "counter and probe of link bus have unit 2"),
    ("unit: 3", "unit: 010", "010 is 10"),
    ("id: probe,", "id: Counter,", "differ in upper and lower case only"),
    ('serial: "007"', 'serial: "007", silent_after: 5s', "owes a state each 30 s"),
    (*device("id: ac, model: liebert-pac, unit: 9"), "ac/temperature_setpoint has no safe value"),
]


@pytest.mark.parametrize(("old", "new", "words"), NOTED)
def test_what_is_seldom_meant_is_said_with_its_line(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    found = remarks(tmp_path, changed(old, new))
    assert words in found
    assert f"{tmp_path / 'site.yaml'}:" in found


def test_two_edges_may_share_a_server_and_that_is_said(tmp_path: Path) -> None:
    link = "{kind: modbus-tcp, id: bus-2, host: 10.0.0.1, devices: [{id: more, model: xy-md02}]}"
    assert "two links lead to 10.0.0.1:502" in remarks(
        tmp_path, f"{SITE}  - {{id: other, links: [{link}]}}\n"
    )


def test_a_lone_server_may_have_unit_255(tmp_path: Path) -> None:
    link = (
        "{kind: modbus-tcp, id: bus-2, host: 10.0.0.2,"
        " devices: [{id: more, model: xy-md02, unit: 255}]}"
    )
    assert remarks(tmp_path, SITE.replace(LINE, f"      - {link}\n{LINE}")) == ""


def test_010_is_10(tmp_path: Path) -> None:
    site = load(tmp_path, changed("unit: 3", "unit: 010")).site
    assert [getattr(one, "unit", 0) for _, one in site.devices()][2] == 10


@pytest.mark.parametrize("name", [name for name, spec in catalogue().items() if spec.map])
def test_no_map_of_the_catalogue_contradicts_itself(name: str) -> None:
    known = catalogue()[name].map
    assert known is not None
    assert list(map_wrongs(known)) == []
