"""What the bank holds goes into a store on disk before anything of it is published."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

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
        self._waiting: list[Columns] = []
        self._count = 0
        self._is_refused = False
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
        texts: dict[int, str] = {}
        words: NDArray[Any] = bits
        if len(rows) == 1 and (row := int(rows[0])) in self._bank.texts:
            text = self._bank.texts[row]
            words, texts = np.zeros(1, np.int64), {} if text is None else {0: text}
        self._waiting.append(
            Columns.of(
                len(numbers),
                texts,
                signals=numbers,
                epochs=self._epoch.value or 0,
                times=source,
                server_times=server_time,
                statuses=status,
                words=words.view(np.int64),
            )
        )
        self._count += len(numbers)

    def flush(self) -> None:
        """Append what was taken; where the disk refuses, it waits in memory."""
        if not self._waiting:
            return
        columns = Columns.joined(self._waiting)
        try:
            self._store.append(columns)
        except sqlite3.Error as error:
            self._refused(columns, error)
            return
        self._waiting, self._count = [], 0
        if self._is_refused:
            log.info("the history works again")
            self._is_refused = False
            self._health.last_error = ""

    def _refused(self, columns: Columns, error: sqlite3.Error) -> None:
        if not self._is_refused:
            log.error("the history refuses (%s); samples wait in memory until it takes them", error)
        self._is_refused = True
        self._health.last_error = f"history: {error}"
        lost = max(0, len(columns) - MOST_WAITING)
        if lost:
            self._lost.inc(lost)
            columns = columns.take(np.arange(lost, len(columns)))
        self._waiting, self._count = [columns], len(columns)
