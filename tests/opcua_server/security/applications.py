"""Client applications, each with a certificate made for it, as it should be or with one thing wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.crypto.security_policies import (
    SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicyAes256Sha256RsaPss,
    SecurityPolicyBasic256Sha256,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from runtime.certificates import Identity

from ..conformity.wire import Application

POLICIES = (SecurityPolicyBasic256Sha256, SecurityPolicyAes128Sha256RsaOaep, SecurityPolicyAes256Sha256RsaPss)
MODES = (ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt)
EACH_POLICY = pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__[len("SecurityPolicy") :])
EACH_MODE = pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
DAY = timedelta(days=1)
UNKNOWN_CURVE = (bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d03017f"))
"""The OID of secp256r1, and one of the same length that is nobody's."""


def application(folder: Path, name: str) -> Application:
    """Return a client application with a certificate that it has signed itself."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made = self_signed(key, name)
    identity = Identity(folder / f"{name}.der", folder / f"{name}.pem")
    folder.mkdir(parents=True, exist_ok=True)
    identity.certificate.write_bytes(made)
    identity.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Application(_uri(name), identity)


def self_signed(key: Any, name: str) -> bytes:
    """Return a certificate for a key, signed by itself."""
    return _certificate(key.public_key(), name, name, key)


def certificate_for(public_key: Any, name: str, issuer: Application) -> bytes:
    """Return a certificate for any kind of key, signed by another application's."""
    return _certificate(public_key, name, "issuer", private_key(issuer))


def _uri(name: str) -> str:
    return f"urn:security:{name}"


def _certificate(public_key: Any, name: str, issuer: str, signer: Any) -> bytes:
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(_uri(name))]), critical=False)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )


def der(client: Application) -> bytes:
    """Return the certificate on the wire."""
    assert client.identity is not None
    return client.identity.certificate.read_bytes()


def private_key(client: Application) -> Any:
    assert client.identity is not None
    return serialization.load_pem_private_key(client.identity.key.read_bytes(), password=None)


def trust(pki: Path, client: Application) -> None:
    """Let the server of that store trust an application, or a person."""
    folder = pki / "trusted" / "certs"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{sha256(der(client)).hexdigest()}.der").write_bytes(der(client))


def by(client: Application, policy: Any, mode: ua.MessageSecurityMode = MODES[1]) -> Application:
    """Return the application as it connects by another policy and mode."""
    return replace(client, policy=policy, mode=mode)
