"""The codecs that are fuzzed, with good messages of each."""

import json
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from config.registers import Table
from config.site import Fleet
from contracts import codec
from contracts.codec import Codec, ContractError
from contracts.examples import EXAMPLES
from contracts.layouts import Column, Layout, LayoutError, readings
from contracts.messages import Ack, Batch, Card, Command, Presence
from contracts.ranges import Ranges
from contracts.records import Sample
from drivers.protocols import vda5050
from drivers.protocols.modbus import mbap, pdu, rtu
from drivers.protocols.rfid import feig, iso28560, iso28560_2, iso28560_3
from drivers.protocols.rfid.iso15693 import TagError
from drivers.protocols.rfid.tag_content import TagContent
from drivers.protocols.sip2 import messages as sip2
from drivers.protocols.sip2 import session as sip2_session
from drivers.protocols.vda5050 import Errand, ProtocolError, Start
from wenlan.proofs.fuzz import Target

_DATE = "20261121    044721"
_UID = bytes.fromhex("E004010000000043")


def targets() -> Mapping[str, Target]:
    """Give every codec by its name."""
    every = (*_wire(), _sip2(), _feig(), _tags(), *_vda5050(), _modbus(), _rtu())
    return {one.name: one for one in every}


def _wire() -> Iterable[Target]:
    codecs: dict[type[Struct], tuple[Codec[Struct], Callable[[Struct], object]]] = {
        Batch: (codec.batches, _unpack),  # type: ignore[dict-item] # one table for all five
        Ack: (codec.acks, lambda ack: Ranges(ack.committed)),  # type: ignore[dict-item, attr-defined] # as above
        Command: (codec.commands, codec.encode),  # type: ignore[dict-item] # as above
        Presence: (codec.presences, codec.encode),  # type: ignore[dict-item] # as above
        Card: (codec.cards, lambda card: [one.digest for one in card.layouts]),  # type: ignore[dict-item, attr-defined] # as above
    }
    for kind, (one, then) in codecs.items():
        seeds = [codec.encode(example) for example in EXAMPLES[kind].values()]
        # Ranges that end before they begin are a ValueError, which a ContractError is too.
        feed = _chained(one.decode, then)
        yield Target(kind.__name__.lower(), seeds, (ContractError, ValueError), feed)


def _chained(
    decode: Callable[[bytes], Struct], then: Callable[[Struct], object]
) -> Callable[[bytes], object]:
    return lambda payload: then(decode(payload))


_LAYOUT = Layout("main", (Column("temperature", 1), Column("humidity", 1)))


def _unpack(batch: Struct) -> None:
    assert isinstance(batch, Batch)
    for record in codec.decode_received(batch):
        if isinstance(record, Sample):
            try:
                readings(record, _LAYOUT)
            except LayoutError:
                continue


def _sip2() -> Target:
    patron = f"64{' ' * 14}000{_DATE}{' ' * 24}AOZJLIB|AA3301|AE李四|BLY|CQY|AF你好|AY1AZ"
    seeds = [
        b"98YNNYNN60000320261121    0447212.00AOZJLIB|BXYYYYYYYYYNYNYYYY|AY1AZEDDF",
        f"121NNY{_DATE}AOZJLIB|AA3301|AB3301000000017|AJ文史通义|AH2026-12-19|AY2AZ0000".encode(),
        f"101YNN{_DATE}AOZJLIB|AB3301000000017|AJ文史通义|AQ一楼|AY3AZ0000".encode("gbk"),
        sip2.seal(f"{patron[:-2]}".encode()),
        f"24{' ' * 14}000{_DATE}AEJane|AA3301|BLY|".encode(),
        f"18{'0' * 6}{_DATE}AB1|AJx|AF|AFtwo|AY4AZ0000".encode(),
        b"941AY1AZFDFA",
        b"96AZFEF6",
    ]
    asked = sip2.Request("17", (_DATE,), (("AO", "ZJLIB"), ("AB", "3301000000017")))
    rules = sip2_session.Rules()

    def feed(payload: bytes) -> None:
        waiting, _ = sip2_session.step(sip2_session.Session(), rules, asked)
        for piece in (payload[:7], payload[7:] + b"\r"):
            if waiting.request is not None:
                waiting, _ = sip2_session.step(waiting, rules, sip2_session.Received(piece))
        assert waiting.resends <= rules.resends
        assert len(waiting.buffer) <= sip2.LONGEST_MESSAGE + len(payload) + 1
        for encoding in ("utf-8", "gbk", "latin-1"):
            sip2.parse(payload, encoding)

    return Target("sip2", seeds, (sip2.Sip2Error,), feed)


def _reply(command: int, status: int, data: bytes) -> bytes:
    head = bytes([len(data) + 6, 0, command, status]) + data
    return head + feig.crc16(head).to_bytes(2, "little")


def _feig() -> Target:
    seen = bytes([feig.ISO15693, 0]) + _UID
    blocks = bytes([2, 4]) + b"\0\x01\x02\x03\x04" * 2
    seeds = [
        _reply(feig.ISO_HOST, 0, b"\x02" + seen * 2),
        _reply(feig.ISO_HOST, feig.NO_TRANSPONDER, b""),
        _reply(feig.ISO_HOST, 0, bytes([0]) + _UID + bytes([7, 27, 3, 1])),
        _reply(feig.ISO_HOST, 0, blocks),
        _reply(feig.ISO_HOST, feig.ISO15693_ERROR, b"\x12"),
        b"\x02\x01\x00\x00\xb0\x00" + bytes(250),
    ]

    def feed(payload: bytes) -> None:
        reply = feig.find_reply(payload[:600], feig.ISO_HOST)
        # Damage is caught by the checksum: the content is tried as if it had not been.
        for data in (payload[4:-2], b"" if reply is None else reply.data):
            feig.explain(feig.Reply(data[0] if data else 0, data[1:]))
            for parse in (
                feig.parse_inventory,
                feig.parse_system_information,
                lambda one: feig.parse_blocks(one, 2),
            ):
                try:
                    parse(data)
                except TagError:
                    continue

    return Target("feig", seeds, (), feed)


def _tags() -> Target:
    book = TagContent(item="3301000000017")
    seeds = [iso28560_2.encode(book), iso28560_3.encode(book), bytes(112), b"\xff" * 112]

    def feed(payload: bytes) -> None:
        for dsfid in (0x06, 0x3E, 0):
            try:
                iso28560.decode(payload[:512], dsfid)
            except TagError:
                continue

    return Target("tags", seeds, (), feed)


_FLEET = Fleet.model_validate(
    {
        "stations": [
            {"id": "dock", "x": 0, "y": 0},
            {"id": "lift", "x": 8, "y": 0},
            {"id": "desk", "x": 8, "y": 10},
        ],
        "ways": [["dock", "lift"], ["lift", "desk"]],
    }
)
_HEADER = {
    "headerId": 1,
    "timestamp": "2026-01-01T00:00:00Z",
    "version": "2.1.0",
    "manufacturer": "Example",
    "serialNumber": "WL-001",
}


def _vda5050() -> Iterable[Target]:
    order = vda5050.delivery_order(
        _FLEET,
        Errand("order-1", "3301000000017", "lift", "desk"),
        Start("dock", 1.25),
        ("dock", "lift", "desk"),
    )

    def state(payload: bytes) -> None:
        told = vda5050.states.decode(payload)
        vda5050.progress(order, told)
        vda5050.rejection(order, told)
        vda5050.complaints(told)
        vda5050.hindrance(told)
        vda5050.idle(told)
        vda5050.starting_point(_FLEET, told)
        earlier, _ = vda5050.Sequence().take(told)
        earlier.take(told)

    expected = (ProtocolError,)
    yield Target("vda5050", [json.dumps(_state(order)).encode()], expected, state)
    connection = json.dumps({**_HEADER, "connectionState": "ONLINE"}).encode()
    yield Target("connection", [connection], expected, vda5050.connections.decode)
    kind = {"seriesName": "Cart", "agvKinematic": "DIFF", "agvClass": "CARRIER", "maxLoadMass": 30}
    factsheet = json.dumps({**_HEADER, "typeSpecification": kind}).encode()
    yield Target("factsheet", [factsheet], expected, vda5050.factsheets.decode)


def _state(order: vda5050.Order) -> dict[str, object]:
    return {
        **_HEADER,
        "orderId": order.order_id,
        "orderUpdateId": 0,
        "lastNodeId": "dock",
        "lastNodeSequenceId": 0,
        "driving": True,
        "paused": False,
        "operatingMode": "AUTOMATIC",
        "agvPosition": {
            "x": 0.5,
            "y": 0,
            "theta": 1.5,
            "mapId": "ground",
            "positionInitialized": True,
        },
        "nodeStates": [
            {"nodeId": one.node_id, "sequenceId": one.sequence_id, "released": True}
            for one in order.nodes
        ],
        "edgeStates": [
            {"edgeId": one.edge_id, "sequenceId": one.sequence_id, "released": True}
            for one in order.edges
        ],
        "actionStates": [
            {"actionId": action.action_id, "actionType": "pick", "actionStatus": "FINISHED"}
            for one in order.nodes
            for action in one.actions
        ],
        "batteryState": {"batteryCharge": 81.5, "charging": False},
        "errors": [
            {
                "errorType": "orderUpdateError",
                "errorLevel": "WARNING",
                "errorReferences": [{"referenceKey": "orderId", "referenceValue": "order-1"}],
            }
        ],
        "safetyState": {"eStop": "NONE", "fieldViolation": False},
    }


def _modbus() -> Target:
    read = mbap.asking(pdu.read_request(17, Table.HOLDING, 107, 3))
    write = mbap.asking(pdu.write_request(17, 16, 107, (2, 43)))
    good = mbap.MBAP.pack(7, 0, 9, 17) + bytes([3, 6, 2, 43, 0, 0, 0, 100])
    echo = mbap.MBAP.pack(7, 0, 6, 17) + bytes([16, 0, 107, 0, 2])
    failed = mbap.MBAP.pack(7, 0, 3, 17) + bytes([0x83, 2])
    stray = mbap.MBAP.pack(6, *mbap.MBAP.unpack(good[:7])[1:]) + good[7:]

    def feed(payload: bytes) -> None:
        for asked in (read, write):
            whole = _received((payload,), asked)
            _identified(payload, asked.request, whole)
            for cut in (1, 7, len(payload) // 2):
                # However it comes, it is the same.
                in_pieces = _received((payload[:cut], payload[cut:]), asked)
                assert in_pieces == whole, (in_pieces, whole)

    return Target("modbus", [good, echo, failed, failed + good, stray + good], (), feed)


def _received(pieces: Iterable[bytes], asked: mbap.Asking) -> bytes | pdu.Mismatch | None:
    """Give the verdict on what came in pieces after a request with transaction 7."""
    incoming = mbap.Incoming()
    incoming.expect(7, asked)
    verdicts = [verdict for verdict in map(incoming.take, pieces) if verdict is not None]
    return verdicts[0] if verdicts else None


def _identified(payload: bytes, request: pdu.Request, found: bytes | pdu.Mismatch | None) -> None:
    """Hold what was taken for a reply against the manual, without the codec's own tables."""
    if not isinstance(found, bytes):
        return
    head = (7).to_bytes(2, "big") + bytes(2) + (len(found) + 1).to_bytes(2, "big") + bytes([17])
    assert head + found in payload
    if found[0] == request.function + 128:
        assert len(found) == 2
    elif request.function == 3:
        assert found[:2] == b"\x03\x06"
        assert len(found) == 8
        assert pdu.registers(found) == tuple(found[n] << 8 | found[n + 1] for n in (2, 4, 6))
    else:
        assert found == b"\x10\x00\x6b\x00\x02"


def _rtu() -> Target:
    read = pdu.read_request(17, Table.HOLDING, 107, 3)
    write = pdu.write_request(17, 16, 107, (2, 43))
    bodies = (
        bytes([17, 3, 6, 2, 43, 0, 0, 0, 100]),
        bytes([17, 16, 0, 107, 0, 2]),
        bytes([17, 0x83, 2]),
        bytes([16, 3, 6, 2, 43, 0, 0, 0, 100]),
    )
    good = [body + rtu.checksum(body) for body in bodies]

    def feed(payload: bytes) -> None:
        for asked in (read, write):
            # The second time with a checksum that is right: the identity alone is to be looked at.
            for received in (payload, payload + rtu.checksum(payload)):
                _proven(received, asked, rtu.examine(received, asked))

    return Target("rtu", [*good, b"\0" + good[0], good[3] + good[0]], (), feed)


def _proven(received: bytes, request: pdu.Request, found: bytes | pdu.Mismatch | None) -> None:
    """Hold what was taken for a reply on a line against the manual, its checksum bit by bit."""
    if not isinstance(found, bytes):
        return
    whole = bytes([17]) + found
    rest = 0xFFFF
    for byte in whole:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ (0xA001 if rest & 1 else 0)
    assert received.lstrip(b"\0\xff").startswith(whole + rest.to_bytes(2, "little"))
    assert found[0] in (request.function, request.function + 128)
    if found[0] == 3:
        assert found[1] == 6
        assert len(found) == 8
    elif found[0] == 16:
        assert found[1:] == bytes([0, 107, 0, 2])
    else:
        assert len(found) == 2
