"""Memory of a server for each monitored item."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.opcua.meter import Delays
from benchmarks.opcua.progress import say
from benchmarks.opcua.servers.process import Server
from benchmarks.opcua.session import Session
from benchmarks.opcua.subscriber import Item, Subscriber

QUEUE = 10
ROUNDS = QUEUE + 2
LONGEST_S = 120.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes an item."""

    items: int
    new_bytes: float
    """With its initial value waiting."""
    full_bytes: float
    """After more changes than its queue holds, none of them fetched."""


def per_item(server: Server, tags: int, items: int) -> Memory:
    """Make subscriptions of all tags, without asking for notifications, until there are so many items."""
    server.pause()
    nodes = [Item(node) for node in server.tags.changing[:tags]]
    _change(server, tags)
    before = server.rss()
    _change(server, tags)
    history = server.rss() - before
    sessions = []
    try:
        before = server.rss()
        for _ in range(items // tags):
            sessions.append(Session(server.endpoint))
            Subscriber(sessions[-1], nodes, Delays(paused_before=False), publishing_ms=100.0, queue=QUEUE)
            say(f"{server.name}: {len(sessions) * tags:,} items, {(server.rss() - before) / 1e6:,.1f} MB more")
        made = len(sessions) * tags
        new = (server.rss() - before) / made
        _change(server, tags)
        return Memory(made, new, (server.rss() - before - history) / made)
    finally:
        for session in sessions:
            session.close()


def _change(server: Server, tags: int) -> None:
    """Let every tag change more often than a queue holds; what that adds without items is history."""
    node = server.tags.changing[tags - 1 : tags]
    (before,) = server.produced(node)
    end = time.monotonic() + LONGEST_S
    while server.produced(node)[0] - before < ROUNDS and time.monotonic() < end:
        server.resume(tags, 0)
        time.sleep(ROUNDS * server.period_s)
        server.pause()
