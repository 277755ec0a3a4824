"""Makes application instance certificates, the CA of a plant and its CRL; keys, names and time are given."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from runtime.pki.machine import canonical

ORGANIZATION = "cstr-gateway"
KEY_BITS = 2048
VALID = timedelta(days=730)
"""Two years: whoever trusts a certificate and not a CA has to be visited when it is renewed, and no key should serve
much longer."""
AUTHORITY_VALID = timedelta(days=3650)
BEFORE = timedelta(days=1)
"""Clocks of a plant differ."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """A CA's certificate with its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


def new_key() -> rsa.RSAPrivateKey:
    """Make a key that every policy on offer allows."""
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def subject_of(common_name: str) -> x509.Name:
    """Return the subject of what we make."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
        ]
    )


def is_ours(certificate: x509.Certificate, application: str) -> bool:
    """Tell whether we have made an application's certificate; any other one is somebody's own."""
    organizations = certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    made_here = [each.value for each in organizations] == [ORGANIZATION]
    return made_here and certificate.subject == subject_of(application)


def application_certificate(
    application: str, uri: str, hosts: Sequence[str], key: rsa.RSAPrivateKey, at: datetime, issuer: Issuer | None = None
) -> x509.Certificate:
    """Make a certificate for client and server (OPC 10000-6 v1.05 §6.2.2), self-signed without an issuer."""
    subject = subject_of(application)
    signer = issuer.key if issuer is not None else key
    ends = at + VALID if issuer is None else min(at + VALID, issuer.certificate.not_valid_after_utc)
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri), *map(_general_name, hosts)]
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    usage = _key_usage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_cert_sign=issuer is None,
    )
    return (
        _builder(subject, issuer.certificate.subject if issuer is not None else subject, key, at - BEFORE, ends)
        .add_extension(x509.SubjectAlternativeName(list(dict.fromkeys(names))), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )


def authority_certificate(common_name: str, key: rsa.RSAPrivateKey, at: datetime) -> x509.Certificate:
    """Make the certificate of a CA that issues applications' certificates, and none of further CAs."""
    subject = subject_of(common_name)
    return (
        _builder(subject, subject, key, at - BEFORE, at + AUTHORITY_VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(digital_signature=True, key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def revocation_list(
    issuer: Issuer, revoked: Iterable[x509.RevokedCertificate], number: int, at: datetime
) -> x509.CertificateRevocationList:
    """Make a CA's CRL; it is carried by hand and so valid as long as the CA."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(at - BEFORE)
        .next_update(issuer.certificate.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    for each in revoked:
        builder = builder.add_revoked_certificate(each)
    return builder.sign(issuer.key, hashes.SHA256())


def revocation(certificate: x509.Certificate, at: datetime) -> x509.RevokedCertificate:
    """Return the entry of a certificate that is revoked."""
    return (
        x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(at - BEFORE).build()
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(
    *,
    digital_signature: bool,
    content_commitment: bool = False,
    key_encipherment: bool = False,
    data_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=key_encipherment,
        data_encipherment=data_encipherment,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    name = canonical(host)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
