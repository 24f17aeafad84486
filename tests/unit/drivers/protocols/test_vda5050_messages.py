"""VDA 5050 messages: what robots really send, what the schemas say, and nonsense."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from config.site import Fleet
from drivers.protocols import vda5050
from drivers.protocols.vda5050 import Errand, Header, ProtocolError, Start, messages
from simulators.robots.motion import Body
from simulators.robots.order_state import OrderState
from simulators.robots.robot import _FACTSHEET
from tests.conftest import data_folder

FLEET = Fleet.model_validate(
    {
        "stations": [
            {"id": "dock", "x": 0, "y": 0},
            {"id": "lift", "x": 8, "y": 0},
            {"id": "desk", "x": 8, "y": 10},
        ],
        "ways": [["dock", "lift"], ["lift", "desk"]],
    }
)
HEADER = Header(0, "2026-01-01T00:00:00.000Z", "2.1.0", "Example", "WL-001")
ORDER = vda5050.delivery_order(
    FLEET,
    Errand("order-1", "善本 1", "lift", "desk"),
    Start("dock", 1.25),
    ("dock", "lift", "desk"),
)
MINIMAL: dict[str, Any] = {
    "headerId": 1,
    "timestamp": "2026-01-01T00:00:00Z",
    "version": "2.1.0",
    "manufacturer": "Example",
    "serialNumber": "WL-001",
    "orderId": "",
    "orderUpdateId": 0,
    "lastNodeId": "",
    "lastNodeSequenceId": 0,
    "driving": False,
    "operatingMode": "AUTOMATIC",
    "nodeStates": [],
    "edgeStates": [],
    "actionStates": [],
    "batteryState": {"batteryCharge": 50, "charging": False},
    "errors": [],
    "safetyState": {"eStop": "NONE", "fieldViolation": False},
}


def schema(kind: str) -> Draft202012Validator:
    path = data_folder("vda5050") / "schemas" / "2.1.0" / f"{kind}.schema"
    return Draft202012Validator(json.loads(path.read_text(encoding="utf-8-sig")))


def samples() -> Path:
    return data_folder("vda5050") / "samples"


def read(body: dict[str, Any]) -> vda5050.State:
    return vda5050.states.decode(json.dumps(body).encode())


def test_every_state_connection_and_visualization_sample_can_be_read() -> None:
    codecs: dict[str, Any] = {
        "StateTest": vda5050.states,
        "ConnectionTest": vda5050.connections,
        "VisualizationTest": vda5050.visualizations,
        "OrderTest": messages.orders,
        "v2_0_InstantActionsTest": vda5050.instant_actions,
    }
    seen = 0
    for path in sorted((samples() / "opentcs").iterdir()):
        for name, codec in codecs.items():
            if name in path.name:
                codec.decode(path.read_bytes())
                seen += 1
    assert seen == 24


def test_sloppy_log_lines_are_read_whatever_version_they_claim() -> None:
    lines = (samples() / "analysis-tool" / "sample.log").read_text().splitlines()
    states = [
        vda5050.states.decode(line[line.index("{") :].encode()) for line in lines if "{" in line
    ]
    assert [state.version for state in states] == ["2.1.0", "1.9.5"]
    assert vda5050.complaints(states[1]) == ("emergency stop (MANUAL)", "FATAL E-STOP")
    assert vda5050.hindrance(states[1]) == "the robot is in mode MANUAL"


def test_the_full_sample_keeps_what_matters() -> None:
    path = samples() / "opentcs" / "v2_0_StateTest.jsonSampleFull.approved.txt"
    state = vda5050.states.decode(path.read_bytes())
    assert state.agv_position is not None
    assert (state.agv_position.x, state.agv_position.map_id) == (2.1, "some-map-id")
    assert state.action_states is not None
    assert state.action_states[0].result_description == "some-result-description"


@pytest.mark.parametrize("sequence", [0, 2, 4])
def test_orders_and_their_updates_follow_the_official_schema(sequence: int) -> None:
    check = schema("order")
    base = vda5050.released_to(ORDER, sequence)
    for order in (ORDER, base, vda5050.extended(base, 4)):
        check.validate(json.loads(vda5050.encode(HEADER, order)))


@pytest.mark.parametrize("kind", ["cancelOrder", "stateRequest", "startPause", "factsheetRequest"])
def test_instant_actions_follow_the_official_schema(kind: str) -> None:
    payload = vda5050.encode(HEADER, vda5050.instant_action(kind, "a-1"))
    schema("instantActions").validate(json.loads(payload))


def test_the_simulated_robot_speaks_by_the_official_schema() -> None:
    agenda = OrderState(lambda order, step: None)
    body = Body({one.id: (one.x, one.y) for one in FLEET.stations}, "ground", "dock", agenda)
    order = json.loads(vda5050.encode(HEADER, ORDER))
    head = json.loads(vda5050.encode(HEADER, vda5050.InstantActions(())))
    check = schema("state")
    for second in range(60):
        body.take_order(order)
        if second == 50:
            cancel = vda5050.instant_action("cancelOrder", "c")
            body.take_instant(json.loads(vda5050.encode(HEADER, cancel))["actions"][0])
        body.step(1.0)
        check.validate({**head, **body.state()})
    schema("factsheet").validate({**head, **_FACTSHEET})
    vda5050.factsheets.decode(json.dumps({**head, **_FACTSHEET}).encode())


def test_what_is_written_reads_back_the_same() -> None:
    assert messages.orders.decode(vda5050.encode(HEADER, ORDER)) == ORDER
    actions = vda5050.instant_action("cancelOrder", vda5050.cancel_id("order-1"))
    assert vda5050.instant_actions.decode(vda5050.encode(HEADER, actions)) == actions


def test_null_stands_for_an_absent_optional_field() -> None:
    nulls = dict.fromkeys(
        (
            "agvPosition",
            "batteryState",
            "safetyState",
            "errors",
            "paused",
            "newBaseRequest",
            "lastNodeId",
            "nodeStates",
            "edgeStates",
            "actionStates",
            "loads",
            "information",
        )
    )
    state = read({**MINIMAL, **nulls})
    assert vda5050.idle(state)
    assert vda5050.complaints(state) == ()


def test_unknown_words_and_fields_cost_only_themselves() -> None:
    state = read(
        {
            **MINIMAL,
            "operatingMode": "STARTUP",
            "mobileRobotPosition": {"x": 1},
            "actionStates": [{"actionId": "a", "actionStatus": "RETRIABLE", "new": 1}],
            "errors": [{"errorType": "x", "errorLevel": "URGENT", "errorReferences": None}],
        }
    )
    assert state.operating_mode == "STARTUP"
    assert not vda5050.idle(state)
    assert vda5050.complaints(state) == ("URGENT x",)


@pytest.mark.parametrize("field", ["headerId", "orderId", "nodeStates", "actionStates", "driving"])
def test_what_a_master_cannot_do_without_is_named_when_it_is_missing(field: str) -> None:
    body = {key: value for key, value in MINIMAL.items() if key != field}
    with pytest.raises(ProtocolError, match=f"State: .*missing.*{field}"):
        read(body)


def test_a_wrong_type_is_named_with_its_place() -> None:
    with pytest.raises(ProtocolError, match=r"State: .*\$\.nodeStates\[0\]\.sequenceId"):
        read({**MINIMAL, "nodeStates": [{"nodeId": "a", "sequenceId": "x", "released": True}]})


def test_a_message_out_of_all_proportion_is_refused_unread() -> None:
    with pytest.raises(ProtocolError, match="the limit is 1000000"):
        vda5050.states.decode(b" " * 1_000_001)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_message_or_one_clear_error(payload: bytes) -> None:
    for codec in (vda5050.states, vda5050.connections, vda5050.factsheets):
        with pytest.raises(ProtocolError):
            codec.decode(payload)


@given(st.sampled_from(sorted(MINIMAL)), JSON)
def test_one_strange_field_gives_a_state_that_can_be_judged_or_one_clear_error(
    field: str, value: object
) -> None:
    try:
        state = read({**MINIMAL, field: value})
    except ProtocolError:
        return
    vda5050.progress(ORDER, state)
    vda5050.hindrance(state)
    vda5050.starting_point(FLEET, state)
    vda5050.Sequence(3, "2026-01-01T00:00:00Z").take(state)


def test_topics_are_those_of_the_standard() -> None:
    assert vda5050.topic("uagv", "2.1.0", "KIT", "0001", "order") == "uagv/v2/KIT/0001/order"
