"""From the layout before, one SQLite file with a row for each sample, to that of now."""

from __future__ import annotations

import itertools
import json
import logging
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from plant.sample import Sample
from timeseries.layout import LOG
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

log = logging.getLogger("history")

OLD_VERSION = 2
AT_ONCE = 100_000
_SAMPLES = (
    "SELECT s.time, g.name, s.value, s.status, s.server_time, s.epoch, s.seq FROM sample s "
    "JOIN signal g ON g.id = s.signal ORDER BY s.signal, s.time, s.epoch"
)


def upgrade(old: Path, folder: Path) -> None:
    """Make a store of an old file, if there is one and the store is not there yet; the file is kept as `.old`.

    Raises:
        sqlite3.Error: naming the file that cannot be read.
    """
    if not old.exists() or (folder / LOG.file).exists():
        return
    making = folder.with_name(f".{folder.name}.upgrade")
    shutil.rmtree(making, ignore_errors=True)
    try:
        with sqlite3.connect(f"{old.absolute().as_uri()}?mode=ro", uri=True) as source:
            (version,) = source.execute("PRAGMA user_version").fetchone()
            if version != OLD_VERSION:
                message = f"its layout is {version}, this program takes over {OLD_VERSION}"
                raise sqlite3.DatabaseError(message)
            count = _copy(source, making)
        source.close()
    except sqlite3.Error as error:
        raise sqlite3.DatabaseError(f"{old}: {error}") from None
    making.replace(folder)
    for suffix in ("", "-wal", "-shm"):
        path = old.with_name(old.name + suffix)
        if path.exists():
            path.replace(path.with_name(f"{old.name}.old{suffix}"))
    log.info("%d samples of %s are in %s now; %s.old may be removed", count, old, folder, old)


def _copy(source: sqlite3.Connection, folder: Path) -> int:
    store, upkeep = Store(folder), Upkeep(folder)
    try:
        rows = source.execute("SELECT name, unit, data_type, stepped FROM signal ORDER BY id")
        store.declare([SignalInfo(name, unit, data_type, bool(stepped)) for name, unit, data_type, stepped in rows])
        waiting = list(_waiting(source))
        left_out = {(sample.signal, sample.source_time, sample.epoch) for samples in waiting for sample in samples}
        stored = (Sample(*row) for row in source.execute(_SAMPLES))
        count = 0
        for samples in _batches(each for each in stored if _place(each) not in left_out):
            store.take_over(samples)
            count += len(samples)
            upkeep.take_in()
        if waiting:
            store.outbox.begin()
        for samples in waiting:
            store.take_over(samples)
            count += len(samples)
        gaps = source.execute("SELECT g.name, p.epoch, p.time FROM gap p JOIN signal g ON g.id = p.signal")
        store.take_over_gaps(gaps.fetchall())
        return count
    finally:
        upkeep.close()
        store.close()


def _waiting(source: sqlite3.Connection) -> Iterator[list[Sample]]:
    """Yield what was not published yet."""
    for (text,) in source.execute("SELECT samples FROM outbox ORDER BY id"):
        yield [Sample(*fields) for fields in json.loads(text)]


def _place(sample: Sample) -> tuple[str, int, int]:
    return sample.signal, sample.source_time, sample.epoch


def _batches(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    samples = iter(samples)
    while batch := list(itertools.islice(samples, AT_ONCE)):
        yield batch
