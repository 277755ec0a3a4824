"""A real client in a process of its own: the historian's link, or asyncua's client.

    python -m benchmarks.opcua.clients link|asyncua ENDPOINT SUBSCRIPTIONS < NODES

NODES is one line of JSON. It prints `ready` when all initial values are here; then, told `count`, counts anew, and told
`report`, prints what it has received, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from asyncua import Client, ua

from benchmarks.opcua.meter import Delays, now_ticks
from benchmarks.opcua.records import Run
from plant.clock import ticks_from_datetime
from runtime.opcua_link.connect import connected
from runtime.opcua_link.values import Notification

PART = 1000


class Received:
    """What has come since it was counted anew."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.delays = Delays(paused_before=True)
        self.records = 0
        self.cpu_s = 0.0
        self._wanted = 0

    def expect(self, records: int) -> None:
        """Set `arrived` when so many have come."""
        self._wanted = records

    def count(self) -> None:
        """Count anew."""
        self.delays.reset()
        self.records, self.cpu_s = 0, time.process_time()

    def add(self, source_time: Any, server_time: Any) -> None:
        """Take a column of records."""
        self.records += len(source_time)
        handles = np.zeros(len(source_time), np.uint32)
        self.delays.add(Run(handles, source_time, server_time, None), now_ticks())
        if self.records >= self._wanted:
            self.arrived.set()

    def report(self) -> dict[str, float]:
        """Return it."""
        return {
            "records": self.records,
            "cpu_s": time.process_time() - self.cpu_s,
            "p50_ms": self.delays.percentile_ms(0.50),
            "p99_ms": self.delays.percentile_ms(0.99),
        }

    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        """Take one value from asyncua's subscription."""
        shown = data.monitored_item.Value
        times = [ticks_from_datetime(each) for each in (shown.SourceTimestamp, shown.ServerTimestamp)]
        self.add(np.array(times[:1]), np.array(times[1:]))


@asynccontextmanager
async def link(endpoint: str, nodes: list[str], subscriptions: int, received: Received) -> AsyncIterator[None]:
    """Subscribe as the historian does."""

    async def on_data(notification: Notification) -> None:
        received.add(notification.source_time, notification.server_time)

    async with connected(endpoint, "benchmark") as opened, asyncio.TaskGroup() as group:
        running = group.create_task(opened.run())
        names = [node.removeprefix("ns=2;s=") for node in nodes]
        for _ in range(subscriptions):
            await opened.subscribe(names, on_data)
        yield
        running.cancel()


@asynccontextmanager
async def stock(endpoint: str, nodes: list[str], subscriptions: int, received: Received) -> AsyncIterator[None]:
    """Subscribe with asyncua's own client, unmodified."""
    async with Client(endpoint, timeout=60) as client:
        for _ in range(subscriptions):
            subscription = await client.create_subscription(100, received)
            for start in range(0, len(nodes), PART):
                part = [client.get_node(ua.NodeId.from_string(node)) for node in nodes[start : start + PART]]
                await subscription.subscribe_data_change(part, queuesize=10_000)
        yield


async def main(kind: str, endpoint: str, subscriptions: int) -> None:
    """Receive until standard input ends."""
    reader = asyncio.StreamReader(1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    nodes = json.loads(await reader.readline())
    received = Received()
    received.expect(len(nodes) * subscriptions)
    async with (link if kind == "link" else stock)(endpoint, nodes, subscriptions, received):
        await received.arrived.wait()
        print("ready", flush=True)
        while line := await reader.readline():
            if line.strip() == b"count":
                received.count()
            print(json.dumps(received.report()), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
