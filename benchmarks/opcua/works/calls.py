"""Calls a second of one client with one request outstanding: Read of 100 nodes, Write of one."""

from __future__ import annotations

import time
from dataclasses import dataclass

from asyncua import ua

from benchmarks.opcua.servers.process import Server
from benchmarks.opcua.session import Session
from benchmarks.opcua.subscriber import after_header
from benchmarks.opcua.writer import value_of

NODES = 100
VALUES = 20
"""Different values written in turn."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls a second."""

    read_per_s: float
    write_per_s: float


def calls(server: Server, seconds: float) -> Calls:
    """Measure both while the server changes nothing else."""
    server.pause()
    session = Session(server.endpoint)
    tags = server.tags
    read = ua.ReadRequest()
    read.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    read.Parameters.NodesToRead = [
        ua.ReadValueId(ua.NodeId.from_string(node), ua.AttributeIds.Value) for node in tags.changing[:NODES]
    ]
    node, kind = tags.written[0]
    writes = []
    for turn in range(VALUES):
        write = ua.WriteRequest()
        value = ua.DataValue(ua.Variant(value_of(node, kind, turn), kind))
        write.Parameters.NodesToWrite = [ua.WriteValue(ua.NodeId.from_string(node), ua.AttributeIds.Value, None, value)]
        writes.append(session.encoded(write))
    try:
        return Calls(_rate(session, [session.encoded(read)], NODES, seconds), _rate(session, writes, 1, seconds))
    finally:
        session.close()


def _rate(session: Session, requests: list[bytes], results: int, seconds: float) -> float:
    began = time.perf_counter()
    done = 0
    while (elapsed := time.perf_counter() - began) < seconds:
        answer = session.exchange(requests[done % len(requests)])
        place = after_header(answer)
        if int.from_bytes(answer[place : place + 4], "little") != results:
            message = f"a call was answered with {answer[:40].hex()}"
            raise ValueError(message)
        done += 1
    return done / elapsed
