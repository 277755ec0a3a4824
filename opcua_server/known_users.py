"""The users file as it stands now; while what stands there is not allowed, as it last was."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from runtime.errors import BadInput
from runtime.users_file import User, read_users

log = logging.getLogger("server")


class KnownUsers:
    """The users of a file that may change at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _state(path)
        self.by_name = read_users(path)

    def refresh(self) -> None:
        """Read the file again if it has changed; what is wrong there is logged once."""
        state = _state(self._path)
        if state == self._seen:
            return
        self._seen = state
        try:
            self.by_name = read_users(self._path)
        except BadInput as error:
            log.error("%s\nthe users known until now stay", error)
        else:
            log.info("%s: read anew; users: %d", self._path, len(self.by_name))

    def of_certificate(self, certificate: bytes) -> tuple[str, User] | None:
        """Return the user, with the name, whose X509 certificate (DER, without its issuers) this is."""
        # A thumbprint is OPC UA's SHA-1 (OPC 10000-6 v1.05 §3.1.1) or SHA-256; it only finds what is trusted already.
        sha1, sha256 = hashlib.sha1(certificate, usedforsecurity=False), hashlib.sha256(certificate)
        thumbprints = (sha1.hexdigest(), sha256.hexdigest())
        for name, user in self.by_name.items():
            if user.thumbprint is not None and user.thumbprint in thumbprints:
                return name, user
        return None


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
