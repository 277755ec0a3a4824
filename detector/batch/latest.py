"""The rows of the latest batch, kept for the picture of their distributions."""

from __future__ import annotations

from pathlib import Path

from detector.batch.job import Result
from detector.batch.rows import Table, read, write_batch, write_flagged


def latest_file(data: Path) -> Path:
    """Return where the latest batch of a data directory lies."""
    return data / "detector" / "latest-batch.csv"


def write_latest(data: Path, result: Result) -> None:
    """Keep a batch with its labels and verdicts."""
    path = latest_file(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    write_batch(temporary, result.batch)
    write_flagged(temporary, read(temporary), result.flags)
    temporary.replace(path)


def read_latest(data: Path) -> Table:
    """Return the latest batch.

    Raises:
        BadInput: when there is none.
    """
    return read(latest_file(data))
