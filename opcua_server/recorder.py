"""What the bank holds goes into a store on disk before anything of it is published."""

from __future__ import annotations

import itertools
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter

from opcua_server.bank import Bits, Rows, Statuses, Ticks
from opcua_server.tags import Tags
from plant.names import PLANT
from runtime.health import Health
from timeseries.columns import Columns
from timeseries.signals import SignalInfo
from timeseries.store import Store

log = logging.getLogger("server")

AT_ONCE = 10_000
"""Samples that are appended at the latest, e.g. within a long Step."""
MOST_WAITING = 2_000_000
"""Samples that wait in memory while the disk takes none; the oldest go first."""


class Recorder:
    """Collects changes of recorded tags, and appends them as one block when that is asked for."""

    def __init__(self, tags: Tags, store: Store, health: Health, registry: CollectorRegistry) -> None:
        self._bank, self._store, self._health = tags.bank, store, health
        self._epoch = tags[f"{PLANT}.Simulation.Epoch"]
        recorded = [tag for tag in tags if tag.signal.recorded]
        infos = {
            tag.row: SignalInfo(
                tag.name,
                tag.signal.unit.symbol if tag.signal.unit is not None else "",
                tag.signal.data_type.value,
                tag.signal.stepped,
            )
            for tag in recorded
        }
        store.declare(infos.values())
        numbers = store.numbers([info.name for info in infos.values()])
        self._numbers = np.full(len(self._bank), -1, np.int32)
        self._numbers[list(infos)] = numbers
        self.signals: dict[int, tuple[int, SignalInfo]] = {
            row: (int(number), info) for (row, info), number in zip(infos.items(), numbers, strict=True)
        }
        """Number and kind in the store, of each recorded row of the bank."""
        self._waiting: list[_Change] = []
        self._count = 0
        self._refused: list[Columns] = []
        """What the disk has not taken."""
        self._lost = Counter("cstr_history_lost", "Samples that the history could not take.", registry=registry)
        self._bank.listeners.append(self)

    def will_change(self, rows: Rows) -> None:
        """Do nothing: what rows held was taken when they got it."""

    def changed(self, rows: Rows, bits: Bits, status: Statuses, source: Ticks, server_time: int) -> None:
        """Take what is recorded of it."""
        numbers = self._numbers[rows]
        kept = numbers >= 0
        if not kept.all():
            if not kept.any():
                return
            numbers, bits, status, source = numbers[kept], bits[kept], status[kept], source[kept]
        text = self._bank.texts.get(int(rows[0])) if len(rows) == 1 else None
        if text is not None:
            bits = np.zeros(1, np.uint64)
        self._waiting.append(_Change(numbers, bits, status, source, server_time, int(self._epoch.value or 0), text))
        self._count += len(numbers)
        if self._count >= AT_ONCE:
            self.flush()

    @property
    def is_behind(self) -> bool:
        """True when the disk has not taken all."""
        return bool(self._refused or self._waiting)

    def unwritten(self) -> list[Columns]:
        """Return what the disk has not taken yet."""
        return self._refused

    def flush(self) -> None:
        """Append what was taken; where the disk refuses, it waits in memory."""
        if not self._waiting and not self._refused:
            return
        taken = [_joined(self._waiting)] if self._waiting else []
        columns = Columns.joined([*self._refused, *taken])
        self._waiting, self._count = [], 0
        try:
            self._store.append(columns)
        except sqlite3.Error as error:
            self._keep(columns, error)
            return
        if self._refused:
            log.info("the history works again")
            self._refused = []
            self._health.trouble("history", "")

    def _keep(self, columns: Columns, error: sqlite3.Error) -> None:
        """Keep what the disk has not taken, as much as there may be."""
        if not self._refused:
            log.error("the history refuses (%s); samples wait in memory until it takes them", error)
        self._health.trouble("history", f"history: {error}")
        lost = max(0, len(columns) - MOST_WAITING)
        self._lost.inc(lost)
        self._refused = [columns.take(np.arange(lost, len(columns)))]


@dataclass(frozen=True, slots=True)
class _Change:
    """What the bank has told at once."""

    signals: NDArray[np.int32]
    bits: Bits
    status: Statuses
    source: Ticks
    server_time: int
    epoch: int
    text: str | None


def _joined(changes: Sequence[_Change]) -> Columns:
    counts = [len(each.signals) for each in changes]
    starts = itertools.accumulate(counts, initial=0)
    texts = {start: each.text for start, each in zip(starts, changes, strict=False) if each.text is not None}
    return Columns.of(
        sum(counts),
        texts,
        signals=np.concatenate([each.signals for each in changes]),
        epochs=np.repeat([each.epoch for each in changes], counts),
        times=np.concatenate([each.source for each in changes]),
        server_times=np.repeat([each.server_time for each in changes], counts),
        statuses=np.concatenate([each.status for each in changes]),
        words=np.concatenate([each.bits for each in changes]).view(np.int64),
    )
