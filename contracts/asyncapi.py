"""The message contract as an AsyncAPI 3.0 document, made from the types that are used.

    python -m contracts.asyncapi            # print it
    python -m contracts.asyncapi --write    # bring docs/reference/asyncapi.yaml up to date

The document carries a digest of its schemas. When they change, VERSION must change too: `--write`
refuses to give new schemas an old version.
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml
from msgspec import Struct

from contracts.examples import EXAMPLES
from contracts.messages import Ack, Batch, Card, Command, Presence
from contracts.records import Event, Reading, Sample
from contracts.topics import of_edge

VERSION = "1.2.0"
"""Raise the last number for what old readers may ignore, the first for what they cannot."""
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "reference" / "asyncapi.yaml"

_MOMENTS = {"at", "issued", "expires", "sent", "until"}
_INSTANT = "Microseconds since 1970-01-01T00:00:00Z."
_REF = "#/components/schemas/{name}"


class Way(NamedTuple):
    """How one kind of message travels."""

    kind: type[Struct]
    summary: str
    retain: bool = False


_SENT: Mapping[str, Way] = {
    "journal": Way(Batch, "Samples and events, sent again until acknowledged."),
    "state": Way(Presence, "Whether the edge is connected; also its last will.", retain=True),
    "card": Way(Card, "What one device is and offers.", retain=True),
}
_RECEIVED: Mapping[str, Way] = {
    "ack": Way(Ack, "What the gateway has on its disk."),
    "command": Way(Command, "What a device is to do, once, before it expires."),
}


class VersionError(Exception):
    """The schemas changed and the version did not."""


def schemas() -> dict[str, Any]:
    """Give every schema by name, as JSON Schema."""
    kinds = [way.kind for way in (*_SENT.values(), *_RECEIVED.values())]
    (*_, record, sample), components = msgspec.json.schema_components(
        [*kinds, Reading | Event, Sample], ref_template=_REF
    )
    tidied: dict[str, Any] = json.loads(json.dumps(components))
    for schema in tidied.values():
        for name, one in schema.get("properties", {}).items():
            if name in _MOMENTS and one.get("type") == "integer":
                one["description"] = _INSTANT
    # To the codec a batch's records are raw: it reads them one by one.
    tidied["Batch"]["properties"]["records"]["items"] = {"anyOf": [sample, *record["anyOf"]]}
    return tidied


def digest(given: Mapping[str, Any]) -> str:
    """Give a short digest of what travels: names, types and defaults, not the prose."""
    bare = json.dumps(_without_prose(given), sort_keys=True)
    return hashlib.sha256(bare.encode()).hexdigest()[:16]


def _without_prose(given: Any) -> Any:
    if isinstance(given, Mapping):
        return {
            key: _without_prose(value)
            for key, value in given.items()
            if not (key in ("description", "title") and isinstance(value, str))
        }
    return [_without_prose(one) for one in given] if isinstance(given, list) else given


def document() -> dict[str, Any]:
    """Give the whole document."""
    components = schemas()
    every = {**_SENT, **_RECEIVED}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Wenlan between edge and gateway",
            "version": VERSION,
            "description": (
                "Seen from an edge: it sends its journal, its state and its devices' cards, and"
                " receives acknowledgements and commands. Any MQTT 3.1.1 broker will do. Readers"
                " ignore fields that they do not know."
            ),
            "x-schema-digest": digest(components),
        },
        "defaultContentType": "application/json",
        "servers": {"broker": _server()},
        "channels": {name: _channel(name, way) for name, way in every.items()},
        "operations": {
            **{f"send_{name}": _operation("send", name, way) for name, way in _SENT.items()},
            **{
                f"receive_{name}": _operation("receive", name, way)
                for name, way in _RECEIVED.items()
            },
        },
        "components": {
            "messages": {way.kind.__name__: _message(way.kind) for way in every.values()},
            "schemas": components,
        },
    }


def _server() -> dict[str, Any]:
    will = {"topic": of_edge("{site}", "{edge}").state, "qos": 0, "retain": True}
    return {
        "host": "localhost:1883",
        "protocol": "mqtt",
        "protocolVersion": "3.1.1",
        "bindings": {"mqtt": {"cleanSession": True, "lastWill": will}},
    }


def _channel(name: str, way: Way) -> dict[str, Any]:
    address = str(getattr(of_edge("{site}", "{edge}"), name))
    parameters = {
        "site": {"description": "The site's id: letters, digits, `_` and `-`."},
        "edge": {"description": "The edge's id, likewise."},
    }
    if address.endswith("/"):
        address += "{device}"
        parameters["device"] = {"description": "The device's id, likewise."}
    return {
        "address": address,
        "summary": way.summary,
        "parameters": parameters,
        "messages": {way.kind.__name__: {"$ref": f"#/components/messages/{way.kind.__name__}"}},
    }


def _operation(action: str, name: str, way: Way) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": way.summary,
        "messages": [{"$ref": f"#/channels/{name}/messages/{way.kind.__name__}"}],
        "bindings": {"mqtt": {"qos": 0, "retain": way.retain}},
    }


def _message(kind: type[Struct]) -> dict[str, Any]:
    name = kind.__name__
    return {
        "name": name,
        "contentType": "application/json",
        "payload": {"$ref": _REF.format(name=name)},
        "examples": [
            {"name": title, "payload": json.loads(msgspec.json.encode(example))}
            for title, example in EXAMPLES[kind].items()
        ],
    }


def render() -> str:
    """Write the document as YAML."""
    head = "# Made by `python -m contracts.asyncapi --write`; change contracts/ instead.\n"
    body: str = yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=100)
    return head + body


def demand_new_version(before: str) -> None:
    """Raise VersionError when the document `before` has other schemas under today's version."""
    known = (yaml.safe_load(before) or {}).get("info", {}) if before else {}
    if known.get("version") == VERSION and known.get("x-schema-digest") != digest(schemas()):
        raise VersionError(
            f"the schemas changed, but the version is still {VERSION}: raise VERSION in"
            " contracts/asyncapi.py, then write again"
        )


def main() -> int:
    """Print the document, or write it to its place."""
    if sys.argv[1:] != ["--write"]:
        sys.stdout.write(render())
        return 0
    try:
        demand_new_version(DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else "")
    except VersionError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    DOCUMENT.write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
