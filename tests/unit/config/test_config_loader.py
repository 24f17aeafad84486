"""A site file that is refused says where, and what to do."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import config
from config.loader import ConfigError, Problem, load_site, plain
from config.site import Site
from wenlan.site_rules import load_checked_site

EXAMPLE = Path(config.__file__).parent / "sites" / "zhijiang" / "site.yaml"
SMALL = """\
site: small
name: {en: Small, zh: 小}
timezone: Asia/Shanghai
broker: mqtt://127.0.0.1:1883
spaces:
  - id: vault
    kind: vault
    name: {en: Vault, zh: 库}
  - id: lobby
    kind: lobby
    name: {en: Lobby, zh: 堂}
gates:
  - {id: gate, name: {en: Gate, zh: 门}, space: lobby, entries: counter/channel_0}
edges:
  - id: edge
    links:
      - kind: modbus-tcp
        id: bus
        host: 127.0.0.1
        port: ${PORT:-1502}
        devices:
          - id: probe
            model: xy-md02
            space: vault
          - id: counter
            model: adam-6051
            unit: 2
          - id: own
            unit: 3
            model: custom
            map:
              points:
                - name: level
                  quantity: status
                  table: holding
                  register: 7
"""


def line_of(text: str, part: str) -> int:
    return next(i for i, line in enumerate(text.splitlines(), 1) if part in line)


def load(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> Site:
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return load_checked_site(path, environment or {}).site


def refused(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, environment)
    problems = caught.value.problems
    assert problems
    assert str(caught.value).splitlines() == [str(problem) for problem in problems]
    lines = max(1, len(text.splitlines()))
    for problem in problems:
        assert 1 <= problem.line <= lines, problem
        assert problem.file == str(folder / "site.yaml")
        assert problem.what
    return problems


def test_the_example_and_the_small_site_are_sound(tmp_path: Path) -> None:
    assert load_site(EXAMPLE, {}).site.site == "zhijiang"
    assert load(tmp_path, SMALL).edges[0].links[0].id == "bus"


def test_a_part_of_a_site_is_found_in_its_file() -> None:
    file = load_site(EXAMPLE, {})
    text = EXAMPLE.read_text(encoding="utf-8")
    assert file.line("gates", 1) == line_of(text, "id: gate-east")
    assert file.line("gates", 1, "rollover") == file.line("gates", 1)
    assert file.line("nothing") == file.line()


# What stands, what is put there instead, on which line the complaint is, what it says to do.
FAULTS = [
    ("kind: lobby", "kind: cellar", "kind: cellar", "'vault'"),
    ("    kind: lobby\n", "    kind: lobby\n    colour: red\n", "colour: red", "unknown key"),
    (
        "  - id: lobby\n",
        "  - {id: vault, kind: lobby, name: {en: x, zh: x}}\n  - id: lobby\n",
        "{id: vault",
        "space id 'vault' is used twice",
    ),
    (
        "          - id: counter\n",
        "          - {id: probe, model: x}\n          - id: counter\n",
        "{id: probe",
        "device id 'probe' is used twice",
    ),
    ("space: vault\n", "space: cave\n", "space: cave", "no space 'cave'; add it"),
    ("counter/channel_0}", "nobody/channel_0}", "nobody", "no device 'nobody'"),
    ("counter/channel_0}", "counter}", "entries: counter}", "form that is not allowed"),
    ("channel_0}", "channel_0, exits: counter/channel_0}", "exits", "name two"),
    ("register: 7", "register: 400001", "register: 400001", "the manual's 40001 is holding 0"),
    ("register: 7", "register: 65536", "register: 65536", "0 to 65535"),
    ("register: 7", "register: -1", "register: -1", "0 to 65535"),
    ("register: 7", "register: 65535\n+type: uint32", "register: 65535", "runs past 65535"),
    ("register: 7", "register: 7\n+unit: bar", "unit: bar", "correct the unit"),
    ("register: 7", "register: 7\n+type: bit", "type: bit", "other than bit"),
    ("register: 7", "register: 7\n+scale: 0", "scale: 0", "makes every value 0"),
    ("register: 7", "register: 7\n+unavailable: [-1]", "unavailable", "unsigned"),
    ("register: 7", "register: 7\n+period: 5", "period: 5", "500ms, 2s, 15min"),
    ("register: 7", "register: 7\n+period: 0s", "period: 0s", "1ms or longer"),
    ("register: 7", "register: 7\n+period: 9999999999d", "period: 9", "make it shorter"),
    ("register: 7", "register: 7\n+write: {low: 2, high: 1}", "write:", "swap them"),
    (
        "register: 7",
        "register: 7\n+write: {low: 0, high: 70000}",
        "write:",
        "beyond what uint16",
    ),
    (
        "register: 7",
        "register: 7\n+write: {low: 0, high: 1, function: 5}",
        "write:",
        "use 6 or 16",
    ),
    ("register: 7", "register: 7\n+write: {low: 0, high: 1, function: 7}", "write:", "5, 6, 16"),
    ("register: 7", "register: 7\n+write: {low: 0, high: 1, safe: 2}", "write:", "outside"),
    (
        "register: 7",
        "register: 7\n+write: {low: 0, high: 1, register: 70000}",
        "write:",
        "70000 is impossible",
    ),
    ("table: holding", "table: input\n+write: {low: 0, high: 1}", "write:", "cannot be written"),
    ("model: custom", "model: xy-md02", "map:", "remove this"),
    ("model: adam-6051", "model: custom", "model: custom", "add map"),
    ("Asia/Shanghai", "Asia/Atlantis", "timezone", "write for example Asia/Shanghai"),
    ("mqtt://127.0.0.1:1883", "tcp://x", "broker", "write mqtt://"),
    ("mqtt://127.0.0.1:1883", "mqtt://x:99999", "broker", "range"),
    ("site: small", "site: sm all", "site:", "form that is not allowed"),
    ("site: small", "site: small\nday_begins: 04:30:10", "day_begins", "'04:00'"),
    ("site: small", "site: small\nday_begins: 430", "day_begins", "'04:00'"),
    ("site: small", "site: small\nsite: other", "site: other", "stands twice"),
    ("site: small", "site: ${NOWHERE}", "NOWHERE", "NOWHERE is not set; set it"),
    ("site: small", "site: ${lower}", "lower", "write ${NAME}"),
    ("site: small", "site: !!python/name:os.x y", "python", "remove it"),
    ("site: small", "site: !mine x", "!mine", "remove it"),
    ("site: small", "site: small\n? [a]\n: b", "? [a]", "one word"),
    ("site: small", "site: [small", "name:", "is not YAML"),
    ("site: small", "site: small\n\tx: y", "x: y", "is not YAML"),
    ("site: small", "site: \x00", "site:", "is not YAML"),
    ("port: ${PORT:-1502}", "port: ${PORT:-none}", "port", "integer"),
    ("        host: 127.0.0.1\n", "", "kind: modbus-tcp", "is missing; add it"),
    ("kind: modbus-tcp", "kind: modbus-rtu", "kind: modbus-rtu", "modbus-tcp"),
]


@pytest.mark.parametrize(("old", "new", "place", "advice"), FAULTS)
def test_each_fault_is_one_clear_complaint_in_its_line(
    tmp_path: Path, old: str, new: str, place: str, advice: str
) -> None:
    assert old in SMALL
    indent = " " * 18
    text = SMALL.replace(old, new.replace("\n+", "\n" + indent), 1)
    problems = refused(tmp_path, text)
    assert len(problems) == 1
    wanted = text[: text.index(place)].count("\n") + 1
    if "\n" in place:
        assert problems[0].line == wanted
    else:
        assert abs(problems[0].line - wanted) <= 1, problems[0]
    assert advice in problems[0].what


def test_a_site_may_have_several_brokers_and_files_for_tls(tmp_path: Path) -> None:
    site = load(tmp_path, SMALL.replace("mqtt://127.0.0.1:1883", "[mqtt://a, mqtts://u:p#w@b]"))
    assert [str(one) for one in site.broker.addresses] == ["a:1883", "b:8883"]
    assert site.broker.addresses[1].password == "p#w"
    site = load(tmp_path, SMALL.replace("mqtt://127.0.0.1:1883", "{url: mqtts://b, ca: ca.pem}"))
    assert site.broker.ca == tmp_path / "ca.pem"


@pytest.mark.parametrize(
    "broker",
    [
        "http://u:s3cret@host",
        "mqtt://u:s3cret",
        "{url: [mqtt://a, {url: mqtt://u:s3cret@host}]}",
        "{url: mqtt://u:s3cret@host, key: k}",
        "{urls: mqtt://u:s3cret@host}",
        "[mqtt://u:s3cret@host, mqtt://u:s3cret@host]",
        "[[mqtt://u:s3cret@host]]",
    ],
)
def test_a_complaint_about_a_broker_never_shows_its_password(tmp_path: Path, broker: str) -> None:
    problems = refused(tmp_path, SMALL.replace("mqtt://127.0.0.1:1883", broker))
    assert problems
    assert all(problem.where.startswith("broker") for problem in problems)
    assert "s3cret" not in " ".join(map(str, problems))


def test_every_fault_is_told_at_once_and_in_order(tmp_path: Path) -> None:
    text = SMALL.replace("space: vault", "space: a").replace("space: lobby", "space: b")
    text = text.replace("counter/", "nobody/")
    assert [problem.where for problem in refused(tmp_path, text)] == [
        "gates[0].space",
        "gates[0].entries",
        "edges[0].links[0].devices[0].space",
    ]


def test_a_kiosk_needs_a_reader_and_a_library_system_of_its_own_edge(tmp_path: Path) -> None:
    kiosk = "{id: k, name: {en: K, zh: 机}, space: lobby, reader: probe, library: x}"
    problems = refused(tmp_path, f"{SMALL}    kiosks: [{kiosk}]\n")
    assert [problem.where.rsplit(".")[-1] for problem in problems] == ["reader", "library"]


@pytest.mark.parametrize("text", ["", "# only a remark\n", "---\n", "~", "5", "[]", "text", "{}"])
def test_a_file_that_is_no_site_is_refused(tmp_path: Path, text: str) -> None:
    refused(tmp_path, text)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"site: caf\xe9")
    for path in (tmp_path, tmp_path / "absent.yaml", tmp_path / "latin.yaml"):
        with pytest.raises(ConfigError, match="cannot be read"):
            load_site(path, {})


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "[" * 3000 + "]" * 3000])
def test_an_endless_file_ends(tmp_path: Path, text: str) -> None:
    refused(tmp_path, text)


def test_a_bomb_of_aliases_is_refused(tmp_path: Path) -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
    )
    assert "aliases" in refused(tmp_path, text)[0].what


def test_variables_come_from_the_environment(tmp_path: Path) -> None:
    def port(environment: Mapping[str, str]) -> int:
        link = load(tmp_path, SMALL, environment).edges[0].links[0]
        return int(getattr(link, "port", 0))

    assert port({}) == 1502
    assert port({"PORT": ""}) == 1502
    assert port({"PORT": "15"}) == 15
    refused(tmp_path, SMALL, {"PORT": "70000"})
    refused(tmp_path, SMALL, {"PORT": "x: y"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("0x8000", 0x8000),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("~", None),
        ("on", "on"),
        ("no", "no"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_plain_values_are_read_as_yaml_1_2(text: str, value: object) -> None:
    read = plain(text)
    assert read == value
    assert type(read) is type(value)


def _places(node: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if place:
        yield place
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _places(value, (*place, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _places(value, (*place, index))


TREE = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
PLACES = list(_places(TREE))
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["${X}", "${", "5s", "1e999d", "mqtt://[", "a/b", "*", "rare", "vault-1"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def _sound_or_clear(path: Path) -> None:
    problems: list[Problem] | None = None
    try:
        load_site(path, {})
    except ConfigError as error:
        problems = error.problems
    if problems is not None:
        lines = max(1, len(path.read_text(encoding="utf-8").splitlines()))
        assert problems
        assert all(1 <= problem.line <= lines and problem.what for problem in problems)


@given(st.sampled_from(PLACES), st.sampled_from(["value", "key", "drop", "double"]), JUNK)
def test_no_change_of_the_example_brings_anything_but_a_clear_refusal(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[str | int, ...], how: str, junk: Any
) -> None:
    tree: Any = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    around: Any = tree
    for part in place[:-1]:
        around = around[part]
    last = place[-1]
    if how == "value":
        around[last] = junk
    elif how == "drop":
        del around[last]
    elif how == "double" and isinstance(around, list):
        around.append(around[int(last)])
    elif isinstance(around, dict):
        around[str(junk)] = around.pop(last)
    path = tmp_path_factory.getbasetemp() / "mutated.yaml"
    text = yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)
    path.write_text(text, encoding="utf-8")
    _sound_or_clear(path)


@given(st.data())
def test_no_damage_to_the_text_brings_anything_but_a_clear_refusal(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    begin = data.draw(st.integers(0, len(SMALL)))
    end = data.draw(st.integers(begin, min(len(SMALL), begin + 12)))
    text = SMALL[:begin] + data.draw(st.text(max_size=6)) + SMALL[end:]
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    _sound_or_clear(path)


def test_faults_are_tried_each_on_its_own() -> None:
    assert len({(old, new) for old, new, _, _ in FAULTS}) == len(FAULTS)
    assert list(itertools.chain(PLACES))
