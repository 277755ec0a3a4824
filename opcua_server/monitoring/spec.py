"""What was agreed for a monitored item."""

from __future__ import annotations

from dataclasses import dataclass

from opcua_server.monitoring.event_filter import EventFilter
from opcua_server.monitoring.filters import NO_FILTER, Filter
from opcua_server.monitoring.sample import ConstantSource, RowSource, Source

DISABLED, SAMPLING, REPORTING = range(3)
"""MonitoringMode (OPC 10000-4 v1.05 §7.23)."""
NO_ROW = -1


@dataclass(frozen=True, slots=True)
class Spec:
    """What was agreed for an item."""

    source: Source
    handle: int
    mode: int = REPORTING
    sampling_ms: float = 0.0
    """0: every change is a sample; only rows of the bank have that."""
    size: int = 1
    discard_oldest: bool = True
    filter: Filter = NO_FILTER
    times_mask: int = 0
    event_filter: EventFilter | None = None
    """Only the items of event notifiers have one."""

    @property
    def row(self) -> int:
        """The row of the bank that is monitored, NO_ROW when none is."""
        return self.source.row if isinstance(self.source, RowSource) else NO_ROW

    @property
    def is_periodic(self) -> bool:
        """True when it is sampled by its interval."""
        return self.sampling_ms > 0.0 and not isinstance(self.source, ConstantSource)
