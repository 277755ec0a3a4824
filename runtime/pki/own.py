"""Our applications' own certificates: made at first use, renewed in time, a user's own never touched."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from runtime.errors import CouldNotRun
from runtime.pki.authority import Authority
from runtime.pki.chain import build_chain
from runtime.pki.issuing import application_certificate, is_ours, new_key
from runtime.pki.machine import is_unspecified, machine_names
from runtime.pki.refusal import CertificateRefused
from runtime.pki.store import UNREADABLE, der, parse_certificate, parse_key, pem, read_bytes, thumbprint, write
from runtime.pki.trust import ISSUERS, TRUSTED
from runtime.pki.validation import application_uris, names_host
from runtime.pki.validation import hosts as hosts_of

log = logging.getLogger("pki")

SERVER = "cstr-gateway"
CERTIFICATES, KEYS = Path("own/certs"), Path("own/private")
RENEWAL = timedelta(days=60)
"""Two months to have a successor trusted, while the certificate that clients know is still shown."""


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


def application_uri(application: str = SERVER) -> str:
    """Return the ApplicationUri, which the certificate carries too."""
    return f"urn:{socket.gethostname()}:{application}"


def own_identities(
    pki: Path, hosts: Sequence[str] = (), application: str = SERVER, *, at: datetime | None = None
) -> tuple[Identity, ...]:
    """Return an application's certificates, made or renewed when it is time: the one to show, then those accepted.

    `hosts` have to stand in the one shown; those of the machine are put in when it is made, and may come and go.

    Raises:
        CouldNotRun: naming files that cannot be used.
    """
    now = at or datetime.now(UTC)
    with locked(pki):
        _tend(pki, [each for each in hosts if not is_unspecified(each)], application, now)
        return read_identities(pki, application, now)


def read_identities(pki: Path, application: str, at: datetime) -> tuple[Identity, ...]:
    """Return an application's certificates as they are now; none, when none was made yet.

    Raises:
        CouldNotRun: naming files that cannot be used.
    """
    shown = _shown(pki, application)
    if shown is None:
        return ()
    accepted = [each for each in _beside(pki, application) if each.not_after > at]
    if shown.not_after <= at and accepted and is_ours(shown.parsed, application):
        return tuple(accepted)
    return (shown, *accepted)


def make_identity(pki: Path, hosts: Sequence[str], application: str, at: datetime, *, shown: bool) -> Identity:
    """Make a certificate, by the plant's CA where there is one: to be shown from now on, or as a successor.

    The one shown before is accepted until it ends.
    """
    with locked(pki):
        return _make(pki, hosts, application, at, shown=shown)


def applications(pki: Path) -> list[str]:
    """Return the applications that have a certificate."""
    names = [path.stem for path in sorted((pki / CERTIFICATES).glob("*.der"))]
    return [name for name in names if not re.search("-[0-9A-F]{40}$", name)]


@contextlib.contextmanager
def locked(pki: Path) -> Iterator[None]:
    """Hold the store: several services and commands may start at once."""
    (pki / CERTIFICATES).mkdir(parents=True, exist_ok=True)
    (pki / KEYS).mkdir(mode=0o700, exist_ok=True)
    (pki / KEYS).chmod(0o700)
    with (pki / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tend(pki: Path, hosts: Sequence[str], application: str, at: datetime) -> None:
    shown = _shown(pki, application)
    if shown is None:
        _make(pki, hosts, application, at, shown=True)
        return
    if not is_ours(shown.parsed, application):
        return
    beside = [each for each in _beside(pki, application) if is_ours(each.parsed, application)]
    for ended in [each for each in beside if each.not_after <= at]:
        _remove(ended)
    successors = [
        each
        for each in beside
        if each.not_after > max(at, shown.not_after) and _covers(each.parsed, application, hosts)
    ]
    if not _covers(shown.parsed, application, hosts):
        log.info("%s lacks a name of the settings, or the ApplicationUri; it is made anew", shown.certificate)
        _make(pki, hosts, application, at, shown=True)
    elif shown.not_after <= at:
        _remove(shown)
        if successors:
            _show(pki, application, successors[0])
        else:
            _make(pki, hosts, application, at, shown=True)
    elif shown.not_after - at <= RENEWAL and not successors:
        new = _make(pki, hosts, application, at, shown=False)
        log.info("%s is renewed: %s is accepted beside it, and shown when it ends", shown.certificate, new.certificate)


def _make(pki: Path, hosts: Sequence[str], application: str, at: datetime, *, shown: bool) -> Identity:
    certificate, key_file = _paths(pki, application)
    authority = Authority.of(pki)
    before = _shown(pki, application) if certificate.exists() else None
    key = _key(key_file) if before is None and key_file.exists() else new_key()
    names = list(dict.fromkeys([*hosts, *(hosts_of(before.parsed) if before is not None else ()), *machine_names()]))
    issuer = authority.issuer if authority is not None else None
    made = application_certificate(application, application_uri(application), names, key, at, issuer)
    if not shown:
        certificate, key_file = _paths(pki, f"{application}-{thumbprint(made)}")
    elif before is not None:
        _put_beside(pki, application, before)
    write(key_file, pem(key), 0o600)
    write(certificate, der(made))
    return _load(pki, certificate, key_file)


def _put_beside(pki: Path, application: str, identity: Identity) -> None:
    certificate, key = _paths(pki, f"{application}-{identity.thumbprint}")
    identity.certificate.replace(certificate)
    identity.key.replace(key)


def _show(pki: Path, application: str, successor: Identity) -> None:
    certificate, key = _paths(pki, application)
    successor.key.replace(key)
    successor.certificate.replace(certificate)


def _remove(identity: Identity) -> None:
    identity.certificate.unlink(missing_ok=True)
    identity.key.unlink(missing_ok=True)


def _covers(certificate: x509.Certificate, application: str, hosts: Sequence[str]) -> bool:
    uri = application_uri(application)
    return uri in application_uris(certificate) and all(names_host(certificate, host) for host in hosts)


def _shown(pki: Path, application: str) -> Identity | None:
    certificate, key = _paths(pki, application)
    return _load(pki, certificate, key) if certificate.exists() else None


def _beside(pki: Path, application: str) -> list[Identity]:
    """Return the others, the longest-lived first."""
    found: list[Identity] = []
    for path in sorted((pki / CERTIFICATES).glob(f"{application}-{'[0-9A-F]' * 40}.der")):
        try:
            found.append(_load(pki, *_paths(pki, path.stem)))
        except CouldNotRun as error:
            log.warning("left out: %s", error)
    return sorted(found, key=lambda each: each.not_after, reverse=True)


def _paths(pki: Path, stem: str) -> tuple[Path, Path]:
    return pki / CERTIFICATES / f"{stem}.der", pki / KEYS / f"{stem}.pem"


def _load(pki: Path, certificate: Path, key: Path) -> Identity:
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


def _key(path: Path) -> rsa.RSAPrivateKey:
    """Return the key that waits for a certificate, somebody's own or of a start that was cut short."""
    try:
        return parse_key(read_bytes(path))
    except UNREADABLE as error:
        reason = getattr(error, "strerror", None) or error
        message = f"own key {path}: {reason}; put an RSA key in PEM there, or remove the file"
        raise CouldNotRun(message) from None


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
