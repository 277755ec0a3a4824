"""What readers of one store have unpacked last: nothing of it ever changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import TypeVar

from timeseries.columns import Columns
from timeseries.growing import Growing

T = TypeVar("T")
Unpack = Callable[[int], Iterator[tuple[int, Columns]]]
"""Yields the log's blocks behind one, by number."""
MOST_BYTES = 200_000_000
"""Eight million samples that are lean, or half as many whole ones."""


class Unpacked:
    """Shared by the readers of several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._parts: OrderedDict[Hashable, Columns] = OrderedDict()
        self._bytes = 0
        self._blocks: list[tuple[int, Columns]] = []
        """Of the log, in order; without holes."""
        self._joined, self._ends = Growing(), (0, 0)
        """All samples of some blocks, and the first and last of these."""

    def get(self, key: Hashable, unpack: Callable[[], Columns]) -> Columns:
        """Return what stands under a key of the archive."""
        with self._lock:
            columns = self._parts.get(key)
            if columns is not None:
                self._parts.move_to_end(key)
                return columns
        columns = unpack()
        with self._lock:
            if key not in self._parts:
                self._parts[key] = columns
                self._bytes += columns.bytes
            while self._bytes > self._most_bytes:
                _, gone = self._parts.popitem(last=False)
                self._bytes -= gone.bytes
        return columns

    def blocks_behind(self, number: int, unpack: Unpack) -> list[tuple[int, Columns]]:
        """Return the log's blocks behind one."""
        with self._lock:
            known = [each for each in self._blocks if each[0] > number]
            if known and known[0][0] != number + 1:
                known = []
        known += unpack(known[-1][0] if known else number)
        with self._lock:
            self._blocks = known
        return list(known)

    def samples_behind(self, number: int, unpack: Unpack) -> Columns:
        """Return all samples of the log behind a block, in order of arrival."""
        return self._of_joined(number, unpack, Growing.columns)

    def newest_behind(self, number: int, unpack: Unpack) -> tuple[int, int]:
        """Return the newest epoch of these, and the newest time of it; zeros where there is none."""
        return self._of_joined(number, unpack, lambda joined: joined.newest_place)

    def _of_joined(self, number: int, unpack: Unpack, find: Callable[[Growing], T]) -> T:
        blocks = self.blocks_behind(number, unpack)
        if not blocks:
            return find(Growing())
        first, last = blocks[0][0], blocks[-1][0]
        with self._lock:
            if self._ends[0] != first or self._ends[1] > last:
                self._joined, self._ends = Growing(), (first, first - 1)
            for block, columns in blocks:
                if block > self._ends[1]:
                    self._joined.add(columns)
            self._ends = first, last
            return find(self._joined)
