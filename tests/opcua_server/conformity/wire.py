"""A raw client: one TCP connection, its SecureChannel, requests and their answers, with nothing in between.

No publish loop, no keep-alive, no retry: what a test does not send is not sent. Answers are matched by request id, so
that many requests can be outstanding. A ServiceFault is an answer like any other; `refused` gives its StatusCode.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.common.connection import SecureConnection, TransportLimits
from asyncua.common.utils import Buffer
from asyncua.crypto import uacrypto
from asyncua.crypto.security_policies import SecurityPolicy, SecurityPolicyBasic256Sha256, SecurityPolicyNone
from asyncua.ua.ua_binary import (
    header_from_binary,
    nodeid_from_binary,
    struct_from_binary,
    struct_to_binary,
    uatcp_to_binary,
)

from runtime.pki.own import Identity

SERVICE_FAULT = ua.NodeId(ua.ObjectIds.ServiceFault_Encoding_DefaultBinary)
ANSWER_S = 5.0
HEADER_BYTES = 8
NO_TOKEN = ua.NodeId()


@dataclass(frozen=True)
class Application:
    """A client application: its ApplicationUri and, for secured channels, its certificate, policy and mode."""

    uri: str = "urn:wire"
    identity: Identity | None = None
    policy: type[SecurityPolicy] = SecurityPolicyBasic256Sha256
    mode: ua.MessageSecurityMode = ua.MessageSecurityMode.SignAndEncrypt

    async def security(self, server_certificate: bytes) -> SecurityPolicy:
        """Return what secures a channel to that server, or nothing without a certificate."""
        if self.identity is None:
            return SecurityPolicyNone()
        return self.policy(
            uacrypto.x509_from_der(server_certificate),
            await uacrypto.load_certificate(self.identity.certificate),
            await uacrypto.load_private_key(self.identity.key),
            self.mode,
        )


ANYBODY = Application()


class Connection:
    """One TCP connection and its SecureChannel."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, policy: SecurityPolicy) -> None:
        self.policy = policy
        self.channel = SecureConnection(policy, TransportLimits(65535, 65535, 0, 0))
        self.arrivals: list[int] = []
        """Request ids in the order in which their answers came."""
        self.error = ""
        """Name of the StatusCode of the Error message that came before the end."""
        self._reader, self._writer = reader, writer
        self._waiting: dict[int, tuple[type, asyncio.Future[Any]]] = {}
        self._last_id = 0
        self._task = asyncio.create_task(self._receive(), name="wire")

    @classmethod
    async def open(cls, endpoint: str, application: Application = ANYBODY) -> Connection:
        """Connect, say hello and open a channel."""
        server_certificate = b""
        if application.identity is not None:
            server_certificate = await certificate_of(endpoint)
        connection = await cls.reach(endpoint, await application.security(server_certificate))
        try:
            await connection.open_channel()
        except BaseException:
            await connection.drop()
            raise
        return connection

    @classmethod
    async def reach(cls, endpoint: str, policy: SecurityPolicy) -> Connection:
        """Connect and say hello; the channel is still to be opened."""
        url = urlsplit(endpoint)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        connection = cls(reader, writer, policy)
        connection._writer.write(uatcp_to_binary(ua.MessageType.Hello, ua.Hello(EndpointUrl=endpoint)))
        try:
            await asyncio.wait_for(connection._expect(0, ua.Acknowledge), ANSWER_S)
        except BaseException:
            await connection.drop()
            raise
        return connection

    async def open_channel(
        self, request_type: ua.SecurityTokenRequestType = ua.SecurityTokenRequestType.Issue, **different: Any
    ) -> ua.OpenSecureChannelResult:
        """Open the channel, or renew its token, which is used when its keys are (`channel.revolve_tokens`).

        Raises:
            ConnectionError: when the server ends the connection instead.
        """
        parameters = ua.OpenSecureChannelParameters(
            RequestType=request_type,
            SecurityMode=self.policy.Mode,
            RequestedLifetime=3_600_000,
            ClientNonce=ua.utils.create_nonce(self.policy.secure_channel_nonce_length),
        )
        for field, value in different.items():
            setattr(parameters, field, value)
        request = ua.OpenSecureChannelRequest(Parameters=parameters)
        answer = await asyncio.wait_for(self.send(request, kind=ua.MessageType.SecureOpen), ANSWER_S)
        answer.ResponseHeader.ServiceResult.check()
        self.channel.set_channel(answer.Parameters, parameters.RequestType, parameters.ClientNonce)
        result: ua.OpenSecureChannelResult = answer.Parameters
        return result

    def send(
        self,
        request: Any,
        token: ua.NodeId = NO_TOKEN,
        *,
        hint_ms: int = 0,
        handle: int | None = None,
        kind: ua.MessageType = ua.MessageType.SecureMessage,
    ) -> asyncio.Future[Any]:
        """Send a request; the future is its answer, a ServiceFault too, or ConnectionError."""
        self._last_id += 1
        request.RequestHeader.AuthenticationToken = token
        request.RequestHeader.RequestHandle = self._last_id if handle is None else handle
        request.RequestHeader.TimeoutHint = hint_ms
        answer_type = getattr(ua, type(request).__name__.replace("Request", "Response"))
        answer = self._expect(self._last_id, answer_type)
        self._writer.write(self.channel.message_to_binary(struct_to_binary(request), kind, self._last_id))
        return answer

    async def lost(self, within_s: float = ANSWER_S) -> None:
        """Wait until the server has ended the connection."""
        await asyncio.wait_for(asyncio.shield(self._task), within_s)

    async def drop(self) -> None:
        """End the TCP connection without a word."""
        self._writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        await self._task

    def _expect(self, request_id: int, answer_type: type) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = (answer_type, answer)
        return answer

    async def _receive(self) -> None:
        try:
            while True:
                start = await self._reader.readexactly(HEADER_BYTES)
                rest = await self._reader.readexactly(int.from_bytes(start[4:], "little") - HEADER_BYTES)
                buffer = Buffer(start + rest)
                self._take(self.channel.receive_from_header_and_body(header_from_binary(buffer), buffer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for _, answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ConnectionError("the server ended the connection"))
                    answer.exception()  # nobody need look

    def _take(self, message: Any) -> None:
        if message is None:  # a chunk, more come
            return
        if not isinstance(message, ua.Message):
            self.error = str(message.Error.name) if isinstance(message, ua.ErrorMessage) else ""
            if 0 in self._waiting:  # nobody waits for the Error message that comes before the end
                self._waiting.pop(0)[1].set_result(message)
            return
        body = message.body()
        self.arrivals.append(message.request_id())
        assert message.request_id() in self._waiting, "an answer to what was not asked on this connection"
        answer_type, answer = self._waiting.pop(message.request_id())
        is_fault = nodeid_from_binary(body.copy()) == SERVICE_FAULT
        if not answer.done():
            answer.set_result(struct_from_binary(ua.ServiceFault if is_fault else answer_type, body))


async def certificate_of(endpoint: str) -> bytes:
    """Return the server's certificate."""
    connection = await Connection.open(endpoint)
    request = ua.GetEndpointsRequest(Parameters=ua.GetEndpointsParameters(EndpointUrl=endpoint))
    answer = await asyncio.wait_for(connection.send(request), ANSWER_S)
    await connection.drop()
    return next(each.ServerCertificate for each in answer.Endpoints if each.ServerCertificate)


class Session:
    """A session, over one connection or, one after the other, over several."""

    def __init__(self, connection: Connection, created: ua.CreateSessionResult) -> None:
        self.connection = connection
        self.created = created
        self.token = created.AuthenticationToken
        self.nonce = created.ServerNonce
        """The last that the server has given."""

    @classmethod
    async def create(
        cls,
        connection: Connection,
        application: Application = ANYBODY,
        timeout_ms: float = 60_000,
        most_bytes: int = 0,
        **different: Any,
    ) -> Session:
        """Create a session, not yet activated; parameters may be different from what they should be."""
        parameters = ua.CreateSessionParameters(
            ClientDescription=ua.ApplicationDescription(
                ApplicationUri=application.uri,
                ProductUri=application.uri,
                ApplicationName=ua.LocalizedText("wire"),
                ApplicationType=ua.ApplicationType.Client,
            ),
            EndpointUrl="opc.tcp://127.0.0.1",
            SessionName="wire",
            ClientNonce=ua.utils.create_nonce(32),
            ClientCertificate=connection.policy.host_certificate or None,
            RequestedSessionTimeout=timeout_ms,
            MaxResponseMessageSize=most_bytes,
        )
        for field, value in different.items():
            setattr(parameters, field, value)
        answer = await asyncio.wait_for(connection.send(ua.CreateSessionRequest(Parameters=parameters)), ANSWER_S)
        answer.ResponseHeader.ServiceResult.check()
        return cls(connection, answer.Parameters)

    async def activate(self, connection: Connection | None = None, **different: Any) -> str:
        """Activate, on another connection if one is given; return the name of the StatusCode."""
        connection = connection or self.connection
        request = self.activation(connection, **different)
        answer = await asyncio.wait_for(connection.send(request, self.token), ANSWER_S)
        if answer.ResponseHeader.ServiceResult.is_good():
            self.connection = connection
            self.nonce = answer.Parameters.ServerNonce
        return str(answer.ResponseHeader.ServiceResult.name)

    def activation(self, connection: Connection, **different: Any) -> ua.ActivateSessionRequest:
        """Return the request that activates for nobody in particular; its parameters may be different."""
        policy = connection.policy
        parameters = ua.ActivateSessionParameters(LocaleIds=["en"])
        if policy.Mode != ua.MessageSecurityMode.None_:
            parameters.ClientSignature = ua.SignatureData(
                Algorithm=policy.AsymmetricSignatureURI,
                Signature=policy.asymmetric_cryptography.signature(self.created.ServerCertificate + self.nonce),
            )
        if "UserIdentityToken" not in different:
            policy_id = self.token_policy(ua.UserTokenType.Anonymous, connection)
            parameters.UserIdentityToken = ua.AnonymousIdentityToken(PolicyId=policy_id)
        for field, value in different.items():
            setattr(parameters, field, value)
        return ua.ActivateSessionRequest(Parameters=parameters)

    def token_policy(self, kind: ua.UserTokenType, connection: Connection | None = None, uri: str = "") -> str:
        """Return the id by which the server offers tokens of a kind, of a security policy if one is given."""
        policy = (connection or self.connection).policy
        for endpoint in self.created.ServerEndpoints:
            if (endpoint.SecurityPolicyUri, endpoint.SecurityMode) == (policy.URI, policy.Mode):
                for token in endpoint.UserIdentityTokens:
                    if token.TokenType == kind and (not uri or token.SecurityPolicyUri == uri):
                        return str(token.PolicyId)
        message = f"the server offers {kind.name} nowhere here"
        raise AssertionError(message)

    def send(self, request: Any, *, hint_ms: int = 0, handle: int | None = None) -> asyncio.Future[Any]:
        """Send a request; the future is its answer."""
        return self.connection.send(request, self.token, hint_ms=hint_ms, handle=handle)

    async def call(self, request: Any) -> Any:
        """Return the answer to a request, which must be Good."""
        answer = await asyncio.wait_for(self.send(request), ANSWER_S)
        result = answer.ResponseHeader.ServiceResult
        assert result.is_good(), f"{type(request).__name__} answered {result.name}"
        return answer

    async def refused(self, request: Any) -> str:
        """Return the name of the service's StatusCode; Good when it is not refused at all."""
        answer = await asyncio.wait_for(self.send(request), ANSWER_S)
        return str(answer.ResponseHeader.ServiceResult.name)

    async def close(self, *, delete_subscriptions: bool = True) -> None:
        """Close the session; the connection stays."""
        await self.call(ua.CloseSessionRequest(DeleteSubscriptions=delete_subscriptions))


async def begin(connection: Connection, application: Application = ANYBODY, timeout_ms: float = 60_000) -> Session:
    """Return an active session."""
    session = await Session.create(connection, application, timeout_ms)
    assert await session.activate() == "Good"
    return session


@contextlib.asynccontextmanager
async def connected(
    endpoint: str, application: Application = ANYBODY, timeout_ms: float = 60_000
) -> AsyncIterator[Session]:
    """`async with connected(endpoint) as session`: closed behind, with its subscriptions, even where a test failed."""
    connection = await Connection.open(endpoint, application)
    session = None
    try:
        session = await begin(connection, application, timeout_ms)
        yield session
    finally:
        if session is not None:
            with contextlib.suppress(AssertionError, ConnectionError, TimeoutError):
                await session.close()
            await session.connection.drop()
        await connection.drop()
