"""The second client, which writes while others listen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from asyncua import ua

from benchmarks.opcua.session import Session
from benchmarks.opcua.subscriber import after_header

CYCLE = 50
"""Writes that are encoded beforehand; each value differs from the one before."""


class Writer:
    """Writes all its tags in one call, the next one when that has been answered."""

    def __init__(self, endpoint: str, tags: Sequence[tuple[str, ua.VariantType]]) -> None:
        self.session = Session(endpoint)
        self.counts = np.zeros(len(tags), np.int64)
        """How often each tag has been written, as the server says."""
        self.refused = 0
        self._requests = [self._encoded(tags, turn) for turn in range(CYCLE)]
        self._turn = 0
        self._waits = False

    def write(self) -> None:
        """Write, unless the last one is still on its way."""
        if self._waits or not len(self.counts):
            return
        self._waits = True
        self.session.channel.send(self._requests[self._turn % CYCLE])
        self._turn += 1

    def receive(self) -> None:
        """Take an answer."""
        for _, message in self.session.channel.receive():
            self._waits = False
            good = np.frombuffer(message, "<u4", len(self.counts), after_header(message) + 4) == 0
            self.counts += good
            self.refused += int((~good).sum())

    def _encoded(self, tags: Sequence[tuple[str, ua.VariantType]], turn: int) -> bytes:
        request = ua.WriteRequest()
        request.Parameters.NodesToWrite = [
            ua.WriteValue(
                ua.NodeId.from_string(node),
                ua.AttributeIds.Value,
                None,
                ua.DataValue(ua.Variant(value_of(node, kind, turn), kind)),
            )
            for node, kind in tags
        ]
        return self.session.encoded(request)


def value_of(node: str, kind: ua.VariantType, turn: int) -> float | bool:
    """Return what is written in this turn: within the limits of any setpoint or gain."""
    if kind is ua.VariantType.Boolean:
        return turn % 2 == 0
    return 5.0 + turn * 0.01 if node.endswith(".Kc") else 340.0 + turn * 0.5
