"""A server that a full disk has left refusing: that the disk takes again it does not notice until a restart."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.components.component import ChildSpec

LOOK_BACK_S = 30.0
"""How long a refusal makes the server suspect."""
STUCK_AFTER_S = 5.0
"""A refusal is the server's own when the disk has been taking for so long."""
_SAMPLE = bytes(1 << 20)


class Stuck:
    """Looks at what a server has logged and counted since the last look, and whether its disk takes a file."""

    def __init__(self, spec: ChildSpec, log: Path) -> None:
        self._refusal, self._refusals, self._folder, self._log = spec.refusal.encode(), spec.refusals, spec.cwd, log
        self._seen, self._counted = self._size(), 0
        self._suspect_until = 0.0
        self._takes_since: float | None = None

    def is_so(self, now: float) -> bool:
        """Tell whether it still refuses though its disk does not; seconds of any clock that only runs forward."""
        has_refused = any([self._has_said(), self._has_counted()])
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

    def _has_counted(self) -> bool:
        if self._refusals is None:
            return False
        counted = self._refusals()
        if counted is None:
            return False
        before, self._counted = self._counted, counted
        return counted > before

    def _has_said(self) -> bool:
        try:
            with self._log.open("rb") as file:
                file.seek(self._seen if self._seen <= self._size() else 0)
                said = file.read()
                self._seen = file.tell()
        except OSError:
            return False
        return self._refusal in said

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
