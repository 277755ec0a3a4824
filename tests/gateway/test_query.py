"""`cstr-gateway query` on a store: what holds is shown as held."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.dates import num2date
from typer.testing import CliRunner

from gateway.cli import make_app
from gateway.history import STORE
from plant import quality
from plant.clock import TICKS_PER_SECOND, datetime_from_ticks, ticks_from_text
from plant.sample import Sample
from runtime.errors import BadInput
from timeseries.aggregates import FUNCTIONS
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
