"""What is stored and still has to be published: the blocks of the log behind a mark."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from timeseries.columns import Columns
from timeseries.log import unpacked

NEVER = 2**62
"""More than any block's number."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits."""

    blocks: int
    samples: int


@dataclass(frozen=True, slots=True)
class Block:
    """What was stored at once."""

    number: int
    columns: Columns
    is_historical: bool
    """True for what was read back from a source's history."""


class Outbox:
    """Used from the store's thread, but for `waiting`, which is as it was after the last transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        found = connection.execute("SELECT block FROM published").fetchone()
        self._mark: int | None = found[0] if found is not None else None
        """None: nobody publishes, and nothing waits."""
        self._done = 0
        """Up to which block the publisher is done."""
        self._held: dict[str, int] = {}
        """The same of other readers, by name."""
        self.waiting = self._counted()

    def begin(self) -> None:
        """Have what is stored from now on wait for a publisher."""
        if self._mark is None:
            self._mark = self.newest()
            self._connection.execute("INSERT INTO published VALUES (?)", (self._mark,))

    def end(self) -> None:
        """Have nothing wait any more: there is no publisher in the settings."""
        self._connection.execute("DELETE FROM published")
        self._mark = None
        self.waiting = Waiting(0, 0)

    def blocks(self, after: int, through: int = NEVER, at_least: int = NEVER) -> list[Block]:
        """Return what waits behind a block's number, in order: all of it, or so many samples in whole blocks."""
        if self._mark is None:
            return []
        query = "SELECT id, data, crc, historical FROM block WHERE id > ? AND id <= ? ORDER BY id"
        found, samples = [], 0
        for number, data, crc, historical in self._connection.execute(query, (max(after, self._mark), through)):
            found.append(Block(number, unpacked(data, crc), bool(historical)))
            samples += len(found[-1].columns)
            if samples >= at_least:
                break
        return found

    def newest(self) -> int:
        """Return the number of the newest block that was ever stored, 0 for none."""
        found = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'block'").fetchone()
        return int(found[0]) if found is not None else 0

    def hold(self, reader: str, behind: int) -> None:
        """Have blocks behind a number wait for another reader too, also those that are let go of."""
        self._held[reader] = behind
        self._forget_what_is_done()

    def behind(self) -> dict[str, int]:
        """Return how many samples of what waits each other reader holds, by name."""
        query = "SELECT coalesce(sum(count), 0) FROM block WHERE id > ?"
        return {
            name: self._connection.execute(query, (max(block, self._mark or 0),)).fetchone()[0]
            for name, block in self._held.items()
        }

    def let_go(self, through: int) -> None:
        """Have blocks up to a number wait no more, unless another reader holds them."""
        self._done = max(self._done, through)
        self._forget_what_is_done()

    def _forget_what_is_done(self) -> None:
        self._forget(min([self._done, *self._held.values()]))

    def _forget(self, through: int) -> None:
        if self._mark is not None and through > self._mark:
            query = "SELECT count(*), coalesce(sum(count), 0) FROM block WHERE id > ? AND id <= ?"
            blocks, samples = self._connection.execute(query, (self._mark, through)).fetchone()
            self._connection.execute("UPDATE published SET block = ?", (through,))
            self._mark = through
            self.waiting = Waiting(self.waiting.blocks - blocks, self.waiting.samples - samples)

    def drop_oldest(self, most_samples: int, at_once: int) -> tuple[int, int]:
        """While too much waits, let go of some of the oldest blocks; return up to which, and how many samples."""
        query = "SELECT id, count FROM block WHERE id > ? ORDER BY id LIMIT ?"
        left, through, dropped = self.waiting.samples, self._mark or 0, 0
        for number, count in self._connection.execute(query, (through, at_once)).fetchall():
            if left - dropped <= most_samples:
                break
            through, dropped = number, dropped + count
        self._forget(through)
        return through, dropped

    def added(self, samples: int) -> None:
        """Note that a block was stored."""
        if self._mark is not None:
            self.waiting = Waiting(self.waiting.blocks + 1, self.waiting.samples + samples)

    def _counted(self) -> Waiting:
        query = "SELECT count(*), coalesce(sum(count), 0) FROM block WHERE id > ?"
        return (
            Waiting(0, 0) if self._mark is None else Waiting(*self._connection.execute(query, (self._mark,)).fetchone())
        )
