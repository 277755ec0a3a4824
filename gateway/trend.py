"""Pictures of history: one panel for each unit, times in UTC, Bad stretches shaded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import isnan
from pathlib import Path
from typing import Any

from plant import quality
from plant.clock import datetime_from_ticks
from plant.sample import Sample
from plant.signals import DataType
from timeseries.signals import SignalInfo

TEXTS = (DataType.STRING.value, DataType.DATETIME.value)
COLOURS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2")


@dataclass(frozen=True, slots=True)
class Trend:
    """What is drawn of one signal."""

    info: SignalInfo
    samples: list[Sample]

    @property
    def is_text(self) -> bool:
        """True when there is nothing to draw: the signal is text, and so is what was asked of it."""
        return self.info.data_type in TEXTS and all(isnan(_number(sample)) for sample in self.samples)


def draw(trends: list[Trend], end: int, path: Path) -> None:
    """Write a picture of several signals; what is stepped is held until `end` (ticks)."""
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
        times = [datetime_from_ticks(sample.source_time) for sample in trend.samples]
        values = [_number(sample) for sample in trend.samples]
        style: dict[str, Any] = {
            "label": trend.info.name,
            "color": COLOURS[number % len(COLOURS)],
            "linewidth": 1.1,
        }
        if trend.info.stepped:
            axis.step(
                [*times, *([datetime_from_ticks(end)] if times else [])], [*values, *values[-1:]], where="post", **style
            )
        else:
            axis.plot(times, values, **style)
        for sample, following in zip(trend.samples, [*trend.samples[1:], None], strict=True):
            if quality.is_bad(sample.quality):
                until = following.source_time if following is not None else sample.source_time
                left, right = datetime_from_ticks(sample.source_time), datetime_from_ticks(until)
                axis.axvspan(left, max(right, left + timedelta(seconds=1)), color="#94a3b8", alpha=0.35)
    for (axis,), unit in zip(axes, panels, strict=True):
        axis.set_ylabel(unit or "value")
        axis.grid(alpha=0.25)
        axis.legend(loc="upper left", fontsize=8, frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    last: Any = axes[-1][0]
    formatter: Any = mdates.ConciseDateFormatter
    last.xaxis.set_major_formatter(formatter(last.xaxis.get_major_locator()))
    last.set_xlabel("plant time, UTC")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _number(sample: Sample) -> float:
    usable = sample.value is not None and not isinstance(sample.value, str) and not quality.is_bad(sample.quality)
    return float(sample.value) if usable else float("nan")  # type: ignore[arg-type]
