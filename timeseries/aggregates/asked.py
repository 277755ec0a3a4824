"""What is asked of a series, beside the aggregate."""

from __future__ import annotations

from dataclasses import dataclass

from timeseries.aggregates.configuration import AggregateConfiguration
from timeseries.aggregates.intervals import Intervals


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Intervals of a signal, and how its bad and uncertain data count."""

    intervals: Intervals
    configuration: AggregateConfiguration
    stepped: bool
