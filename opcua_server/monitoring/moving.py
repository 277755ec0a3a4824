"""What items leave and take along when they move between a group's columns and queues of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from opcua_server.monitoring.batch import OVERFLOW, Batch, Left, is_marked, unmarked
from opcua_server.monitoring.group import NEVER
from opcua_server.monitoring.sample import Sample, of_bits

Queued = list[tuple[Sample, int]]
"""Samples, each with its info bits apart."""


def apart(left: Left, types: Sequence[int]) -> Iterator[tuple[Sample, Queued]]:
    """Yield of each item its last report and what waits, given the built-in types."""
    waiting = left.waiting.at(np.argsort(left.waiting.slots, kind="stable"))
    ends = np.searchsorted(waiting.slots, np.arange(len(types)), side="right").tolist()
    marks = is_marked(waiting.status) * OVERFLOW
    columns = (waiting.bits, unmarked(waiting.status), waiting.source, waiting.server, marks)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    begin = 0
    for end, kind, bits, status in zip(ends, types, left.bits.tolist(), left.status.tolist(), strict=True):
        queued = [
            (of_bits(kind, bits, status, source, server), mark)
            for bits, status, source, server, mark in rows[begin:end]
        ]
        yield of_bits(kind, bits, status, 0, 0), queued
        begin = end


def together(states: Sequence[tuple[Sample | None, Queued]]) -> Left:
    """Return what items leave that each were on their own."""
    rows = [
        (place, sample.bits, sample.status | info, sample.source, sample.server)
        for place, (_, queued) in enumerate(states)
        for sample, info in queued
    ]
    slots, bits, status, source, server = zip(*rows, strict=True) if rows else ((),) * 5
    waiting = Batch(
        np.array(slots, np.intp),
        np.array(bits, np.uint64),
        np.array(status, np.uint32),
        np.array(source, np.int64),
        np.array(server, np.int64),
    )
    lasts = [last for last, _ in states]
    return Left(
        waiting,
        np.array([0 if last is None else last.bits for last in lasts], np.uint64),
        np.array([NEVER if last is None else last.status for last in lasts], np.uint32),
    )
