"""Which writes are control traffic: what a controller that holds its loop writes all the time is not audited.

A write that changes the state of the plant is an action to audit (OPC 10000-4 v1.05 §6.5.8); a heartbeat, a working
setpoint or an output twice a second for each reactor is the plant's own working and would bury what people do. So of
control traffic only this is told: that somebody takes a loop, what is written by hand, and what is refused, once until
the answer changes. What operators and engineers write is always told.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from opcua_server.ownership import Claim
from plant import quality
from plant.signals import Writer

_TRAFFIC = (Writer.HEARTBEAT, Writer.HOLDER, Writer.DEMAND, Writer.DETECTOR)


class ControlTraffic:
    """Knows what was refused last, for each session and node."""

    def __init__(self) -> None:
        self._refused: WeakKeyDictionary[object, dict[bytes, int]] = WeakKeyDictionary()

    def is_audited(self, session: object, node: bytes, writer: Writer, claim: Claim | None, code: int) -> bool:
        """Tell whether a write is to be audited; `claim` is how it was before the write."""
        if writer not in _TRAFFIC:
            return True
        refused = self._refused.get(session)
        if not quality.is_bad(code):
            if refused:
                refused.pop(node, None)
            return writer in (Writer.HEARTBEAT, Writer.DEMAND) and claim is not None and not claim.is_mine
        if refused is None:
            refused = self._refused[session] = {}
        if refused.get(node) == code:
            return False
        refused[node] = code
        return True
