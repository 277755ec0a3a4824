"""Session service set (OPC 10000-4 v1.05 §5.7).

asyncua does not compare the client's certificates, and lets whoever knows a session's token move it, to any channel.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from asyncua import ua
from cryptography import x509

from opcua_server.auditing.connections import ConnectionAudit
from opcua_server.limits import ServerLimits
from opcua_server.log_rate import LogRate
from opcua_server.security.endpoints import Endpoints
from opcua_server.security.identity_tokens import (
    Anonymous,
    Identity,
    TokenRefused,
    UserName,
    is_signed,
    open_token,
)
from opcua_server.security.policies import NONE, algorithms
from opcua_server.security.secure_channel import Trust
from opcua_server.session import Client, PlantSession, PlantUser
from opcua_server.sessions import Sessions
from opcua_server.users import LoginRefused, Users
from opcua_server.wire.messages import ANY_SIZE
from runtime.pki.trust import CertificateRefused
from runtime.pki.validation import application_uris

if TYPE_CHECKING:
    from opcua_server.processor import PlantProcessor

_lines = LogRate(logging.getLogger("server"), time.monotonic)

CLIENT_NONCE_BYTES = range(32, 129)
SHORTEST_TIMEOUT_MS, LONGEST_TIMEOUT_MS = 5_000.0, 600_000.0
LONGEST_NAME = 4_096
MOST_LOCALES = 100


class SessionService:
    """Begins and activates sessions; a session ends itself."""

    def __init__(
        self,
        sessions: Sessions,
        endpoints: Endpoints,
        users: Users,
        user_trust: Trust,
        audit: ConnectionAudit,
        limits: ServerLimits,
    ) -> None:
        self._sessions = sessions
        self._endpoints = endpoints
        self._users = users
        self._user_trust = user_trust
        self._audit = audit
        self._limits = limits

    def create(self, connection: PlantProcessor, params: ua.CreateSessionParameters) -> ua.CreateSessionResult:
        """Begin a session that waits to be activated (§5.7.2).

        Raises:
            ua.UaStatusCodeError: the Bad code of the service.
        """
        channel = connection.channel
        self._check_client(connection, params)
        if not self._sessions.make_room():
            raise ua.uaerrors.BadTooManySessions
        timeout_ms = min(max(SHORTEST_TIMEOUT_MS, params.RequestedSessionTimeout), LONGEST_TIMEOUT_MS)  # NaN is none
        client = Client(
            description=params.ClientDescription,
            session_name=(params.SessionName or "")[:LONGEST_NAME],
            endpoint_url=(params.EndpointUrl or "")[:LONGEST_NAME],
            server_uri=(params.ServerUri or "")[:LONGEST_NAME],
            most_bytes=params.MaxResponseMessageSize or ANY_SIZE,
            certificate=channel.certificate,
            server=channel.identity or self._endpoints.identities.shown,
        )
        session = PlantSession(client, connection, timeout_ms / 1000.0, self._limits, self._sessions)
        self._sessions.add(session)
        return ua.CreateSessionResult(
            SessionId=session.id,
            AuthenticationToken=session.auth_token,
            RevisedSessionTimeout=timeout_ms,
            ServerNonce=session.new_nonce(),
            ServerCertificate=client.server.der,
            ServerEndpoints=self._endpoints.describe(params.EndpointUrl),
            ServerSignature=_signature(connection, channel.certificate + (params.ClientNonce or b"")),
            MaxRequestMessageSize=ua.UInt32(self._limits.settings.message_bytes),
        )

    def find(self, token: bytes) -> PlantSession | None:
        """Return the session of an AuthenticationToken, whichever connection it is on."""
        return self._sessions.find(token)

    async def activate(
        self, connection: PlantProcessor, session: PlantSession | None, params: ua.ActivateSessionParameters
    ) -> ua.ActivateSessionResult:
        """Let a session go on for a user, over this connection (§5.7.3).

        Raises:
            ua.UaStatusCodeError: the Bad code of the service; the session stays as it was.
        """
        if session is None:
            raise ua.uaerrors.BadSessionIdInvalid
        is_moved = connection is not session.connection
        channel = connection.channel
        if is_moved and not session.is_activated():
            raise ua.uaerrors.BadSecureChannelIdInvalid
        if channel.certificate != session.client.certificate or channel.offer is not session.offer:
            raise ua.uaerrors.BadSecurityChecksFailed
        self._check_signature(connection, session, params.ClientSignature)
        nonce = session.nonce
        try:
            proven = open_token(
                params.UserIdentityToken,
                params.UserTokenSignature,
                self._endpoints.tokens(channel.offer),
                channel.offer.uri,
                channel.identity or session.client.server,
                nonce,
            )
            user = await self._user_of(proven, connection)
        except LoginRefused as refused:  # which is in the log
            raise ua.UaStatusCodeError(refused.code) from None  # type: ignore[no-untyped-call]
        except TokenRefused as refused:
            _lines.warn("%s: a login is refused: %s", connection.name, refused)
            raise ua.UaStatusCodeError(refused.code) from None  # type: ignore[no-untyped-call]
        except CertificateRefused as refused:
            self._audit.refused(refused, params.UserIdentityToken.CertificateData, connection.peer)
            _lines.warn("%s: a login is refused: %s", connection.name, refused)
            raise ua.uaerrors.BadIdentityTokenRejected from None
        if session.is_closed() or session.nonce != nonce:  # meanwhile it has ended, or was activated by this nonce
            raise ua.uaerrors.BadSessionIdInvalid
        if is_moved and user.name != session.user.name:
            raise ua.uaerrors.BadIdentityChangeNotSupported
        if not self._sessions.has_room_for(user, session):
            raise ua.uaerrors.BadTooManySessions
        session.activate(connection, user, type(proven).__name__)
        session.locale_ids = tuple(params.LocaleIds or ())[:MOST_LOCALES] or session.locale_ids
        return ua.ActivateSessionResult(ServerNonce=session.new_nonce())

    def _check_client(self, connection: PlantProcessor, params: ua.CreateSessionParameters) -> None:
        """Check that who asks is the application that opened the channel (§5.7.2.2)."""
        channel = connection.channel
        if channel.offer not in self._endpoints.offers:
            raise ua.uaerrors.BadSecurityPolicyRejected  # its channel is for discovery only
        if params.ServerUri and params.ServerUri != self._endpoints.application_uri:
            raise ua.uaerrors.BadServerUriInvalid
        if channel.offer is NONE:
            return
        if len(params.ClientNonce or b"") not in CLIENT_NONCE_BYTES:
            raise ua.uaerrors.BadNonceInvalid
        if not (params.ClientCertificate or b"").startswith(channel.certificate):
            raise ua.uaerrors.BadSecurityChecksFailed
        uris = application_uris(x509.load_der_x509_certificate(channel.certificate))
        if params.ClientDescription.ApplicationUri not in uris:
            raise ua.uaerrors.BadCertificateUriInvalid

    def _check_signature(self, connection: PlantProcessor, session: PlantSession, given: ua.SignatureData) -> None:
        """Check that the client holds the key of its certificate still."""
        channel = connection.channel
        if channel.identity is None:
            return
        algorithm, _ = algorithms(channel.offer.uri)
        certificate = x509.load_der_x509_certificate(channel.certificate)
        signature = given.Signature or b""
        if given.Algorithm != algorithm or not is_signed(
            certificate, algorithm, channel.identity, session.nonce, signature
        ):
            raise ua.uaerrors.BadApplicationSignatureInvalid

    async def _user_of(self, proven: Identity, connection: PlantProcessor) -> PlantUser:
        if isinstance(proven, Anonymous):
            return self._users.as_anonymous()
        if isinstance(proven, UserName):
            return await self._users.by_password(proven.name, proven.password, connection.peer)
        self._user_trust.check(proven.certificates)
        user = await self._users.by_certificate(proven.certificate, connection.peer)
        return replace(user, certificates=proven.certificates)


def _signature(connection: PlantProcessor, data: bytes) -> ua.SignatureData:
    """Return the server's proof that it holds the key of its certificate, none without security."""
    policy: Any = connection.channel.security_policy
    if connection.channel.offer is NONE:
        return ua.SignatureData()
    return ua.SignatureData(
        Algorithm=policy.AsymmetricSignatureURI, Signature=policy.asymmetric_cryptography.signature(data)
    )
