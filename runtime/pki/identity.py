"""Where our applications' own certificates lie with their keys, and which of them is shown."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from runtime.errors import CouldNotRun
from runtime.pki.chain import build_chain
from runtime.pki.issuing import is_ours
from runtime.pki.refusal import CertificateRefused
from runtime.pki.store import UNREADABLE, der, parse_certificate, parse_key, pem, read_bytes, thumbprint
from runtime.pki.trust import ISSUERS, TRUSTED
from runtime.whole_files import write

log = logging.getLogger("pki")

CERTIFICATES, KEYS = Path("own/certs"), Path("own/private")


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate (DER), its private key (PEM, 0600), and its issuers where a CA has issued it."""

    certificate: Path
    key: Path
    parsed: x509.Certificate = field(repr=False)
    issuers: tuple[x509.Certificate, ...] = field(default=(), repr=False)

    def der(self) -> bytes:
        """Return the certificate."""
        return der(self.parsed)

    def chain(self) -> bytes:
        """Return the certificate followed by its issuers (OPC 10000-6 v1.05 §6.2.6)."""
        return b"".join(der(each) for each in (self.parsed, *self.issuers))

    @property
    def thumbprint(self) -> str:
        """The SHA-1 of the certificate, in hexadecimal digits."""
        return thumbprint(self.parsed)

    @property
    def not_after(self) -> datetime:
        """When it ends."""
        return self.parsed.not_valid_after_utc

    def put_aside(self, pki: Path, stem: str) -> None:
        """Give both files another name, the certificate first: the key alone is no certificate any more."""
        certificate, key = paths(pki, stem)
        self.certificate.replace(certificate)
        self.key.replace(key)

    def put_forward(self, pki: Path, stem: str) -> None:
        """Give both files another name, the certificate last: it is not to be found without its key."""
        certificate, key = paths(pki, stem)
        self.key.replace(key)
        self.certificate.replace(certificate)

    def remove(self) -> None:
        """Remove both files."""
        self.certificate.unlink(missing_ok=True)
        self.key.unlink(missing_ok=True)


def read_identities(pki: Path, application: str, at: datetime) -> tuple[Identity, ...]:
    """Return the certificate to show, then the others that are accepted; none, when none was made yet.

    Raises:
        CouldNotRun: naming files that cannot be used.
    """
    shown = shown_identity(pki, application)
    if shown is None:
        return ()
    accepted = [each for each in identities_beside(pki, application) if each.not_after > at]
    if shown.not_after <= at and accepted and is_ours(shown.parsed, application):
        return tuple(accepted)
    return (shown, *accepted)


def shown_identity(pki: Path, application: str) -> Identity | None:
    """Return the certificate in the file that bears the application's name.

    Raises:
        CouldNotRun: naming files that cannot be used.
    """
    certificate, key = paths(pki, application)
    return load(pki, certificate, key) if certificate.exists() else None


def identities_beside(pki: Path, application: str) -> list[Identity]:
    """Return those in files that bear the thumbprint too, the longest-lived first."""
    found: list[Identity] = []
    for path in sorted((pki / CERTIFICATES).glob(f"{application}-{'[0-9A-F]' * 40}.der")):
        try:
            found.append(load(pki, *paths(pki, path.stem)))
        except CouldNotRun as error:
            log.warning("left out: %s", error)
    return sorted(found, key=lambda each: each.not_after, reverse=True)


def applications(pki: Path) -> list[str]:
    """Return the applications that have a certificate."""
    names = [path.stem for path in sorted((pki / CERTIFICATES).glob("*.der"))]
    return [name for name in names if not re.search("-[0-9A-F]{40}$", name)]


def paths(pki: Path, stem: str) -> tuple[Path, Path]:
    """Return the files of a certificate and its key."""
    return pki / CERTIFICATES / f"{stem}.der", pki / KEYS / f"{stem}.pem"


def save(pki: Path, stem: str, certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> Identity:
    """Write both files, the certificate last: with a key alone the next start goes on."""
    certificate_file, key_file = paths(pki, stem)
    key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_file.parent.chmod(0o700)
    write(key_file, pem(key), 0o600)
    write(certificate_file, der(certificate))
    return load(pki, certificate_file, key_file)


def load(pki: Path, certificate: Path, key: Path) -> Identity:
    """Return what both files hold.

    Raises:
        CouldNotRun: naming files that cannot be used.
    """
    try:
        loaded = parse_certificate(read_bytes(certificate))
        if parse_key(read_bytes(key)).public_key() != loaded.public_key():
            message = "they do not belong together"
            raise ValueError(message)
    except UNREADABLE as error:
        reason = getattr(error, "strerror", None) or error
        message = f"own certificate {certificate} with key {key}: {reason}; put both there, or remove both"
        raise CouldNotRun(message) from None
    return Identity(certificate, key, loaded, _issuers(pki, loaded))


@contextlib.contextmanager
def locked(pki: Path) -> Iterator[None]:
    """Hold the store: several services and commands may start at once."""
    pki.mkdir(parents=True, exist_ok=True)
    with (pki / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _issuers(pki: Path, certificate: x509.Certificate) -> tuple[x509.Certificate, ...]:
    """Return the issuers, or none where they are not all here."""
    known: list[x509.Certificate] = []
    for folder in (*ISSUERS, *TRUSTED):
        for path in sorted((pki / folder).glob("*")):
            with contextlib.suppress(*UNREADABLE):
                known.append(parse_certificate(read_bytes(path)))
    try:
        return tuple(build_chain(certificate, known)[1:])
    except CertificateRefused:
        return ()
