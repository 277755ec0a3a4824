"""Bounds what the MQTT broker keeps for subscribers, by NATS's own protocol and JetStream's API.

A full JetStream store refuses session records, too, so that an absent subscriber could never come back and empty
it. Messages therefore get a bound of their own below the store's.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

STREAM = "$MQTT_msgs"
"""Where the server keeps QoS 1 messages; it makes the stream for the first MQTT client."""
INBOX = "_INBOX.cstr-gateway"
TIMEOUT_S = 5.0


class NatsError(Exception):
    """The server answered with an error, or not in its protocol."""


async def bound_messages(port: int, login: dict[str, str], max_bytes: int) -> None:
    """Keep at most `max_bytes` of messages, and refuse new ones then.

    Raises NatsError, OSError or TimeoutError.
    """
    async with asyncio.timeout(TIMEOUT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            hello = {"verbose": False, "pedantic": False, "lang": "python", "version": "1", **login}
            writer.write(f"CONNECT {json.dumps(hello)}\r\nSUB {INBOX} 1\r\n".encode())
            config = (await _call(reader, writer, f"$JS.API.STREAM.INFO.{STREAM}", None))["config"]
            wanted = {"max_bytes": max_bytes, "discard": "new"}
            if any(config.get(key) != value for key, value in wanted.items()):
                await _call(reader, writer, f"$JS.API.STREAM.UPDATE.{STREAM}", {**config, **wanted})
        finally:
            writer.close()
            await writer.wait_closed()


async def _call(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, subject: str, body: object | None
) -> dict[str, Any]:
    """One request of the JetStream API and its answer."""
    payload = json.dumps(body).encode() if body is not None else b""
    writer.write(f"PUB {subject} {INBOX} {len(payload)}\r\n".encode() + payload + b"\r\n")
    await writer.drain()
    while True:
        word, *rest = (await reader.readline()).decode().split(maxsplit=1) or [""]
        match word:
            case "MSG":
                size = int(rest[0].split()[-1])
                answer: dict[str, Any] = json.loads((await reader.readexactly(size + 2))[:size])
                if error := answer.get("error"):
                    message = f"{subject}: {error.get('description', error)}"
                    raise NatsError(message)
                return answer
            case "PING":
                writer.write(b"PONG\r\n")
            case "INFO" | "PONG" | "+OK":
                pass
            case _:
                message = f"{subject}: {word} {' '.join(rest)}".strip()
                raise NatsError(message)
