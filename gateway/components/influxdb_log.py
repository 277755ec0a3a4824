"""InfluxDB's write-ahead log: has it go on behind what a kill has left half written."""

from __future__ import annotations

from pathlib import Path


def begin_new_segments(engine: Path) -> None:
    """Have each shard's log go on in a new segment at the next start, while InfluxDB does not run.

    InfluxDB 2.7 goes on in the newest segment, also behind an entry that is not whole; what it writes there it has
    until it ends, and never reads again. An empty segment it replaces by a new one.
    """
    for shard in engine.glob("wal/*/*/*"):
        segments = sorted(shard.glob("_*.wal"))
        if segments and segments[-1].stat().st_size:
            number = int(segments[-1].stem.removeprefix("_"))
            (shard / f"_{number + 1:05d}.wal").touch()
