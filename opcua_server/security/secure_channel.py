"""SecureChannel service set: OpenSecureChannel (OPC 10000-4 v1.05 §5.6.2, OPC 10000-6 v1.05 §6.7.4).

asyncua takes any certificate, any nonce, any lifetime and any policy that a renewal names.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from asyncua import ua
from asyncua.common.connection import SecureConnection
from asyncua.common.utils import create_nonce
from asyncua.crypto.security_policies import SecurityPolicyNone
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa

from opcua_server.limits import ServerLimits
from opcua_server.security.identities import ServerIdentities, ServerIdentity
from opcua_server.security.policies import KEY_BITS, NONCE_BYTES, NONE, SECURED, Offer
from opcua_server.wire.channel_limits import ChannelLimits
from opcua_server.wire.requests import MALFORMED, decoded
from plant import quality
from runtime.limit_settings import LimitSettings
from runtime.pki.chain import parse_chain
from runtime.pki.trust import CertificateRefused

_OPEN: Any = ua.MessageType.SecureOpen
_REQUEST = ua.NodeId(ua.Int32(ua.ObjectIds.OpenSecureChannelRequest_Encoding_DefaultBinary))
_GRACE = 1.25
"""How much longer than its lifetime a token is taken (OPC 10000-4 v1.05 §5.6.2.1)."""


_UNTRUSTED = frozenset(
    (
        ua.StatusCodes.BadCertificateUntrusted,
        ua.StatusCodes.BadCertificateChainIncomplete,
        ua.StatusCodes.BadCertificateInvalid,
    )
)
"""What a stranger is not told: why it is one (OPC 10000-6 v1.05 §6.7.7)."""


class ChannelRefused(Exception):  # noqa: N818
    """The channel is not opened, or not renewed: an Error message says the code, the log the reason."""

    def __init__(self, code: int, reason: str, certificate: bytes = b"") -> None:
        super().__init__(reason)
        self.code = code
        self.certificate = certificate


class Trust(Protocol):
    """Who is trusted."""

    def check(self, certificates: bytes) -> None:
        """Return if the application of a certificate, behind which those of issuers may stand, is trusted.

        Raises:
            CertificateRefused: with the code that says why it is not.
        """


@dataclass(frozen=True, slots=True)
class Opened:
    """An OpenSecureChannel that was carried out."""

    header: ua.RequestHeader
    request_type: ua.SecurityTokenRequestType
    response: bytes
    """Chunk on the wire."""


class SecureChannel(SecureConnection):
    """One client's channel: its policy, keys and sequence numbers."""

    def __init__(self, channel_id: int, identities: ServerIdentities, trust: Trust, limits: ServerLimits) -> None:
        super().__init__(SecurityPolicyNone(), ChannelLimits.of(limits))  # type: ignore[no-untyped-call]
        self._lifetimes = limits.settings
        self.id = channel_id
        self.offer: Offer = NONE
        self.identity: ServerIdentity | None = None
        """The server's, by which the channel was opened; None without security."""
        self.certificates = b""
        """The client's on the wire: its own, then those of its issuers."""
        self._ends: dict[int, float] = {}
        """When a token is not taken any more, monotonic, by its id."""
        self._identities = identities
        self._trust = trust
        self._last_token = 0

    @property
    def sizes(self) -> ChannelLimits:
        """Of chunks and messages, as agreed with the client."""
        assert isinstance(self._limits, ChannelLimits)  # noqa: S101
        return self._limits

    @property
    def unfinished_bytes(self) -> int:
        """Of a message whose last chunk is still to come."""
        return self._incoming_size

    @property
    def mode(self) -> ua.MessageSecurityMode:
        """Whether messages are signed, and encrypted."""
        return self.offer.mode

    @property
    def certificate(self) -> bytes:
        """The client's own certificate, empty without security."""
        return self.security_policy.peer_certificate or b""

    def open_by(self, header: ua.Header, body: Any) -> Opened:
        """Open the channel, or renew its token, by an OpenSecureChannel request.

        Raises:
            ChannelRefused: when it may not be.
        """
        try:
            security = struct_from_binary(ua.AsymmetricAlgorithmHeader, body.copy(header.body_size))
        except MALFORMED as error:
            raise ChannelRefused(ua.StatusCodes.BadSecurityChecksFailed, f"its header is malformed ({error})") from None
        self._check_header(header, security)
        message: Any = self._verified(header, body)
        self.check_trust()
        try:
            request = decoded(ua.OpenSecureChannelRequest, bytes(message.body()), 0)
        except Exception as error:
            raise ChannelRefused(ua.StatusCodes.BadDecodingError, f"the request is malformed ({error!r})") from error
        if request.TypeId != _REQUEST:
            raise ChannelRefused(ua.StatusCodes.BadDecodingError, f"the request is another ({request.TypeId})")
        self._check_request(request.Parameters)
        result = self._issue(request.Parameters)
        response = ua.OpenSecureChannelResponse(Parameters=result)
        response.ResponseHeader.RequestHandle = request.RequestHeader.RequestHandle
        octets = self.message_to_binary(struct_to_binary(response), _OPEN, message.request_id())
        return Opened(request.RequestHeader, request.Parameters.RequestType, octets)

    def check_trust(self) -> None:
        """Check the client's application, at each renewal again (OPC 10000-4 v1.05 §6.1.7).

        Raises:
            ChannelRefused: when it is not trusted, or no more.
        """
        if self.offer is NONE:
            return
        try:
            self._trust.check(self.certificates)
        except CertificateRefused as refused:
            code = ua.StatusCodes.BadSecurityChecksFailed if refused.code in _UNTRUSTED else refused.code
            raise ChannelRefused(code, str(refused), self.certificates) from refused

    @property
    def lifetime_ms(self) -> float:
        """Of the present token."""
        return float(self.security_token.RevisedLifetime)

    @property
    def seconds_left(self) -> float:
        """Until no token is taken any more, unless the channel is renewed."""
        return max(self._ends.values(), default=0.0) - time.monotonic()

    def admits(self, token_id: int) -> bool:
        """Tell whether a message may name a token: until that ends, an old one until a new one is used."""
        known = (self.security_token.TokenId, self.next_security_token.TokenId)
        return token_id in known and time.monotonic() < self._ends.get(token_id, 0.0)

    def revolve_tokens(self) -> None:
        """Use the new token's keys, and the old one's no more (OPC 10000-6 v1.05 §6.7.4)."""
        super().revolve_tokens()
        crypto: Any = self.security_policy.symmetric_cryptography
        crypto.Prev_Verifier = crypto.Prev_Decryptor = None

    def _check_header(self, header: ua.Header, security: Any) -> None:
        """Check what is said in plain text (OPC 10000-6 v1.05 §6.7.7)."""
        sender = security.SenderCertificate or b""
        if self.is_open():
            if header.ChannelId != self.id:
                raise ChannelRefused(ua.StatusCodes.BadTcpSecureChannelUnknown, "the channel is another's")
            is_same = self.offer is NONE or sender == self.certificates  # §5.6.2.2: without security it is ignored
            if security.SecurityPolicyURI != self.offer.uri or not is_same:
                raise ChannelRefused(
                    ua.StatusCodes.BadSecurityChecksFailed, "a renewal by another policy or certificate", sender
                )
            return
        if header.ChannelId:
            raise ChannelRefused(ua.StatusCodes.BadTcpSecureChannelUnknown, "the channel is not open")
        offer = next((each for each in (NONE, *SECURED) if each.uri == security.SecurityPolicyURI), None)
        if offer is None:
            raise ChannelRefused(
                ua.StatusCodes.BadSecurityPolicyRejected, f"policy {security.SecurityPolicyURI!r:.100} is not offered"
            )
        if offer is NONE:
            return
        identity = self._identities.by_thumbprint(security.ReceiverCertificateThumbPrint or b"")
        if identity is None:
            raise ChannelRefused(
                ua.StatusCodes.BadCertificateInvalid, "it names a certificate that the server does not have", sender
            )
        self.offer, self.identity, self.certificates = offer, identity, sender
        self.security_policy = offer.create(identity, _usable(sender))

    def _verified(self, header: ua.Header, body: Any) -> ua.Message:
        """Decrypt and verify, and only then take note of the sequence number."""
        if self._incoming_parts:
            raise ChannelRefused(
                ua.StatusCodes.BadSecurityChecksFailed, "it stands amid the chunks of a message", self.certificates
            )
        try:
            message = self.receive_from_header_and_body(header, body)
        except (InvalidSignature, ua.UaError, *MALFORMED) as error:
            raise ChannelRefused(
                ua.StatusCodes.BadSecurityChecksFailed, f"it cannot be verified ({error!r})", self.certificates
            ) from None
        if not isinstance(message, ua.Message):
            raise ChannelRefused(ua.StatusCodes.BadSecurityChecksFailed, "the request is not whole", self.certificates)
        return message

    def _check_request(self, params: ua.OpenSecureChannelParameters) -> None:
        is_renewal = self.is_open()
        types = ua.SecurityTokenRequestType
        if params.RequestType != (types.Renew if is_renewal else types.Issue):
            raise ChannelRefused(
                ua.StatusCodes.BadRequestTypeInvalid, "there is nothing to renew, or a channel already"
            )
        wanted = self._offered(params.SecurityMode)
        if wanted is None or (is_renewal and wanted is not self.offer):
            raise ChannelRefused(
                ua.StatusCodes.BadSecurityModeRejected,
                f"mode {params.SecurityMode!r} is not offered with {self.offer.name}",
            )
        nonce = params.ClientNonce or b""
        if self.offer is NONE:
            return
        if len(nonce) != NONCE_BYTES or (is_renewal and hmac.compare_digest(nonce, bytes(self.remote_nonce))):
            raise ChannelRefused(ua.StatusCodes.BadNonceInvalid, f"its nonce is not {NONCE_BYTES} new bytes")
        if wanted is not self.offer:
            assert self.identity is not None  # noqa: S101
            self.offer, self.security_policy = wanted, wanted.create(self.identity, _usable(self.certificates))

    def _offered(self, mode: ua.MessageSecurityMode) -> Offer | None:
        return next((each for each in (NONE, *SECURED) if each.uri == self.offer.uri and each.mode == mode), None)

    def _issue(self, params: ua.OpenSecureChannelParameters) -> ua.OpenSecureChannelResult:
        """Make a token and its keys; a renewed one is used when the client has used it."""
        lifetime = revised_lifetime_ms(params.RequestedLifetime, self._lifetimes)
        self._last_token += 1
        token = ua.ChannelSecurityToken(
            ChannelId=ua.UInt32(self.id),
            TokenId=ua.UInt32(self._last_token),
            CreatedAt=datetime.now(UTC),
            RevisedLifetime=ua.UInt32(lifetime),
        )
        self.local_nonce = create_nonce(self.security_policy.secure_channel_nonce_length)
        self.remote_nonce = params.ClientNonce
        if self.is_open():
            self.next_security_token = token
        else:
            self._open = True
            self.security_token = token
            policy: Any = self.security_policy
            policy.make_local_symmetric_key(self.remote_nonce, self.local_nonce)
            policy.make_remote_symmetric_key(self.local_nonce, self.remote_nonce, lifetime)
        self._ends = {key: end for key, end in self._ends.items() if key == self.security_token.TokenId}
        self._ends[self._last_token] = time.monotonic() + lifetime / 1000.0 * _GRACE
        return ua.OpenSecureChannelResult(SecurityToken=token, ServerNonce=self.local_nonce)


def revised_lifetime_ms(requested_ms: int, limits: LimitSettings) -> int:
    """Return the lifetime of a token; who asks for none, or too long a one, gets the longest."""
    shortest, longest = round(limits.token_lifetime_min_s * 1000.0), round(limits.token_lifetime_max_s * 1000.0)
    return min(max(requested_ms or longest, shortest), longest)


def _usable(certificates: bytes) -> x509.Certificate:
    """Return the first certificate, by whose key something can be verified.

    Raises:
        ChannelRefused: when there is none, or its key is of a kind or length that no policy allows.
    """
    try:
        certificate = parse_chain(certificates)[0]
    except CertificateRefused as refused:
        raise ChannelRefused(refused.code, str(refused), certificates) from refused
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size not in KEY_BITS:
        why = f"its key is not RSA of {KEY_BITS.start} to {KEY_BITS.stop - 1} bits"
        wrong = CertificateRefused(quality.BAD_CERTIFICATE_POLICY_CHECK_FAILED, certificate, why)
        raise ChannelRefused(wrong.code, str(wrong), certificates) from wrong
    return certificate
