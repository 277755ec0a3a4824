"""Answers as octets say what the samples say, one by one."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant import quality
from plant.clock import LATEST_TICKS, UNIX_EPOCH_TICKS, text_from_ticks
from timeseries.answers import FORMATS, Answer, Extra
from timeseries.answers.times import listed
from timeseries.answers.writers import json_page

T0 = 134_000_000_000_000_000
TEXTS = np.array(["T\nhigh", 'a "word", and\nmore', "", "ü\r"], object)
KINDS = {
    "doubles": np.array([350.0, 0.1 + 0.2, 5e-324, -1e22]),
    "odd doubles": np.array([math.nan, math.inf, -math.inf, -0.0]),
    "integers": np.array([0, -1, 2**62, 7], np.int64),
    "unsigned": np.array([0, 2**64 - 1, 2**62, 7], np.uint64),
    "Booleans": np.array([True, False, True, False]),
    "texts": TEXTS,
    "mixed": np.array([1.5, None, "on", True], object),
}
STATUSES = np.array([0, quality.BAD_SENSOR_FAILURE, quality.UNCERTAIN_LAST_USABLE_VALUE | 0x0402, 0], np.uint32)


def answer(values: np.ndarray, statuses: np.ndarray = STATUSES) -> Answer:
    times = T0 + np.array([0, 1, 10_000_000, 864_000_000_000])
    return Answer.computed("R101.T", times, values, statuses)


def written(kind: str, *answers: Answer, extra: Extra | None = None) -> bytes:
    writer = FORMATS[kind](extra or {})
    return b"".join((writer.begin(), *map(writer.rows, answers), writer.end()))


@given(st.lists(st.integers(0, LATEST_TICKS), max_size=20))
def test_many_times_are_texts_as_one_is(ticks: list[int]) -> None:
    assert listed(np.array(ticks, np.int64)) == [text_from_ticks(each) for each in ticks]


@pytest.mark.parametrize("kind", KINDS)
def test_csv_is_what_the_csv_module_writes(kind: str) -> None:
    found = answer(KINDS[kind])
    text = written("csv", found, extra={"aggregate": "Start", "interval_s": 2.5}).decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["signal", "source_time", "value", "status", "aggregate", "interval_s"]
    for row, value, time, status in zip(rows[1:], found.plain, found.times.tolist(), STATUSES.tolist(), strict=True):
        assert (row[0], row[1], row[3]) == ("R101.T", text_from_ticks(time), quality.name_of(status))
        assert row[4:] == ["Start", "2.5"]
        if isinstance(value, float):
            assert float(row[2]) == value or (math.isnan(value) and row[2] == "nan")
        else:
            assert row[2] == ("" if value is None else str(value))


@pytest.mark.parametrize("kind", KINDS)
def test_json_round_trips_and_has_null_for_what_is_no_number(kind: str) -> None:
    found = answer(KINDS[kind])
    wanted = [None if isinstance(value, float) and not math.isfinite(value) else value for value in found.plain]
    page = json.loads(json_page(found, "K", "1.0"))
    assert [sample["v"] for sample in page["samples"]] == wanted
    assert [sample["t"] for sample in page["samples"]] == listed(found.times)
    assert (page["signal"], page["unit"], page["next"]) == ("R101.T", "K", "1.0")
    rows = json.loads(written("json", found[:1], found[1:]))
    assert [row["value"] for row in rows] == wanted
    assert list(rows[1]) == ["signal", "source_time", "value", "status"]
    assert rows[1]["status"] == "BadSensorFailure"


@pytest.mark.parametrize("kind", ["parquet", "arrow", "arrow stream"])
def test_tables_hold_every_row_of_every_piece(kind: str) -> None:
    octets = written(kind, answer(KINDS["doubles"]), answer(TEXTS), extra={"aggregate": "Start", "interval_s": 1.0})
    source = pa.BufferReader(octets)
    if kind == "parquet":
        table = pyarrow.parquet.read_table(source)
    else:
        table = (pa.ipc.open_file(source) if kind == "arrow" else pa.ipc.open_stream(source)).read_all()
    assert table["value"].to_pylist() == [350.0, None, 5e-324, -1e22, *[None] * 4]
    assert table["text"].to_pylist() == [None] * 4 + ["T\nhigh", None, "", "ü\r"]
    assert table["status"].to_pylist() == STATUSES.tolist() * 2
    assert table["source_time"].cast(pa.int64()).to_pylist()[1] == (T0 + 1 - UNIX_EPOCH_TICKS) * 100
    assert set(table["aggregate"].to_pylist()) == {"Start"}


@pytest.mark.parametrize("kind", ["parquet", "arrow", "arrow stream"])
def test_what_was_not_ended_is_no_table(kind: str) -> None:
    writer = FORMATS[kind]({})
    octets = writer.begin() + writer.rows(answer(KINDS["doubles"]))
    read = {"parquet": pyarrow.parquet.read_table, "arrow": pa.ipc.open_file}.get(kind)
    if read is not None:
        with pytest.raises(pa.ArrowInvalid):
            read(pa.BufferReader(octets))
    else:
        assert len(written(kind, answer(KINDS["doubles"]))) > len(octets)


def test_nothing_is_a_head_only() -> None:
    nothing = Answer.joined("R101.T", [])
    assert written("csv", nothing) == b"signal,source_time,value,status\n"
    assert json.loads(written("json", nothing)) == []
    assert json.loads(json_page(nothing, "K", None))["samples"] == []


def test_parts_of_several_types_keep_their_values() -> None:
    parts = [answer(KINDS["doubles"]), answer(KINDS["Booleans"])]
    assert Answer.joined("R101.T", parts).plain == [*parts[0].plain, *parts[1].plain]
