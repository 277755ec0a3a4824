"""What the server's ledger says, read with nothing of the product."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

Key = tuple[str, int, str]
"""Signal, epoch and SourceTimestamp."""
Value = tuple[str | float | None, int]
"""The value, numbers as floats, and the StatusCode."""


@dataclass(slots=True)
class Ledger:
    """Every value that the server took."""

    recorded: dict[Key, Value] = field(default_factory=dict)
    """Those that it may have told of."""
    untold: dict[Key, Value] = field(default_factory=dict)
    """Those that it was killed with before it told of them: they may be in its history, or not."""
    twice: list[Key] = field(default_factory=list)
    starts: int = 0


def read_ledger(path: Path) -> Ledger:
    """Read a ledger file."""
    found, pending = Ledger(), dict[Key, Value]()
    with path.open(encoding="utf-8", newline="") as file:
        next(file)
        for row in csv.reader(file):
            if row[0] == "# started":
                found.starts += 1
                found.untold |= pending
                pending = {}
            elif row[0] == "# recorded":
                found.recorded |= pending
                pending = {}
            else:
                signal, epoch, time, value, status = row
                key = (signal, int(epoch), time)
                if key in pending or key in found.recorded:
                    found.twice.append(key)
                pending[key] = (_value(value), int(status))
    found.untold |= pending
    return found


def _value(text: str) -> str | float | None:
    if not text:
        return None
    if text.startswith('"'):
        read: str = json.loads(text)
        return read
    return text if text.endswith("Z") else float(text)
