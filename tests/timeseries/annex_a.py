"""The historians of OPC 10000-13 v1.05 annex A, and what its tables say of them (`annex_a.txt`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from plant import quality
from plant.clock import TICKS_PER_SECOND
from plant.sample import Scalar
from timeseries.aggregates import AggregateConfiguration, Series

SPAN = 100 * TICKS_PER_SECOND
"""12:00:00 to 12:01:40."""
_CODES = {
    "G": quality.GOOD,
    "S": quality.UNCERTAIN_DATA_SUB_NORMAL,
    "U": quality.UNCERTAIN,
    "B": quality.BAD,
    "N": quality.BAD_NO_DATA,
}
_BITS = {
    "c": quality.CALCULATED,
    "i": quality.INTERPOLATED,
    "p": quality.PARTIAL,
    "m": quality.MULTIPLE_VALUES,
}
_WORD = re.compile(r"(?:([GSUBN])/|(-?[\d.]+))?(?:@([\d.]+))?([GSUBN])([cimp]*)")
_PLACES = (2, 25, 28, 39, 42, 48, 52, 72, 77, 83, 86, 90)


def _series(rows: list[tuple[int, Scalar | None, str]], *, stepped: bool) -> Series:
    rows = [(0, None, "N"), *rows]
    return Series.of([(time * TICKS_PER_SECOND, value, _CODES[code]) for time, value, code in rows], stepped=stepped)


def _uneven(*values: Scalar | None, stepped: bool) -> Series:
    codes = "GGGGBGGGUGGG"
    return _series(list(zip(_PLACES, values, codes, strict=True)), stepped=stepped)


_RISING = (10.0, 20.0, 25.0, 30.0, None, 40.0, 50.0, 60.0, 70.0, 70.0, 80.0, 90.0)
_ON_OFF = (True, False, True, True, None, True, False, False, True, True, False, True)
_UP_AND_DOWN = (10.0, 20.0, 10.0, 30.0, None, 30.0, 50.0, 30.0, 70.0, 70.0, 80.0, 70.0)
_EVEN = [(time, None if time == 40 else float(time), "B" if time == 40 else "G") for time in range(10, 100, 10)]
_EVEN[6] = (70, 70.0, "U")

HISTORIANS: dict[str, tuple[Series, AggregateConfiguration]] = {
    "H1": (_series(list(_EVEN), stepped=False), AggregateConfiguration(treat_uncertain_as_bad=False)),
    "H2": (_uneven(*_RISING, stepped=False), AggregateConfiguration(use_sloped_extrapolation=True)),
    "H3": (_uneven(*_RISING, stepped=True), AggregateConfiguration(percent_data_bad=50, percent_data_good=50)),
    "H4": (_uneven(*_ON_OFF, stepped=True), AggregateConfiguration()),
    "H5": (_uneven(*_UP_AND_DOWN, stepped=False), AggregateConfiguration(treat_uncertain_as_bad=False)),
}


@dataclass(frozen=True, slots=True)
class Expected:
    """One result of a table; times are ticks."""

    value: float | None
    status: int
    time: int
    start: int


@dataclass(frozen=True, slots=True)
class Table:
    """The results of one aggregate for one historian."""

    function: str
    interval: int
    historian: str
    rows: tuple[Expected, ...]


def expected(word: str, start: int) -> Expected:
    """Return what a word of the tables says."""
    match = _WORD.fullmatch(word)
    assert match is not None, word
    quality_, number, seconds, code, bits = match.groups()
    status = _CODES[code]
    for bit in bits:
        status |= _BITS[bit]
    value = float(_CODES[quality_]) if quality_ else float(number) if number else None
    return Expected(value, status, round(float(seconds) * TICKS_PER_SECOND) if seconds else start, start)


def tables() -> Iterator[Table]:
    """Return all tables."""
    function, interval = "", 0
    for line in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if not words or words[0] == "#":
            continue
        names = [word for word in words if word in HISTORIANS]
        if not names:
            function, interval = words[0], int(words[1]) * TICKS_PER_SECOND
            continue
        rows = tuple(expected(word, place * interval) for place, word in enumerate(words[len(names) :]))
        for name in names:
            yield Table(function, interval, name, rows)
