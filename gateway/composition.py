"""Puts one gateway together and runs it until it is cancelled."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from pathlib import Path

import uvicorn

from config.site import Site
from gateway.commands.requests import Requests
from gateway.devices.snapshot import Live
from gateway.engine.outbox import Outbox
from gateway.engine.writer_thread import WriterThread
from gateway.ingest.after_commit import AfterCommit
from gateway.ingest.subscriber import Subscriber
from gateway.web.header_deadline import ImpatientProtocol
from runtime.host import Host

STORE = "store.sqlite3"
LARGEST_FROM_A_PAGE = 4096
"""Bytes: a page has little to say on its WebSocket."""
FAREWELL = 2
"""Seconds that requests under way get when the gateway ends."""


async def run_gateway(site: Site, data: Path, host: Host, http_host: str, http_port: int) -> None:
    """Store, judge, command, count and show, until cancelled.

    Raises StoreError or OSError when the store or the port cannot be had.
    """
    # The console's libraries are loaded only by the process that serves it.
    from gateway.storage.read_pool import READERS, Archive  # noqa: PLC0415
    from gateway.web.app import build_app  # noqa: PLC0415
    from gateway.web.services import Parts  # noqa: PLC0415

    live = Live()
    outbox = Outbox()
    now = host.clock.wall
    thread = host.threads("store", 1)
    writer_thread = WriterThread(
        now, AfterCommit(site.site, outbox, live), thread, host.clock.sleep
    )
    with socket.create_server((http_host, http_port)) as listener:
        await writer_thread.open(site, data / STORE, host.connect)
        archive = Archive(data / STORE, host.connect, host.threads("archive", READERS))
        try:
            addresses = site.broker.addresses
            io = host.mqtt(site.broker)
            subscriber = Subscriber(site.site, addresses, outbox, writer_thread.offer, now, io)
            requests = Requests(writer_thread, now, host.new_id)
            app = build_app(Parts(site, live, archive, requests, now), (*site.hosts, http_host))
            async with asyncio.TaskGroup() as group:
                group.create_task(writer_thread.run(), name="writer")
                group.create_task(writer_thread.keep_time(), name="clock")
                group.create_task(subscriber.run(), name="subscriber")
                group.create_task(serve(app, listener), name="http")
        finally:
            archive.close()
            await writer_thread.close()


class _Server(uvicorn.Server):
    """Leaves signals to the process that it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(app: object, listener: socket.socket) -> None:
    """Serve HTTP on a listening socket; when cancelled, let requests end for a short while."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]  # any ASGI application
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=FAREWELL,
        http=ImpatientProtocol,
        ws="websockets-sansio",
        ws_max_size=LARGEST_FROM_A_PAGE,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="uvicorn")
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
    raise RuntimeError("the web server ended by itself; its log says why")
