"""Picture of a batch: how each parameter is distributed among normal, abnormal and flagged rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from detector.batch.generator import COLUMNS
from detector.batch.rows import Table
from runtime.errors import BadInput

UNITS = {"T": "K", "Ca0": "mol/L", "Q": "L/s", "X": "1", "Ca": "mol/L", "r": "mol/(L s)"}
BINS = 50


def draw(table: Table, path: Path) -> None:
    """Write the picture of a flagged batch with labels.

    Raises:
        BadInput: when the batch has no labels or verdicts, or the picture cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    abnormal, flagged = (_marks(table, name) for name in ("label", "anomaly"))
    figure, axes = plt.subplots(2, 3, figsize=(12, 6.5), layout="constrained")
    for axis, name in zip(axes.flat, COLUMNS, strict=True):
        values = table.columns[name]
        bins: Any = np.linspace(values.min(), values.max(), BINS + 1)
        axis.hist(values[~abnormal], bins, color="#93c5fd", label="normal")
        axis.hist(values[abnormal], bins, color="#f59e0b", alpha=0.75, label="abnormal")
        axis.hist(values[flagged], bins, histtype="step", color="#dc2626", linewidth=1.4, label="flagged")
        axis.set_yscale("symlog", linthresh=10)
        axis.set_ylim(bottom=0)
        axis.set_xlabel(f"{name}, {UNITS[name]}")
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("rows")
    axes[0][0].legend(frameon=False, fontsize=9)
    figure.suptitle(
        f"{len(table.rows)} rows: {int(abnormal.sum())} abnormal, {int(flagged.sum())} flagged, "
        f"{int((flagged & ~abnormal).sum())} of these wrongly, {int((abnormal & ~flagged).sum())} missed",
        fontsize=11,
    )
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        message = f"{path}: cannot be written: {error}"
        raise BadInput(message) from None
    finally:
        plt.close(figure)


def _marks(table: Table, name: str) -> Any:
    if name not in table.header:
        message = f"no column {name}; allowed is a batch of `cstr-gateway generate`, flagged by `detect`"
        raise BadInput(message)
    place = table.header.index(name)
    return np.array([row[place] == "1" for row in table.rows])
