"""The audit trail: records as JSON lines, written by a thread, so that a slow disk never holds the scan."""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from opcua_server.auditing.record import Record
from opcua_server.wire.messages import now_ticks
from plant.clock import text_from_ticks
from runtime.rotating_lines import RotatingLines

log = logging.getLogger("server")

MOST_WAITING = 10_000
"""Records that wait for the disk; beyond it they are lost, and counted."""
GATHER_S, MOST_AT_ONCE = 0.02, 100
"""A record waits so long for others to be written with it: the thread that serves clients is disturbed less often."""
CLOSE_S = 2.0
"""How long an end waits for what is still to be written."""


class AuditTrail(Collector):
    """Writes what it is given until it is closed; what is lost is counted, and told in the trail once it can be."""

    def __init__(self, lines: RotatingLines, registry: CollectorRegistry) -> None:
        self._lines = lines
        self._waiting: queue.Queue[Record | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._written = 0
        self._unheard = 0
        """Records for which there was no room."""
        self._unwritten = 0
        self._told = 0
        """Of those lost, how many the trail tells of."""
        self._is_failing = False
        registry.register(self)
        self._thread.start()

    def close(self) -> None:
        """Write what still waits; nothing is kept after that."""
        try:
            self._waiting.put(None, timeout=CLOSE_S)
        except queue.Full:
            log.error("audit: the end of the trail is lost: the disk did not take it within %.0f s", CLOSE_S)
            return
        self._thread.join(CLOSE_S)

    @property
    def lost(self) -> int:
        """Records that were not written."""
        return self._unheard + self._unwritten

    def collect(self) -> Iterator[Metric]:
        """Return the metrics."""
        yield CounterMetricFamily("cstr_audit_records", "Audited actions written to the trail.", value=self._written)
        yield CounterMetricFamily("cstr_audit_dropped", "Audited actions that were not written.", value=self.lost)

    def put(self, record: Record) -> None:
        """Keep one; never waits."""
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self._unheard += 1

    def _run(self) -> None:
        """Write until None is taken, which `close` has put there."""
        taken: list[Record | None] = []
        while None not in taken:
            taken = [self._waiting.get()]
            time.sleep(GATHER_S)
            with contextlib.suppress(queue.Empty):
                while taken[-1] is not None and len(taken) < MOST_AT_ONCE:
                    taken.append(self._waiting.get_nowait())
            self._write([record for record in taken if record is not None])
        self._lines.close()

    def _write(self, records: Sequence[Record]) -> None:
        lost = self.lost
        try:
            if lost > self._told:
                self._lines.write(_loss(lost - self._told))
                self._told = lost
            self._lines.write(b"".join(record.line() for record in records))
        except OSError as error:
            self._unwritten += len(records)
            if not self._is_failing:
                log.error("audit: %s; what follows is lost, and counted, until the trail can be written", error)
            self._is_failing = True
            return
        self._written += len(records)
        if self._is_failing:
            log.warning("audit: the trail is written again")
        self._is_failing = False


def _loss(count: int) -> bytes:
    message = f"{count} audited actions could not be written"
    facts = {"time": text_from_ticks(now_ticks()), "event": "Lost", "message": message, "count": count}
    return json.dumps(facts).encode() + b"\n"
