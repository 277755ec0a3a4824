"""What is stored and still has to be published: the blocks of the log behind a mark."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from timeseries import log
from timeseries.columns import Columns


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits."""

    blocks: int
    samples: int


class Outbox:
    """Used from the store's thread, but for `waiting`, which is as it was after the last transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        found = connection.execute("SELECT block FROM published").fetchone()
        self._mark: int | None = found[0] if found is not None else None
        """None: nobody publishes, and nothing waits."""
        self.waiting = self._counted()

    def begin(self) -> None:
        """Have what is stored from now on wait for a publisher."""
        if self._mark is None:
            found = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'block'").fetchone()
            self._mark = found[0] if found is not None else 0
            self._connection.execute("INSERT INTO published VALUES (?)", (self._mark,))

    def end(self) -> None:
        """Have nothing wait any more: there is no publisher in the settings."""
        self._connection.execute("DELETE FROM published")
        self._mark = None
        self.waiting = Waiting(0, 0)

    def oldest(self, limit: int) -> list[tuple[int, Columns]]:
        """Return the oldest blocks, with their numbers."""
        return list(log.blocks(self._connection, self._mark or 0, limit)) if self._mark is not None else []

    def published(self, blocks: Sequence[tuple[int, int]]) -> None:
        """Note that the oldest blocks are published: number and samples of each."""
        if blocks:
            self._mark = blocks[-1][0]
            self._connection.execute("UPDATE published SET block = ?", (self._mark,))
            samples = sum(count for _, count in blocks)
            self.waiting = Waiting(self.waiting.blocks - len(blocks), self.waiting.samples - samples)

    def drop_oldest(self, most_samples: int, at_once: int) -> int:
        """Have some of the oldest blocks wait no more while too much waits; return how many samples that were."""
        query = "SELECT id, count FROM block WHERE id > ? ORDER BY id LIMIT ?"
        left, dropped = self.waiting.samples, []
        for number, count in self._connection.execute(query, (self._mark or 0, at_once)).fetchall():
            if left <= most_samples:
                break
            left -= count
            dropped.append((number, count))
        self.published(dropped)
        return sum(count for _, count in dropped)

    def added(self, samples: int) -> None:
        """Note that a block was stored."""
        if self._mark is not None:
            self.waiting = Waiting(self.waiting.blocks + 1, self.waiting.samples + samples)

    def _counted(self) -> Waiting:
        query = "SELECT count(*), coalesce(sum(count), 0) FROM block WHERE id > ?"
        return (
            Waiting(0, 0) if self._mark is None else Waiting(*self._connection.execute(query, (self._mark,)).fetchone())
        )
