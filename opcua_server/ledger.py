"""A file of every recorded value that the server took, by which it can be proved that nothing was lost of them.

It shares nothing with the history: CSV, only ever appended to, each line written when the value is taken. A line
`# recorded` follows when the values before it are in the history; only then does a client get to know of them. Values
that a line `# started` follows instead were taken by a server that was killed before it could tell anybody.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from opcua_server.bank import Bits, Rows, Statuses, Ticks
from opcua_server.tags import Tags
from plant import quality
from plant.clock import text_from_ticks
from plant.names import PLANT
from plant.signals import DataType

log = logging.getLogger("server")

HEAD = "signal,epoch,source_time,value,status\n"
STARTED, RECORDED = "# started\n", "# recorded\n"


class Ledger:
    """Used by the server's event loop."""

    def __init__(self, tags: Tags, path: Path) -> None:
        self._path, self._bank = path, tags.bank
        self._epoch = tags[f"{PLANT}.Simulation.Epoch"]
        self._names = {tag.row: tag.name for tag in tags if tag.signal.recorded}
        self._shown = {tag.row: _shown(tag.signal.data_type) for tag in tags if tag.signal.recorded}
        self._is_recorded = np.zeros(len(tags.bank), np.bool_)
        self._is_recorded[list(self._names)] = True
        self._is_behind = False
        self._refused = b""
        """What the disk has not taken."""
        self._is_refusing = False
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._write(STARTED if os.fstat(self._file).st_size else HEAD + STARTED)
        tags.bank.listeners.append(self)

    def will_change(self, rows: Rows) -> None:
        """Do nothing: what rows held was written when they got it."""

    def changed(self, rows: Rows, bits: Bits, status: Statuses, source: Ticks, server_time: int) -> None:
        """Write the values."""
        kept = self._is_recorded[rows]
        epoch = int(self._epoch.value or 0)
        lines = [
            f"{self._names[row]},{epoch},{text_from_ticks(time)},{self._value(row, bit, code)},{code}\n"
            for row, bit, code, time in zip(
                rows[kept].tolist(), bits[kept].tolist(), status[kept].tolist(), source[kept].tolist(), strict=True
            )
        ]
        if lines:
            self._write("".join(lines))
            self._is_behind = True

    def recorded(self) -> None:
        """Note that all values so far are in the history."""
        if self._is_behind:
            self._write(RECORDED)
            self._is_behind = False

    def _value(self, row: int, bits: int, status: int) -> str:
        if status >= quality.BAD:
            return ""
        if row in self._bank.texts:
            text = json.dumps(self._bank.texts[row], ensure_ascii=False)
            return '"' + text.replace('"', '""') + '"'
        return self._shown[row](bits)

    def _write(self, text: str) -> None:
        """Write at once; where the disk refuses, it is written with what follows."""
        self._refused += text.encode()
        try:
            while self._refused:
                self._refused = self._refused[os.write(self._file, self._refused) :]
        except OSError as error:
            if not self._is_refusing:
                log.error("the ledger %s is refused (%s); values wait in memory until it is not", self._path, error)
            self._is_refusing = True
            return
        self._is_refusing = False


def _shown(data_type: DataType) -> Callable[[int], str]:
    """Return what writes the bits of a value as text."""
    if data_type is DataType.DOUBLE:
        return lambda bits: repr(float(np.uint64(bits).view(np.float64)))
    if data_type is DataType.DATETIME:
        return text_from_ticks
    return lambda bits: str(int(np.uint64(bits).view(np.int64)))
