"""The security policies and modes that the server offers (OPC 10000-7); what is deprecated there it does not have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.crypto.security_policies import (
    SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicyAes256Sha256RsaPss,
    SecurityPolicyBasic256Sha256,
    SecurityPolicyNone,
)
from cryptography import x509

from opcua_server.security.identities import ServerIdentity

NONE_URI = SecurityPolicyNone.URI
NONCE_BYTES = 32
KEY_BITS = range(2048, 4097)
"""Of an RSA key that somebody shows, by all policies offered (OPC 10000-7); a longer one takes long to check."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A policy in a mode; of several a client takes the one of the highest level."""

    policy: Any
    mode: ua.MessageSecurityMode
    level: int

    @property
    def uri(self) -> str:
        """The SecurityPolicyUri."""
        return str(self.policy.URI)

    @property
    def name(self) -> str:
        """The policy without its namespace, as people say it."""
        return self.uri.rpartition("#")[2]

    def create(self, identity: ServerIdentity, client_certificate: x509.Certificate) -> Any:
        """Return asyncua's policy for a channel with a client."""
        if self.policy is SecurityPolicyNone:
            return SecurityPolicyNone()  # type: ignore[no-untyped-call]
        chain = list(identity.issuers)
        return self.policy(client_certificate, identity.certificate, identity.key, self.mode, host_cert_chain=chain)


NONE = Offer(SecurityPolicyNone, ua.MessageSecurityMode.None_, 0)
_STRENGTHS = {
    SecurityPolicyBasic256Sha256: 10,
    SecurityPolicyAes128Sha256RsaOaep: 20,
    SecurityPolicyAes256Sha256RsaPss: 30,
}
_MODES = {ua.MessageSecurityMode.Sign: 50, ua.MessageSecurityMode.SignAndEncrypt: 100}
SECURED = tuple(
    Offer(policy, mode, level + strength) for policy, strength in _STRENGTHS.items() for mode, level in _MODES.items()
)
"""Signed, or signed and encrypted; encryption counts more than the policy."""


def algorithms(uri: str) -> tuple[str, str]:
    """Return the URIs of a policy's asymmetric signature and encryption.

    Raises:
        KeyError: for a policy that is not offered.
    """
    policy = next((policy for policy in _STRENGTHS if uri == policy.URI), None)
    if policy is None:
        raise KeyError(uri)
    return policy.AsymmetricSignatureURI, policy.AsymmetricEncryptionURI
