"""A raw session and its services, encoded with asyncua's codec, none of which is used while it measures."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer, create_nonce
from asyncua.crypto.security_policies import SecurityPolicy, SecurityPolicyBasic256Sha256
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from benchmarks.opcua.channel import Channel
from runtime.pki.own import application_uri, own_identities

APPLICATION = "benchmark"
TIMEOUT_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Security:
    """Basic256Sha256, signed and encrypted, with a certificate of our own."""

    pki: Path

    def policy(self, endpoint: str) -> SecurityPolicy:
        """Return the policy with the server's certificate, which it is asked for."""
        identity = own_identities(self.pki, (), APPLICATION)[0]
        peer = next(each for each in endpoints(endpoint) if each.SecurityPolicyUri == SecurityPolicyBasic256Sha256.URI)
        return SecurityPolicyBasic256Sha256(  # type: ignore[no-untyped-call]
            peer.ServerCertificate,
            x509.load_der_x509_certificate(identity.certificate.read_bytes()),
            serialization.load_pem_private_key(identity.key.read_bytes(), None),
            ua.MessageSecurityMode.SignAndEncrypt,
        )


class Session:
    """An activated anonymous session on a channel of its own; `messages` keeps what came before an answer did."""

    def __init__(self, endpoint: str, security: Security | None = None) -> None:
        self.channel = Channel(endpoint, security.policy(endpoint) if security is not None else None)
        self.messages: list[bytes] = []
        self._token: Any = ua.NodeId()
        self._activate(self._create(endpoint))

    def close(self) -> None:
        """End the session with its subscriptions."""
        try:
            self.exchange(self.encoded(ua.CloseSessionRequest(DeleteSubscriptions=True)))
        except OSError:
            pass  # the server has ended it, or itself
        finally:
            self.channel.close()

    def call(self, request: Any, response: type[Any]) -> Any:
        """Ask for a service and return its response, checked."""
        return _decoded(self.exchange(self.encoded(request)), response)

    def encoded(self, request: Any) -> bytes:
        """Return a request with this session's header."""
        request.RequestHeader.AuthenticationToken = self._token
        request.RequestHeader.TimeoutHint = ua.UInt32(60_000)
        return struct_to_binary(request)

    def header(self, type_id: int) -> bytes:
        """Return type id and header of a request that is packed by hand."""
        return struct.pack("<BBH", 1, 0, type_id) + struct_to_binary(
            ua.RequestHeader(AuthenticationToken=self._token, RequestHandle=ua.UInt32(1))
        )

    def exchange(self, body: bytes) -> bytes:
        """Send a request and return the answer to it."""
        request = self.channel.send(body)
        while True:
            answer = None
            for number, message in self.channel.receive():
                if number == request or (not number and not _is_publish(message)):
                    answer = message
                else:
                    self.messages.append(message)
            if answer is not None:
                return answer

    def read(self, nodes: Sequence[str]) -> list[ua.DataValue]:
        """Read values."""
        ids = [ua.ReadValueId(ua.NodeId.from_string(node), ua.AttributeIds.Value) for node in nodes]
        request = ua.ReadRequest()
        request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        request.Parameters.NodesToRead = ids
        return list(self.call(request, ua.ReadResponse).Results)

    def method(self, object_id: str, method_id: str, *arguments: str) -> None:
        """Call a Method.

        Raises:
            ua.UaStatusCodeError: when it is refused.
        """
        request = ua.CallRequest()
        request.Parameters.MethodsToCall = [
            ua.CallMethodRequest(
                ua.NodeId.from_string(object_id),
                ua.NodeId.from_string(method_id),
                [ua.Variant(argument, ua.VariantType.String) for argument in arguments],
            )
        ]
        self.call(request, ua.CallResponse).Results[0].StatusCode.check()

    def _create(self, endpoint: str) -> Any:
        nonce = create_nonce(32)
        request = ua.CreateSessionRequest()
        parameters = request.Parameters
        parameters.ClientDescription.ApplicationUri = application_uri(APPLICATION)
        parameters.ClientDescription.ApplicationName = ua.LocalizedText(APPLICATION)
        parameters.ClientDescription.ApplicationType = ua.ApplicationType.Client
        parameters.EndpointUrl = endpoint
        parameters.SessionName = APPLICATION
        parameters.ClientNonce = nonce
        parameters.ClientCertificate = self.channel.policy.host_certificate
        parameters.RequestedSessionTimeout = TIMEOUT_MS
        result = self.call(request, ua.CreateSessionResponse).Parameters
        self._token = result.AuthenticationToken
        return result

    def _activate(self, created: Any) -> None:
        policy: Any = self.channel.policy
        own = next(
            each
            for each in created.ServerEndpoints
            if each.SecurityPolicyUri == policy.URI and each.SecurityMode == policy.Mode
        )
        anonymous = next(token for token in own.UserIdentityTokens if token.TokenType == ua.UserTokenType.Anonymous)
        request = ua.ActivateSessionRequest()
        parameters = request.Parameters
        if policy.host_certificate:
            challenge = policy.peer_certificate + created.ServerNonce
            parameters.ClientSignature.Algorithm = policy.AsymmetricSignatureURI
            parameters.ClientSignature.Signature = policy.asymmetric_cryptography.signature(challenge)
        parameters.UserIdentityToken = ua.AnonymousIdentityToken(PolicyId=anonymous.PolicyId)
        self.call(request, ua.ActivateSessionResponse)


def endpoints(endpoint: str) -> list[ua.EndpointDescription]:
    """Ask a server for its endpoints."""
    channel = Channel(endpoint)
    try:
        request = ua.GetEndpointsRequest()
        request.Parameters.EndpointUrl = endpoint
        wanted = channel.send(struct_to_binary(request))
        while True:
            for number, message in channel.receive():
                if number == wanted:
                    return list(_decoded(message, ua.GetEndpointsResponse).Endpoints)
    finally:
        channel.close()


def _decoded(message: bytes, response: type[Any]) -> Any:
    fault = message[:4] == struct.pack("<BBH", 1, 0, ua.ObjectIds.ServiceFault_Encoding_DefaultBinary)
    answer: Any = struct_from_binary(ua.ServiceFault if fault else response, Buffer(message))
    answer.ResponseHeader.ServiceResult.check()
    return answer


def _is_publish(message: bytes) -> bool:
    return message[:4] == struct.pack("<BBH", 1, 0, ua.ObjectIds.PublishResponse_Encoding_DefaultBinary)
