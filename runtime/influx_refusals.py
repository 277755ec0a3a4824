"""How often InfluxDB 2 could not write to its log, as it counts itself."""

from __future__ import annotations

_COUNTER = "storage_wal_writes_err{"


def refusals(metrics: str) -> int:
    """Return how many writes its log has not taken since it was started, of all its shards.

    From the first on it refuses all, until it is started anew; it counts and queries what it refused as if it had it.

    Source: InfluxDB 2.7, /metrics; measured in `docs/durability.md`.
    """
    return sum(int(float(line.rpartition(" ")[2])) for line in metrics.splitlines() if line.startswith(_COUNTER))
