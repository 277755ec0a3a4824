"""The server's own certificates with their keys: the one that its endpoints show, and those it still answers to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from runtime.pki.own import Identity


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """A certificate with its key, and the certificates of its issuers where there are any."""

    certificate: x509.Certificate
    key: Any
    issuers: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        """The certificate on the wire."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def issuers_der(self) -> bytes:
        """The issuers' certificates on the wire."""
        return b"".join(each.public_bytes(serialization.Encoding.DER) for each in self.issuers)

    @property
    def thumbprint(self) -> bytes:
        """By which a client says which certificate it has used (OPC 10000-6 v1.05 §6.7.2.3)."""
        return sha1(self.der, usedforsecurity=False).digest()


class ServerIdentities:
    """The present identities, the one to show first; they change when a certificate is renewed."""

    def __init__(self, present: Callable[[], tuple[Identity, ...]]) -> None:
        self._present = present
        self._known: tuple[Identity, ...] = ()
        self._loaded: tuple[ServerIdentity, ...] = ()

    @property
    def shown(self) -> ServerIdentity:
        """The one that endpoints show."""
        return self._all()[0]

    def by_thumbprint(self, thumbprint: bytes) -> ServerIdentity | None:
        """Return the identity that a client means."""
        return next((each for each in self._all() if each.thumbprint == thumbprint), None)

    def _all(self) -> tuple[ServerIdentity, ...]:
        present = self._present()
        if present != self._known:
            self._loaded = tuple(_load(identity) for identity in present)
            self._known = present
        return self._loaded


def _load(identity: Identity) -> ServerIdentity:
    private = serialization.load_pem_private_key(identity.key.read_bytes(), password=None)
    return ServerIdentity(identity.parsed, private, identity.issuers)
