"""A store of the layout before is taken over whole: samples, numbers, gaps, and what waits to be published."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from timeseries.reader import Reader
from timeseries.store import Store
from timeseries.upgrade import upgrade

from .conftest import T0, at, put, sample

OLD_TABLES = """
CREATE TABLE signal (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, unit TEXT NOT NULL, stepped INTEGER NOT NULL,
    data_type INTEGER NOT NULL, newest_epoch INTEGER, newest_time INTEGER);
CREATE TABLE sample (signal INTEGER NOT NULL, time INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    value, status INTEGER NOT NULL, server_time INTEGER NOT NULL, PRIMARY KEY (signal, time, epoch)) WITHOUT ROWID;
CREATE TABLE gap (signal INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, time INTEGER NOT NULL);
CREATE TABLE numbering (reactor TEXT PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, reactor TEXT NOT NULL, count INTEGER NOT NULL,
    bytes INTEGER NOT NULL, samples TEXT NOT NULL);
PRAGMA user_version=2;
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "history.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD_TABLES)
        signals = [(1, "R101.T", "K", 0, 11), (2, "R101.Cause", "", 1, 12), (3, "R101.Time", "", 1, 13)]
        connection.executemany(
            "INSERT INTO signal (id, name, unit, stepped, data_type) VALUES (?, ?, ?, ?, ?)", signals
        )
        rows = [(1, at(place), 0, place + 1, 300.0 + place, 0, T0) for place in range(2000)]
        rows += [(2, at(5), 0, 2001, "T high", 0, T0), (2, at(6), 1, 2002, None, 0x808C0000, T0)]
        rows += [(3, at(5), 0, 2003, "2026-11-22T04:00:00.1234567Z", 0, T0)]
        connection.executemany("INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("INSERT INTO numbering VALUES ('R101', 2003)")
        connection.execute("INSERT INTO gap VALUES (2, 1, ?)", (at(6),))
        waiting = [[at(6), "R101.Cause", None, 0x808C0000, T0, 1, 2002]]
        connection.execute("INSERT INTO outbox VALUES (7, 'R101', 1, 100, ?)", (json.dumps(waiting),))
    connection.close()
    return path


def test_all_of_it_is_taken_over(old: Path, folder: Path) -> None:
    upgrade(old, folder)
    store, reader = Store(folder), Reader(folder)
    found = reader.raw("R101.T", 0, 2**62)
    assert [(each.value, each.seq) for each in found] == [(300.0 + place, place + 1) for place in range(2000)]
    causes = [(each.value, each.quality, each.epoch, each.seq) for each in reader.raw("R101.Cause", 0, 2**62)]
    assert causes == [("T high", 0, 0, 2001), (None, 0x808C0000, 1, 2002)]
    assert [each.value for each in reader.raw("R101.Time", 0, 2**62)] == ["2026-11-22T04:00:00.1234567Z"]
    assert [store.samples(block.columns)[0].seq for block in store.outbox.blocks(0)] == [2002]
    assert store.open_gaps(["R101.Cause"]) == {"R101.Cause": (1, at(6))}
    assert put(store, sample("R101.T", 5000, 1.0)).seqs.tolist() == [2004]
    assert [path.name for path in old.parent.iterdir() if "sqlite" in path.name] == ["history.sqlite.old"]


def test_it_is_done_once_and_one_that_was_cut_short_begins_anew(old: Path, folder: Path) -> None:
    cut_short = folder.with_name(".history.upgrade")
    cut_short.mkdir()
    (cut_short / "log.sqlite").write_bytes(b"half")
    upgrade(old, folder)
    upgrade(old, folder)
    assert len(Reader(folder).raw("R101.T", 0, 2**62)) == 2000
    assert not cut_short.exists()


def test_nothing_is_made_of_what_is_no_store(tmp_path: Path, folder: Path) -> None:
    upgrade(tmp_path / "history.sqlite", folder)
    assert not folder.exists()
    garbage = tmp_path / "history.sqlite"
    garbage.write_bytes(b"garbage" * 1000)
    with pytest.raises(sqlite3.DatabaseError, match=r"history\.sqlite: file is not a database"):
        upgrade(garbage, folder)
    assert not folder.exists()
    assert garbage.exists()
