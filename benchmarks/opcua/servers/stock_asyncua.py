"""A server with unmodified asyncua: AnalogItems in folders, written in process every period.

    stock_asyncua.py PORT TAGS WRITABLE FOLDER PERIOD_S

Told on standard input: `resume N F` (change the first N tags, F of them to Bad every tenth time), `pause`, `counts`;
each is answered with one line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC

from asyncua import Server, ua

TOGETHER = 200
"""Tags written before others have their turn."""
UNIT = ua.EUInformation(
    NamespaceUri="http://www.opcfoundation.org/UA/units/un/cefact",
    UnitId=ua.Int32(4932940),
    DisplayName=ua.LocalizedText("K"),
    Description=ua.LocalizedText("kelvin"),
)
NEVER_GOOD = ua.StatusCode(ua.UInt32(ua.StatusCodes.BadSensorFailure))


class Tags:
    """The server's variables, and how often each was changed."""

    def __init__(self, server: Server, count: int, period_s: float) -> None:
        self._server = server
        self._ids = [own(f"D{index}") for index in range(count)]
        self._failing = 0
        self._period_s = period_s
        self._present = 0
        self._round = 0
        self._runs = asyncio.Event()
        self._rests = asyncio.Event()
        self._rests.set()
        self.counts = [0] * count

    async def change(self) -> None:
        """Write every period, for ever; a period that is missed is left out."""
        due = time.monotonic()
        while True:
            if not self._runs.is_set():
                self._rests.set()
                await self._runs.wait()
                self._rests.clear()
                due = time.monotonic()
            await self._write()
            due = max(due + self._period_s, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def obey(self, words: list[str]) -> str:
        """Do what the line says and return the answer."""
        match words:
            case ["resume", count, failing]:
                self._present, self._failing = int(count), int(failing)
                self._runs.set()
            case ["pause"]:
                self._runs.clear()
                await self._rests.wait()
            case ["counts"]:
                return json.dumps(self.counts)
        return "done"

    async def _write(self) -> None:
        self._round += 1
        now = ua.DateTime.now(UTC).replace(tzinfo=None)
        for index in range(self._present):
            bad = index < self._failing and self._round % 10 == 0
            value = ua.Variant(300.0 + self._round % 1000 * 0.001 + index * 1e-6, ua.VariantType.Double)
            data = ua.DataValue(
                Value=ua.Variant(None, ua.VariantType.Null) if bad else value,
                StatusCode=NEVER_GOOD if bad else ua.StatusCode(),
                SourceTimestamp=now,
                ServerTimestamp=now,
            )
            await self._server.write_attribute_value(self._ids[index], data)
            self.counts[index] += 1
            if index % TOGETHER == TOGETHER - 1:
                await asyncio.sleep(0)


def own(name: str) -> ua.NodeId:
    """Return a NodeId of the server's namespace."""
    return ua.NodeId(ua.String(name), ua.Int16(2))


def standard(number: int) -> ua.NodeId:
    """Return a NodeId of OPC UA's namespace."""
    return ua.NodeId(ua.Int32(number))


async def add(server: Server, names: list[str], folder_size: int) -> None:
    """Add AnalogItems in folders of so many."""
    parent = standard(ua.ObjectIds.ObjectsFolder)
    for start in range(0, len(names), folder_size):
        folder = await server.get_node(parent).add_folder(own(f"F{names[start]}"), f"2:F{names[start]}")
        for name in names[start : start + folder_size]:
            attributes = ua.VariableAttributes(
                DisplayName=ua.LocalizedText(name),
                Value=ua.Variant(0.0, ua.VariantType.Double),
                DataType=standard(ua.ObjectIds.Double),
                ValueRank=ua.ValueRank.Scalar,
                AccessLevel=ua.UInt32(ua.AccessLevel.CurrentRead.mask | ua.AccessLevel.CurrentWrite.mask),
                UserAccessLevel=ua.UInt32(ua.AccessLevel.CurrentRead.mask | ua.AccessLevel.CurrentWrite.mask),
            )
            item = ua.AddNodesItem(
                ParentNodeId=folder.nodeid,
                ReferenceTypeId=standard(ua.ObjectIds.Organizes),
                RequestedNewNodeId=own(name),
                BrowseName=ua.QualifiedName(name, 2),
                NodeClass=ua.NodeClass.Variable,
                NodeAttributes=attributes,
                TypeDefinition=standard(ua.ObjectIds.AnalogItemType),
            )
            (added,) = await server.iserver.isession.add_nodes([item])
            added.StatusCode.check()
            node = server.get_node(added.AddedNodeId)
            await node.add_property(own(f"{name}.EURange"), "0:EURange", ua.Range(250.0, 550.0))
            await node.add_property(own(f"{name}.EngineeringUnits"), "0:EngineeringUnits", UNIT)


async def main(port: int, count: int, writable: int, folder: int, period_s: float) -> None:
    """Serve until standard input ends."""
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/benchmark")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.register_namespace("urn:benchmark")
    await add(server, [f"D{index}" for index in range(count)], folder)
    await add(server, [f"W{index}" for index in range(writable)], folder)
    tags = Tags(server, count, period_s)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with server:
        changing = asyncio.create_task(tags.change())
        while line := await reader.readline():
            print(await tags.obey(line.decode().split()), flush=True)
        changing.cancel()


if __name__ == "__main__":
    port, count, writable, folder = (int(word) for word in sys.argv[1:5])
    asyncio.run(main(port, count, writable, folder, float(sys.argv[5])))
