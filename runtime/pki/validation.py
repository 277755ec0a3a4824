"""Whether a certificate is trusted: the steps of OPC 10000-4 v1.05 §6.1.3, in their order; pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from plant import quality
from runtime.pki.chain import build_chain, is_signed_by, parse_chain
from runtime.pki.machine import canonical
from runtime.pki.refusal import CertificateRefused

SHORTEST_KEY, LONGEST_KEY = 2048, 4096
"""Bits, of every policy on offer; issuers' too (OPC 10000-7 v1.05, Basic256Sha256)."""
HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


class Use(Enum):
    """What a certificate is shown for."""

    CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
    SERVER = ExtendedKeyUsageOID.SERVER_AUTH
    USER = None
    """A person's certificate, which is no application's."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the administrator has put in the folders."""

    trusted: Collection[x509.Certificate] = ()
    """Applications, and CAs all of whose applications are trusted."""
    issuers: Collection[x509.Certificate] = ()
    """CAs that complete a chain and are not trusted by that."""
    crls: Collection[x509.CertificateRevocationList] = ()


def validate(
    certificates: bytes,
    known: Known,
    at: datetime,
    *,
    use: Use = Use.CLIENT,
    host: str | None = None,
    application_uri: str | None = None,
) -> None:
    """Check a certificate that issuers may follow; `host` and `application_uri` are those that it has to name.

    Raises:
        CertificateRefused: with the code of the first step that fails.
    """
    leaf, *sent = parse_chain(certificates)
    chain = build_chain(leaf, [*sent, *known.trusted, *known.issuers])
    _check_signatures(chain)
    _check_policy(chain)
    _check_trust(chain, known.trusted)
    _check_validity(chain, at)
    if host is not None and not names_host(leaf, host):
        why = f"it is of {', '.join(hosts(leaf)) or 'no host'} and not of {host}"
        raise CertificateRefused(quality.BAD_CERTIFICATE_HOST_NAME_INVALID, leaf, why)
    if application_uri is not None and application_uri not in application_uris(leaf):
        why = f"its ApplicationUri is {', '.join(application_uris(leaf)) or 'missing'} and not {application_uri}"
        raise CertificateRefused(quality.BAD_CERTIFICATE_URI_INVALID, leaf, why)
    _check_usage(chain, use)
    _check_revocation(chain, known.crls, at)


def application_uris(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the ApplicationUris that a certificate names: one, when it is as it should be."""
    names = _alternative_names(certificate)
    return tuple(names.get_values_for_type(x509.UniformResourceIdentifier)) if names is not None else ()


def hosts(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the host names and addresses that a certificate names."""
    names = _alternative_names(certificate)
    if names is None:
        return ()
    return (*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress)))


def is_authority(certificate: x509.Certificate) -> bool:
    """Tell whether it is a CA's."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def names_host(certificate: x509.Certificate, host: str) -> bool:
    """Tell whether a certificate names this host, in whatever case or notation."""
    wanted = canonical(host)
    return any(canonical(each) == wanted for each in hosts(certificate))


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _check_signatures(chain: Sequence[x509.Certificate]) -> None:
    for certificate, issuer in zip(chain, [*chain[1:], chain[-1]], strict=True):
        if not is_signed_by(certificate, issuer):
            _check_algorithm(certificate)  # what nobody should sign with any more cannot be checked either
            why = "its signature is not its issuer's"
            raise CertificateRefused(quality.BAD_CERTIFICATE_INVALID, certificate, why)


def _check_policy(chain: Sequence[x509.Certificate]) -> None:
    for certificate in chain:
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey) or not SHORTEST_KEY <= key.key_size <= LONGEST_KEY:
            size = f" of {key.key_size} bits" if isinstance(key, rsa.RSAPublicKey) else ""
            why = f"its key is {type(key).__name__}{size}; allowed is RSA of {SHORTEST_KEY} to {LONGEST_KEY} bits"
            raise CertificateRefused(quality.BAD_CERTIFICATE_POLICY_CHECK_FAILED, certificate, why)
        _check_algorithm(certificate)


def _check_algorithm(certificate: x509.Certificate) -> None:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if not isinstance(algorithm, HASHES):
        name = algorithm.name if algorithm is not None else certificate.signature_algorithm_oid.dotted_string
        why = f"it is signed with {name}; allowed are SHA-256, SHA-384 and SHA-512"
        raise CertificateRefused(quality.BAD_CERTIFICATE_POLICY_CHECK_FAILED, certificate, why)


def _check_trust(chain: Sequence[x509.Certificate], trusted: Collection[x509.Certificate]) -> None:
    if not any(certificate in trusted for certificate in chain):
        raise CertificateRefused(quality.BAD_CERTIFICATE_UNTRUSTED, chain[0], "neither it nor an issuer is trusted")


def _check_validity(chain: Sequence[x509.Certificate], at: datetime) -> None:
    for place, certificate in enumerate(chain):
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not begins <= at <= ends:
            code = quality.BAD_CERTIFICATE_ISSUER_TIME_INVALID if place else quality.BAD_CERTIFICATE_TIME_INVALID
            raise CertificateRefused(code, certificate, f"it is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}")


def _check_usage(chain: Sequence[x509.Certificate], use: Use) -> None:
    leaf, *issuers = chain
    if use is not Use.USER and not _may_be_used(leaf, use):
        why = f"its key usage does not allow an OPC UA {use.name.lower()}"
        raise CertificateRefused(quality.BAD_CERTIFICATE_USE_NOT_ALLOWED, leaf, why)
    for below, issuer in enumerate(issuers):
        if not _may_issue(issuer, below):
            why = "its basic constraints and key usage do not allow it to issue certificates"
            raise CertificateRefused(quality.BAD_CERTIFICATE_ISSUER_USE_NOT_ALLOWED, issuer, why)


def _may_be_used(certificate: x509.Certificate, use: Use) -> bool:
    """Tell whether the key may sign and encrypt; an extended key usage that is not there restricts nothing."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    try:
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        extended = None
    allowed = extended is None or use.value in extended or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in extended
    return allowed and usage.digital_signature and usage.key_encipherment and usage.data_encipherment


def _may_issue(issuer: x509.Certificate, below: int) -> bool:
    """Tell whether it is a CA's, with room for so many CAs below it."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    has_room = constraints.path_length is None or constraints.path_length >= below
    return constraints.ca and usage.key_cert_sign and has_room


def _check_revocation(
    chain: Sequence[x509.Certificate], crls: Collection[x509.CertificateRevocationList], at: datetime
) -> None:
    pairs = list(pairwise(chain))
    found = []
    for place, (certificate, issuer) in enumerate(pairs):
        crl = newest_crl(issuer, crls, at)
        if crl is None:
            code = (
                quality.BAD_CERTIFICATE_ISSUER_REVOCATION_UNKNOWN
                if place
                else quality.BAD_CERTIFICATE_REVOCATION_UNKNOWN
            )
            why = (
                f"{issuer.subject.rfc4514_string()} has no CRL here that is valid; put it in trusted/crl or issuer/crl"
            )
            raise CertificateRefused(code, certificate, why)
        found.append(crl)
    for place, ((certificate, _), crl) in enumerate(zip(pairs, found, strict=True)):
        if crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            code = quality.BAD_CERTIFICATE_ISSUER_REVOKED if place else quality.BAD_CERTIFICATE_REVOKED
            raise CertificateRefused(code, certificate, "its issuer has revoked it")


def newest_crl(
    issuer: x509.Certificate, crls: Collection[x509.CertificateRevocationList], at: datetime
) -> x509.CertificateRevocationList | None:
    """Return the CRL that counts, if the issuer has one here that is valid."""
    key = issuer.public_key()
    fitting = [
        crl
        for crl in crls
        if crl.issuer == issuer.subject
        and (crl.next_update_utc is None or at <= crl.next_update_utc)
        and isinstance(key, rsa.RSAPublicKey)
        and crl.is_signature_valid(key)
    ]
    return max(fitting, key=_edition, default=None)


def _edition(crl: x509.CertificateRevocationList) -> tuple[datetime, int]:
    try:
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        number = 0
    return crl.last_update_utc, number
