"""The last hour in memory: what was appended is found, until it is forgotten by time or by memory."""

from __future__ import annotations

import numpy as np

from opcua_server.bank import Bank, as_bits
from opcua_server.history import BLOCK, KEPT_TICKS, SAMPLE_BYTES, History
from plant import quality
from plant.clock import TICKS_PER_SECOND
from runtime.opcua_link.builtin import DOUBLE, STRING

ROWS = 1000
PLENTY = 100 * BLOCK * SAMPLE_BYTES


def recording(max_bytes: int = PLENTY, *, without: int | None = None) -> tuple[Bank, History]:
    """A bank of many Doubles and a text, and its history."""
    bank = Bank([*[DOUBLE] * ROWS, STRING])
    recorded = np.ones(len(bank), np.bool_)
    if without is not None:
        recorded[without] = False
    return bank, History(bank, recorded, max_bytes)


def scan(bank: Bank, number: int, time: int) -> None:
    """Let every Double be its row plus the number of the scan, in an order that is not that of the rows."""
    rows = np.roll(np.arange(ROWS), number)
    bank.commit(rows, as_bits(rows * 1000.0 + number), np.zeros(ROWS, np.uint32), time, time + 1)


def values(history: History, row: int) -> list[float]:
    found: list[float] = history.samples(row).bits.view(np.float64).tolist()
    return found


def test_what_was_appended_is_found_across_blocks() -> None:
    bank, history = recording()
    scans = 3 * BLOCK // ROWS + 7
    for number in range(1, scans):
        scan(bank, number, number * TICKS_PER_SECOND)
    for row in (0, 1, 499, ROWS - 1):
        samples = history.samples(row)
        assert values(history, row) == [row * 1000.0 + number for number in range(1, scans)]
        assert samples.times.tolist() == [number * TICKS_PER_SECOND for number in range(1, scans)]
        assert (samples.server_times == samples.times + 1).all()
        assert not samples.statuses.any()
        assert samples.texts is None


def test_a_bad_value_is_null_with_its_status() -> None:
    bank, history = recording()
    bank.set(3, 5, 10, 11)
    bank.set(3, 6, 20, 21, quality.BAD_SENSOR_FAILURE)
    samples = history.samples(3)
    assert samples.bits.tolist() == [5, 0]
    assert samples.statuses.tolist() == [quality.GOOD, quality.BAD_SENSOR_FAILURE]


def test_what_is_older_than_an_hour_is_forgotten_by_blocks() -> None:
    bank, history = recording()
    count = 4 * BLOCK // ROWS
    for number in range(1, count):
        scan(bank, number, number * TICKS_PER_SECOND)
    later = 2 * KEPT_TICKS
    for number in range(count, 2 * count):
        scan(bank, number, later + number)
    times = history.samples(7).times
    assert np.count_nonzero(times < later) < BLOCK // ROWS
    assert times[-1] == later + 2 * count - 1


def test_the_last_hour_is_kept() -> None:
    bank, history = recording()
    scans = 3600
    for number in range(1, scans):
        scan(bank, number, number * TICKS_PER_SECOND)
    assert len(history.samples(5)) == scans - 1


def test_where_memory_is_short_the_oldest_goes_first() -> None:
    bank, history = recording(max_bytes=3 * BLOCK * SAMPLE_BYTES)
    scans = 10 * BLOCK // ROWS
    for number in range(1, scans):
        scan(bank, number, number)
    found = values(history, 9)
    assert 2 * BLOCK // ROWS <= len(found) <= 3 * BLOCK // ROWS + 1
    assert found == [9000.0 + number for number in range(scans - len(found), scans)]


def test_texts_are_found_as_they_were() -> None:
    bank, history = recording()
    bank.set_text(ROWS, "AUTO", 10, 11)
    bank.set_text(ROWS, "", 20, 21)
    bank.set_text(ROWS, None, 30, 31, quality.BAD_NOT_CONNECTED)
    samples = history.samples(ROWS)
    assert samples.texts == ["AUTO", "", None]
    assert samples.times.tolist() == [10, 20, 30]
    assert samples.server_times.tolist() == [11, 21, 31]
    assert samples.statuses.tolist() == [quality.GOOD, quality.GOOD, quality.BAD_NOT_CONNECTED]


def test_of_a_text_that_changes_often_the_newest_stay() -> None:
    bank, history = recording()
    for number in range(10_005):
        bank.set_text(ROWS, str(number), number + 1, number + 1)
    texts = history.samples(ROWS).texts
    assert texts is not None
    assert (texts[0], texts[-1], len(texts)) == ("5", "10004", 10_000)


def test_what_is_not_recorded_leaves_the_others_alone() -> None:
    bank, history = recording(without=4)
    scan(bank, 1, 1)
    assert len(history.samples(4)) == 0
    assert values(history, 5) == [5001.0]
