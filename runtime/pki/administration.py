"""What an administrator does to the store; a running plant sees it at its next look at the folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from runtime.errors import BadInput, GatewayError
from runtime.pki.authority import Authority
from runtime.pki.identity import load, locked, paths
from runtime.pki.store import (
    UNREADABLE,
    Folder,
    common_name,
    der,
    file_name,
    fingerprint,
    parse_certificate,
    parse_crl,
    read_bytes,
    thumbprint,
)
from runtime.pki.trust import USERS
from runtime.whole_files import write

OWN, CA, TRUSTED, ISSUER, REJECTED = "own", "ca", "trusted", "issuer", "rejected"
STORES = (OWN, CA, TRUSTED, ISSUER, REJECTED, f"{USERS}/{TRUSTED}", f"{USERS}/{ISSUER}", f"{USERS}/{REJECTED}")
SHORTEST_THUMBPRINT = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate in one of the stores."""

    store: str
    path: Path
    certificate: x509.Certificate

    def __str__(self) -> str:
        return f"{common_name(self.certificate)} {thumbprint(self.certificate)}"


def entries(pki: Path, stores: Sequence[str] = STORES) -> list[Entry]:
    """Return what the stores hold."""
    return [
        Entry(store, path, certificate)
        for store in stores
        for path, certificate in Folder(pki / store / "certs", parse_certificate).read().items()
    ]


def find(pki: Path, stores: Sequence[str], wanted: str) -> Entry:
    """Return the certificate of that name, with or without the host behind its @, or beginning of a thumbprint.

    Raises:
        GatewayError: when none is there.
        BadInput: when there are several.
    """
    digits = re.sub("[: ]", "", wanted).upper()
    is_thumbprint = re.fullmatch(f"[0-9A-F]{{{SHORTEST_THUMBPRINT},64}}", digits) is not None
    present = entries(pki, stores)
    found = [
        each
        for each in present
        if wanted.lower() in _names(each.certificate)
        or each.path.name == wanted
        or (is_thumbprint and _has_thumbprint(each.certificate, digits))
    ]
    where = " or ".join(str(pki / store) for store in stores)
    if not found:
        there = "; ".join(map(str, present)) or "nothing"
        message = f"{wanted!r} is no name, thumbprint or file of a certificate in {where}; there is {there}"
        raise GatewayError(message)
    if len({each.certificate for each in found}) > 1:
        message = f"{wanted!r} is the name of several; give the thumbprint of one of {'; '.join(map(str, found))}"
        raise BadInput(message)
    return found[0]


def _has_thumbprint(certificate: x509.Certificate, digits: str) -> bool:
    """Tell whether the thumbprint begins so: that of SHA-1, which most clients show, or of SHA-256."""
    return any(each.upper().startswith(digits) for each in (thumbprint(certificate), fingerprint(certificate)))


def _names(certificate: x509.Certificate) -> tuple[str, str]:
    """Return the common name, and the same without the host that many clients put behind it."""
    name = common_name(certificate).lower()
    return name, name.partition("@")[0]


def trust(pki: Path, entry: Entry, store: str = TRUSTED) -> Entry:
    """Move a certificate to the trusted ones, or to the issuers."""
    with locked(pki):
        moved = _put(pki, entry.certificate, store)
        entry.path.unlink(missing_ok=True)
    return moved


def trust_file(pki: Path, file: Path, store: str = TRUSTED) -> Entry | Path:
    """Copy a certificate, or a CA's CRL, to the trusted ones or to the issuers.

    Raises:
        BadInput: naming a file that is neither.
    """
    try:
        octets = read_bytes(file)
        if b"X509 CRL" in octets or file.suffix == ".crl":
            crl = parse_crl(octets)
            path = pki / store / "crl" / f"{crl.fingerprint(hashes.SHA1()).hex().upper()}.crl"  # nosec B303 # noqa: S303
            write(path, der(crl))
            return path
        entry = _put(pki, parse_certificate(octets), store)
        (pki / REJECTED / "certs" / entry.path.name).unlink(missing_ok=True)
        return entry
    except UNREADABLE as error:
        reason = getattr(error, "strerror", None) or error
        message = f"{file}: {reason}; allowed is a certificate or a CRL, in DER or PEM"
        raise BadInput(message) from None


def reject(pki: Path, entry: Entry) -> Entry:
    """Move a certificate that is trusted to the rejected ones."""
    return trust(pki, entry, f"{entry.store.rpartition('/')[0]}/{REJECTED}".lstrip("/"))


def revoke(pki: Path, entry: Entry, at: datetime) -> None:
    """Put a certificate of the plant's CA on its CRL; one of our own is gone by that.

    Raises:
        BadInput: when the plant's CA has not issued it.
    """
    with locked(pki):
        authority = Authority.of(pki)
        if authority is None or entry.certificate.issuer != authority.issuer.certificate.subject:
            message = f"{entry} was not issued by the CA in {pki / CA}; use `cstr-gateway certs reject` or remove"
            raise BadInput(message)
        authority.revoke(entry.certificate, at)
        if entry.store == OWN:
            load(pki, *paths(pki, entry.path.stem)).remove()


def _put(pki: Path, certificate: x509.Certificate, store: str) -> Entry:
    path = pki / store / "certs" / file_name(certificate)
    write(path, der(certificate))
    return Entry(store, path, certificate)
