"""What is stored and still has to be published: the blocks of the log that some reader is not done with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from timeseries.columns import Columns
from timeseries.layout import transaction
from timeseries.log import unpacked

NEVER = 2**62
"""More than any block's number."""
PUBLISHER = "lp"
"""The reader that InfluxDB is fed by."""


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
    """Used from the store's thread, but for `waiting` and `behind`: as they were after the last transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._done: dict[str, int] = dict(connection.execute("SELECT name, block FROM reader"))
        """Up to which block each reader is done; none: nothing waits."""
        self.behind = self._counted()
        """What waits for each reader."""

    @property
    def waiting(self) -> Waiting:
        """What waits for any reader: all that waits for the one that is furthest behind."""
        return max(self.behind.values(), key=lambda each: each.blocks, default=Waiting(0, 0))

    def begin(self, readers: Iterable[str] = (PUBLISHER,)) -> None:
        """Have what is stored from now on wait for these, and for no others; a new one has what waits already."""
        wanted, start = set(readers), self.newest() if self._mark is None else self._mark
        with transaction(self._connection):
            for name in self._done.keys() - wanted:
                self._connection.execute("DELETE FROM reader WHERE name = ?", (name,))
            for name in wanted - self._done.keys():
                self._connection.execute("INSERT INTO reader VALUES (?, ?)", (name, start))
        self._done = {name: self._done.get(name, start) for name in wanted}
        self.behind = self._counted()

    def end(self) -> None:
        """Have nothing wait any more: there is no reader in the settings."""
        self.begin(())

    def done(self, reader: str) -> int:
        """Return up to which block a reader has all."""
        return self._done.get(reader, 0)

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

    def let_go(self, through: int, reader: str = PUBLISHER) -> None:
        """Have blocks up to a number wait no more for a reader."""
        if through > self._done.get(reader, NEVER):
            self._forget({reader: through})

    def drop_oldest(self, most_samples: int, at_once: int) -> tuple[int, int]:
        """While too much waits, let go of some of the oldest blocks; return up to which, and how many samples."""
        query = "SELECT id, count FROM block WHERE id > ? ORDER BY id LIMIT ?"
        left, through, dropped = self.waiting.samples, self._mark or 0, 0
        for number, count in self._connection.execute(query, (through, at_once)).fetchall():
            if left - dropped <= most_samples:
                break
            through, dropped = number, dropped + count
        self._forget({name: through for name, done in self._done.items() if done < through})
        return through, dropped

    def added(self, samples: int) -> None:
        """Note that a block was stored."""
        self.behind = {name: Waiting(left.blocks + 1, left.samples + samples) for name, left in self.behind.items()}

    @property
    def _mark(self) -> int | None:
        """Up to which block nothing waits; None: nobody reads."""
        return min(self._done.values(), default=None)

    def _forget(self, done: dict[str, int]) -> None:
        """Note up to where some readers are done now."""
        behind = dict(self.behind)
        for name, through in done.items():
            had = self._between(self._done[name], through)
            behind[name] = Waiting(behind[name].blocks - had.blocks, behind[name].samples - had.samples)
        with transaction(self._connection):
            rows = [(through, name) for name, through in done.items()]
            self._connection.executemany("UPDATE reader SET block = ? WHERE name = ?", rows)
        self._done, self.behind = {**self._done, **done}, behind

    def _counted(self) -> dict[str, Waiting]:
        return {name: self._between(done, NEVER) for name, done in self._done.items()}

    def _between(self, after: int, through: int) -> Waiting:
        query = "SELECT count(*), coalesce(sum(count), 0) FROM block WHERE id > ? AND id <= ?"
        return Waiting(*self._connection.execute(query, (after, through)).fetchone())
