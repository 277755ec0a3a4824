"""User identity tokens as clients make them (OPC 10000-4 v1.05 §7.40)."""

from __future__ import annotations

import struct
from typing import Any

from asyncua import ua
from asyncua.crypto.security_policies import SecurityPolicyAes256Sha256RsaPss, SecurityPolicyBasic256Sha256
from cryptography import x509

from ..conformity.wire import Session

OVERHEAD = {policy.AsymmetricEncryptionURI: 42 for policy in (SecurityPolicyBasic256Sha256,)}
OVERHEAD[SecurityPolicyAes256Sha256RsaPss.AsymmetricEncryptionURI] = 66
"""Bytes of a block that hold no text, by OAEP with SHA-1 and with SHA-256."""


def secret(password: bytes, nonce: bytes) -> bytes:
    """Return a password as it is encrypted (§7.40.2.2)."""
    return struct.pack("<I", len(password) + len(nonce)) + password + nonce


def encrypted(policy: Any, server_certificate: bytes, plain: bytes) -> bytes:
    """Encrypt in blocks for the key of a server's certificate."""
    key: Any = x509.load_der_x509_certificate(server_certificate).public_key()
    room = key.key_size // 8 - OVERHEAD.get(policy.AsymmetricEncryptionURI, 42)
    return b"".join(policy.encrypt_asymmetric(key, plain[at : at + room]) for at in range(0, len(plain), room))


def user_name(
    session: Session,
    name: str,
    password: str | bytes,
    policy: Any = SecurityPolicyBasic256Sha256,
    nonce: bytes | None = None,
    **different: Any,
) -> ua.UserNameIdentityToken:
    """Return a user name with a password, encrypted by a policy of the endpoint; fields may be different."""
    octets = password.encode() if isinstance(password, str) else password
    plain = secret(octets, session.nonce if nonce is None else nonce)
    token = ua.UserNameIdentityToken(
        PolicyId=session.token_policy(ua.UserTokenType.UserName, uri=policy.URI),
        UserName=name,
        Password=encrypted(policy, session.created.ServerCertificate, plain),
        EncryptionAlgorithm=policy.AsymmetricEncryptionURI,
    )
    for field, value in different.items():
        setattr(token, field, value)
    return token
