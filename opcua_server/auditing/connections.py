"""What the connections tell to be audited: the services' parameters and results, as audit events have them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from asyncua import ua

from opcua_server.auditing.audit import Audit
from opcua_server.auditing.credentials import thumbprint
from opcua_server.security.secure_channel import ChannelRefused, Opened, SecureChannel
from opcua_server.session import PlantSession
from plant import quality
from runtime.pki.refusal import CertificateRefused
from runtime.pki.store import der
from runtime.pki.validation import names_host

if TYPE_CHECKING:
    from opcua_server.processor import PlantProcessor


class ConnectionAudit:
    """Audit of the SecureChannel and Session service sets."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def opened(self, channel: SecureChannel, opened: Opened, peer: str) -> None:
        """Tell of a channel that was opened; of a renewal only a failure is told (OPC 10000-4 v1.05 §6.5.5)."""
        if opened.request_type is ua.SecurityTokenRequestType.Renew:
            return
        self._audit.opened_channel(
            channel_id=str(channel.id),
            certificate=channel.certificate,
            request_type=opened.request_type,
            policy_uri=channel.offer.uri,
            mode=channel.mode,
            lifetime_ms=channel.lifetime_ms,
            entry_id=opened.header.AuditEntryId or "",
            peer=peer,
        )

    def not_opened(self, channel: SecureChannel, refused: ChannelRefused, peer: str) -> None:
        """Tell of a channel that was not opened or renewed, and of the certificate where that is why."""
        kinds = ua.SecurityTokenRequestType
        self._audit.opened_channel(
            channel_id=str(channel.id),
            certificate=refused.certificate,
            request_type=kinds.Renew if channel.is_open() else kinds.Issue,
            policy_uri=channel.offer.uri,
            mode=channel.mode if channel.is_open() else ua.MessageSecurityMode.Invalid,
            lifetime_ms=0.0,
            code=refused.code,
            reason=str(refused),
            certificate_event=self.distrusted(refused, peer),
            peer=peer,
        )

    def distrusted(self, refused: ChannelRefused, peer: str) -> bytes | None:
        """Tell of the certificate, where that is why a channel may not be or go on; return the EventId."""
        if not isinstance(refused.__cause__, CertificateRefused):
            return None
        return self.refused(refused.__cause__, refused.certificate, peer)

    def closed(self, channel: SecureChannel, reason: str, peer: str) -> None:
        """Tell of the end of a channel; the reason is empty where its client has closed it."""
        self._audit.closed_channel(channel_id=str(channel.id), reason=reason, peer=peer)

    def refused(self, refused: CertificateRefused, certificate: bytes, peer: str) -> bytes:
        """Tell of a certificate that is not trusted, the issuer's where it is that one; return the EventId."""
        at_fault = der(refused.certificate) if refused.certificate is not None else certificate
        return self._audit.certificate_refused(certificate=at_fault, code=refused.code, reason=str(refused), peer=peer)

    def created(
        self,
        connection: PlantProcessor,
        params: ua.CreateSessionParameters,
        entry_id: str,
        result: ua.CreateSessionResult | None,
        code: int = quality.GOOD,
    ) -> None:
        """Tell of CreateSession; without a result it was refused."""
        channel = connection.channel
        uri = params.ClientDescription.ApplicationUri or ""
        if code == ua.StatusCodes.BadCertificateUriInvalid:
            reason = "the ApplicationUri is not the certificate's"
            self._audit.certificate_refused(
                certificate=channel.certificate, code=code, reason=reason, uri=uri, peer=connection.peer
            )
        self._audit.created_session(
            session_id=result.SessionId if result is not None else None,
            channel_id=str(channel.id),
            certificate=channel.certificate,
            timeout_ms=result.RevisedSessionTimeout if result is not None else 0.0,
            client=uri,
            entry_id=entry_id,
            code=code,
            peer=connection.peer,
            mismatched_url=_foreign(channel, params.EndpointUrl or ""),
        )

    def activated(
        self,
        connection: PlantProcessor,
        session: PlantSession | None,
        params: ua.ActivateSessionParameters,
        entry_id: str,
        code: int = quality.GOOD,
    ) -> None:
        """Tell of ActivateSession, of one that was refused too; the session is None where there is none."""
        token = params.UserIdentityToken
        was_accepted = session is not None and not quality.is_bad(code)
        said = getattr(token, "UserName", None) or _holder(getattr(token, "CertificateData", None))
        self._audit.activated_session(
            session_id=session.id if session is not None else None,
            channel_id=str(connection.channel.id),
            token=token,
            user=session.user.name if session is not None and was_accepted else said,
            entry_id=entry_id,
            code=code,
            peer=connection.peer,
        )

    def ended(self, session: PlantSession, cause: str, entry_id: str) -> None:
        """Tell of the end of a session."""
        self._audit.closed_session(session, cause, entry_id=entry_id)


def _holder(certificate: bytes | None) -> str | None:
    """Return how to call who logs in by a certificate that says nobody known."""
    return f"certificate {thumbprint(certificate)}" if certificate else None


def _foreign(channel: SecureChannel, url: str) -> str | None:
    """Return the URL by which a client asked, if its host is not in the server's certificate."""
    if channel.identity is None:
        return None
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return url
    return None if host is not None and names_host(channel.identity.certificate, host) else url
