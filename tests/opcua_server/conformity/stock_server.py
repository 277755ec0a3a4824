"""An unmodified asyncua server with the plant's nodes: what the conformity tests are run against with --stock."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asyncua import Node, Server, ua

from plant.names import NAMESPACE_URI
from plant.signals import DataType, Writer, reactor_signals
from runtime.pki.own import own_identities

REACTORS = ("R101", "R102")
DOUBLE, STRING = ua.VariantType.Double, ua.VariantType.String
START = {DataType.DOUBLE: 320.0, DataType.INT32: 0, DataType.UINT32: 0, DataType.BOOLEAN: False, DataType.STRING: ""}


STATUS = {
    "sensor-failure": ua.StatusCodes.BadSensorFailure,
    "last-usable": ua.StatusCodes.UncertainLastUsableValue,
}


class Plant:
    """R101.T moves by each Step; a fault gives it another status."""

    def __init__(self, t: Node) -> None:
        self.t = t
        self.t_k = 320.0
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.status = ua.StatusCodes.Good

    async def inject(self, parent: ua.NodeId, kind: ua.Variant, parameters: ua.Variant) -> list[ua.Variant]:
        del parent, parameters
        self.status = STATUS[kind.Value]
        return [ua.Variant("F1", STRING)]

    async def clear(self, parent: ua.NodeId, fault: ua.Variant) -> list[ua.Variant]:
        del parent, fault
        self.status = ua.StatusCodes.Good
        return []

    async def step(self, parent: ua.NodeId, seconds: ua.Variant) -> list[ua.Variant]:
        del parent
        for _ in range(round(seconds.Value / 0.1)):
            self.time += timedelta(seconds=0.1)
            self.t_k += 0.01 if self.status == ua.StatusCodes.Good else 0.0
            value = ua.Variant() if self.status == ua.StatusCodes.BadSensorFailure else ua.Variant(self.t_k, DOUBLE)
            await self.t.write_value(ua.DataValue(value, ua.StatusCode(ua.UInt32(self.status)), self.time))
        return []


async def build(server: Server) -> None:
    """Make the nodes under the NodeIds of the product."""
    index = await server.register_namespace(NAMESPACE_URI)
    objects: dict[str, Node] = {}

    async def owner_of(path: str) -> Node:
        if not path:
            return server.nodes.objects
        if path not in objects:
            parent, _, name = path.rpartition(".")
            objects[path] = await (await owner_of(parent)).add_object(
                ua.NodeId(path, index), ua.QualifiedName(name, index)
            )
        return objects[path]

    t = server.nodes.objects
    for reactor in REACTORS:
        for signal in reactor_signals(reactor):
            full = f"{reactor}.{signal.name}"
            parent, _, name = full.rpartition(".")
            kind = ua.VariantType(signal.data_type.value)
            start: Any = START.get(signal.data_type, datetime(2026, 1, 1, tzinfo=UTC))
            variable = await (await owner_of(parent)).add_variable(
                ua.NodeId(full, index), ua.QualifiedName(name, index), start, kind
            )
            scan = ua.DataValue(ua.Variant(100.0, DOUBLE))
            await variable.write_attribute(ua.AttributeIds.MinimumSamplingInterval, scan)
            if signal.writer is not Writer.NOBODY:
                await variable.set_writable()
            if signal.writer is Writer.DETECTOR:
                await variable.write_value(
                    ua.DataValue(ua.Variant(), ua.StatusCode(ua.UInt32(ua.StatusCodes.BadWaitingForInitialData)))
                )
            if signal.eu_range is not None:
                await variable.add_property(
                    ua.NodeId(f"{full}.EURange", index), ua.QualifiedName("EURange", 0), ua.Range(*signal.eu_range)
                )
            if full == "R101.T":
                t = variable
    plant = Plant(t)
    simulation = await owner_of("Plant.Simulation")
    await simulation.add_method(
        ua.NodeId("Plant.Simulation.Step", index), ua.QualifiedName("Step", index), plant.step, [DOUBLE]
    )
    faults = await owner_of("R101.Simulation")
    for name, method, inputs in (("Inject", plant.inject, [STRING, STRING]), ("Clear", plant.clear, [STRING])):
        await faults.add_method(
            ua.NodeId(f"R101.Simulation.{name}", index), ua.QualifiedName(name, index), method, inputs, [STRING]
        )


async def main(port: int, folder: Path) -> None:
    """Serve until killed."""
    identity = own_identities(folder, ["127.0.0.1"])[0]
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/cstr-gateway")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity, ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
    await server.load_certificate(identity.certificate)
    await server.load_private_key(identity.key)
    await build(server)
    async with server:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
