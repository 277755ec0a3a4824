"""`cstr-gateway query`: history by command."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.output import FormatOption, print_rows
from plant import quality
from plant.clock import seconds_from_duration, text_from_ticks, ticks_from_seconds, ticks_from_time
from plant.sample import Sample
from runtime.errors import BadInput, GatewayError

if TYPE_CHECKING:
    from gateway.history import History

COLUMNS = ("signal", "source_time", "value", "status")
SOURCES = ("store", "opcua", "influxdb")

Signals = Annotated[list[str], typer.Argument(help="E.g. R101.T R101.TIC101.SP.")]
Start = Annotated[str, typer.Option(help="ISO 8601, or relative to the newest sample, e.g. -1h.")]
End = Annotated[str, typer.Option(help="As --start.")]
Source = Annotated[str, typer.Option(help="store (also when the plant is stopped), opcua or influxdb.")]
Data = Annotated[Path, typer.Option(help="Data directory of the plant.")]
Plot = Annotated[Path | None, typer.Option(help="Write a picture too, e.g. trend.png.")]

app = typer.Typer(
    no_args_is_help=True, help="Ask for history: last, raw, at or aggregate.\n\nExample: cstr-gateway query last R101.T"
)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="query")


@app.command("last")
def last(signals: Signals, source: Source = "store", data: Data = Path("data"), format: FormatOption = None) -> None:  # noqa: A002
    """Print the newest sample of each signal.

    Example: cstr-gateway query last R101.T R101.TIC101.SP
    """
    history = _open(source, data)
    _print([sample for name in signals for sample in _run(history.last(name))], format)


@app.command("raw")
def raw(
    signals: Signals,
    start: Start = "-5min",
    end: End = "now",
    source: Source = "store",
    data: Data = Path("data"),
    plot: Plot = None,
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Print the samples with start <= time < end.

    Example: cstr-gateway query raw R101.T R101.Tc --start -10min --plot trend.png
    """
    history = _open(source, data)
    low, high = _span(history, start, end)
    samples = {name: _run(history.raw(name, low, high)) for name in signals}
    if plot is not None:
        framed = {name: [*_bound(history, name, low), *group] for name, group in samples.items()}
        _draw(history, framed, high, plot)
    _print([sample for group in samples.values() for sample in group], format)


@app.command("at")
def at(
    signals: Signals,
    time: Annotated[list[str], typer.Option(help="ISO 8601 or relative; may be given several times.")],
    source: Source = "store",
    data: Data = Path("data"),
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Print the value at each time: interpolated, or held where the signal is stepped.

    Example: cstr-gateway query at R101.T --time -1min
    """
    history = _open(source, data)
    now = _run(history.now())
    times = [_time(text, now) for text in time]
    _print([_run(history.at(name, when)) for name in signals for when in times], format)


@app.command("aggregate")
def aggregate(
    signals: Signals,
    start: Start = "-1h",
    end: End = "now",
    interval: Annotated[str, typer.Option(help="E.g. 10s.")] = "1min",
    aggregate: Annotated[str, typer.Option(help="OPC 10000-13 name, e.g. TimeAverage, Maximum.")] = "TimeAverage",
    source: Source = "store",
    data: Data = Path("data"),
    plot: Plot = None,
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Print one value for each interval, at its start; the interval 0s makes one of all.

    Interpolative, Average, TimeAverage, TimeAverage2, Total, Total2;
    Minimum, Maximum, MinimumActualTime, MaximumActualTime, Range,
    Minimum2, Maximum2, MinimumActualTime2, MaximumActualTime2, Range2;
    Count, NumberOfTransitions, DurationInStateZero, DurationInStateNonZero;
    Start, End, Delta, StartBound, EndBound, DeltaBounds;
    DurationGood, DurationBad, PercentGood, PercentBad,
    WorstQuality, WorstQuality2; StandardDeviation, VarianceSample,
    StandardDeviationSample, StandardDeviationPopulation, VariancePopulation.

    An ActualTime stands at the time of its value. Durations are in ms,
    totals in the signal's unit times seconds.

    Example: cstr-gateway query aggregate R101.T --start -1h --interval 1min --aggregate TimeAverage
    """
    history = _open(source, data)
    low, high = _span(history, start, end)
    try:
        interval_s = seconds_from_duration(interval)
        samples = {
            name: _run(history.aggregate(name, low, high, ticks_from_seconds(interval_s), aggregate))
            for name in signals
        }
    except ValueError as error:
        raise BadInput(f"--interval or --aggregate: {error}") from None
    if plot is not None:
        _draw(history, samples, high, plot)
    extra = {"aggregate": aggregate, "interval_s": interval_s}
    _print([sample for group in samples.values() for sample in group], format, extra)


def _open(source: str, data: Path) -> History:
    if source not in SOURCES:
        message = f"--source {source!r}: allowed are {', '.join(SOURCES)}"
        raise BadInput(message)
    from gateway.history import open_history

    return open_history(source, data)


def _run(answer: Any) -> Any:
    return asyncio.run(answer)


def _time(text: str, now: int) -> int:
    try:
        return ticks_from_time(text, now)
    except ValueError as error:
        raise BadInput(str(error)) from None


def _span(history: History, start: str, end: str) -> tuple[int, int]:
    now = _run(history.now()) + 1
    low, high = _time(start, now), _time(end, now)
    if high <= low:
        message = f"--end {end!r}: allowed is a time after --start {start!r}"
        raise BadInput(message)
    return low, high


def _print(samples: list[Sample], chosen: Any, extra: dict[str, Any] | None = None) -> None:
    if not samples:
        message = "nothing found; is --start early enough?"
        raise GatewayError(message)
    rows = [
        {
            "signal": sample.signal,
            "source_time": text_from_ticks(sample.source_time),
            "value": None if quality.is_bad(sample.quality) else sample.value,
            "status": quality.name_of(sample.quality),
            **(extra or {}),
        }
        for sample in samples
    ]
    print_rows(rows, (*COLUMNS, *(extra or {})), chosen)


def _bound(history: History, name: str, time: int) -> list[Sample]:
    """Return the value at the start of a picture, where there is one."""
    sample = _run(history.at(name, time))
    return [] if sample.quality == quality.BAD_NO_DATA else [sample]


def _draw(history: History, samples: dict[str, list[Sample]], end: int, plot: Path) -> None:
    from gateway.trend import Trend, draw

    trends = [Trend(history.info(name), group) for name, group in samples.items()]
    for trend in trends:
        if trend.is_text:
            print(f"{trend.info.name}: is text, left out of {plot}", file=sys.stderr)
    draw([trend for trend in trends if not trend.is_text], end, plot)
