"""The number of the session, which a death shares with its birth: kept over restarts."""

from __future__ import annotations

import logging
from pathlib import Path

from historian.sparkplug.edge_node import SEQS
from runtime import whole_files

log = logging.getLogger("historian")


class SessionNumber:
    """0 to 255, and 0 again (Sparkplug 3.0, payloads-nbirth-bdseq-inc)."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last = self._read()

    @property
    def next(self) -> int:
        """The next session's: one more than the last that was born."""
        return (self._last + 1) % SEQS

    def born(self, number: int) -> None:
        """Note that a session is about to be born with a number; a file that cannot be written is said, no more."""
        self._last = number
        try:
            whole_files.write(self._file, f"{number}\n".encode())
        except OSError as error:
            log.warning("%s: %s; after a restart the edge node's bdSeq may be one that was", self._file, error)

    def _read(self) -> int:
        try:
            number = int(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return SEQS - 1
        return number if 0 <= number < SEQS else SEQS - 1
