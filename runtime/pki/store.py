"""Certificates and CRLs as files: how they are named, written and read, and read anew when a folder has changed."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

log = logging.getLogger("pki")

MOST_BYTES = 1_000_000
UNREADABLE = (OSError, ValueError)
"""What a file that is no certificate, key or CRL brings about."""
_UNPARSABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
Content = TypeVar("Content")


class Folder(Generic[Content]):
    """What the files of a folder hold; a file that cannot be read is told of once, by name, and left out."""

    def __init__(self, path: Path, parse: Callable[[bytes], Content]) -> None:
        self.path = path
        self._parse = parse
        self._listing: dict[Path, tuple[int, int]] = {}
        self._content: dict[Path, Content] = {}

    def read(self) -> dict[Path, Content]:
        """Return what is there now, by file."""
        listing = listing_of(self.path)
        if listing != self._listing:
            same = {path for path, state in listing.items() if self._listing.get(path) == state}
            kept = {path: content for path, content in self._content.items() if path in same}
            self._content = kept | self._parsed([path for path in listing if path not in same])
            self._listing = listing
        return self._content

    def _parsed(self, paths: list[Path]) -> dict[Path, Content]:
        parsed: dict[Path, Content] = {}
        for path in paths:
            try:
                parsed[path] = self._parse(read_bytes(path))
            except UNREADABLE as error:
                log.warning("%s is left out: %s", path, getattr(error, "strerror", None) or error)
        return parsed


def listing_of(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return time of change and size of each file; a folder that is not there is empty."""
    try:
        with os.scandir(folder) as entries:
            files = [(Path(each.path), each.stat()) for each in entries if each.is_file() and each.name[0] != "."]
    except OSError:
        return {}
    return {path: (state.st_mtime_ns, state.st_size) for path, state in sorted(files)}


def read_bytes(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        ValueError: when it is larger than any certificate, key or CRL.
    """
    with path.open("rb") as file:
        octets = file.read(MOST_BYTES + 1)
    if len(octets) > MOST_BYTES:
        message = f"it has more than {MOST_BYTES} bytes"
        raise ValueError(message)
    return octets


def parse_certificate(octets: bytes) -> x509.Certificate:
    """Return a certificate in DER or PEM, with everything that is asked of it later readable.

    Raises:
        ValueError: when it is none.
    """
    pem = b"-----BEGIN" in octets
    with _told_as("it is no certificate in DER or PEM"):
        certificate = x509.load_pem_x509_certificate(octets) if pem else x509.load_der_x509_certificate(octets)
        _ = certificate.extensions, certificate.subject, certificate.issuer, certificate.not_valid_after_utc
    return certificate


def parse_crl(octets: bytes) -> x509.CertificateRevocationList:
    """Return a CRL in DER or PEM.

    Raises:
        ValueError: when it is none.
    """
    pem = b"-----BEGIN" in octets
    with _told_as("it is no revocation list in DER or PEM"):
        crl = x509.load_pem_x509_crl(octets) if pem else x509.load_der_x509_crl(octets)
        _ = crl.extensions, crl.issuer, crl.last_update_utc
    return crl


def parse_key(octets: bytes) -> rsa.RSAPrivateKey:
    """Return an RSA key in PEM without a password.

    Raises:
        ValueError: when it is none.
    """
    with _told_as("it is no RSA key in PEM without a password"):
        key = serialization.load_pem_private_key(octets, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        message = "it is not an RSA key"
        raise ValueError(message)  # noqa: TRY004 - told as a file that cannot be used
    return key


@contextlib.contextmanager
def _told_as(what: str) -> Iterator[None]:
    """Say what is wrong in our words, and not in those of an ASN.1 parser."""
    try:
        yield
    except _UNPARSABLE as error:
        raise ValueError(what) from error


def der(content: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    """Return what stands in a file and on the wire."""
    return content.public_bytes(serialization.Encoding.DER)


def encoded(certificate: x509.Certificate, suffix: str) -> bytes:
    """Return a certificate as a file of that suffix holds it."""
    return certificate.public_bytes(serialization.Encoding.PEM) if suffix == ".pem" else der(certificate)


def pem(key: rsa.RSAPrivateKey) -> bytes:
    """Return a key as it stands in its file."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def thumbprint(certificate: x509.Certificate) -> str:
    """Return the SHA-1 of the DER in hexadecimal digits: a name, on which no security rests."""
    return certificate.fingerprint(hashes.SHA1()).hex().upper()  # nosec B303 # noqa: S303


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the DER in hexadecimal digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def common_name(certificate: x509.Certificate) -> str:
    """Return the CommonName; without one, the whole subject."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return printable(str(names[0].value) if names else certificate.subject.rfc4514_string())


def printable(text: str) -> str:
    """Return what a stranger's certificate says, fit for a log and a terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def file_name(certificate: x509.Certificate) -> str:
    """Return `<CommonName>-<Thumbprint>.der` (OPC 10000-12 v1.05 annex F.1), and nothing but a name."""
    name = re.sub(r"[^\w.-]+", "_", common_name(certificate))[:64].lstrip(".") or "certificate"
    return f"{name}-{thumbprint(certificate)}.der"
