"""A server that a full disk has left refusing: that the disk takes again it does not notice until a restart."""

from __future__ import annotations

import os
from pathlib import Path

LOOK_BACK_S = 30.0
"""How long a refusal makes the server suspect."""
STUCK_AFTER_S = 5.0
"""A refusal is the server's own when the disk has been taking for so long."""
_SAMPLE = bytes(1 << 20)


class Stuck:
    """Looks at what a server has logged since the last look, and whether its disk takes a file."""

    def __init__(self, refusal: str, folder: Path, log: Path) -> None:
        """`refusal` is what its log says each time that it cannot store something."""
        self._refusal, self._folder, self._log = refusal.encode(), folder, log
        self._seen = self._size()
        self._suspect_until = 0.0
        self._takes_since: float | None = None

    def is_so(self, now: float) -> bool:
        """Tell whether it still refuses though its disk does not; seconds of any clock that only runs forward."""
        has_refused = self._refusal in self._said()
        if has_refused:
            self._suspect_until = now + LOOK_BACK_S
        if now >= self._suspect_until or not self._disk_takes():
            self._takes_since = None
            return False
        if self._takes_since is None:
            self._takes_since = now
        return has_refused and now - self._takes_since > STUCK_AFTER_S

    def _size(self) -> int:
        try:
            return self._log.stat().st_size
        except OSError:
            return 0

    def _said(self) -> bytes:
        try:
            with self._log.open("rb") as file:
                file.seek(self._seen if self._seen <= self._size() else 0)
                said = file.read()
                self._seen = file.tell()
        except OSError:
            return b""
        return said

    def _disk_takes(self) -> bool:
        path = self._folder / "takes"
        try:
            with path.open("wb") as file:
                file.write(_SAMPLE)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            return False
        finally:
            path.unlink(missing_ok=True)
        return True
