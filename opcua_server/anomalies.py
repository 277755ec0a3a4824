"""Follows what the detector says of each reactor: what begins and ends is recorded, then told as an event.

Whether an anomaly is under way is known from the log, over restarts of the server and of the detector: what is under
way does not begin again, and ends when the detector says that the reactor is normal.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence

import numpy as np
from prometheus_client import CollectorRegistry, Counter

from opcua_server.anomaly_events import AnomalyEvents
from opcua_server.events import HIGH, LOW, new_event_id
from opcua_server.monitoring.event import Event
from opcua_server.tags import Tags
from plant import quality
from plant.clock import TICKS_PER_SECOND
from plant.names import PLANT
from timeseries.event_log import EventLog, Occurrence

log = logging.getLogger("server")

MOST_WAITING = 10_000
"""Events that wait in memory while the disk takes none; the oldest go first."""
UNKNOWN = "unknown cause"
LONGEST_CAUSE = 1_000
"""Characters; the rest of what a detector writes is not kept with the event."""


class Anomalies:
    """Of all reactors."""

    def __init__(
        self,
        reactors: Sequence[str],
        tags: Tags,
        event_log: EventLog,
        events: AnomalyEvents,
        tell: Callable[[Event], None],
        registry: CollectorRegistry,
    ) -> None:
        """`tell` gets each event once it is recorded."""
        self._reactors, self._tags, self._log, self._events, self._tell = reactors, tags, event_log, events, tell
        self._rows = tags.rows(f"{reactor}.Detector.Anomaly" for reactor in reactors)
        self._scores = tags.rows(f"{reactor}.Detector.Score" for reactor in reactors)
        self._seen = np.zeros(len(reactors), np.uint64)
        """Changes of each verdict that were looked at."""
        newest = event_log.newest()
        self._next = 1 + max((each.id for each in newest.values()), default=0)
        self._under_way = {name: each for name, each in newest.items() if each.is_beginning}
        worst = [self._under_way[name].score if name in self._under_way else 0.0 for name in reactors]
        self._worst = np.array(worst, np.float64)
        """Score of each anomaly that is under way."""
        self._waiting: list[Occurrence] = []
        self._lost = Counter("cstr_events_lost", "Events that the history could not take.", registry=registry)

    def unwritten(self) -> Sequence[Occurrence]:
        """Return what the disk has not taken yet."""
        return tuple(self._waiting)

    def flush(self) -> None:
        """Record and tell what has begun or ended since; where the disk refuses, it waits in memory."""
        bank = self._tags.bank
        np.maximum(self._worst, bank.numbers[self._scores], out=self._worst)
        changes = bank.changes[self._rows]
        changed = np.flatnonzero(changes != self._seen)
        fresh: list[Occurrence] = []
        for index in changed.tolist():
            event = self._follow(index)
            if event is not None:
                fresh.append(event)
        self._seen = changes
        if fresh or self._waiting:
            self._record(fresh)
        for event in fresh:
            self._tell(self._events.make(event))

    def _follow(self, index: int) -> Occurrence | None:
        """Return what a verdict begins or ends; one that is not known does neither."""
        reactor, row, bank = self._reactors[index], int(self._rows[index]), self._tags.bank
        if quality.is_bad(int(bank.status[row])):
            return None
        is_anomaly, before = bool(bank.integers[row]), self._under_way.get(reactor)
        if is_anomaly is (before is not None):
            return None
        time = int(bank.source[row])
        since = int(self._tags[f"{reactor}.Detector.Since"].value or 0)
        cause = str(self._tags[f"{reactor}.Detector.Cause"].value or "")[:LONGEST_CAUSE]
        score = float(bank.numbers[self._scores[index]])
        ended = since if before is not None and before.began < since <= time else time
        event = Occurrence(
            id=self._next,
            time=time,
            epoch=int(self._tags[f"{PLANT}.Simulation.Epoch"].value or 0),
            server_time=int(bank.server[row]),
            event_id=new_event_id(),
            source=reactor,
            is_beginning=before is None,
            began=before.began if before is not None else since or time,
            cause=before.cause if before is not None else cause,
            score=score if before is None else float(self._worst[index]),
            severity=HIGH if before is None else LOW,
            message=_words(reactor, cause, score) if before is None else _last_words(before, ended),
            ended=None if before is None else ended,
        )
        self._next += 1
        self._worst[index] = score
        if before is None:
            self._under_way[reactor] = event
        else:
            del self._under_way[reactor]
        return event

    def _record(self, fresh: Sequence[Occurrence]) -> None:
        waiting = [*self._waiting, *fresh]
        try:
            self._log.append(waiting)
        except sqlite3.Error as error:
            if not self._waiting:
                log.error("the log of anomalies refuses (%s); events wait in memory until it takes them", error)
            self._lost.inc(max(0, len(waiting) - MOST_WAITING))
            self._waiting = waiting[-MOST_WAITING:]
            return
        if self._waiting:
            log.info("the log of anomalies works again")
        self._waiting = []


def _words(reactor: str, cause: str, score: float) -> str:
    return f"{reactor}: an anomaly began, {cause or UNKNOWN} (score {score:.3g})"


def _last_words(beginning: Occurrence, ended: int) -> str:
    seconds = (ended - beginning.began) / TICKS_PER_SECOND
    lasted = f" after {seconds:.0f} s" if seconds >= 0 else ""
    return f"{beginning.source}: the anomaly ended{lasted}, {beginning.cause or UNKNOWN}"
