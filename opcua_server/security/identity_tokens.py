"""User identity tokens, opened and proven before anybody is asked who the user is (OPC 10000-4 v1.05 §7.40): pure.

asyncua takes any algorithm that a client names, plain text too, does not compare the nonce, and takes a user's
certificate on a signature by SHA-1.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.crypto import uacrypto
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa

from opcua_server.security.identities import ServerIdentity
from opcua_server.security.policies import KEY_BITS, algorithms
from runtime.pki.chain import parse_chain
from runtime.pki.refusal import CertificateRefused
from runtime.pki.store import der

LONGEST_NAME, LONGEST_PASSWORD = 256, 1024
MOST_BLOCKS = 8
"""Of an encrypted password."""
_DECRYPT: dict[str, Callable[..., bytes]] = {
    "http://www.w3.org/2001/04/xmlenc#rsa-oaep": uacrypto.decrypt_rsa_oaep,
    "http://opcfoundation.org/UA/security/rsa-oaep-sha2-256": uacrypto.decrypt_rsa_oaep_sha256,
}
_VERIFY: dict[str, Callable[..., None]] = {
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": uacrypto.verify_sha256,
    "http://opcfoundation.org/UA/security/rsa-pss-sha2-256": uacrypto.verify_pss_sha256,
}


class TokenRefused(Exception):  # noqa: N818
    """A token that says nobody."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Nobody in particular."""


@dataclass(frozen=True, slots=True)
class UserName:
    """Who says so, with a password still to be checked."""

    name: str
    password: str

    def __repr__(self) -> str:
        return f"UserName({self.name!r})"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Who holds the key of a certificate that is still to be trusted."""

    certificate: bytes
    """On the wire."""
    certificates: bytes
    """With those of its issuers behind it, where they were sent."""


Identity = Anonymous | UserName | Certificate


def open_token(
    token: Any,
    signature: ua.SignatureData,
    policies: list[ua.UserTokenPolicy],
    channel_policy: str,
    identity: ServerIdentity,
    nonce: bytes,
) -> Identity:
    """Return who a token says its user is, its secret decrypted and its signature checked.

    `policies` are those of the session's endpoint, `nonce` is the last that the server has given the client.

    Raises:
        TokenRefused: with the StatusCode of ActivateSession (OPC 10000-4 v1.05 §5.7.3.3).
    """
    if token is None or (isinstance(token, ua.ExtensionObject) and token.TypeId.is_null()):
        token = ua.AnonymousIdentityToken()  # (§5.7.3.2)
    kind = _KINDS.get(type(token).__name__)
    if kind is None:
        raise TokenRefused(ua.StatusCodes.BadIdentityTokenInvalid, f"no token of {type(token).__name__} is offered")
    policy = _policy_of(token, kind, policies)
    uri = policy.SecurityPolicyUri or channel_policy
    if kind is ua.UserTokenType.UserName:
        return _user_name(token, uri, identity, nonce)
    if kind is ua.UserTokenType.Certificate:
        return _certificate(token, signature, uri, identity, nonce)
    return Anonymous()


_KINDS = {
    "AnonymousIdentityToken": ua.UserTokenType.Anonymous,
    "UserNameIdentityToken": ua.UserTokenType.UserName,
    "X509IdentityToken": ua.UserTokenType.Certificate,
}


def _policy_of(token: Any, kind: ua.UserTokenType, policies: list[ua.UserTokenPolicy]) -> ua.UserTokenPolicy:
    """Return the policy that a token names; an Anonymous one need not name it."""
    offered = [policy for policy in policies if policy.TokenType == kind]
    named = next((policy for policy in offered if policy.PolicyId == token.PolicyId), None)
    if named is None and kind is ua.UserTokenType.Anonymous and not token.PolicyId and offered:
        named = offered[0]
    if named is None:
        code = ua.StatusCodes.BadIdentityTokenInvalid if offered else ua.StatusCodes.BadIdentityTokenRejected
        raise TokenRefused(code, f"token policy {token.PolicyId!r:.100} ({kind.name}) is not offered at this endpoint")
    return named


def _user_name(token: ua.UserNameIdentityToken, uri: str, identity: ServerIdentity, nonce: bytes) -> UserName:
    name, secret = token.UserName or "", token.Password or b""
    if not name or len(name) > LONGEST_NAME:
        raise TokenRefused(ua.StatusCodes.BadIdentityTokenInvalid, f"a user name has 1 to {LONGEST_NAME} characters")
    _, encryption = algorithms(uri)
    if token.EncryptionAlgorithm != encryption:
        given = token.EncryptionAlgorithm or "none"
        raise TokenRefused(
            ua.StatusCodes.BadIdentityTokenInvalid,
            f"the password of {name!r} is encrypted by {given!r:.100}, not {encryption}",
        )
    try:
        password = _secret(_decrypted(identity.key, encryption, secret), nonce)
    except (ValueError, UnicodeDecodeError):
        reason = f"the password of {name!r} cannot be decrypted, or was encrypted for another session"
        raise TokenRefused(ua.StatusCodes.BadIdentityTokenInvalid, reason) from None
    return UserName(name, password)


def _decrypted(key: Any, encryption: str, secret: bytes) -> bytes:
    """Decrypt what is encrypted in blocks of the key's size.

    Raises:
        ValueError: when it cannot be.
    """
    size = key.key_size // 8
    if not secret or len(secret) % size or len(secret) > MOST_BLOCKS * size:
        message = "not whole blocks"
        raise ValueError(message)
    decrypt = _DECRYPT[encryption]
    return b"".join(decrypt(key, secret[at : at + size]) for at in range(0, len(secret), size))


def _secret(plain: bytes, nonce: bytes) -> str:
    """Return the secret that stands before the nonce (§7.40.2.2).

    Raises:
        ValueError: when the lengths, the nonce or the encoding is wrong.
    """
    length = int.from_bytes(plain[:4], "little")
    secret, given = plain[4 : 4 + length - len(nonce)], plain[4 + length - len(nonce) : 4 + length]
    is_whole = len(nonce) <= length <= len(plain) - 4 and len(secret) <= LONGEST_PASSWORD
    if not (is_whole and hmac.compare_digest(given, nonce)):
        message = "not the session's last nonce"
        raise ValueError(message)
    return secret.decode()


def _certificate(
    token: ua.X509IdentityToken, signature: ua.SignatureData, uri: str, identity: ServerIdentity, nonce: bytes
) -> Certificate:
    algorithm, _ = algorithms(uri)
    try:
        certificate = parse_chain(token.CertificateData or b"")[0]
    except CertificateRefused as refused:
        raise TokenRefused(ua.StatusCodes.BadIdentityTokenInvalid, str(refused)) from None
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size not in KEY_BITS:
        reason = f"the key of the user's certificate is not RSA of {KEY_BITS.start} to {KEY_BITS.stop - 1} bits"
        raise TokenRefused(ua.StatusCodes.BadIdentityTokenInvalid, reason)
    given = signature.Signature or b""
    if signature.Algorithm != algorithm or not is_signed(certificate, algorithm, identity, nonce, given):
        raise TokenRefused(ua.StatusCodes.BadUserSignatureInvalid, "the user's signature is missing or wrong")
    return Certificate(der(certificate), token.CertificateData)


def is_signed(
    certificate: x509.Certificate, algorithm: str, identity: ServerIdentity, nonce: bytes, signature: bytes
) -> bool:
    """Tell whether a signature over the server's certificate and its last nonce is by a certificate's key.

    Some sign over the chain where the server sends one (§5.7.3.2).
    """
    leaf = identity.der
    for data in dict.fromkeys((leaf + nonce, leaf + identity.issuers_der + nonce)):
        try:
            _VERIFY[algorithm](certificate, data, signature)
        except (InvalidSignature, ValueError):
            continue
        return True
    return False
