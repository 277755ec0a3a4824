"""Pictures of history: one panel for each unit, times in UTC, Bad stretches shaded."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from plant import quality
from plant.clock import datetime_from_ticks
from plant.sample import Sample

COLOURS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2")


def draw(samples: dict[str, list[Sample]], units: dict[str, str], path: Path) -> None:
    """Write a picture of several signals."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.dates as mdates
    import matplotlib.pyplot as plt

    panels = list(dict.fromkeys(units.values()))
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(11, 1.6 + 2.6 * len(panels)), sharex=True, squeeze=False, layout="constrained"
    )
    for number, (name, group) in enumerate(samples.items()):
        axis = axes[panels.index(units[name])][0]
        times = [datetime_from_ticks(sample.source_time) for sample in group]
        values = [_number(sample) for sample in group]
        held = any(not isinstance(sample.value, float) for sample in group if sample.value is not None)
        style = {"drawstyle": "steps-post"} if held else {}
        axis.plot(times, values, label=name, color=COLOURS[number % len(COLOURS)], linewidth=1.1, **style)
        for sample, following in zip(group, [*group[1:], None], strict=True):
            if quality.is_bad(sample.quality):
                end = following.source_time if following is not None else sample.source_time
                left, right = datetime_from_ticks(sample.source_time), datetime_from_ticks(end)
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
