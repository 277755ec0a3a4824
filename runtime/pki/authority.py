"""A plant's own CA in `ca`: who trusts it trusts all that it issues, renewed or not."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from runtime.errors import CouldNotRun
from runtime.pki.issuing import Issuer, authority_certificate, new_key, revocation, revocation_list
from runtime.pki.store import (
    UNREADABLE,
    der,
    parse_certificate,
    parse_crl,
    parse_key,
    pem,
    read_bytes,
    thumbprint,
)
from runtime.whole_files import write


@dataclass(frozen=True, slots=True)
class Authority:
    """The CA of a data directory; its key never leaves `ca/private`."""

    pki: Path
    issuer: Issuer

    @classmethod
    def of(cls, pki: Path) -> Authority | None:
        """Return the CA; None where there is none.

        Raises:
            CouldNotRun: naming files that cannot be used.
        """
        certificate, key, _ = _paths(pki)
        if not certificate.exists():
            return None
        try:
            issuer = Issuer(parse_certificate(read_bytes(certificate)), parse_key(read_bytes(key)))
        except UNREADABLE as error:
            reason = getattr(error, "strerror", None) or error
            message = f"CA of the plant: {certificate} with {key}: {reason}; restore both, or remove the folder ca"
            raise CouldNotRun(message) from None
        return cls(pki, issuer)

    @classmethod
    def make(cls, pki: Path, at: datetime) -> Authority:
        """Make a CA with a CRL that is empty."""
        certificate, key_file, _ = _paths(pki)
        key = new_key()
        name = f"cstr-gateway CA {socket.gethostname()}"[:64]
        authority = cls(pki, Issuer(authority_certificate(name, key, at), key))
        key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key_file.parent.chmod(0o700)
        write(key_file, pem(key), 0o600)
        authority._publish([], 1, at)
        write(certificate, der(authority.issuer.certificate))
        return authority

    def revoke(self, certificate: x509.Certificate, at: datetime) -> None:
        """Put a certificate on the CRL."""
        crl = parse_crl(read_bytes(self.crl))
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        self._publish([*crl, revocation(certificate, at)], number + 1, at)

    @property
    def certificate(self) -> Path:
        """Where the certificate lies, for clients to trust."""
        return _paths(self.pki)[0]

    @property
    def crl(self) -> Path:
        """Where the CRL lies, which clients need too."""
        return _paths(self.pki)[2]

    @property
    def thumbprint(self) -> str:
        """The certificate's."""
        return thumbprint(self.issuer.certificate)

    def _publish(self, revoked: list[x509.RevokedCertificate], number: int, at: datetime) -> None:
        write(self.crl, der(revocation_list(self.issuer, revoked, number, at)))


def _paths(pki: Path) -> tuple[Path, Path, Path]:
    folder = pki / "ca"
    return folder / "certs" / "ca.der", folder / "private" / "ca.pem", folder / "crl" / "ca.crl"
