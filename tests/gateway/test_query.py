"""`cstr-gateway query` on a store: what holds is shown as held."""

from __future__ import annotations

import contextlib
import csv
import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from matplotlib.dates import num2date
from typer.testing import CliRunner

from gateway import progress
from gateway.cli import make_app
from gateway.history.store import STORE
from gateway.trend import MOST_POINTS, STRIPES
from plant import quality
from plant.clock import TICKS_PER_SECOND, datetime_from_ticks, ticks_from_text
from plant.sample import Sample
from runtime.errors import BadInput, GatewayError
from timeseries.aggregates import FUNCTIONS
from timeseries.columns import Columns
from timeseries.signals import SignalInfo
from timeseries.store import Store

T0 = ticks_from_text("2026-11-22T04:00:00Z")
SPAN = ("--start", "2026-11-22T04:00:30Z", "--end", "2026-11-22T04:01:00Z")
INFOS = [
    SignalInfo("R101.T", "K", 11, False),
    SignalInfo("R101.TIC101.SP", "K", 11, True),
    SignalInfo("R101.Detector.Cause", "", 12, True),
    SignalInfo("R101.Ca", "mol/L", 11, False),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with contextlib.closing(Store(tmp_path / STORE)) as store:
        store.declare(INFOS)
        store.append(store.columns([sample("R101.TIC101.SP", 10, 350.0), sample("R101.TIC101.SP", 70, 360.0)]))
        store.append(store.columns([sample("R101.T", second, 300.0 + second) for second in range(0, 100, 20)]))
        store.append(store.columns([sample("R101.Detector.Cause", 40, "T high")]))
        store.append(store.columns([sample("R101.Ca", 40, None, quality.BAD_SENSOR_FAILURE)]))
    return tmp_path


def sample(name: str, second: int, value: object, status: int = quality.GOOD) -> Sample:
    return Sample(T0 + second * TICKS_PER_SECOND, name, value, status)  # type: ignore[arg-type]


def query(data: Path, *words: str, code: int = 0) -> tuple[list[str], str]:
    result = CliRunner().invoke(make_app(), ["query", *words, "--data", str(data), "--format", "csv"])
    assert result.exit_code == code, result.output
    return result.stdout.splitlines()[1:], result.stderr


def lines(figure: plt.Figure) -> dict[str, list[tuple[float, float]]]:
    """Return (second, value) of each line drawn."""
    start = datetime_from_ticks(T0)
    return {
        str(line.get_label()): [
            (round((num2date(x) - start).total_seconds(), 3), float(y))
            for x, y in zip(*line.get_data(False), strict=True)
        ]
        for axis in figure.axes
        for line in axis.lines
    }


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch):
    """Figures stay open until the test has looked at them."""
    close = plt.close
    monkeypatch.setattr(plt, "close", lambda figure: None)
    yield lambda: plt.gcf()
    close("all")


def test_at_and_aggregate_hold_what_is_stepped(data: Path) -> None:
    rows, _ = query(data, "at", "R101.TIC101.SP", "R101.T", "--time", "2026-11-22T04:00:50Z")
    assert [row.split(",")[2] for row in rows] == ["350.0", "350.0"]
    rows, _ = query(data, "aggregate", "R101.TIC101.SP", *SPAN[:3], "2026-11-22T04:01:30Z", "--interval", "30s")
    assert [float(row.split(",")[2]) for row in rows] == [350.0, pytest.approx(356.6667, abs=1e-4)]


def test_a_signal_that_is_named_twice_is_asked_for_once(data: Path) -> None:
    rows, _ = query(data, "last", "R101.T", "R101.TIC101.SP", "R101.T")
    assert [row.split(",")[0] for row in rows] == ["R101.T", "R101.TIC101.SP"]


def test_a_setpoint_that_did_not_change_is_a_line_over_the_whole_span(data: Path, tmp_path: Path, drawn) -> None:
    query(data, "raw", "R101.T", "R101.TIC101.SP", *SPAN, "--plot", str(tmp_path / "trend.png"))
    shown = lines(drawn())
    assert shown["R101.TIC101.SP"] == [(30.0, 350.0), (60.0, 350.0)]
    assert shown["R101.T"] == [(30.0, 330.0), (40.0, 340.0)]


def test_text_is_left_out_of_the_picture_and_a_bad_stretch_is_not(data: Path, tmp_path: Path, drawn) -> None:
    picture = tmp_path / "trend.png"
    rows, said = query(data, "raw", "R101.T", "R101.Detector.Cause", "R101.Ca", *SPAN, "--plot", str(picture))
    assert len(rows) == 3
    assert f"R101.Detector.Cause: is text, left out of {picture}" in said
    assert [axis.get_ylabel() for axis in drawn().axes] == ["K", "mol/L"]
    _, said = query(data, "raw", "R101.Detector.Cause", *SPAN, "--plot", str(tmp_path / "text.png"))
    assert "left out" in said
    assert not (tmp_path / "text.png").exists()


def test_help_names_every_aggregate_and_an_unknown_one_is_refused_with_all(data: Path) -> None:
    shown = CliRunner().invoke(make_app(), ["query", "aggregate", "--help"], env={"COLUMNS": "120"}).stdout
    assert set(FUNCTIONS) <= set(re.findall(r"\w+", shown))
    words = ["query", "aggregate", "R101.T", *SPAN, "--aggregate", "Mean", "--data", str(data)]
    refused = CliRunner().invoke(make_app(), words).exception
    assert isinstance(refused, BadInput)
    assert set(FUNCTIONS) <= set(re.findall(r"\w+", str(refused)))


def test_an_interval_of_0_is_the_whole_span_and_rows_stand_at_the_start_of_intervals(data: Path) -> None:
    span = (*SPAN[:3], "2026-11-22T04:01:30Z")
    rows, _ = query(data, "aggregate", "R101.T", *span, "--interval", "0s", "--aggregate", "Maximum")
    assert rows == ["R101.T,2026-11-22T04:00:30.0000000Z,380.0,Good,Maximum,0.0"]
    for aggregate, second in (("End", "30"), ("MinimumActualTime", "40")):
        rows, _ = query(data, "aggregate", "R101.T", *span, "--interval", "10min", "--aggregate", aggregate)
        assert [row.split(",")[1] for row in rows] == [f"2026-11-22T04:00:{second}.0000000Z"]


def read(path: Path) -> list[dict[str, object]]:
    """Rows of a file, times as text."""
    if path.suffix == ".csv":
        return [dict(row) for row in csv.DictReader(path.read_text().splitlines())]
    if path.suffix == ".json":
        rows: list[dict[str, object]] = json.loads(path.read_text())
        return rows
    table = pyarrow.parquet.read_table(path) if path.suffix == ".parquet" else pa.ipc.open_file(path).read_all()
    return table.to_pylist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet", "arrow"])
def test_files_of_every_kind_hold_several_signals(data: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"found.{suffix}"
    result = CliRunner().invoke(
        make_app(), ["query", "raw", "R101.T", "R101.Ca", *SPAN, "--out", str(out), "--data", str(data)]
    )
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    assert f"2 rows in {out}" in result.stderr
    rows = read(out)
    assert [row["signal"] for row in rows] == ["R101.T", "R101.Ca"]
    assert float(str(rows[0]["value"])) == 340.0
    assert rows[1]["value"] in (None, "")
    assert list(tmp_path.glob(".*")) == []


def test_a_file_is_not_there_when_something_went_wrong(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "found.csv"
    for words, error in (
        (["raw", "R101.T", "R101.Nothing", *SPAN], BadInput),
        (["raw", "R101.T", "--start", "2027-01-01T00:00:00Z", "--end", "2027-01-02T00:00:00Z"], GatewayError),
        (["aggregate", "R101.T", *SPAN, "--interval", "1us"], BadInput),
    ):
        result = CliRunner().invoke(make_app(), ["query", *words, "--out", str(out), "--data", str(data)])
        assert isinstance(result.exception, error), result.output
        assert list(tmp_path.glob("*found*")) == []


def test_a_folder_is_no_file_to_write_to(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "found.csv"
    out.mkdir(parents=True)
    result = CliRunner().invoke(make_app(), ["query", "raw", "R101.T", *SPAN, "--out", str(out), "--data", str(data)])
    assert isinstance(result.exception, GatewayError)
    assert f"--out {out}" in str(result.exception)
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "found.txt"], "--out found.txt: allowed are .csv, .json, .parquet, .arrow"),
        (["--out", "found.csv", "--format", "json"], "--format json"),
        (["--plot", "trend.bmp"], "--plot trend.bmp: allowed are .png, .svg, .pdf"),
        (["--source", "file"], "--source 'file': allowed are store, opcua, influxdb"),
        (["--start", "yesterday"], "--start: time 'yesterday': allowed is ISO 8601"),
        (["--start", "2027-01-01T00:00:00Z"], "--end"),
        (["--out", "no/such/folder/found.csv"], "--out no/such/folder/found.csv"),
        (["--plot", "no/such/folder/x.png"], "--plot no/such/folder/x.png: there is no folder no/such/folder"),
    ],
)
def test_what_is_not_allowed_is_refused_in_words(data: Path, words: list[str], said: str) -> None:
    result = CliRunner().invoke(make_app(), ["query", "raw", "R101.T", *SPAN, *words, "--data", str(data)])
    assert isinstance(result.exception, GatewayError)
    assert result.exception.exit_code in (2, 3)
    assert said in str(result.exception)


def test_json_and_table_have_the_same_rows(data: Path) -> None:
    words = ["query", "at", "R101.T", "--time", "2026-11-22T04:00:50Z", "--data", str(data), "--format"]
    (row,) = json.loads(CliRunner().invoke(make_app(), [*words, "json"]).stdout)
    assert row == {
        "signal": "R101.T", "source_time": "2026-11-22T04:00:50.0000000Z", "value": 350.0, "status": "Good"
    }  # fmt: skip
    head, line = CliRunner().invoke(make_app(), [*words, "table"]).stdout.splitlines()
    assert head.split() == list(row)
    assert line.split() == ["R101.T", "2026-11-22T04:00:50.0000000Z", "350", "Good"]


@pytest.mark.parametrize(
    ("shape", "printed"), [("json", "[\n]\n"), ("csv", "signal,source_time,value,status\n"), ("table", "")]
)
def test_nothing_found_is_an_empty_list(data: Path, shape: str, printed: str) -> None:
    words = ["query", "raw", "R101.TIC101.SP", *SPAN, "--data", str(data)]
    result = CliRunner().invoke(make_app(), [*words, "--format", shape])
    assert isinstance(result.exception, GatewayError)
    assert (result.exception.exit_code, result.stdout) == (1, printed)
    assert isinstance(
        CliRunner().invoke(make_app(), [*words, "--out", str(data / "none.json")]).exception, GatewayError
    )
    assert not (data / "none.json").exists()


def test_progress_is_told_when_it_takes_long(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST_S", 0.0)
    monkeypatch.setattr(progress, "LINES_S", 0.01)
    _, said = query(data, "raw", "R101.T", *SPAN)
    assert re.search(r"^0 s$", said, re.MULTILINE), said


def test_a_long_line_keeps_its_peaks(data: Path, tmp_path: Path, drawn) -> None:
    count = 3 * MOST_POINTS
    with contextlib.closing(Store(data / STORE)) as store:
        values = np.full(count, 300.0)
        values[12_345], values[54] = 390.0, 210.0
        store.append(
            Columns.of(
                count,
                signals=int(store.numbers(["R101.T"])[0]),
                times=T0 + (1000 + np.arange(count)) * TICKS_PER_SECOND,
                words=values.view(np.int64),
            )
        )
    span = ("--start", "2026-11-22T04:10:00Z", "--end", "2026-11-22T14:00:00Z")
    query(data, "raw", "R101.T", *span, "--plot", str(tmp_path / "long.png"))
    (axis,) = drawn().axes
    assert len(lines(drawn())["R101.T"]) <= STRIPES
    (envelope,) = (each for each in axis.collections if each.get_paths())
    heights = envelope.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (210.0, 390.0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["R101.T", "--interval", "0.00001us"], "--interval: 1e-11 s is too short"),
        (["R101.T", "--percent-data-good", "101"], "--percent-data-good 101: allowed is 0 to 100"),
        (
            ["R101.Detector.Cause", "--aggregate", "Average"],
            "R101.Detector.Cause is text or a time; allowed are Interpolative",
        ),
    ],
)
def test_what_makes_no_sense_of_an_aggregate_is_refused_in_words(data: Path, words: list[str], said: str) -> None:
    result = CliRunner().invoke(make_app(), ["query", "aggregate", *SPAN, *words, "--data", str(data)])
    assert isinstance(result.exception, BadInput), result.output
    assert said in str(result.exception)


def test_the_axis_of_an_aggregate_has_its_unit(data: Path, tmp_path: Path, drawn) -> None:
    span = (*SPAN[:3], "2026-11-22T04:01:30Z", "--interval", "10s", "--plot", str(tmp_path / "trend.png"))
    for aggregate, unit in (("PercentGood", "%"), ("Total", "K·s"), ("Count", "value")):
        query(data, "aggregate", "R101.T", *span, "--aggregate", aggregate)
        assert [axis.get_ylabel() for axis in drawn().axes] == [unit]


def test_uncertain_data_counts_as_asked(data: Path) -> None:
    with contextlib.closing(Store(data / STORE)) as store:
        store.append(store.columns([sample("R101.T", 100, 400.0, quality.UNCERTAIN)]))
    words = ("aggregate", "R101.T", "--start", "-10s", "--interval", "0s", "--aggregate", "EndBound")
    statuses = [query(data, *words, *more)[0][0].split(",")[3] for more in ((), ("--treat-uncertain-as-good",))]
    assert statuses[0] != statuses[1]
