"""The trust list of a data directory: whom we know, read anew whenever a folder has changed."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from plant import quality
from runtime.pki.chain import parse_chain
from runtime.pki.refusal import CertificateRefused
from runtime.pki.store import Folder, der, file_name, listing_of, parse_certificate, parse_crl
from runtime.pki.validation import Known, Use, validate
from runtime.whole_files import write

__all__ = ["CertificateRefused", "TrustList"]

log = logging.getLogger("pki")

TRUSTED = ("trusted/certs", "own/certs", "ca/certs")
"""Applications of the same data directory trust each other, and what the plant's CA has issued."""
ISSUERS = ("issuer/certs",)
CRLS = ("trusted/crl", "issuer/crl", "ca/crl")
REJECTED = "rejected/certs"
USERS = "users"
"""The store of people's certificates, in the store."""
MOST_REJECTED = 100
WORTH_KEEPING = (quality.BAD_CERTIFICATE_UNTRUSTED, quality.BAD_CERTIFICATE_CHAIN_INCOMPLETE)
"""Refusals that end when an administrator trusts the certificate or its CA."""


class TrustList:
    """Checks certificates against the folders in `pki`; those of people in `pki / "users"`, with `Use.USER`."""

    def __init__(self, pki: Path, use: Use = Use.CLIENT) -> None:
        self.pki = pki
        self._use = use
        self._trusted = [Folder(pki / each, parse_certificate) for each in TRUSTED]
        self._issuers = [Folder(pki / each, parse_certificate) for each in ISSUERS]
        self._crls = [Folder(pki / each, parse_crl) for each in CRLS]

    def known(self) -> Known:
        """Return what the folders hold now."""
        return Known(
            [certificate for folder in self._trusted for certificate in folder.read().values()],
            [certificate for folder in self._issuers for certificate in folder.read().values()],
            [crl for folder in self._crls for crl in folder.read().values()],
        )

    def listing(self) -> dict[Path, tuple[int, int]]:
        """Return time of change and size of each file by which it is decided who is trusted."""
        folders = [self.pki / each for each in (*TRUSTED, *ISSUERS, *CRLS)]
        return {path: state for folder in folders for path, state in listing_of(folder).items()}

    def check(
        self,
        certificates: bytes,
        *,
        at: datetime | None = None,
        host: str | None = None,
        application_uri: str | None = None,
    ) -> None:
        """Check a certificate (DER) that issuers may follow; one that nobody has trusted yet is kept as rejected.

        Raises:
            CertificateRefused: with the code of the first step of OPC 10000-4 v1.05 §6.1.3 that fails.
        """
        now = at or datetime.now(UTC)
        try:
            validate(certificates, self.known(), now, use=self._use, host=host, application_uri=application_uri)
        except CertificateRefused as refused:
            if refused.code in WORTH_KEEPING:
                self._reject(certificates)
            raise

    def _reject(self, certificates: bytes) -> None:
        """Keep the certificate, not its issuers; the oldest give way, and a full disk stops nothing."""
        leaf = parse_chain(certificates)[0]
        folder = self.pki / REJECTED
        path = folder / file_name(leaf)
        try:
            if path.exists():
                return
            write(path, der(leaf))
            listing = listing_of(folder)
            for old in sorted(listing, key=lambda each: listing[each])[: max(0, len(listing) - MOST_REJECTED)]:
                old.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s cannot be kept as rejected: %s", path, error.strerror)
