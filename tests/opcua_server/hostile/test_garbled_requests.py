"""Requests of every kind with bytes cut off, flipped, or numbers untrue: answered, or the end of their connection."""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
from collections.abc import Callable

import pytest
from asyncua.ua.ua_binary import struct_to_binary

from ..conformity.services import T, monitor, subscribe
from ..conformity.wire import ANSWER_S, Connection, Session, begin
from .requests import requests
from .sending import UNTRUE, is_served, send_body


def cut(body: bytes, at: int, chance: random.Random) -> bytes:
    return body[: chance.randrange(at, len(body))]


def flipped(body: bytes, at: int, chance: random.Random) -> bytes:
    garbled = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        garbled[chance.randrange(at, len(body))] = chance.randrange(256)
    return bytes(garbled)


def miscounted(body: bytes, at: int, chance: random.Random) -> bytes:
    place = chance.randrange(at, max(at + 1, len(body) - 4))
    number = chance.choice((-1, -2, -4, UNTRUE, -UNTRUE, 0x7FFF_FFF0))
    return body[:place] + struct.pack("<i", number) + body[place + 4 :]


ROUNDS = 25
PUBLISH = 3
"""Waits for something to say; all other requests are answered at once."""


@pytest.mark.parametrize("garble", [cut, flipped, miscounted])
async def test_a_garbled_request_is_answered_or_ends_its_connection(
    endpoint: str, bystander: Session, garble: Callable[[bytes, int, random.Random], bytes]
) -> None:
    chance = random.Random(4)
    for place in range(len(requests(0, 0))):
        session = await begin(await Connection.open(endpoint))
        subscription = (await subscribe(session, 10_000.0)).SubscriptionId
        monitored = (await monitor(session, subscription, T)).MonitoredItemId
        request = requests(subscription, monitored)[place]
        request.RequestHeader.AuthenticationToken = session.token
        body = struct_to_binary(request)
        at = body.index(session.token.Identifier) + len(session.token.Identifier)
        for _ in range(ROUNDS):
            if session.connection._task.done():
                session.connection = await Connection.open(endpoint)
                assert await session.activate() == "Good"
            answer = await send_body(session, garble(body, at, chance))
            if place == PUBLISH:
                await is_served(session)
            else:
                with contextlib.suppress(ConnectionError):
                    await asyncio.wait_for(answer, ANSWER_S)
        assert await is_served(bystander)
        await session.connection.drop()
