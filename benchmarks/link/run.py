"""Values a second that the client link reads out of PublishResponses, beside asyncua's own decoder, in one thread.

    .venv/bin/python -P benchmarks/link/run.py [--seconds 1.0] [--format table|csv|json]

Both begin with the bytes of a connection without security, in pieces of 256 kB, and go through asyncua's framing; ours
ends with the columns that a subscriber is handed. Nothing is sent: what a server and a network cost is not in it.
"""

from __future__ import annotations

import asyncio
import random
import struct
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer
from asyncua import ua
from asyncua.client.ua_client import UASocketProtocol
from asyncua.common.connection import SecureConnection, TransportLimits
from asyncua.common.utils import Buffer
from asyncua.crypto.security_policies import SecurityPolicyNone
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from gateway.output import FormatOption, print_rows
from runtime.opcua_link import filetime
from runtime.opcua_link.records import decode
from runtime.opcua_link.responses import read_published

PIECE = 256 * 1024
TICKS = 134_000_000_000_000_000
DOUBLE = struct.pack("<BBd", 0x0D, 11, 350.5)
BOOLEAN = struct.pack("<BB?", 0x0D, 1, True)
INT32 = struct.pack("<BBi", 0x0D, 6, 2)
UNCERTAIN = struct.pack("<BBdI", 0x0F, 11, 350.5, 0x40900000)
BAD = struct.pack("<BBI", 0x0F, 0, 0x808C0000)
MIX = [DOUBLE] * 69 + [BOOLEAN] * 20 + [INT32] * 10 + [BAD]
"""A hundred values: a hundredth Bad."""


def _in_runs(count: int) -> list[bytes]:
    """Return the mix as a server sends it that sorts items by layout."""
    return sorted(MIX * (count // 100))


def _shuffled(count: int) -> list[bytes]:
    """Return the mix in any order, as other servers send it."""
    values = MIX * (count // 100)
    random.Random(1).shuffle(values)
    return values


def _one_in_a_hundred(count: int) -> list[bytes]:
    """Return doubles of which any hundredth is Bad or Uncertain."""
    chance = random.Random(1)
    return [chance.choice((BAD, UNCERTAIN)) if chance.random() < 0.01 else DOUBLE for _ in range(count)]


WORK: tuple[tuple[str, Callable[[int], list[bytes]], int], ...] = (
    ("doubles", lambda count: [DOUBLE] * count, 100),
    ("doubles", lambda count: [DOUBLE] * count, 1_000),
    ("doubles", lambda count: [DOUBLE] * count, 10_000),
    ("doubles, 1 % Bad or Uncertain", _one_in_a_hundred, 10_000),
    ("doubles, Booleans, Int32, 1 % Bad: in runs", _in_runs, 10_000),
    ("doubles, Booleans, Int32, 1 % Bad: shuffled", _shuffled, 10_000),
)


def response(values: list[bytes]) -> bytes:
    """Return a PublishResponse of these values; the items are numbered from 0 on."""
    records = b"".join(
        struct.pack("<I", item) + value + struct.pack("<qq", TICKS, TICKS + 1) for item, value in enumerate(values)
    )
    body = struct.pack("<i", len(values)) + records + struct.pack("<i", -1)
    empty = struct_to_binary(ua.PublishResponse(Parameters=ua.PublishResult(SubscriptionId=ua.UInt32(1))))
    parts = b"\x01\0\0\0" + b"\x01\0\x2b\x03\x01" + struct.pack("<i", len(body)) + body
    return empty[:-12] + parts + b"\xff" * 8


class Wire:
    """So many equal responses as a connection's bytes."""

    def __init__(self, message: bytes, count: int) -> None:
        connection = SecureConnection(SecurityPolicyNone(), TransportLimits(65535, 65535, 0, 0))
        self.count = count
        self._octets = b"".join(connection.message_to_binary(message, request_id=place) for place in range(count))

    def messages(self) -> list[bytes]:
        """Return the responses' bodies, by asyncua's framing."""
        protocol = UASocketProtocol()
        waiting = [asyncio.get_running_loop().create_future() for _ in range(self.count)]
        protocol._callbackmap = dict(enumerate(waiting))
        for start in range(0, len(self._octets), PIECE):
            protocol.data_received(self._octets[start : start + PIECE])
        return [bytes(each.result()) for each in waiting]


def by_us(message: bytes, signals: list[str]) -> int:
    """Decode as the link does."""
    return sum(len(decode(body, signals)) for _, body in read_published(message).parts)


def by_asyncua(message: bytes, signals: list[str]) -> int:
    """Decode as asyncua does."""
    found: Any = struct_from_binary(ua.PublishResponse, Buffer(message))
    return sum(len(part.MonitoredItems) for part in found.Parameters.NotificationMessage.NotificationData)


async def rate(wire: Wire, reader: Callable[[bytes, list[str]], int], signals: list[str], seconds: float) -> float:
    """Return values a second of this process's time."""
    done, began = 0, time.process_time()
    while True:
        done += sum(reader(message, signals) for message in wire.messages())
        took = time.process_time() - began
        if took >= seconds:
            return done / took


def main(
    seconds: Annotated[float, typer.Option(help="At least so long for each figure.")] = 1.0,
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Measure and print; nothing else should run on the machine."""
    filetime.install()
    rows: list[dict[str, Any]] = []
    for name, values, count in WORK:
        message = response(values(count))
        signals = [f"R{place}.T" for place in range(count)]
        ours = asyncio.run(rate(Wire(message, 200_000 // count), by_us, signals, seconds))
        theirs = asyncio.run(rate(Wire(message, max(1, 10_000 // count)), by_asyncua, signals, seconds))
        rows.append(
            {
                "values": name, "a_message": count, "ours_per_s": ours, "ours_cpu_ns": 1e9 / ours,
                "asyncua_per_s": theirs, "ratio": ours / theirs,
            }
        )  # fmt: skip
    print_rows(rows, tuple(rows[0]), format)


if __name__ == "__main__":
    typer.run(main)
