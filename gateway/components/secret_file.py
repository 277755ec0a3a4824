"""Secrets made at first start and kept in files that only their owner reads."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def secret(path: Path) -> str:
    """The secret in `path`, made when there is none: 43 URL-safe characters, mode 0600, never half there."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
                file.flush()
                os.fsync(file.fileno())
            # A link, unlike a rename, leaves the secret of another starter that came first.
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(fresh)
        finally:
            fresh.unlink()
    return path.read_text().strip()
