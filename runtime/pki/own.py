"""Our applications' own certificates: made at first use, renewed in time, a user's own never touched."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from runtime.addresses import is_unspecified
from runtime.errors import BadInput, CouldNotRun
from runtime.pki.authority import Authority
from runtime.pki.identity import Identity, identities_beside, locked, paths, read_identities, save, shown_identity
from runtime.pki.issuing import application_certificate, is_ours, new_key, subject_of
from runtime.pki.machine import machine_names
from runtime.pki.store import UNREADABLE, parse_key, read_bytes, thumbprint
from runtime.pki.trust import CRLS, ISSUERS, REJECTED, TRUSTED, USERS
from runtime.pki.validation import application_uris, names_host
from runtime.pki.validation import hosts as hosts_of

__all__ = ["Identity", "application_uri", "own_identities", "renew"]

log = logging.getLogger("pki")

SERVER = "cstr-gateway"
RENEWAL = timedelta(days=60)
"""Two months to have a successor trusted, while the certificate that clients know is still shown."""
FOLDERS = (*TRUSTED[:1], *ISSUERS, *CRLS[:2], REJECTED)
"""Where people look for a place to put a file."""


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
        _Own(pki, application, [each for each in hosts if not is_unspecified(each)], now).tend()
        return read_identities(pki, application, now)


def renew(pki: Path, hosts: Sequence[str], application: str, at: datetime, *, shown: bool) -> Identity:
    """Return a successor that is accepted, or shown from now on; the one shown before is then accepted until it ends.

    Raises:
        BadInput: when the one shown is not ours.
        CouldNotRun: naming files that cannot be used.
    """
    with locked(pki):
        own = _Own(pki, application, hosts, at)
        before = shown_identity(pki, application)
        if before is None:
            return own.make()
        if not is_ours(before.parsed, application):
            message = f"{before.certificate} is not ours to renew; put a new one there, with its key"
            raise BadInput(message)
        successors = own.successors(before)
        successor = successors[0] if successors else own.make_successor(before)
        return own.show(successor, before) if shown else successor


class _Own:
    """One application's certificates at one time, with the store held."""

    def __init__(self, pki: Path, application: str, hosts: Sequence[str], at: datetime) -> None:
        self._pki = pki
        self._application = application
        self._uri = application_uri(application)
        self._hosts = hosts
        self._at = at
        authority = Authority.of(pki)
        self._issuer = authority.issuer if authority is not None else None

    def tend(self) -> None:
        """Make, renew and remove what is ours, as it is time."""
        shown = shown_identity(self._pki, self._application)
        if shown is None:
            self.make()
            return
        if not is_ours(shown.parsed, self._application):
            return
        for each in identities_beside(self._pki, self._application):
            if each.not_after <= self._at and is_ours(each.parsed, self._application):
                each.remove()
        is_due = shown.not_after - self._at <= RENEWAL
        lacks = not self._names(shown.parsed)
        if not is_due and not lacks:
            return
        successors = self.successors(shown)
        successor = successors[0] if successors else self.make_successor(shown)
        if lacks:
            log.info("%s lacks a name of the settings, or the ApplicationUri; another is shown", shown.certificate)
            self.show(successor, shown)
        elif shown.not_after <= self._at:
            shown.remove()
            successor.put_forward(self._pki, self._application)
        elif not successors:
            log.info("%s is renewed: %s is accepted, and shown later", shown.certificate, successor.certificate)

    def successors(self, shown: Identity) -> list[Identity]:
        """Return those that may be shown next, the longest-lived first; the first of a new CA need not live longer."""
        issuer = self._issuer.certificate.subject if self._issuer is not None else subject_of(self._application)
        after = shown.not_after if shown.parsed.issuer == issuer else self._at
        return [
            each
            for each in identities_beside(self._pki, self._application)
            if each.not_after > max(self._at, after) and each.parsed.issuer == issuer and self._names(each.parsed)
        ]

    def make(self) -> Identity:
        """Make the first one, for the key that is there if there is one, and the folders that belong to a store."""
        for folder in FOLDERS:
            (self._pki / folder).mkdir(parents=True, exist_ok=True)
            (self._pki / USERS / folder).mkdir(parents=True, exist_ok=True)
        _, key_file = paths(self._pki, self._application)
        key = _key(key_file) if key_file.exists() else new_key()
        return save(self._pki, self._application, self._certificate(key, ()), key)

    def make_successor(self, before: Identity) -> Identity:
        """Make another one; it keeps the hosts of the one before."""
        key = new_key()
        certificate = self._certificate(key, hosts_of(before.parsed))
        return save(self._pki, f"{self._application}-{thumbprint(certificate)}", certificate, key)

    def show(self, successor: Identity, before: Identity) -> Identity:
        """Show a successor in place of the one before, which stays accepted."""
        before.put_aside(self._pki, f"{self._application}-{before.thumbprint}")
        successor.put_forward(self._pki, self._application)
        shown = shown_identity(self._pki, self._application)
        return shown if shown is not None else successor

    def _certificate(self, key: rsa.RSAPrivateKey, more_hosts: Sequence[str]) -> x509.Certificate:
        names = [*self._hosts, *more_hosts, *machine_names()]
        return application_certificate(self._application, self._uri, names, key, self._at, self._issuer)

    def _names(self, certificate: x509.Certificate) -> bool:
        """Tell whether a certificate names the ApplicationUri and every host of the settings."""
        names_hosts = all(names_host(certificate, host) for host in self._hosts)
        return names_hosts and self._uri in application_uris(certificate)


def _key(path: Path) -> rsa.RSAPrivateKey:
    """Return the key that waits for a certificate, somebody's own or of a start that was cut short."""
    try:
        return parse_key(read_bytes(path))
    except UNREADABLE as error:
        reason = getattr(error, "strerror", None) or error
        message = f"own key {path}: {reason}; put an RSA key in PEM there, or remove the file"
        raise CouldNotRun(message) from None
