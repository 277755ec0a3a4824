"""What is told of certificates and identity tokens: never a secret."""

from __future__ import annotations

import hashlib
from typing import Any

from asyncua import ua

from opcua_server.auditing import record

_CERTIFICATE_EVENTS = {
    ua.StatusCodes.BadCertificateHostNameInvalid: "AuditCertificateDataMismatchEventType",
    ua.StatusCodes.BadCertificateUriInvalid: "AuditCertificateDataMismatchEventType",
    ua.StatusCodes.BadCertificateTimeInvalid: "AuditCertificateExpiredEventType",
    ua.StatusCodes.BadCertificateIssuerTimeInvalid: "AuditCertificateExpiredEventType",
    ua.StatusCodes.BadCertificateUntrusted: "AuditCertificateUntrustedEventType",
    ua.StatusCodes.BadCertificateRevoked: "AuditCertificateRevokedEventType",
    ua.StatusCodes.BadCertificateIssuerRevoked: "AuditCertificateRevokedEventType",
    ua.StatusCodes.BadCertificateRevocationUnknown: "AuditCertificateRevokedEventType",
    ua.StatusCodes.BadCertificateIssuerRevocationUnknown: "AuditCertificateRevokedEventType",
    ua.StatusCodes.BadCertificateUseNotAllowed: "AuditCertificateMismatchEventType",
    ua.StatusCodes.BadCertificateIssuerUseNotAllowed: "AuditCertificateMismatchEventType",
}
"""All other refusals are AuditCertificateInvalidEventType."""


def event_type(code: int) -> str:
    """Return the audit event of a certificate that was refused with a StatusCode."""
    return _CERTIFICATE_EVENTS.get(code, "AuditCertificateInvalidEventType")


def thumbprint(certificate: bytes | None) -> str:
    """Return a certificate's thumbprint, as tools show it: of SHA-1."""
    return hashlib.sha1(certificate, usedforsecurity=False).hexdigest() if certificate else ""


def without_secret(token: Any) -> Any:
    """Return a UserIdentityToken without password or token data (OPC 10000-5 v1.05 §6.4.10)."""
    data_type = getattr(token, "data_type", None)
    policy = getattr(token, "PolicyId", None)
    if data_type == ua.UserNameIdentityToken.data_type:
        return ua.UserNameIdentityToken(PolicyId=policy, UserName=record.cut(token.UserName))
    if data_type == ua.X509IdentityToken.data_type:
        return ua.X509IdentityToken(
            PolicyId=policy, CertificateData=record.certificate(token.CertificateData).Value or b""
        )
    return ua.AnonymousIdentityToken(PolicyId=policy)


def client_certificate(certificate: bytes | None) -> dict[str, ua.Variant]:
    """Return the fields that tell of a client's certificate."""
    return {
        "ClientCertificate": record.certificate(certificate),
        "ClientCertificateThumbprint": record.text(thumbprint(certificate)),
    }
