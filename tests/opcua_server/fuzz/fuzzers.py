"""Clients that send mutated bytes: on sessions, within chunks, and before there is a channel."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary, uatcp_to_binary

from ..conformity.services import T, monitor, read_request, rvid, service_result, subscribe
from ..conformity.wire import Application, Connection, Session, begin, certificate_of
from ..hostile.requests import requests
from . import corpus
from .chunks import spoiled
from .connection import FuzzConnection, Tally
from .mutations import flipped, mutated
from .structures import REQUESTS, Structures

BATCH = 40
"""Messages before a valid request shows that the connection still serves."""
SPOILED = 0.1
"""Of the batches: their last message is not even in chunks as it should be."""
SERVED_S = 20.0
WAIT_S = 0.3
"""For an answer that need not come."""
_BROKEN = (OSError, TimeoutError, AssertionError, ua.UaError, asyncio.IncompleteReadError)
Note = Callable[[list[bytes], bool], None]
"""Takes the bodies of a batch, and whether what came after them was answered, or the connection closed."""


class SessionFuzzer:
    """Sends requests on sessions, most of them with a token that is right."""

    def __init__(self, endpoint: str, application: Application, seed: str, tally: Tally, note: Note) -> None:
        self._endpoint, self._application, self._tally, self._note = endpoint, application, tally, note
        self._chance = random.Random(seed)
        self._structures = Structures(self._chance)
        self._kept = corpus.load()
        self._valid: list[bytes] = []
        self._session: Session | None = None

    async def run(self, is_over: Callable[[], bool]) -> None:
        """Send until it is over."""
        try:
            while not is_over():
                try:
                    session = self._session = self._session or await self._begin()
                    await self._send_batch(session)
                except _BROKEN:
                    self._tally.lost += 1
                    await self._drop()
        finally:
            await self._drop()

    async def _begin(self) -> Session:
        connection = await FuzzConnection.open(self._endpoint, self._application)
        try:
            session = await begin(connection, self._application)
            subscription = (await subscribe(session, 1_000.0)).SubscriptionId
            monitored = (await monitor(session, subscription, T)).MonitoredItemId
        except BaseException:
            await connection.drop()
            raise
        self._valid = []
        for request in requests(subscription, monitored):
            request.RequestHeader.AuthenticationToken = session.token
            self._valid.append(struct_to_binary(request))
        return session

    async def _send_batch(self, session: Session) -> None:
        connection = session.connection
        bodies: list[bytes] = []
        is_spoiled = self._chance.random() < SPOILED
        for _ in range(BATCH):
            bodies.append(self._body(session))
            connection._last_id += 1
            connection._writer.write(
                connection.channel.message_to_binary(bodies[-1], ua.MessageType.SecureMessage, connection._last_id)
            )
        if is_spoiled:
            connection._last_id += 1
            bodies.append(self._body(session))
            connection._writer.write(spoiled(connection.channel, bodies[-1], connection._last_id, self._chance))
        self._tally.messages += len(bodies)
        probe = session.send(read_request(rvid(T)))
        is_answered = True
        try:
            result = await asyncio.wait_for(service_result(probe), WAIT_S if is_spoiled else SERVED_S)
        except TimeoutError:
            is_answered = is_spoiled
            self._tally.unanswered += not is_spoiled
            raise
        finally:
            self._note(bodies, is_answered)
        if result != "Good":  # a mutated request has ended the session
            await self._drop()

    def _body(self, session: Session) -> bytes:
        chance, identifier = self._chance, session.token.Identifier
        kind = chance.random()
        if kind < 0.5:
            body = chance.choice(self._valid)
        elif kind < 0.9:
            body = self._structures.body(chance.choice(REQUESTS), session.token)
        else:
            body = corpus.with_token(chance.choice(self._kept), identifier)
        if chance.random() < 0.1:
            return body
        keep = corpus.end_of_token(body) if chance.random() < 0.8 else 0
        return mutated(body, self._valid, chance, keep) or b"\0"

    async def _drop(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.connection.drop()


class HandshakeFuzzer:
    """Sends Hello, OpenSecureChannel and CloseSecureChannel, mutated before they are signed and after."""

    def __init__(self, endpoint: str, application: Application, seed: str, tally: Tally) -> None:
        self._endpoint, self._application, self._tally = endpoint, application, tally
        self._chance = random.Random(seed)
        self._certificate = b""

    async def run(self, is_over: Callable[[], bool]) -> None:
        """Send until it is over."""
        self._certificate = await certificate_of(self._endpoint)
        while not is_over():
            try:
                await self._shake_hands()
            except _BROKEN:
                self._tally.lost += 1

    async def _shake_hands(self) -> None:
        url = urlsplit(self._endpoint)
        is_secured = self._chance.random() < 0.3
        policy = await (self._application if is_secured else Application()).security(self._certificate)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        connection = FuzzConnection(reader, writer, policy)
        try:
            hello = uatcp_to_binary(ua.MessageType.Hello, self._hello())
            is_mutated = self._chance.random() < 0.3
            writer.write(mutated(hello, [hello], self._chance, self._chance.choice((0, 8))) if is_mutated else hello)
            self._tally.messages += 1
            await asyncio.wait_for(connection._expect(0, ua.Acknowledge), WAIT_S)
            parameters = self._parameters(connection)
            writer.write(self._open(connection, parameters))
            self._tally.messages += 1
            answer = await asyncio.wait_for(connection._expect(1, ua.OpenSecureChannelResponse), WAIT_S)
            if isinstance(answer, ua.ServiceFault):
                return
            connection.channel.set_channel(answer.Parameters, ua.SecurityTokenRequestType.Issue, parameters.ClientNonce)
            writer.write(spoiled(connection.channel, self._chance.randbytes(40), 2, self._chance))
            self._tally.messages += 1
            await asyncio.wait_for(connection.lost(), WAIT_S)
        finally:
            await connection.drop()

    def _hello(self) -> ua.Hello:
        numbers = [ua.UInt32(self._chance.choice((0, 1, 8191, 8192, 65_535, 0xFFFF_FFFF))) for _ in range(5)]
        if self._chance.random() < 0.8:
            numbers[1:3] = [ua.UInt32(65_535)] * 2
        return ua.Hello(*numbers, EndpointUrl=self._chance.choice((self._endpoint, "", "x" * 4096, "x" * 5000)))

    def _parameters(self, connection: Connection) -> ua.OpenSecureChannelParameters:
        chance = self._chance
        return ua.OpenSecureChannelParameters(
            RequestType=chance.choice(list(ua.SecurityTokenRequestType)),
            SecurityMode=connection.policy.Mode if chance.random() < 0.9 else ua.MessageSecurityMode.Sign,
            RequestedLifetime=ua.UInt32(chance.choice((0, 1, 3_600_000, 0xFFFF_FFFF))),
            ClientNonce=chance.randbytes(chance.choice((0, 1, 31, 32, 32, 32, 500))),
        )

    def _open(self, connection: Connection, parameters: ua.OpenSecureChannelParameters) -> bytes:
        chance = self._chance
        body = struct_to_binary(ua.OpenSecureChannelRequest(Parameters=parameters))
        if chance.random() < 0.5:
            body = mutated(body, [body], chance) or b"\0"
        is_plain = connection.policy.host_certificate is None  # else there are no keys yet to close a channel by
        kind: Any = ua.MessageType.SecureClose if is_plain and chance.random() < 0.1 else ua.MessageType.SecureOpen
        frame = connection.channel.message_to_binary(body, kind, 1)
        return flipped(frame, (), chance) if chance.random() < 0.3 else frame
