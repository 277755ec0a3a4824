"""Audit of what lets somebody in (OPC 10000-4 v1.05 §6.5.5, §6.5.6; OPC 10000-5 v1.05 §6.4.5 to §6.4.18)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asyncua import ua

from opcua_server.auditing import credentials, record
from opcua_server.auditing.record import text
from opcua_server.auditing.teller import Actor, Teller, outcome, status
from opcua_server.event_types import SERVER
from plant import quality

V = ua.VariantType


class SecurityAudit(Teller):
    """Secure channels, sessions and certificates."""

    def opened_channel(
        self,
        *,
        channel_id: str,
        certificate: bytes | None,
        request_type: ua.SecurityTokenRequestType,
        policy_uri: str,
        mode: ua.MessageSecurityMode,
        lifetime_ms: float,
        entry_id: str = "",
        code: int = quality.GOOD,
        reason: str = "",
        certificate_event: bytes | None = None,
        peer: str = "",
    ) -> None:
        """Tell of OpenSecureChannel: of each that issues a token, and of a renewal that fails (§6.5.5).

        `certificate_event` is what `certificate_refused` returned.
        """
        fields = self._channel(channel_id, code) | credentials.client_certificate(certificate)
        fields |= {
            "RequestType": ua.Variant(int(request_type), V.Int32),
            "SecurityPolicyUri": text(policy_uri),
            "SecurityMode": ua.Variant(int(mode), V.Int32),
            "RequestedLifetime": ua.Variant(float(lifetime_ms), V.Double),
            "CertificateErrorEventId": ua.Variant(certificate_event, V.ByteString),
        }
        is_plain = mode == ua.MessageSecurityMode.None_
        security = "without security" if is_plain else f"{policy_uri.rpartition('#')[2] or 'no policy'}, {mode.name}"
        self.tell(
            "AuditOpenSecureChannelEventType",
            SERVER,
            "SecureChannel/OpenSecureChannel",
            f"Secure channel {channel_id} {outcome('opened', code, reason)} ({security})",
            code,
            fields,
            user="System/OpenSecureChannel",
            entry_id=entry_id,
            peer=peer,
        )

    def closed_channel(self, *, channel_id: str, reason: str = "", peer: str = "") -> None:
        """Tell of CloseSecureChannel (§6.5.5), and of a channel that ends otherwise, for a reason."""
        self.tell(
            "AuditChannelEventType",
            SERVER,
            "SecureChannel/CloseSecureChannel",
            f"Secure channel {channel_id} closed{reason and f': {reason}'}",
            quality.GOOD,
            self._channel(channel_id, quality.GOOD),
            user="System/CloseSecureChannel",
            peer=peer,
        )

    def created_session(
        self,
        *,
        session_id: ua.NodeId | None,
        channel_id: str,
        certificate: bytes | None,
        timeout_ms: float,
        client: str = "",
        entry_id: str = "",
        code: int = quality.GOOD,
        reason: str = "",
        peer: str = "",
        mismatched_url: str | None = None,
    ) -> None:
        """Tell of CreateSession (§6.5.6); of one that was asked of another host, `mismatched_url`, once more.

        `client` is the ApplicationUri; `session_id` is None where there is no session.
        """
        fields = self._session(session_id, code) | credentials.client_certificate(certificate)
        fields |= {
            "SecureChannelId": text(channel_id),
            "RevisedSessionTimeout": ua.Variant(float(timeout_ms), V.Double),
        }
        name = "Session/CreateSession"
        user = "System/CreateSession"
        if mismatched_url is not None:
            url = {"EndpointUrl": text(mismatched_url)}
            message = f"{client or 'A client'} asked for a session at {mismatched_url}, which is not this server's"
            self.tell(
                "AuditUrlMismatchEventType",
                SERVER,
                name,
                message,
                code,
                fields | url,
                user,
                entry_id,
                session=session_id,
                peer=peer,
            )
        message = f"Session for {client or 'a client'} {outcome('created', code, reason)}"
        self.tell(
            "AuditCreateSessionEventType",
            SERVER,
            name,
            message,
            code,
            fields,
            user,
            entry_id,
            session=session_id,
            peer=peer,
        )

    def activated_session(
        self,
        *,
        session_id: ua.NodeId | None,
        channel_id: str,
        token: Any,
        user: str | None,
        entry_id: str = "",
        code: int = quality.GOOD,
        reason: str = "",
        peer: str = "",
    ) -> None:
        """Tell of ActivateSession (§6.5.6); `token` is the UserIdentityToken, of which no secret is kept."""
        fields = self._session(session_id, code) | {
            "ClientSoftwareCertificates": ua.Variant([], V.ExtensionObject, is_array=True),
            "UserIdentityToken": ua.Variant(credentials.without_secret(token), V.ExtensionObject),
            "SecureChannelId": text(channel_id),
        }
        who = f"{user!r}" if user else "Anonymous"
        self.tell(
            "AuditActivateSessionEventType",
            SERVER,
            "Session/ActivateSession",
            f"Login of {who} {outcome('accepted', code, reason)}",
            code,
            fields,
            user=user,
            entry_id=entry_id,
            session=session_id,
            peer=peer,
        )

    def closed_session(
        self, session: Actor, cause: str, *, entry_id: str = "", code: int = quality.GOOD, reason: str = ""
    ) -> None:
        """Tell of the end of a session (§6.5.6); `cause` is CloseSession, Timeout, or Terminated for all others."""
        message = f"Session {session.id.to_string()} {outcome('ended', code, reason)} ({cause})"
        self._of_session("AuditSessionEventType", session, cause, message, code, {}, entry_id)

    def cancelled(self, session: Actor, *, request_handle: int, count: int, entry_id: str = "") -> None:
        """Tell of Cancel (§6.5.6)."""
        fields = {"RequestHandle": ua.Variant(request_handle, V.UInt32)}
        message = f"{count} requests of handle {request_handle} cancelled"
        self._of_session("AuditCancelEventType", session, "Cancel", message, quality.GOOD, fields, entry_id)

    def transferred(self, session: Actor, codes: Mapping[int, int], *, entry_id: str = "") -> None:
        """Tell of TransferSubscriptions (§6.5.10), with the StatusCode of each subscription."""
        code = next((code for code in codes.values() if quality.is_bad(code)), quality.GOOD)
        ids = ", ".join(map(str, list(codes)[: record.MOST_ARGUMENTS]))
        message = f"Subscriptions {ids} {outcome('transferred', code)}"
        self._of_session("AuditSessionEventType", session, "TransferSubscriptions", message, code, {}, entry_id)

    def certificate_refused(
        self, *, certificate: bytes, code: int, reason: str, host_name: str = "", uri: str = "", peer: str = ""
    ) -> bytes:
        """Tell of a certificate that was not accepted; return the EventId, for the event of the service.

        `host_name` or `uri` is what does not match the certificate.
        """
        kind = credentials.event_type(code)
        fields = {"Certificate": record.certificate(certificate), "StatusCodeId": status(code)}
        if kind == "AuditCertificateDataMismatchEventType":
            fields |= {"InvalidHostname": text(host_name or None), "InvalidUri": text(uri or None)}
        message = f"Certificate {credentials.thumbprint(certificate)} refused: {reason}"
        return self.tell(kind, SERVER, "Security/Certificate", message, code, fields, peer=peer)

    def _of_session(
        self,
        kind: str,
        session: Actor,
        cause: str,
        message: str,
        code: int,
        fields: Mapping[str, ua.Variant],
        entry_id: str,
    ) -> None:
        all_fields = self._session(session.id, code) | dict(fields)
        self.tell(
            kind,
            SERVER,
            f"Session/{cause}",
            message,
            code,
            all_fields,
            session.user.name,
            entry_id,
            session=session.id,
        )

    def _channel(self, channel_id: str, code: int) -> dict[str, ua.Variant]:
        return {"SecureChannelId": text(channel_id), "StatusCodeId": status(code)}

    def _session(self, session_id: ua.NodeId | None, code: int) -> dict[str, ua.Variant]:
        return {"SessionId": ua.Variant(session_id or ua.NodeId(), V.NodeId), "StatusCodeId": status(code)}
