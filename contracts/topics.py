"""Where each message travels: `wenlan/v1/{site}/{edge}/…`.

Site, edge and device ids are letters, digits, `_` and `-` (config refuses others), so a topic has
no space and no wildcard, and an edge's name is also a valid part of an MQTT client id everywhere.
"""

from typing import NamedTuple

ROOT = "wenlan/v1"
IMPORTER = "import"
"""The edge as which logger files are imported: it may tell of the past of every device."""


class EdgeTopics(NamedTuple):
    """The topics of one edge. All at QoS 0; state and card are retained."""

    journal: str
    ack: str
    command: str
    state: str
    card: str
    """A prefix: the device's id follows."""


def of_edge(site: str, edge: str) -> EdgeTopics:
    """Give the topics of one edge; `+` for `edge` gives the gateway's filters."""
    base = f"{ROOT}/{site}/{edge}"
    return EdgeTopics(
        f"{base}/journal", f"{base}/ack", f"{base}/command", f"{base}/state", f"{base}/card/"
    )


class Address(NamedTuple):
    """A topic taken apart."""

    site: str
    edge: str
    channel: str
    device: str = ""


def parse(topic: str) -> Address | None:
    """Take a topic apart; None when it is not one of ours."""
    match topic.split("/"):
        case ["wenlan", "v1", site, edge, ("journal" | "ack" | "command" | "state") as channel]:
            return Address(site, edge, channel)
        case ["wenlan", "v1", site, edge, "card", device]:
            return Address(site, edge, "card", device)
    return None
