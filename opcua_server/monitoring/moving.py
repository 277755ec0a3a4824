"""What waits of an item, and what it reported last, when it moves between a group's columns and a queue of its own."""

from __future__ import annotations

import numpy as np

from opcua_server.monitoring.group import NEVER
from opcua_server.monitoring.queues import OVERFLOW, Batch
from opcua_server.monitoring.sample import Sample, of_bits


def samples_of(type_number: int, batch: Batch) -> list[tuple[Sample, int]]:
    """Return samples of a group, each with its info bits apart."""
    rows = zip(*(column.tolist() for column in (batch.bits, batch.status, batch.source, batch.server)), strict=True)
    return [
        (of_bits(type_number, bits, status & ~OVERFLOW, source, server), status & OVERFLOW)
        for bits, status, source, server in rows
    ]


def last_of(type_number: int, last: tuple[int, int]) -> Sample:
    """Return what an item of a group reported last."""
    bits, status = last
    return of_bits(type_number, bits, status, 0, 0)


def batch_of(queued: list[tuple[Sample, int]]) -> Batch:
    """Return samples of one item as columns, for slot 0."""
    return Batch(
        np.zeros(len(queued), np.intp),
        np.array([sample.bits for sample, _ in queued], np.uint64),
        np.array([sample.status | info for sample, info in queued], np.uint32),
        np.array([sample.source for sample, _ in queued], np.int64),
        np.array([sample.server for sample, _ in queued], np.int64),
    )


def reported(last: Sample | None) -> tuple[int, int]:
    """Return (bits, status) of what an item reported last, as a group keeps it."""
    return (0, NEVER) if last is None else (last.bits, last.status)
