"""What is known of a server over one connection."""

from __future__ import annotations

from dataclasses import dataclass, field

from historian.epochs import Epochs
from historian.messages.line_protocol import LATEST
from plant.clock import TICKS_PER_SECOND, ticks_from_seconds
from runtime.opcua_link.values import VariableInfo

AHEAD = ticks_from_seconds(86_400.0)
"""So far may a value of another server be ahead of that server's clock; plant time may be anywhere."""
BEYOND = TICKS_PER_SECOND
"""So far may a value of our plant be ahead of its clock, which is that of the last scan: what is written later is."""

Place = tuple[int, int]
"""Epoch and time of a sample."""


@dataclass(slots=True)
class Served:
    """Signals, and the time that they are of."""

    is_plant: bool = True
    """False for a server that is none of ours."""
    infos: dict[str, VariableInfo] = field(default_factory=dict)
    reached: dict[str, Place] = field(default_factory=dict)
    """The newest sample of each signal that was stored when the connection was made."""
    epochs: Epochs = field(default_factory=Epochs)

    @property
    def ahead(self) -> int:
        """How far a value may be ahead of the server's clock, ticks."""
        return LATEST if self.is_plant else AHEAD

    @property
    def beyond(self) -> int:
        """How far beyond the server's clock its history is read, ticks."""
        return BEYOND if self.is_plant else AHEAD
