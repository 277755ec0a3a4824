"""Pictures of history: one panel for each unit, times in UTC, Bad stretches shaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plant.clock import TICKS_PER_SECOND, UNIX_EPOCH_TICKS
from plant.signals import DataType
from timeseries.answers import Answer
from timeseries.columns import Ticks
from timeseries.signals import SignalInfo

TEXTS = (DataType.STRING.value, DataType.DATETIME.value)
COLOURS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f")
BAD = "#94a3b8"
MOST_POINTS, STRIPES = 8_000, 600
"""Of a line that is drawn as it is; of a longer one the lowest, mean and highest of so many stripes."""
_DAY = 86_400 * TICKS_PER_SECOND
_NARROWEST = 1 / 1200
"""Of a picture's width: a shorter Bad stretch would not be seen."""


@dataclass(frozen=True, slots=True)
class Trend:
    """What is drawn of one signal."""

    info: SignalInfo
    answers: Sequence[Answer]

    @property
    def times(self) -> Ticks:
        """Of all that is drawn."""
        return np.concatenate([np.empty(0, np.int64), *(answer.times for answer in self.answers)])

    @property
    def numbers(self) -> NDArray[np.float64]:
        """The values, NaN where there is no number."""
        return np.concatenate([np.empty(0), *map(_numbers, self.answers)])

    @property
    def is_bad(self) -> NDArray[np.bool_]:
        """Where there is no value."""
        return np.concatenate([np.empty(0, np.bool_), *(answer.is_bad for answer in self.answers)])

    @property
    def is_text(self) -> bool:
        """True when there is nothing to draw: the signal is text, and so is what was asked of it."""
        return self.info.data_type in TEXTS and bool(np.isnan(self.numbers).all())


def draw(trends: Sequence[Trend], span: tuple[int, int], path: Path) -> None:
    """Write a picture of several signals over a span; what is stepped is held until its end (ticks)."""
    if not trends:
        return
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.dates as mdates
    import matplotlib.pyplot as plt

    panels = list(dict.fromkeys(trend.info.unit for trend in trends))
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(11, 1.6 + 2.6 * len(panels)), sharex=True, squeeze=False, layout="constrained"
    )
    for number, trend in enumerate(trends):
        axis = axes[panels.index(trend.info.unit)][0]
        style = {"label": trend.info.name, "color": COLOURS[number % len(COLOURS)], "linewidth": 1.2}
        _line(axis, trend, span, style)
        _shade(axis, trend, span)
    for (axis,), unit in zip(axes, panels, strict=True):
        axis.set_ylabel(unit or "value")
        axis.ticklabel_format(axis="y", useOffset=False)
        axis.margins(y=0.08)
        axis.grid(alpha=0.25)
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=6, fontsize=8, frameon=False, borderaxespad=0.2)
        axis.spines[["top", "right"]].set_visible(False)
    last: Any = axes[-1][0]
    last.set_xlim(*_days(np.array(span)))
    dates: Any = mdates
    locator = dates.AutoDateLocator()
    last.xaxis.set_major_locator(locator)
    last.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    last.set_xlabel("plant time, UTC")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _line(axis: Any, trend: Trend, span: tuple[int, int], style: dict[str, Any]) -> None:
    times, values = trend.times, trend.numbers
    if trend.info.stepped and len(times):
        times, values = np.append(times, span[1]), np.append(values, values[-1])
    drawstyle = "steps-post" if trend.info.stepped else "default"
    if len(times) > MOST_POINTS:
        times, lowest, values, highest = _stripes(times, values, span)
        step = "post" if trend.info.stepped else None
        axis.fill_between(_days(times), lowest, highest, step=step, color=style["color"], alpha=0.3, linewidth=0.4)
    if len(times) <= 60 and not trend.info.stepped:
        style |= {"marker": "o", "markersize": 3}
    axis.plot(_days(times), values, drawstyle=drawstyle, **style)


def _shade(axis: Any, trend: Trend, span: tuple[int, int]) -> None:
    """Shade each Bad stretch, up to the sample that ends it."""
    is_bad, times = trend.is_bad, trend.times
    if not is_bad.any():
        return
    edges = np.flatnonzero(np.diff(is_bad, prepend=False, append=False))
    first, behind = edges[::2], edges[1::2]
    low, high = times[first], np.append(times, span[1])[behind]
    width = np.maximum(high - low, round((span[1] - span[0]) * _NARROWEST))
    ranges = np.column_stack((_days(low), width / _DAY))
    axis.broken_barh(ranges.tolist(), (0, 1), transform=axis.get_xaxis_transform(), color=BAD, alpha=0.35, linewidth=0)


def _stripes(times: Ticks, values: NDArray[np.float64], span: tuple[int, int]) -> tuple[NDArray[Any], ...]:
    """Return time, lowest, mean and highest value of each stripe: no peak is lost."""
    stripes = (times - span[0]) * STRIPES // (span[1] - span[0])
    first = np.flatnonzero(np.diff(stripes, prepend=stripes[0] - 1))
    is_known = ~np.isnan(values)
    counts = np.add.reduceat(is_known.astype(np.int64), first)
    with np.errstate(invalid="ignore"):
        means = np.add.reduceat(np.where(is_known, values, 0.0), first) / np.where(counts > 0, counts, np.nan)
    return times[first], np.fmin.reduceat(values, first), means, np.fmax.reduceat(values, first)


def _days(times: Ticks) -> NDArray[np.float64]:
    """Return days since 1970, as matplotlib has dates."""
    return (times - UNIX_EPOCH_TICKS) / _DAY


def _numbers(answer: Answer) -> NDArray[np.float64]:
    if answer.values.dtype != object:
        return np.where(answer.is_bad, np.nan, answer.values)
    values = [np.nan if value is None or isinstance(value, str) else float(value) for value in answer.plain]
    return np.array(values, np.float64)
