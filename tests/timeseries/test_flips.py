"""One bit that has flipped on the disk is never answered as data."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import numpy as np
import pytest

from timeseries import log
from timeseries.columns import Columns
from timeseries.layout import ARCHIVE, LOG, open_for_writing
from timeseries.packing import Damaged
from timeseries.reader import Reader
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

from .conftest import T0, at, put, sample, values

NAMES = ("R101.T", "R101.TIC101.Mode", "R102.T", "R101.Note")


@pytest.fixture
def noise(store: Store, upkeep: Upkeep) -> Store:
    """A store with samples of each kind of column, in the archive."""
    store.declare([SignalInfo("R101.Note", "", 12)])
    chance = np.random.default_rng(1)
    first, mode, second = store.numbers(NAMES[:3]).tolist()
    seconds = T0 + np.arange(1200) * 10_000_000
    sent = seconds + chance.integers(0, 50_000, 1200)
    kinds = ((first, chance.normal(size=1200)), (second, chance.integers(0, 5, 1200) / 8))
    for number, levels in kinds:
        words = levels.astype(np.float64).view(np.int64)
        store.append(Columns.of(1200, signals=number, times=seconds, server_times=sent, words=words))
    store.append(Columns.of(1200, signals=mode, times=seconds, server_times=sent, words=chance.integers(0, 9, 1200)))
    put(store, *(sample("R101.Note", place, f"note {place % 7}") for place in range(1200)))
    upkeep.take_in()
    return store


def found(folder: Path) -> list[object]:
    """Return what each signal has, or that it is damaged."""
    reader = Reader(folder)
    answers: list[object] = []
    for name in NAMES:
        try:
            answers.append(reader.raw(name, 0, 2**62))
        except Damaged as error:
            answers.append(str(error))
    reader.close()
    return answers


def test_in_a_segment(noise: Store, upkeep: Upkeep, folder: Path) -> None:
    made = upkeep.seal(at(5000))
    assert made is not None
    assert len(made.pieces) == 4
    path = folder / "segments" / made.file
    octets, wanted, chance = path.read_bytes(), found(folder), random.Random(6)
    noticed = 0
    ends = [range(8 * 200), range(8 * (len(octets) - 400), 8 * len(octets))]
    places = [*chance.choices(range(8 * len(octets)), k=150), *(chance.choice(ends[n % 2]) for n in range(50))]
    for place in places:
        flipped = bytearray(octets)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        answers = found(folder)
        for answer, right in zip(answers, wanted, strict=True):
            assert answer == right or (isinstance(answer, str) and made.file in answer), place
        noticed += answers != wanted
    assert noticed > 150


def test_in_the_archive(noise: Store, upkeep: Upkeep, folder: Path) -> None:
    connection, wanted = open_for_writing(folder, ARCHIVE), found(folder)
    number, data = connection.execute("SELECT id, data FROM chunk WHERE signal = 1 ORDER BY first").fetchone()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 4
    connection.execute("UPDATE chunk SET data = ? WHERE id = ?", (bytes(flipped), number))
    answers = found(folder)
    assert answers[1:] == wanted[1:]
    assert "archive.sqlite: chunk" in str(answers[0])
    (damage,) = upkeep.damaged()
    assert f"chunk {number} is not as it was written" in damage
    fresh = [sample("R101.T", 2000 + place, 1.0) for place in range(1100)]
    put(noise, *fresh)
    upkeep.take_in()
    assert upkeep.seal(at(5000)) is not None
    assert "archive.sqlite: chunk" in str(found(folder)[0])
    connection.execute("UPDATE chunk SET data = ? WHERE id = ?", (data, number))
    assert found(folder)[0][:1200] == wanted[0]  # type: ignore[index]
    connection.close()


def test_in_the_log(store: Store, upkeep: Upkeep, folder: Path, reader: Reader) -> None:
    for place in range(3):
        put(store, sample("R101.T", place, float(place)))
    connection = open_for_writing(folder, LOG)
    (data,) = connection.execute("SELECT data FROM block WHERE id = 2").fetchone()
    connection.execute("UPDATE block SET data = ? WHERE id = 2", (data[:40] + bytes([data[40] ^ 1]) + data[41:],))
    connection.close()
    assert list(log.damaged(store._log, 0)) == [(2, 1)]
    assert values(reader) == [0.0, 2.0]
    upkeep.take_in()
    assert upkeep.lost == ["log.sqlite: block 2 is not as it was written, its 1 samples are lost"]
    assert values(reader) == [0.0, 2.0]
    Store(folder).close()


def test_what_was_written_before_there_were_checksums_is_read(noise: Store, upkeep: Upkeep, folder: Path) -> None:
    upkeep.seal(at(5000))
    put(noise, sample("R101.T", 3000, 1.0))
    wanted = found(folder)
    without = ((LOG, 4, ("block.crc",)), (ARCHIVE, 3, ("chunk.crc", "segment.footer")))
    for layout, version, columns in without:
        connection = open_for_writing(folder, layout)
        for column in columns:
            connection.execute("ALTER TABLE {} DROP COLUMN {}".format(*column.split(".")))
        if layout is LOG:
            connection.executescript("DROP TABLE reader; CREATE TABLE published (block INTEGER NOT NULL)")
        connection.execute(f"PRAGMA user_version={version}")
        connection.close()
    Store(folder).close()
    assert found(folder) == wanted
    with contextlib.closing(Upkeep(folder)) as again:
        again.take_in()
        assert again.damaged() == []
    assert found(folder) == wanted
