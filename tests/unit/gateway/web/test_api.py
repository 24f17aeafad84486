import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from contracts.instants import HOUR
from gateway.web.app import build_app
from gateway.web.guard import Doors, Pace, name_of
from gateway.web.problems import Problem
from runtime.database import connect
from tests.unit.gateway.web.console_world import Building, opened
from wenlan import openapi

API = "/api/v1"


@pytest.fixture(name="world", scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Building, TestClient]]:
    with opened(tmp_path_factory.mktemp("store")) as world:
        yield world


@pytest.fixture(name="client")
def _client(world: tuple[Building, TestClient]) -> TestClient:
    return world[1]


def test_the_checked_in_document_is_what_the_application_says() -> None:
    assert openapi.DOCUMENT.read_text(encoding="utf-8") == openapi.document(), (
        "run: python -m wenlan.openapi --write"
    )


def examples() -> list[str]:
    paths = json.loads(openapi.DOCUMENT.read_text(encoding="utf-8"))["paths"]
    return [path for path, methods in paths.items() if "get" in methods]


@pytest.mark.parametrize("path", examples())
def test_every_answer_follows_the_document(path: str, client: TestClient) -> None:
    document = json.loads(openapi.DOCUMENT.read_text(encoding="utf-8"))
    given = {"device": "probe-v1-a", "name": "temperature", "space": "vault-1", "alarm": "1"}
    address = path
    for name, value in given.items():
        address = address.replace(f"{{{name}}}", value)
    answer = client.get(address)
    status = "404" if "{command}" in address else "200"
    assert str(answer.status_code) == status, answer.text
    response = document["paths"][path]["get"]["responses"][status]["content"]
    (kind,) = response
    assert answer.headers["content-type"].startswith(kind)
    schema = {**response[kind]["schema"], "components": document["components"]}
    jsonschema.validate(answer.json(), schema)


def test_a_silent_point_is_null_and_tells_its_last_value_apart(client: TestClient) -> None:
    points = {one["path"]: one for one in client.get(f"{API}/points").json()}
    silent, live = points["probe-v1-b/temperature"], points["probe-v1-a/temperature"]
    assert (silent["freshness"], silent["value"], silent["at"]) == ("unknown", None, None)
    assert silent["last_value"] == 19.4
    assert silent["last_at"] == "2026-11-21T03:29:00Z"
    assert (live["freshness"], live["value"], live["unit"]) == ("live", 19.0, "°C")


def test_spaces_say_how_they_are(client: TestClient) -> None:
    spaces = {one["id"]: one for one in client.get(f"{API}/spaces").json()}
    assert spaces["vault-1"]["condition"] == "partial"
    assert spaces["vault-2"]["condition"] == "out"
    assert spaces["woodblocks"]["condition"] == "unknown", "a limit without a probe"
    assert spaces["lobby"]["condition"] == "empty"
    assert client.get(f"{API}/spaces/attic").status_code == 404


def test_a_series_has_columns_of_equal_length_and_holes(client: TestClient) -> None:
    found = client.get(f"{API}/points/probe-v1-b/humidity/series?buckets=500").json()
    assert len({len(found[name]) for name in ("x", "y", "low", "high", "n")}) == 1
    assert found["y"].count(None) == 1
    assert found["unit"] == "%RH"


@pytest.mark.parametrize(
    "query",
    [
        "since=2026-11-21T04:00:00",
        "since=2026-11-21T04:00:00Z&until=2026-11-21T03:00:00Z",
        "since=1900-01-01T00:00:00Z",
        "since=yesterday",
        "buckets=0",
        "buckets=999999",
    ],
)
def test_a_senseless_window_is_one_clear_error(query: str, client: TestClient) -> None:
    answer = client.get(f"{API}/points/probe-v1-a/temperature/series?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["detail"]
    assert told["action"]
    assert told["instance"] == f"{API}/points/probe-v1-a/temperature/series"


def test_visits_add_up_and_are_not_sent_twice(client: TestClient) -> None:
    first = client.get(f"{API}/visits")
    south = next(one for one in first.json() if one["gate"] == "gate-south")
    assert south["day"] == "2026-11-21"
    assert south["entries"] == 179
    assert south["coverage"] == pytest.approx(179 / 720, abs=0.01)
    assert south["hours"][0]["entries"] is None, "unknown, not zero"
    tag = first.headers["etag"]
    again = client.get(f"{API}/visits", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(f"{API}/visits?day=2026-11-20").headers["etag"] != tag
    assert client.get(f"{API}/visits?gate=none").status_code == 404


def test_alarms_are_acknowledged_once_and_remember_who(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, client):
        alarms = client.get(f"{API}/alarms").json()
        alarm = next(one for one in alarms if one["kind"] == "limit")
        assert (alarm["space"], alarm["code"], alarm["priority"]) == ("vault-2", "above", "high")
        address = f"{API}/alarms/{alarm['id']}"
        assert client.post(f"{address}/acknowledge", json={"who": " "}).status_code == 422
        body = {"who": "周老师", "comment": "已开除湿机"}
        done = client.post(f"{address}/acknowledge", json=body).json()
        assert done["state"] == "acknowledged"
        assert done["actions"][-1]["who"] == "周老师"
        again = client.post(f"{address}/acknowledge", json=body)
        assert (again.status_code, again.json()["type"]) == (409, "not-acknowledgeable")
        assert client.post(f"{address}/comment", json={**body, "comment": ""}).status_code == 422
        remarked = client.post(f"{address}/comment", json=body)
        assert remarked.json()["actions"][-1]["action"] == "comment"
        assert client.post(f"{API}/alarms/77/comment", json=body).status_code == 404


def test_a_command_is_taken_with_202_and_its_state_can_be_asked(
    world: tuple[Building, TestClient],
) -> None:
    building, client = world
    order = {"item": "ZJ9", "origin": "stacks-desk", "destination": "hall-desk"}
    taken = client.post(
        f"{API}/commands", json={"device": "robot-1", "action": "deliver", "arguments": order}
    )
    assert taken.status_code == 202
    shown = client.get(f"{API}/commands/{taken.json()['id']}").json()
    assert (shown["status"], shown["arguments"], shown["who"]) == ("sent", order, "api")
    sent = list(building.outbox._waiting.values())
    assert [topic for topic, payload in sent if taken.json()["id"].encode() in payload] == [
        "wenlan/v1/zhijiang/front/command"
    ]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"device": "nobody", "action": "write"}, 404, "unknown-device"),
        ({"device": "robot-1", "action": "dance"}, 422, "unknown-action"),
        ({"device": "ac-v1", "action": "write", "point": "x", "value": 1}, 404, "unknown-point"),
        (
            {"device": "ac-v1", "action": "write", "point": "temperature_setpoint", "value": 99},
            422,
            "out-of-limits",
        ),
        (
            {"device": "ac-v1", "action": "write", "point": "temperature_setpoint", "value": 20},
            422,
            "lease-missing",
        ),
        ({"device": "ac-v1", "action": "write", "speed": 1}, 422, "bad-request"),
        ({"device": 5}, 422, "bad-request"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_with_a_reason(
    body: dict[str, object], status: int, code: str, client: TestClient
) -> None:
    answer = client.post(f"{API}/commands", json=body)
    assert (answer.status_code, answer.json()["type"]) == (status, code)


def test_problems_are_counted(client: TestClient) -> None:
    before = client.get(f"{API}/health").json()["problems"].get("no-such-page", 0)
    client.get("/nothing")
    assert client.get(f"{API}/health").json()["problems"]["no-such-page"] == before + 1


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"device": NaN}', "\x00"])
def test_nonsense_is_a_problem_and_no_fault(text: str, client: TestClient) -> None:
    answer = client.post(
        f"{API}/commands", content=text, headers={"Content-Type": "application/json"}
    )
    assert 400 <= answer.status_code < 500
    assert answer.json()["type"]


def test_a_body_that_is_too_long_is_refused(client: TestClient) -> None:
    answer = client.post(f"{API}/commands", content=b"x" * 300_000)
    assert (answer.status_code, answer.json()["type"]) == (413, "too-large")


def test_a_body_that_proves_too_long_on_its_way_is_told_as_such(client: TestClient) -> None:
    answer = client.post(f"{API}/commands", content=(b" " * 1000 for _ in range(300)))
    assert (answer.status_code, answer.json()["type"]) == (413, "too-large")


@pytest.mark.parametrize("body", [b"\xff", b"[" * 100_000, b'{"who":' + b"9" * 6000 + b"}"])
def test_a_body_that_is_no_json_is_a_documented_problem(body: bytes, client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post(f"{API}/commands", content=body, headers=headers)
    document = json.loads(openapi.DOCUMENT.read_text(encoding="utf-8"))
    assert answer.status_code == 400
    for methods in document["paths"].values():
        assert "post" not in methods or {"400", "408", "413"} <= methods["post"]["responses"].keys()


def test_a_foreign_host_name_is_refused(client: TestClient) -> None:
    answer = client.get(f"{API}/site", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["type"]) == (400, "foreign-host")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:8080"},
    ],
)
def test_another_sites_page_changes_nothing(headers: dict[str, str], client: TestClient) -> None:
    answer = client.post(f"{API}/commands", json={}, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "foreign-origin")
    assert client.get(f"{API}/site", headers=headers).status_code == 200


def test_our_own_page_may_change_things(client: TestClient) -> None:
    headers = {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin"}
    assert client.post(f"{API}/commands", json={}, headers=headers).status_code == 422


def test_every_answer_carries_the_security_headers(client: TestClient) -> None:
    for path in ("/", f"{API}/site", "/nothing", f"{API}/nothing", "/static/console.css"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith(
            "default-src 'none'; script-src 'self'"
        )
        assert headers["x-content-type-options"] == "nosniff"
        assert "referrer-policy" in headers


def test_there_is_no_page_that_loads_from_elsewhere(client: TestClient) -> None:
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 404


def test_a_store_that_cannot_be_read_is_503_and_says_so(tmp_path: Path) -> None:
    with opened(tmp_path) as (building, client):
        building.archive.close()
        (tmp_path / "store.sqlite3").rename(tmp_path / "gone")
        building.archive.__init__(  # type: ignore[misc]  # a new start
            tmp_path / "store.sqlite3", connect, ThreadPoolExecutor(1)
        )
        answer = client.get(f"{API}/health")
        assert (answer.status_code, answer.json()["type"]) == (503, "store-unavailable")
        assert answer.headers["retry-after"]
        (tmp_path / "gone").rename(tmp_path / "store.sqlite3")


def test_a_fault_is_one_clear_answer_and_is_logged(
    world: tuple[Building, TestClient], caplog: pytest.LogCaptureFixture
) -> None:
    app = build_app(world[0].parts)

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    with TestClient(app, base_url="http://127.0.0.1:8080") as client:
        answer = client.get("/broken")
        assert (answer.status_code, answer.json()["type"]) == (500, "fault")
        assert "ZeroDivisionError" in caplog.text
        page = client.get("/broken", headers={"Accept": "text/html", "Accept-Language": "zh"})
        assert "网关出现故障" in page.text
        assert client.get(f"{API}/health").json()["problems"]["fault"] == 2


def test_other_names_are_taken_when_they_are_configured(world: tuple[Building, TestClient]) -> None:
    app = build_app(world[0].parts, hosts=("wenlan.example",))
    with TestClient(app, base_url="http://wenlan.example") as client:
        assert client.get(f"{API}/site").status_code == 200


@pytest.mark.parametrize(
    ("host", "name"),
    [("a:1", "a"), ("A", "a"), ("[::1]:80", "::1"), ("127.0.0.1", "127.0.0.1"), ("", "")],
)
def test_a_host_header_is_taken_apart(host: str, name: str) -> None:
    assert name_of(host) == name


SCOPE: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}


async def _nothing(_: Message) -> None:
    pass


async def _never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def _reading(_: Scope, receive: Receive, __: Send) -> None:
    while (await receive()).get("more_body"):
        pass


def test_a_body_that_trickles_is_given_up(play: Callable[..., Any]) -> None:
    guard = Pace(_reading, deadline=5, body_deadline=0.02)
    with pytest.raises(Problem) as caught:
        play(guard(SCOPE, _never, _nothing))
    assert (caught.value.status, caught.value.code) == (408, "slow-body")


def test_an_answer_that_takes_too_long_is_given_up(play: Callable[..., Any]) -> None:
    async def slow(_: Scope, __: Receive, ___: Send) -> None:
        await asyncio.Event().wait()

    guard = Pace(slow, deadline=0.02)
    with pytest.raises(Problem) as caught:
        play(guard(SCOPE, _never, _nothing))
    assert caught.value.code == "deadline"


def test_too_many_at_once_are_told_to_come_again_and_then_let_in(
    play: Callable[..., Any],
) -> None:
    async def story() -> None:
        release = asyncio.Event()

        async def waiting(_: Scope, __: Receive, ___: Send) -> None:
            await release.wait()

        guard = Pace(waiting, at_once=2)
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(guard(SCOPE, _never, _nothing))
            await asyncio.sleep(0)
            with pytest.raises(Problem) as caught:
                await guard(SCOPE, _never, _nothing)
            assert caught.value.code == "busy"
            release.set()
        await guard(SCOPE, _never, _nothing)

    play(story())


def test_a_websocket_of_another_site_is_closed(play: Callable[..., Any]) -> None:
    async def story() -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def connect() -> Message:
            return {"type": "websocket.connect"}

        headers = [(b"host", b"127.0.0.1"), (b"origin", b"http://evil.example")]
        scope = {"type": "websocket", "path": "/live", "headers": headers}
        await Doors(_reading)(scope, connect, send)
        return sent

    assert play(story()) == [{"type": "websocket.close", "code": 1008}]


def test_a_window_far_back_is_answered_at_once(client: TestClient) -> None:
    since = "2010-01-01T00:00:00Z"
    found = client.get(f"{API}/points/probe-v1-a/humidity/series?since={since}&buckets=5000").json()
    assert sum(found["n"]) == 181
    assert found["until"] - found["since"] > 10 * 365 * 24 * HOUR / 1_000_000


def test_a_client_that_leaves_is_no_fault(
    world: tuple[Building, TestClient], caplog: pytest.LogCaptureFixture, play: Callable[..., Any]
) -> None:
    async def left() -> Message:
        return {"type": "http.disconnect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "method": "POST", "path": f"{API}/commands", "headers": headers,
        "query_string": b"", "root_path": "", "scheme": "http", "server": ("127.0.0.1", 80),
    }  # fmt: skip
    play(build_app(world[0].parts)(scope, left, send))
    assert sent[0]["status"] == 400
    assert "fault" not in caplog.text
