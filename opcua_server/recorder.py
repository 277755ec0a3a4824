"""What the bank holds goes into a store on disk before it is published; what the disk refuses waits in memory."""

from __future__ import annotations

import itertools
import logging
import sqlite3
import time
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
AGAIN_S = 1.0
"""So long after a refusal the disk is tried again."""
PARTS = 3
"""Of what waits, so many parts of up to `AT_ONCE` samples are appended within one flush."""
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
        """What the disk has not taken, in order; never one without `_is_refusing`."""
        self._is_refusing = False
        self._again = 0.0
        """When the disk is tried next."""
        self._has_repeated = False
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
        return list(self._refused)

    def flush(self, *, wholly: bool = False) -> None:
        """Append what was taken; where the disk refuses, it waits in memory, and the oldest is tried once a second.

        What has waited is appended in parts, some of them a flush: `wholly` is for the last one.
        """
        taken = _joined(self._waiting) if self._waiting else None
        self._waiting, self._count = [], 0
        if not self._refused:
            if taken is not None and not self._has_appended(taken):
                self._refused.append(taken)
                self._give_up()
            return
        if taken is not None:
            self._keep(taken)
        left = len(self._refused) if wholly else PARTS
        while self._refused and left and (wholly or time.monotonic() >= self._again):
            if not self._has_appended(self._refused[0]):
                return
            self._refused.pop(0)  # only now: readers look here before they look at the disk
            left -= 1
        if not self._refused:
            log.info("the history works again")
            self._is_refusing = False
            self._health.trouble("history", "")

    def _has_appended(self, columns: Columns) -> bool:
        """Append samples; tell whether the disk has taken them."""
        try:
            fresh = self._store.append(columns)
        except sqlite3.Error as error:
            if not self._is_refusing:
                log.error("the history refuses (%s); samples wait in memory until it takes them", error)
                self._is_refusing = True
            self._health.trouble("history", f"history: {error}")
            self._again = time.monotonic() + AGAIN_S
            return False
        if repeated := len(columns) - len(fresh):
            self._tell_repeated(repeated)
        return True

    def _tell_repeated(self, count: int) -> None:
        """Say that plant time was where it had been, in one epoch: the history has each time once."""
        if not self._has_repeated:
            log.error("plant time repeats: the history has other samples of these times, and keeps those")
            self._health.trouble("repeated", "history: plant time has repeated, what was new then is not recorded")
        self._has_repeated = True
        self._lost.inc(count)

    def _keep(self, columns: Columns) -> None:
        """Keep what the disk has not taken, in parts of some size."""
        if len(self._refused[-1]) + len(columns) <= AT_ONCE:
            self._refused[-1] = Columns.joined([self._refused[-1], columns])
        else:
            self._refused.append(columns)
        self._give_up()

    def _give_up(self) -> None:
        """Forget the oldest of more than there may be."""
        lost = sum(map(len, self._refused)) - MOST_WAITING
        while lost > 0:
            oldest = self._refused[0]
            gone = min(lost, len(oldest))
            if gone < len(oldest):
                self._refused[0] = oldest.take(np.arange(gone, len(oldest)))
            else:
                self._refused.pop(0)
            self._lost.inc(gone)
            lost -= gone


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
