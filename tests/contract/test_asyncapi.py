"""The checked-in message contract is the one that is spoken."""

import copy
import json
from typing import Any, get_args

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator
from msgspec import Struct

from contracts import asyncapi, codec
from contracts.codec import Codec
from contracts.examples import EXAMPLES
from contracts.messages import Ack, Batch, Card, Command, Presence
from contracts.records import Record
from contracts.topics import parse
from tests.conftest import ROOT

DOCUMENT: dict[str, Any] = yaml.safe_load(asyncapi.DOCUMENT.read_text(encoding="utf-8"))
CASES = [
    (name, example["name"], example["payload"])
    for name, message in DOCUMENT["components"]["messages"].items()
    for example in message["examples"]
]
CODECS: dict[str, Codec[Any]] = {
    Batch.__name__: codec.batches,
    Ack.__name__: codec.acks,
    Command.__name__: codec.commands,
    Presence.__name__: codec.presences,
    Card.__name__: codec.cards,
}


def validator(name: str) -> Draft202012Validator:
    """Validate as JSON Schema does; the document's own way to name the kind is an annotation."""
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    )


def test_the_checked_in_document_is_up_to_date() -> None:
    assert asyncapi.DOCUMENT.read_text(encoding="utf-8") == asyncapi.render(), (
        "run: python -m contracts.asyncapi --write"
    )


def test_schemas_never_change_under_the_same_version(monkeypatch: pytest.MonkeyPatch) -> None:
    checked_in = asyncapi.DOCUMENT.read_text(encoding="utf-8")
    asyncapi.demand_new_version(checked_in)
    changed = copy.deepcopy(asyncapi.schemas())
    changed["Reading"]["properties"]["site"] = {"type": "string"}
    monkeypatch.setattr(asyncapi, "schemas", lambda: changed)
    with pytest.raises(asyncapi.VersionError, match="raise VERSION"):
        asyncapi.demand_new_version(checked_in)
    monkeypatch.setattr(asyncapi, "VERSION", "99.0.0")
    asyncapi.demand_new_version(checked_in)


def test_prose_may_change_without_a_new_version() -> None:
    before = asyncapi.schemas()
    after = copy.deepcopy(before)
    after["Reading"]["description"] = "One value."
    assert asyncapi.digest(before) == asyncapi.digest(after)
    after["Reading"]["properties"]["at"]["type"] = "number"
    assert asyncapi.digest(before) != asyncapi.digest(after)


@pytest.mark.parametrize(("name", "title", "payload"), CASES, ids=[one[1] for one in CASES])
def test_every_example_follows_its_schema_and_is_understood(
    name: str, title: str, payload: object
) -> None:
    validator(name).validate(payload)
    decoded = CODECS[name].decode(msgspec.json.encode(payload))
    assert json.loads(codec.encode(decoded)) == payload


@pytest.mark.parametrize(("name", "title", "payload"), CASES, ids=[one[1] for one in CASES])
def test_schema_and_codec_refuse_the_same_omissions(
    name: str, title: str, payload: dict[str, object]
) -> None:
    for field in payload:
        without = {key: value for key, value in payload.items() if key != field}
        required = field in DOCUMENT["components"]["schemas"][name]["required"]
        assert validator(name).is_valid(without) != required
        if required:
            with pytest.raises(codec.ContractError, match=field):
                CODECS[name].decode(msgspec.json.encode(without))


def test_the_examples_show_every_kind_of_record() -> None:
    shown = {
        type(record)
        for batch in EXAMPLES[Batch].values()
        if isinstance(batch, Batch)
        for record in codec.decode_received(batch)
    }
    assert shown == set(get_args(Record))


def test_every_schema_is_a_json_schema_and_every_reference_leads_somewhere() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for reference in references(DOCUMENT):
        found: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def references(given: Any) -> list[str]:
    if isinstance(given, dict):
        own = [given["$ref"]] if isinstance(given.get("$ref"), str) else []
        return own + [one for value in given.values() for one in references(value)]
    return [one for value in given for one in references(value)] if isinstance(given, list) else []


def test_every_channel_is_a_topic_of_ours_with_its_quality_of_service() -> None:
    quality = {
        operation["channel"]["$ref"].split("/")[-1]: operation["bindings"]["mqtt"]
        for operation in DOCUMENT["operations"].values()
    }
    for name, channel in DOCUMENT["channels"].items():
        address = parse(channel["address"].format(site="zhijiang", edge="front", device="pad-1"))
        assert address is not None
        assert address.channel == name
        assert set(channel["parameters"]) == {
            part.strip("{}") for part in channel["address"].split("/") if part.startswith("{")
        }
    assert {one["qos"] for one in quality.values()} == {0}
    assert {name for name, one in quality.items() if one["retain"]} == {"state", "card"}


def test_the_page_on_messages_names_every_kind_and_message() -> None:
    page = (ROOT / "docs" / "reference" / "messages.md").read_text(encoding="utf-8")
    for kind in (*get_args(Record), *EXAMPLES):
        assert f"`{name_on_the_wire(kind)}`" in page, kind
        for field in msgspec.structs.fields(kind):
            assert f"`{field.encode_name}`" in page, f"{kind.__name__}.{field.name}"


def name_on_the_wire(kind: type[Struct]) -> str:
    return str(kind.__struct_config__.tag or kind.__name__)
