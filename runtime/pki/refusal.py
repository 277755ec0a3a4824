"""Why a certificate is refused."""

from __future__ import annotations

from cryptography import x509

from plant import quality
from runtime.pki.store import common_name, printable, thumbprint


class CertificateRefused(Exception):  # noqa: N818
    """A certificate that did not pass a step of OPC 10000-4 v1.05 §6.1.3."""

    def __init__(self, code: int, certificate: x509.Certificate | None, why: str) -> None:
        which = f"{common_name(certificate)} {thumbprint(certificate)}: " if certificate is not None else ""
        super().__init__(f"{quality.name_of(code)}: {which}{printable(why)}")
        self.code = code
        """StatusCode that the step has of its own."""
        self.certificate = certificate
        """That did not pass, which may be an issuer; None for what is no certificate."""
