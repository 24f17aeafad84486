from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from contracts.instants import SECOND
from gateway.climate.series import Series
from gateway.web.console.svg import plan, spark
from gateway.web.live_socket import difference
from tests.unit.gateway.web.console_world import Building, opened

PAGES = {
    "/": ("Climate wall", "库房温湿度总览"),
    "/spaces/vault-1": ("Show as table", "以表格显示"),
    "/spaces/vault-1?view=table": ("hole: nothing was measured", "没有测量数据"),
    "/spaces/lobby": ("Nothing is measured here.", "此处没有测点。"),
    "/alarms": ("is above the limit of", "高于上限"),
    "/alarms?state=all": ("Acknowledge", "确认"),
    "/gates": ("Gates today", "今日客流"),
    "/gates?day=2026-11-20": ("UNKNOWN", "未知"),
    "/kiosks": ("Tasks for staff", "待馆员处理"),
    "/robots": ("Book robot 1", "送书机器人一号"),
    "/system": ("Edges and their journals", "边缘节点及其本地缓存"),
}
LIVE = "ws://127.0.0.1:8080/live"


@pytest.fixture(name="client", scope="module")
def _client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with opened(tmp_path_factory.mktemp("store")) as (_, client):
        yield client


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_speaks_both_languages(path: str, language: str, client: TestClient) -> None:
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text[:500]
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}"' in answer.text
    english, chinese = PAGES[path]
    assert (chinese if language == "zh" else english) in answer.text
    assert (english if language == "zh" else chinese) not in answer.text
    assert "<style" not in answer.text
    assert ' style="' not in answer.text
    assert "onclick" not in answer.text


def test_the_language_asked_for_wins_and_is_remembered(client: TestClient) -> None:
    answer = client.get("/?lang=zh&theme=dark", headers={"Accept-Language": "en"})
    assert 'lang="zh-CN" data-theme="dark"' in answer.text
    cookies = answer.headers.get_list("set-cookie")
    assert any(cookie.startswith("lang=zh") and "HttpOnly" in cookie for cookie in cookies)
    again = client.get("/", headers={"Accept-Language": "en", "Cookie": "lang=zh; theme=dark"})
    assert 'lang="zh-CN" data-theme="dark"' in again.text
    client.cookies.clear()


def test_what_is_unknown_is_a_word_and_never_the_last_value(client: TestClient) -> None:
    page = client.get("/spaces/vault-1").text
    row = page.split('data-point="probe-v1-b/temperature"')[1].split("</tr>")[0]
    value = row.split("data-value")[1].split("</span>")[0]
    assert "UNKNOWN" in value
    assert "19.4" not in value
    assert "last 19.4 °C" in row, "what was last is told apart"
    assert "Good" not in row, "good is a word about a value that is there"


def test_a_title_cannot_bring_markup(client: TestClient) -> None:
    page = client.get("/kiosks").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_an_unknown_page_is_an_error_page_in_the_readers_language(client: TestClient) -> None:
    headers = {"Accept": "text/html", "Accept-Language": "zh-CN"}
    for path in ("/nothing", "/spaces/attic"):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")
        assert "没有这个" in answer.text


@pytest.mark.parametrize(
    "path", ["/spaces/vault-1?from=9&to=8", "/spaces/vault-1?from=x&to=y", "/gates?day=today",
             "/spaces/vault-1?from=nan&to=1e300"],
)  # fmt: skip
def test_a_senseless_address_is_a_clear_error(path: str, client: TestClient) -> None:
    assert client.get(path, headers={"Accept": "text/html"}).status_code == 422


def test_forms_work_without_scripts(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, client):
        alarm = next(
            one for one in client.get("/api/v1/alarms").json() if one["state"] == "unacknowledged"
        )
        address = f"/alarms/{alarm['id']}/acknowledge?state=open"
        refused = client.post(address, data={"who": "", "comment": "x"})
        assert refused.status_code == 422
        assert "Give your name" in refused.text
        done = client.post(address, data={"who": "周老师", "comment": "知道了"})
        assert (done.status_code, done.headers["location"]) == (303, "/alarms?state=open")
        page = client.get(done.headers["location"])
        assert "知道了" in page.text
        assert 'name="who" value="周老师"' in page.text
        late = client.post(address, data={"who": "b"}, headers={"Accept-Language": "zh"})
        assert late.status_code == 409
        assert "已有人先行处理" in late.text
        empty = client.post(f"/alarms/{alarm['id']}/comment", data={"who": "b", "comment": " "})
        assert empty.status_code == 422


def test_a_setpoint_is_written_with_a_lease(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, client):
        address = "/spaces/vault-1/devices/ac-v1"
        form = {"who": "a", "point": "temperature_setpoint", "value": "18,5", "minutes": "30"}
        done = client.post(address, data=form)
        assert (done.status_code, done.headers["location"]) == (303, "/spaces/vault-1#ac-v1")
        order = client.get("/api/v1/commands?device=ac-v1").json()[0]
        assert (order["wanted"], order["lease"], order["who"]) == (18.5, 1800.0, "a")
        for wrong in ({"value": "warm"}, {"value": "inf"}, {"value": "99"}, {"minutes": "0"}):
            answer = client.post(address, data=form | wrong)
            assert answer.status_code == 422, wrong
            assert 'role="alert"' in answer.text


def test_a_robot_is_sent_cancelled_and_released(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, client):
        for action in ("deliver", "cancel", "release"):
            form = {"who": "a", "action": action, "item": "ZJ7", "origin": "dock"}
            assert client.post("/robots/robot-1", data=form).status_code == 303
        assert (
            client.post("/robots/robot-1", data={"who": "a", "action": "dance"}).status_code == 422
        )
        assert (
            client.post("/robots/robot-9", data={"who": "a", "action": "cancel"}).status_code == 404
        )


@pytest.mark.parametrize("body", [b"\xff", b"&" * 100, b"a=1&" * 100])
def test_a_form_of_nonsense_is_an_error_and_no_fault(body: bytes, client: TestClient) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post("/alarms/1/comment", content=body, headers=headers)
    assert 400 <= answer.status_code < 500
    assert client.post("/alarms/1/comment", json={}).status_code == 415


def test_files_are_kept_for_ever_under_their_own_version(client: TestClient) -> None:
    page = client.get("/").text
    address = page.split('href="/static/console.css')[1].split('"')[0]
    answer = client.get(f"/static/console.css{address}")
    assert "immutable" in answer.headers["cache-control"]
    assert client.get("/static/console.css").headers["cache-control"] == "no-cache"
    assert client.get("/static/../frame.py").status_code == 404


def test_live_values_come_whole_at_first_and_then_as_changes(tmp_path: Path) -> None:
    with opened(tmp_path) as (building, client):
        headers = {"Origin": "http://127.0.0.1:8080"}
        with client.websocket_connect(LIVE + "?space=vault-1", headers=headers) as socket:
            first = socket.receive_json()
            assert first["spaces"]["vault-1"]["c"] == "partial"
            assert set(first["spaces"]) == {"vault-1"}
            assert first["points"]["probe-v1-b/humidity"]["v"] is None
            assert first["points"]["probe-v1-b/humidity"]["last"] == 51.0
            assert first["edges"] == {"stacks": True, "front": True}
            building.clock.now += SECOND
            _measure(building, client)
            second = socket.receive_json()
            assert second["now"] >= first["now"]
            assert set(second.get("points", {})) <= {"probe-v1-a/temperature"}
            assert "edges" not in second


def _measure(building: Building, client: TestClient) -> None:
    assert client.portal is not None
    client.portal.call(building.measure, "probe-v2", 19.0, 60.5)


def test_a_live_line_to_another_site_is_refused(client: TestClient) -> None:
    headers = {"Origin": "http://evil.example"}
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(LIVE, headers=headers):
        pass


def test_only_what_differs_is_sent_and_what_is_gone_is_null() -> None:
    sent: dict[str, dict[str, object]] = {}
    assert difference(sent, {"a": {"x": 1, "y": 2}}) == {"a": {"x": 1, "y": 2}}
    assert difference(sent, {"a": {"x": 1, "y": 2}}) == {}
    assert difference(sent, {"a": {"x": 1, "y": 3}}) == {"a": {"y": 3}}
    assert difference(sent, {"a": {"x": 1}}) == {"a": {"y": None}}


def test_a_hole_in_the_values_is_a_hole_in_the_drawing() -> None:
    mean = [1.0, 2.0, None, 3.0, None, 4.0, 5.0]
    at = [n * SECOND for n in range(7)]
    drawn = spark(Series(0, SECOND, at, mean, mean, mean, [1] * 7), (0, 7 * SECOND), (0.0, 6.0))
    assert len(drawn.lines) == 3
    assert drawn.band is not None
    empty = spark(Series(0, SECOND, [], [], [], [], []), (0, 7 * SECOND), (0.0, 6.0))
    assert (empty.lines, empty.band) == ((), None)


def test_the_map_has_its_origin_below(tmp_path: Path) -> None:
    building = Building(tmp_path)
    try:
        drawn = plan(building.site.fleet)
        assert drawn is not None
        assert {spot.id for spot in drawn.spots} == {one.id for one in building.site.fleet.stations}
        assert drawn.place(0, 0)[1] > drawn.place(0, 5)[1]
    finally:
        building.close()
