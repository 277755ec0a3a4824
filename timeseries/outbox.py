"""What is stored and still has to be published: a queue in the store's file, written in its transactions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plant.sample import Sample
from timeseries.layout import transaction

_PAGE, _USABLE, _CELL, _LEAST_LOCAL, _OVERFLOW = 4096, 4088, 8, 489, 4092
_MOST_LOCAL = 4061
"""Of a row in a page of 4096 bytes (SQLite file format, "Cell Payload Overflow Pages")."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """The samples of one notification and reactor, in order."""

    id: int
    reactor: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits."""

    entries: int
    bytes: int
    """What it takes in the file."""


class Outbox:
    """Used from the store's thread, but for `waiting`, which is as it was after the last transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.waiting = self._count()

    def put(self, reactor: str, samples: Sequence[Sample]) -> None:
        """Add an entry, within the store's transaction."""
        text = json.dumps([_fields(sample) for sample in samples])
        self._connection.execute(
            "INSERT INTO outbox (reactor, count, bytes, samples) VALUES (?, ?, ?, ?)",
            (reactor, len(samples), _occupied(len(text)), text),
        )

    def committed(self) -> None:
        """Count again, after a transaction."""
        self.waiting = self._count()

    def oldest(self, limit: int) -> list[OutboxEntry]:
        """Return the oldest entries."""
        rows = self._connection.execute("SELECT id, reactor, samples FROM outbox ORDER BY id LIMIT ?", (limit,))
        return [
            OutboxEntry(number, reactor, tuple(Sample(*fields) for fields in json.loads(text)))
            for number, reactor, text in rows.fetchall()
        ]

    def published(self, ids: Iterable[int]) -> None:
        """Forget entries."""
        with transaction(self._connection) as connection:
            connection.executemany("DELETE FROM outbox WHERE id = ?", [(number,) for number in ids])
        self.committed()

    def drop_oldest(self, most_bytes: int, at_once: int) -> int:
        """Forget some of the oldest entries while more than so many bytes wait; return how many samples that were."""
        left, dropped, ids = self.waiting.bytes, 0, []
        rows = self._connection.execute("SELECT id, count, bytes FROM outbox ORDER BY id LIMIT ?", (at_once,))
        for number, count, size in rows.fetchall():
            if left <= most_bytes:
                break
            left -= size
            dropped += count
            ids.append(number)
        self.published(ids)
        return dropped

    def _count(self) -> Waiting:
        return Waiting(*self._connection.execute("SELECT entries, bytes FROM waiting").fetchone())


def _fields(sample: Sample) -> list[object]:
    return [
        sample.source_time, sample.signal, sample.value, sample.quality, sample.server_time, sample.epoch, sample.seq,
    ]  # fmt: skip


def _occupied(payload: int) -> int:
    local, overflow_pages = payload, 0
    if payload > _MOST_LOCAL:
        local = _LEAST_LOCAL + (payload - _LEAST_LOCAL) % _OVERFLOW
        local = local if local <= _MOST_LOCAL else _LEAST_LOCAL
        overflow_pages = -(-(payload - local) // _OVERFLOW)
    rows_in_page = max(1, _USABLE // (local + _CELL))
    return overflow_pages * _PAGE + _PAGE // rows_in_page
