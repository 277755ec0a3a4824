"""What people write first, with asyncua's client and influxdb-client: `stock_bridge URL INFLUX TOKEN_FILE`.

Subscribes to every recorded Variable of the plant, and writes batches to a bucket; prints each second how many samples
it has written.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from asyncua import Client, Node, ua
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import SYNCHRONOUS, WriteApi

BATCH = 5_000
NO_WATCHDOG_S = 86_400.0
"""asyncua's own look at the connection gives up, for ever, when its event loop has too much to do."""


class Handler:
    """asyncua's way: a call for each sample."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    def datachange_notification(self, node: Node, value: object, data: Any) -> None:
        """Queue a sample."""
        self.queue.put_nowait((str(node.nodeid.Identifier), data.monitored_item.Value))


def _point(name: str, value: ua.DataValue) -> Point | None:
    reactor, _, leaf = name.partition(".")
    plain = value.Value.Value if value.Value is not None else None
    if not isinstance(plain, bool | int | float):
        return None
    fields = {"v": float(plain)}
    tags = {"reactor": reactor, "signal": leaf}
    found = {"measurement": "opc", "tags": tags, "fields": fields, "time": value.SourceTimestamp}
    point: Point = Point.from_dict(found)
    return point


async def _nodes(client: Client) -> list[Node]:
    """Return every Variable that has a history, once: there are several ways to each."""
    found, seen, todo = [], set(), [client.get_node("ns=2;s=Plant")]
    while todo:
        for child in await todo.pop().get_children():
            if child.nodeid in seen:
                continue
            seen.add(child.nodeid)
            kind = await child.read_node_class()
            if kind == ua.NodeClass.Object:
                todo.append(child)
            elif kind == ua.NodeClass.Variable:
                historizing = await child.read_attribute(ua.AttributeIds.Historizing)
                if historizing.Value is not None and historizing.Value.Value:
                    found.append(child)
    return found


async def main(url: str, writer: WriteApi) -> None:
    """Carry samples for ever."""
    handler = Handler()
    written = 0
    async with Client(url, timeout=30, watchdog_intervall=NO_WATCHDOG_S) as client:
        nodes = await _nodes(client)
        subscription = await client.create_subscription(100, handler)
        for start in range(0, len(nodes), 500):
            await subscription.subscribe_data_change(nodes[start : start + 500], queuesize=100)
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        told = loop.time()
        while True:
            points = []
            first = await handler.queue.get()
            batch = [first, *(handler.queue.get_nowait() for _ in range(min(BATCH - 1, handler.queue.qsize())))]
            points = [point for name, value in batch if (point := _point(name, value)) is not None]
            await asyncio.to_thread(writer.write, "plant", "plant", points)
            written += len(points)
            if loop.time() - told >= 1.0:
                told = loop.time()
                print("written", written, handler.queue.qsize(), flush=True)


if __name__ == "__main__":
    _, server, influxdb, file = sys.argv
    client = InfluxDBClient(influxdb, Path(file).read_text(encoding="utf-8").strip(), org="plant")
    asyncio.run(main(server, client.write_api(SYNCHRONOUS)))
