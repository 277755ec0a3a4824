"""Application instance certificates, made at first use in the usual OPC UA folders (OPC 10000-6 v1.05 §6.2.2)."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Identity:
    """Where certificate (DER) and private key (PEM, 0600) lie."""

    certificate: Path
    key: Path


def application_uri(application: str = "cstr-gateway") -> str:
    """Return the ApplicationUri, which the certificate carries too."""
    return f"urn:{socket.gethostname()}:{application}"


def own_identity(folder: Path, hosts: Sequence[str] = (), application: str = "cstr-gateway") -> Identity:
    """Return an application's certificate and key; both are made anew when missing or when a host is not in them."""
    identity = Identity(folder / "certs" / f"{application}.der", folder / "private" / f"{application}.pem")
    names = list(dict.fromkeys([*hosts, socket.gethostname(), "localhost", "127.0.0.1", "::1"]))
    uri = application_uri(application)
    if not (identity.certificate.exists() and identity.key.exists() and _covers(identity.certificate, [uri, *names])):
        _make(identity, names, application)
    return identity


def _covers(path: Path, names: Sequence[str]) -> bool:
    certificate = x509.load_der_x509_certificate(path.read_bytes())
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    known = {str(name.value) for name in extension.value}
    return set(names) <= known and certificate.not_valid_after_utc > datetime.now(UTC)


def _make(identity: Identity, names: Sequence[str], application: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, application),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "cstr-gateway"),
        ]
    )
    alternatives: list[x509.GeneralName] = [x509.UniformResourceIdentifier(application_uri(application))]
    alternatives += [_general_name(name) for name in names]
    now = datetime.now(UTC)
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
    public = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    for path in (identity.certificate, identity.key):
        path.parent.mkdir(parents=True, exist_ok=True)
    identity.key.parent.chmod(0o700)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(identity.key, pem, 0o600)
    _write(identity.certificate, certificate.public_bytes(serialization.Encoding.DER), 0o644)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, data: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    temporary.replace(path)
