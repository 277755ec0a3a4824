"""What `cstr-gateway certs` tells of a certificate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from runtime.errors import CouldNotRun, GatewayError
from runtime.pki.administration import OWN, REJECTED, Entry, entries
from runtime.pki.chain import is_self_signed
from runtime.pki.identity import applications, read_identities
from runtime.pki.issuing import is_ours
from runtime.pki.own import RENEWAL
from runtime.pki.store import common_name, der, fingerprint, printable, thumbprint
from runtime.pki.trust import USERS, CertificateRefused, TrustList
from runtime.pki.validation import Known, Use, application_uris, is_authority, newest_crl

COLUMNS = (
    "store", "name", "subject", "application_uri", "thumbprint", "sha256",
    "valid_from", "valid_to", "days_left", "state", "file",
)  # fmt: skip
TABLE_COLUMNS = ("store", "name", "thumbprint", "valid_to", "state")
TABLE_WIDTHS = {"thumbprint": 12, "valid_to": 10}
"""Characters that do: by so many digits of its thumbprint a certificate is found."""
DAY = timedelta(days=1)


def rows(pki: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each certificate of the store.

    Raises:
        GatewayError: when there is no store.
    """
    if not pki.is_dir():
        message = (
            f"{pki}: there are no certificates; give the data directory of a plant that has run by --data, "
            "or make the first one with `cstr-gateway certs create`"
        )
        raise GatewayError(message)
    now = datetime.now(UTC)
    known = {"": TrustList(pki).known(), USERS: TrustList(pki / USERS, Use.USER).known()}
    roles = _own_roles(pki, now)
    for entry in entries(pki):
        certificate = entry.certificate
        stands = _validity(certificate, now) or _revocation(entry, known[USERS if USERS in entry.store else ""], now)
        yield {
            "store": entry.store,
            "name": common_name(certificate),
            "subject": printable(certificate.subject.rfc4514_string()),
            "application_uri": printable(", ".join(application_uris(certificate))),
            "thumbprint": thumbprint(certificate),
            "sha256": fingerprint(certificate),
            "valid_from": f"{certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
            "valid_to": f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
            "days_left": (certificate.not_valid_after_utc - now) // DAY,
            "state": ", ".join(filter(None, [roles.get(entry.path), stands])) or "valid",
            "file": str(entry.path),
        }


def still_refused(pki: Path, entry: Entry, *, user: bool) -> str:
    """Return what is still in the way of a certificate that is trusted now, or of those that a CA issues."""
    trust_list = TrustList(pki, Use.USER if user else Use.CLIENT)
    if is_authority(entry.certificate):
        if newest_crl(entry.certificate, trust_list.known().crls, datetime.now(UTC)) is not None:
            return ""
        return "; whom it issues is refused all the same until its revocation list is here: `certs trust FILE.crl`"
    try:
        trust_list.check(der(entry.certificate))
    except CertificateRefused as refused:
        return f"; it is refused all the same: {refused}"
    return ""


def _own_roles(pki: Path, now: datetime) -> dict[Path, str]:
    roles: dict[Path, str] = {}
    for application in applications(pki):
        try:
            shown, *accepted = read_identities(pki, application, now)
        except CouldNotRun:
            continue
        ours = is_ours(shown.parsed, application)
        roles[shown.certificate] = "shown" if ours else "shown, not ours to renew"
        roles |= {each.certificate: "accepted" for each in accepted}
    return {path: roles.get(path, "without its key") for path in [each.path for each in entries(pki, (OWN,))]}


def _validity(certificate: x509.Certificate, now: datetime) -> str:
    if now < certificate.not_valid_before_utc:
        return "not yet valid"
    if certificate.not_valid_after_utc < now:
        return "ended"
    return "ends soon" if certificate.not_valid_after_utc - now <= RENEWAL else ""


def _revocation(entry: Entry, known: Known, now: datetime) -> str:
    certificate = entry.certificate
    if REJECTED in entry.store:
        return ""
    if is_authority(certificate):
        return "" if newest_crl(certificate, known.crls, now) is not None else "has no CRL here"
    issuers = [each for each in (*known.trusted, *known.issuers) if each.subject == certificate.issuer]
    lists = [newest_crl(each, known.crls, now) for each in issuers if not is_self_signed(certificate)]
    revoked = any(each.get_revoked_certificate_by_serial_number(certificate.serial_number) for each in lists if each)
    return "revoked" if revoked else ""
