"""Certificates with one thing wrong."""

from __future__ import annotations

import functools
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from runtime.pki.store import der

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY = timedelta(days=1)
USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
APPLICATION = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment")
AUTHORITY = ("key_cert_sign", "crl_sign")


@functools.cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The key of that name; making one takes a while."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return der(self.certificate)


def make(
    name: str,
    issuer: Made | None = None,
    *,
    key: Any = None,
    signer: Any = None,
    algorithm: hashes.HashAlgorithm | None = hashes.SHA256(),  # noqa: B008 - without state
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + 365 * DAY,
    usages: tuple[str, ...] | None = APPLICATION,
    extended: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH),
    ca: bool = False,
    path_length: int | None = None,
    uri: str | None = None,
    hosts: tuple[str, ...] = ("plant.example", "192.0.2.7"),
) -> Made:
    """Make a certificate that a client may show, but for what is told."""
    own = key if key is not None else rsa_key(name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer is not None else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.UniformResourceIdentifier(uri or f"urn:test:{name}"), *map(_general_name, hosts)]
            ),
            critical=False,
        )
    )
    if usages is not None:
        builder = builder.add_extension(x509.KeyUsage(**{each: each in usages for each in USAGES}), critical=True)
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(extended)), critical=False)
    signing = signer if signer is not None else issuer.key if issuer is not None else own
    return Made(builder.sign(signing, algorithm), own)


def make_ca(name: str, issuer: Made | None = None, **different: Any) -> Made:
    """Make a CA's certificate."""
    return make(name, issuer, **{"ca": True, "usages": AUTHORITY, "extended": (), **different})


def make_crl(
    issuer: Made, *revoked: Made, begins: datetime = NOW - DAY, ends: datetime = NOW + 30 * DAY, signer: Any = None
) -> x509.CertificateRevocationList:
    """Make a CA's CRL."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(begins)
        .next_update(ends)
    )
    for each in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(each.certificate.serial_number).revocation_date(begins)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(signer if signer is not None else issuer.key, hashes.SHA256())


def elliptic_key() -> ec.EllipticCurvePrivateKey:
    """Make a key that no policy on offer allows."""
    return ec.generate_private_key(ec.SECP256R1())


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
