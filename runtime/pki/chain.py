"""Chains of certificates: read from the wire, and built up to the root (OPC 10000-6 v1.05 §6.2.6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from plant import quality
from runtime.pki.refusal import CertificateRefused
from runtime.pki.store import UNREADABLE, parse_certificate

LONGEST = 10
_SEQUENCE, _LONG_FORM = 0x30, 0x80


def parse_chain(octets: bytes) -> list[x509.Certificate]:
    """Return the certificate and the issuers that were sent along.

    Raises:
        CertificateRefused: BadCertificateInvalid, when one of them is none.
    """
    chain: list[x509.Certificate] = []
    try:
        while octets or not chain:
            if len(chain) == LONGEST:
                message = f"more than {LONGEST} certificates"
                raise ValueError(message)
            size = _size(octets)
            chain.append(parse_certificate(octets[:size]))
            chain[-1].public_key()
            octets = octets[size:]
    except (*UNREADABLE, UnsupportedAlgorithm) as error:
        raise CertificateRefused(quality.BAD_CERTIFICATE_INVALID, None, f"it cannot be read ({error})") from None
    return chain


def build_chain(certificate: x509.Certificate, known: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """Return the certificate and its issuers up to the root.

    Raises:
        CertificateRefused: BadCertificateChainIncomplete, when an issuer is not known.
    """
    candidates = list(known)
    chain = [certificate]
    while not is_self_signed(chain[-1]):
        issuer = _issuer_of(chain[-1], candidates) if len(chain) < LONGEST else None
        if issuer is None:
            name = chain[-1].issuer.rfc4514_string()
            why = f"its issuer {name} is not here; trust that CA (cstr-gateway certs trust FILE)"
            raise CertificateRefused(quality.BAD_CERTIFICATE_CHAIN_INCOMPLETE, chain[-1], why)
        chain.append(issuer)
    return chain


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Tell whether it names itself as its issuer; whether it is, its signature says."""
    return certificate.issuer == certificate.subject


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether the issuer's key has made the signature, and in a way that can still be checked."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _issuer_of(certificate: x509.Certificate, candidates: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """Return the issuer, of those that bear its name the one whose key fits: a CA that was renewed keeps its name."""
    named = [each for each in candidates if each.subject == certificate.issuer and each != certificate]
    return next((each for each in named if is_signed_by(certificate, each)), named[0] if named else None)


def _size(octets: bytes) -> int:
    """Return how many bytes the first certificate has, by the length of its DER encoding."""
    if len(octets) < 4 or octets[0] != _SEQUENCE:
        message = "not DER"
        raise ValueError(message)
    first = octets[1]
    if first < _LONG_FORM:
        return 2 + first
    count = first - _LONG_FORM
    size = 2 + count + int.from_bytes(octets[2 : 2 + count], "big")
    if not 1 <= count <= 4 or size > len(octets):
        message = "not whole"
        raise ValueError(message)
    return size
