"""Whole numbers of 64 bits are what they are, beyond what a double holds."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plant import quality
from timeseries.answers import FORMATS
from timeseries.reader import Reader
from timeseries.signals import SignalInfo
from timeseries.store import Store

from .conftest import at, put, sample

INT, UINT = SignalInfo("R101.Int", "", 8, True), SignalInfo("R101.UInt", "", 9, True)
BIG = 2**53
CASES = [("R101.Int", [BIG + 1, BIG + 3, BIG + 2, -BIG - 1, BIG + 1]), ("R101.UInt", [2**64 - 1 - n for n in range(5)])]


@pytest.mark.parametrize(("name", "values"), CASES)
def test_in_aggregates_and_at_times(store: Store, reader: Reader, name: str, values: Sequence[int]) -> None:
    store.declare([INT, UINT])
    put(store, sample(name, -1, None, quality.BAD_NO_DATA))
    put(store, *(sample(name, place, value) for place, value in enumerate(values)), sample("R101.T", 5, 350.0))
    wanted = {
        "Start": values[0], "End": values[4], "Minimum": min(values), "Maximum": max(values), "StartBound": values[0],
        "EndBound": values[4], "Interpolative": values[0], "Maximum2": max(values), "NumberOfTransitions": 5,
    }  # fmt: skip
    for function, value in wanted.items():
        assert reader.aggregated(name, at(0), at(5), 0, function).plain == [value], function
    assert reader.at(name, [at(0), at(1.5), at(3)]).plain == [values[0], values[1], values[3]]


def test_of_a_sloped_signal_at_their_own_times(store: Store, reader: Reader) -> None:
    store.declare([SignalInfo("R101.Sloped", "", 8)])
    values = [BIG + 1, BIG + 2, BIG + 3]
    put(store, *(sample("R101.Sloped", place, value) for place, value in enumerate(values)))
    assert reader.at("R101.Sloped", [at(0), at(1), at(2)]).plain == values


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_in_tables(store: Store, reader: Reader, kind: str) -> None:
    store.declare([INT, UINT])
    for name, values in CASES:
        put(store, *(sample(name, place, value) for place, value in enumerate(values)))
    put(store, sample("R101.T", 1, 2.0))
    writer = FORMATS[kind]({})
    parts = [writer.begin()]
    for name in ("R101.Int", "R101.UInt", "R101.T"):
        parts += [writer.rows(answer) for answer in reader.pages(name, 0, at(9))]
    parts.append(writer.rows(reader.aggregated("R101.Int", at(0), at(5), 0, "Minimum")))
    source = io.BytesIO(b"".join([*parts, writer.end()]))
    table = pq.read_table(source) if kind == "parquet" else pa.ipc.open_file(source).read_all()
    assert table["whole"].to_pylist() == [*CASES[0][1], *[None] * 6, -BIG - 1]
    assert table["value"].null_count == 0
