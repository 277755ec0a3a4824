"""How often InfluxDB 2 could not write to its log, as it counts itself."""

from __future__ import annotations

_COUNTER = "storage_wal_writes_err{"


def refusals(metrics: str) -> int:
    """Return how many writes its log has not taken since it was started, of all its shards.

    For want of room its log then takes nothing more until it is started anew; where the writer has not waited, it goes
    on. Either way it counts and queries what it has not written until it ends, as if it had it.

    Source: InfluxDB 2.7, /metrics; measured in `docs/durability.md`.
    """
    return sum(int(float(line.rpartition(" ")[2])) for line in metrics.splitlines() if line.startswith(_COUNTER))
