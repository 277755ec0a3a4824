"""One value of one signal at one time: for people and edges; running data moves as columns."""

from __future__ import annotations

from dataclasses import dataclass

from plant import quality

Scalar = float | int | bool | str


@dataclass(frozen=True, slots=True)
class Sample:
    """A measured, computed or commanded value."""

    source_time: int
    """SourceTimestamp, 100 ns ticks since 1601."""
    signal: str
    """Full name, e.g. `R101.TIC101.SP`."""
    value: Scalar | None
    """None when the quality is Bad; a DateTime is ISO text."""
    quality: int = quality.GOOD
    """OPC UA StatusCode, whole."""
    server_time: int = 0
    """ServerTimestamp, 100 ns ticks since 1601; 0 when not known."""
    epoch: int = 0
    """Plant.Simulation.Epoch at the time of the sample."""
    seq: int = 0
    """The historian's number of the sample, per reactor, without holes; 0 before it is stored."""
