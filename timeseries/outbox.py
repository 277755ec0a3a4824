"""What is stored and still has to be published: a queue in the store's file, written in its transactions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from plant.sample import Sample
from timeseries.layout import transaction

PAGE = 4096
"""Bytes of the file that a long row takes at a time."""


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
    """What it takes in the file, by and large."""


class Outbox:
    """Used from the store's thread, but for `waiting`, which is as it was after the last transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.waiting = Waiting(*connection.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM outbox").fetchone())

    def put(self, groups: dict[str, list[Sample]]) -> Waiting:
        """Add an entry for each reactor, within the store's transaction; return what will wait when it commits."""
        rows = []
        for reactor, samples in groups.items():
            text = json.dumps([_fields(sample) for sample in samples])
            rows.append((reactor, len(samples), _in_pages(len(text)), text))
        self._connection.executemany("INSERT INTO outbox (reactor, count, bytes, samples) VALUES (?, ?, ?, ?)", rows)
        return Waiting(self.waiting.entries + len(rows), self.waiting.bytes + sum(row[2] for row in rows))

    def oldest(self, limit: int) -> list[OutboxEntry]:
        """Return the oldest entries."""
        rows = self._connection.execute("SELECT id, reactor, samples FROM outbox ORDER BY id LIMIT ?", (limit,))
        return [
            OutboxEntry(number, reactor, tuple(Sample(*fields) for fields in json.loads(text)))
            for number, reactor, text in rows.fetchall()
        ]

    def published(self, ids: Sequence[int]) -> None:
        """Forget entries."""
        with transaction(self._connection) as connection:
            sizes = [
                size
                for number in ids
                for (size,) in connection.execute("DELETE FROM outbox WHERE id = ? RETURNING bytes", (number,))
            ]
        self.waiting = Waiting(self.waiting.entries - len(sizes), self.waiting.bytes - sum(sizes))

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


def _in_pages(size: int) -> int:
    """Return about how much of the file a row takes: as many as fit stand in a page, a longer one fills its own."""
    return PAGE // (PAGE // size) if size <= PAGE else size


def _fields(sample: Sample) -> list[object]:
    return [
        sample.source_time, sample.signal, sample.value, sample.quality, sample.server_time, sample.epoch, sample.seq,
    ]  # fmt: skip
