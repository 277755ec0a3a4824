"""`cstr-gateway query`: history by command."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.answer_output import AnswerOutput, OutOption
from gateway.history import SOURCES, open_history
from gateway.output import Format, FormatOption
from gateway.progress import Progress
from plant import quality
from plant.clock import seconds_from_duration, ticks_from_time
from runtime.errors import BadInput, CouldNotRun
from timeseries.aggregates import FUNCTIONS, AggregateConfiguration, ticks_of_interval
from timeseries.answers import Answer, Extra
from timeseries.kinds import kind_of

if TYPE_CHECKING:
    from gateway.history import History

PICTURES = (".png", ".svg", ".pdf")


def _once(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


Signals = Annotated[list[str], typer.Argument(help="E.g. R101.T R101.TIC101.SP.", callback=_once)]
Start = Annotated[str, typer.Option(help="ISO 8601, or relative to the newest sample, e.g. -1h.")]
End = Annotated[str, typer.Option(help="As --start.")]
Source = Annotated[
    str,
    typer.Option(
        help="store (also when the plant is stopped), opcua or influxdb. "
        "What clients change of the server's history is seen in opcua only."
    ),
]
Data = Annotated[Path, typer.Option(help="Data directory of the plant.")]
Plot = Annotated[Path | None, typer.Option(help="Write a picture too: trend.png, .svg or .pdf.")]
UncertainIsGood = Annotated[
    bool,
    typer.Option("--treat-uncertain-as-good", help="Without TreatUncertainAsBad (OPC 10000-13)."),
]
Find = Callable[["History", Progress, int, int], AsyncIterator[Answer]]
"""Yields what is asked of a source, within a span."""

app = typer.Typer(
    no_args_is_help=True, help="Ask for history: last, raw, at or aggregate.\n\nExample: cstr-gateway query last R101.T"
)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="query")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about, of whom, and where the answer goes."""

    signals: list[str]
    source: str
    data: Path
    out: Path | None
    format: Format | None
    span: tuple[str, str] | None = None
    """Start and end."""
    plot: Path | None = None
    aggregate: str | None = None
    """None: raw samples. `now` is behind the newest of them, and a picture begins with the value that held before."""

    def answer(self, find: Find, extra: Extra | None = None) -> None:
        """Ask and show."""
        if self.source not in SOURCES:
            message = f"--source {self.source!r}: allowed are {', '.join(SOURCES)}"
            raise BadInput(message)
        if self.plot is not None:
            _refuse_place(self.plot)
        with AnswerOutput(self.out, self.format, extra or {}) as output:
            asyncio.run(self._answer(find, output))

    async def _answer(self, find: Find, output: AnswerOutput) -> None:
        progress = Progress()
        kept: dict[str, list[Answer]] = {name: [] for name in self.signals}
        async with progress.shown(), open_history(self.source, self.data) as history:
            for name in self.signals:
                history.info(name)
            span = await self._resolved(history, *self.span) if self.span is not None else (0, 0)
            async for answer in find(history, progress, *span):
                if self.plot is not None:
                    kept[answer.signal].append(answer)
                await asyncio.to_thread(output.put, answer)
                progress.rows, progress.is_quiet = output.rows, output.is_on_terminal
            output.end()
            if self.plot is not None:
                progress.what, progress.is_quiet = f"drawing {self.plot}", False
                await self._draw(history, kept, span, self.plot)

    async def _draw(self, history: History, kept: dict[str, list[Answer]], span: tuple[int, int], plot: Path) -> None:
        from gateway.trend import Trend, draw

        trends = []
        for name, answers in kept.items():
            info = history.info(name)
            if self.aggregate is not None:
                trends.append(Trend(kind_of(self.aggregate, info), answers))
                continue
            before = await history.at(name, [span[0]])
            is_known = before.statuses[0] != quality.BAD_NO_DATA
            trends.append(Trend(info, [before, *answers] if is_known else answers))
        for trend in trends:
            if trend.is_text:
                print(f"{trend.info.name}: is text, left out of {plot}", file=sys.stderr)
        try:
            await asyncio.to_thread(draw, [trend for trend in trends if not trend.is_text], span, plot)
        except OSError as error:
            raise CouldNotRun(f"--plot {plot}: {error.strerror}") from None

    async def _resolved(self, history: History, start: str, end: str) -> tuple[int, int]:
        now = await history.now()
        low = _time("--start", start, now)
        high = now + 1 if self.aggregate is None and end.strip() == "now" else _time("--end", end, now)
        if high <= low:
            message = f"--end {end!r}: allowed is a time after --start {start!r}"
            raise BadInput(message)
        return low, high


@app.command("last")
def last(
    signals: Signals,
    source: Source = "store",
    data: Data = Path("data"),
    out: OutOption = None,
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Print the newest sample of each signal.

    Example: cstr-gateway query last R101.T R101.TIC101.SP
    """

    async def find(history: History, progress: Progress, low: int, high: int) -> AsyncIterator[Answer]:
        for name in signals:
            yield await history.last(name)

    Asked(signals, source, data, out, format).answer(find)


@app.command("raw")
def raw(
    signals: Signals,
    start: Start = "-5min",
    end: End = "now",
    source: Source = "store",
    data: Data = Path("data"),
    out: OutOption = None,
    plot: Plot = None,
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Print the samples with start <= time < end.

    Example: cstr-gateway query raw R101.T R101.Tc --start -10min --plot trend.png

    Example: cstr-gateway query raw R101.T --start -7d --out week.parquet
    """

    async def find(history: History, progress: Progress, low: int, high: int) -> AsyncIterator[Answer]:
        for number, name in enumerate(signals):
            progress.what = name
            async for page in history.pages(name, low, high):
                yield page
                progress.share = (number + (int(page.times[-1]) - low) / (high - low)) / len(signals)

    Asked(signals, source, data, out, format, (start, end), plot).answer(find)


@app.command("at")
def at(
    signals: Signals,
    time: Annotated[list[str], typer.Option(help="ISO 8601 or relative; may be given several times.")],
    treat_uncertain_as_good: UncertainIsGood = False,
    source: Source = "store",
    data: Data = Path("data"),
    out: OutOption = None,
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Print the value at each time: interpolated, or held where the signal is stepped; nothing in a bad stretch.

    Example: cstr-gateway query at R101.T --time -1min --treat-uncertain-as-good
    """

    async def find(history: History, progress: Progress, low: int, high: int) -> AsyncIterator[Answer]:
        now = await history.now()
        times = [_time("--time", text, now) for text in time]
        for name in signals:
            progress.what = name
            yield await history.at(name, times, AggregateConfiguration(not treat_uncertain_as_good))

    Asked(signals, source, data, out, format).answer(find)


@app.command("aggregate")
def aggregate(
    signals: Signals,
    start: Start = "-1h",
    end: End = "now",
    interval: Annotated[str, typer.Option(help="E.g. 10s.")] = "1min",
    aggregate: Annotated[str, typer.Option(help="OPC 10000-13 name, e.g. TimeAverage, Maximum.")] = "TimeAverage",
    treat_uncertain_as_good: UncertainIsGood = False,
    percent_data_bad: Annotated[int, typer.Option(help="From this share of bad data on a result is Bad.")] = 100,
    percent_data_good: Annotated[int, typer.Option(help="From this share of good data on it is Good.")] = 100,
    use_sloped_extrapolation: Annotated[
        bool, typer.Option("--use-sloped-extrapolation", help="Behind the last value its line goes on.")
    ] = False,
    source: Source = "store",
    data: Data = Path("data"),
    out: OutOption = None,
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

    Example: cstr-gateway query aggregate R101.T --treat-uncertain-as-good --use-sloped-extrapolation
    """
    if aggregate not in FUNCTIONS:
        message = f"--aggregate {aggregate!r}: allowed are {', '.join(FUNCTIONS)}"
        raise BadInput(message)
    try:
        interval_s = seconds_from_duration(interval)
    except ValueError as error:
        raise BadInput(f"--interval: {error}") from None
    try:
        ticks = ticks_of_interval(interval_s)
        configuration = AggregateConfiguration(
            not treat_uncertain_as_good, percent_data_bad, percent_data_good, use_sloped_extrapolation
        )
    except ValueError as error:
        raise BadInput(f"--{str(error).replace('_', '-')}") from None

    async def find(history: History, progress: Progress, low: int, high: int) -> AsyncIterator[Answer]:
        for name in signals:
            progress.what = f"{aggregate} of {name}"
            try:
                yield await history.aggregate(name, low, high, ticks, aggregate, configuration)
            except ValueError as error:
                raise BadInput(f"--{error}") from None

    extra: Extra = {"aggregate": aggregate, "interval_s": interval_s}
    Asked(signals, source, data, out, format, (start, end), plot, aggregate).answer(find, extra)


def _time(option: str, text: str, now: int) -> int:
    try:
        return ticks_from_time(text, now)
    except ValueError as error:
        raise BadInput(f"{option}: {error}") from None


def _refuse_place(plot: Path) -> None:
    """Return if a picture can be written there."""
    if plot.suffix.lower() not in PICTURES:
        message = f"--plot {plot}: allowed are {', '.join(PICTURES)}"
        raise BadInput(message)
    if not plot.parent.is_dir():
        raise CouldNotRun(f"--plot {plot}: there is no folder {plot.parent}")
