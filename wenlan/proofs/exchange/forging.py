"""What is said in the name of another: an ack of the gateway, a batch of the edge."""

from contracts.codec import encode, raws
from contracts.messages import Ack, Batch
from contracts.records import RecordsGivenUp
from contracts.topics import of_edge
from runtime.mqtt.connection import Message
from wenlan.proofs.exchange.edge_process import SITE, TOPICS
from wenlan.proofs.exchange.gateway_process import OTHER
from wenlan.proofs.exchange.world import World


async def forge_ack(story: World) -> None:
    """Say once in a session, in the gateway's name, that it has what it never got."""
    edge = story.edge
    if not edge.ready or edge.broker is None or edge.session in story.forged:
        return
    tracks = edge.journal.tracks()
    if not tracks:
        return
    story.forged.add(edge.session)
    track = story.dice.choice(tracks)
    first = story.dice.randint(1, max(1, track.next))
    k = story.dice.randint(1, 12)
    refused = story.dice.choice((0, 0, 0, first))
    last = first + story.dice.choice((3, 1000))
    ack = Ack(track.stream, ((first, last),), track.life, edge.session, k, refused)
    story.look()
    message = Message(TOPICS.ack, encode(ack))
    story.network.seen.append(("edge", message))
    for _ in range(story.dice.choice((1, 1, 3))):
        story.network.inject(edge.broker, "edge", message)
    # What is in memory only is as durable as whoever says that he has it is honest.
    story.account.trusting = True


async def forge_batch(story: World) -> None:
    """Have another edge speak of this one's streams."""
    if not story.edge.ready:
        return
    tracks = story.edge.journal.tracks()
    if not tracks:
        return
    track = story.dice.choice(tracks)
    if track.stream not in story.gateway.streams():
        return  # a name that was never on the wire cannot be guessed
    notice = RecordsGivenUp(
        story.edge.now(), track.stream, track.life, 1, track.next + 5, 0, 0, "a lie"
    )
    stream = story.dice.choice((track.stream, f"{OTHER}-{story.dice.randint(1, 3)}"))
    number = story.dice.randint(1, track.next + 1)
    body = encode(notice)
    batch = Batch(
        stream, number, raws([body]), "another", number, "another", 1, number,
        origins=((track.stream, track.life),), was=((0, 0, number),),
    )  # fmt: skip
    message = Message(of_edge(SITE, OTHER).journal, encode(batch))
    story.network.inject(story.dice.choice(story.network.brokers), "gateway", message)
