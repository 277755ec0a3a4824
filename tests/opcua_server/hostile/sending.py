"""What no well-behaved client sends, and whether the others are served all the same."""

from __future__ import annotations

import asyncio
from typing import Any

from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from ..conformity.services import T, read
from ..conformity.wire import ANSWER_S, Session

UNTRUE = (1 << 31) - 1
"""What a hostile count says."""
ON_TIME_S = 1.0


async def is_served(session: Session) -> bool:
    return bool((await asyncio.wait_for(read(session, T), ON_TIME_S))[0].StatusCode.is_good())


async def send_body(session: Session, body: bytes) -> asyncio.Future[Any]:
    """Send a body as a message; the future is its answer, or its connection's end."""
    connection = session.connection
    connection._last_id += 1
    answer = connection._expect(connection._last_id, ua.ServiceFault)
    connection._writer.write(
        connection.channel.message_to_binary(body, ua.MessageType.SecureMessage, connection._last_id)
    )
    return answer


def unsent(session: Session, *requests: Any) -> tuple[list[asyncio.Future[Any]], bytes]:
    """Return the answers to come and the bytes of requests that are still to be written."""
    connection = session.connection
    writer, octets = connection._writer, bytearray()
    connection._writer = type("Recorder", (), {"write": staticmethod(octets.extend)})()
    answers = [session.send(request) for request in requests]
    connection._writer = writer
    return answers, bytes(octets)


def replaced(request: Any, session: Session, old: bytes, new: bytes) -> bytes:
    """Return the body of a request in which some bytes, which must be there once, are others."""
    request.RequestHeader.AuthenticationToken = session.token
    body = struct_to_binary(request)
    assert body.count(old) == 1
    return body.replace(old, new)


async def fault(session: Session, body: bytes) -> str:
    answer = await asyncio.wait_for(await send_body(session, body), ANSWER_S)
    return str(answer.ResponseHeader.ServiceResult.name)
