"""A secure channel to a server whose certificate is checked first."""

from __future__ import annotations

import asyncio
from pathlib import Path

from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.crypto.uacrypto import CertProperties

from runtime.errors import LinkLost
from runtime.pki.chain import parse_chain
from runtime.pki.identity import Identity
from runtime.pki.store import der, thumbprint
from runtime.pki.trust import WORTH_KEEPING, CertificateRefused, TrustList
from runtime.pki.validation import Use

POLICY, MODE = SecurityPolicyBasic256Sha256, ua.MessageSecurityMode.SignAndEncrypt


async def secure(client: Client, own: Identity, pki: Path) -> None:
    """Let a client that is not yet connected sign and encrypt, once its server is known to be trusted.

    Raises:
        LinkLost: when the server's certificate is refused, with the command that helps.
    """
    url = client.server_url
    server = client.find_endpoint(await client.connect_and_get_server_endpoints(), MODE, POLICY.URI)
    certificates = bytes(server.ServerCertificate or b"")
    try:
        await asyncio.to_thread(
            TrustList(pki, Use.SERVER).check,
            certificates,
            host=url.hostname,
            application_uri=server.Server.ApplicationUri,
        )
    except CertificateRefused as refused:
        why = _advised(refused, pki)
        raise LinkLost(f"OPC UA server {url.geturl()}: its certificate is refused: {why}") from None
    await client.set_security(
        POLICY,
        own.certificate,
        own.key,
        server_certificate=CertProperties(der(parse_chain(certificates)[0]), "der"),
        mode=MODE,
        certificate_chain=[CertProperties(der(issuer), "der") for issuer in own.issuers],
    )


def _advised(refused: CertificateRefused, pki: Path) -> str:
    """Return why, and the command that helps where trust is all that is missing."""
    if refused.code not in WORTH_KEEPING or refused.certificate is None:
        return str(refused)
    return f"{refused}; trust it with `cstr-gateway certs trust {thumbprint(refused.certificate)} --data {pki.parent}`"
