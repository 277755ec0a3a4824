"""One measurement: items of a server, delivered to subscribers for some seconds, counted against what it changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.opcua.load import ASK_S, Load
from benchmarks.opcua.meter import Counts, Delays
from benchmarks.opcua.servers.process import Server
from benchmarks.opcua.session import Security, Session
from benchmarks.opcua.subscriber import Item, Subscriber
from benchmarks.opcua.writer import Writer

QUEUE = 20
"""Of each item: twice as many changes as come within the second that a value may take."""
WARM_UP_S = 1.0
INITIAL_S = 120.0
DRAIN_S = 30.0
STALLED_S = 5.0
"""A server that has more to send may be silent for so long."""
LATE_MS = 1000.0
KEPT_UP = 0.9
"""Of the changes that the period asks for: a server that makes fewer has not sustained them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a subscriber subscribes to: changing tags first, then those with a deadband, then those that are written."""

    items: tuple[Item, ...]
    changing: int
    written: int
    failing: int
    last: int
    """How many of the server's tags must change for it."""


def plan(server: Server, tags: int, *, mixed: bool, first: int = 0) -> Plan:
    """Return a plan of so many tags from `first` on; one in a hundred is written, has a deadband or goes Bad."""
    known = server.tags
    third = (max(3, tags // 100) // 3) if mixed else 0
    written = known.written[:third]
    changing = tags - 2 * third
    nodes = known.changing[first : first + changing + third]
    items = [Item(node) for node in nodes[:changing]]
    items += [Item(node, known.deadband) for node in nodes[changing:]]
    items += [Item(node) for node, _ in written]
    return Plan(tuple(items), changing, len(written), third, first + len(nodes))


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured."""

    tags: int
    subscribers: int
    distinct_per_s: float
    """Changes that the server made, of the tags subscribed to."""
    delivered_per_s: float
    """Within the window, without what had piled up before it."""
    cpu_ms_per_1000: float
    server_cpu: float
    """Share of a core."""
    generator_cpu: float
    p50_ms: float
    p99_ms: float
    lost: int
    """Changes that did not arrive, deadbands left out."""
    unexpected: int
    """Notifications that no change accounts for."""
    overflows: int
    bad: int
    behind_deadband: int
    """Notifications of items with a deadband."""
    connections_lost: int
    kept_up: bool

    @property
    def sustained(self) -> bool:
        """True when every change arrived, once and in time."""
        return self.within(LATE_MS)

    def within(self, late_ms: float) -> bool:
        """Tell whether every change arrived, once and before it was so late."""
        wrong = self.lost or self.unexpected or self.connections_lost
        return self.kept_up and not wrong and self.p99_ms < late_ms

    def row(self) -> dict[str, Any]:
        """Return it as a row of a table."""
        return asdict(self) | {"sustained": self.sustained}


class Measurement:
    """A load on a paused server that grows from one measurement to the next."""

    def __init__(
        self, server: Server, plans: Callable[[int], Plan], *, publishing_ms: float, security: Security | None = None
    ) -> None:
        self._server = server
        self._plans = plans
        self._publishing_ms = publishing_ms
        self._security = security
        self._delays = Delays(paused_before=server.source_time_stops)
        self._load = Load()
        self._all: list[Plan] = []

    def close(self) -> None:
        """End all sessions."""
        self._load.close()

    def grow(self, subscribers: int) -> None:
        """Add subscribers until there are so many, and wait for their initial values."""
        server, load = self._server, self._load
        present = len(self._all)
        while len(self._all) < subscribers:
            own = self._plans(len(self._all))
            if load.writer is None and own.written:
                load.write_with(Writer(server.endpoint, server.tags.written[: own.written]), server.period_s)
            session = Session(server.endpoint, self._security)
            subscriber = Subscriber(session, own.items, self._delays, publishing_ms=self._publishing_ms, queue=QUEUE)
            self._all.append(own)
            load.add(subscriber)
            load.run(0.0)
        load.run(INITIAL_S, until=lambda: all(each.meter.counts.all() for each in load.subscribers[present:]))
        self._drain()

    def run(self, seconds: float) -> Result:
        """Let the server run so long after warming up, pause it, wait for what is on its way, and compare."""
        server, load = self._server, self._load
        before = self._produced()
        load.reset()
        load.lost.clear()
        running = time.monotonic()
        server.resume(max(each.last for each in self._all), max(each.failing for each in self._all))
        load.run(WARM_UP_S, writing=True)
        self._delays.reset()
        began, cpu, own_cpu, records = time.monotonic(), server.cpu_s(), time.process_time(), load.records
        load.run(seconds, writing=True)
        window = time.monotonic() - began
        cpu, own_cpu, records = server.cpu_s() - cpu, time.process_time() - own_cpu, load.records - records
        server.pause()
        ran = time.monotonic() - running
        self._drain()
        expected = [after - ago for after, ago in zip(self._produced(), before, strict=True)]
        counts = [each.meter.counts for each in load.subscribers]
        if any((wanted[mask] > got[mask]).any() for wanted, got, mask in self._compared(expected, counts)):
            self._drain(STALLED_S)
        missing = [wanted[mask] - got[mask] for wanted, got, mask in self._compared(expected, counts)]
        distinct = self._distinct(expected)
        periods = max(1.0, ran / server.period_s - 1.0)
        nominal = len({item.node for each in self._all for item in each.items[: each.changing]}) * periods
        return Result(
            tags=len({item.node for each in self._all for item in each.items}),
            subscribers=len(self._all),
            distinct_per_s=distinct / ran,
            delivered_per_s=min(records / window, load.records / ran),
            cpu_ms_per_1000=cpu * 1e6 / max(1, records),
            server_cpu=cpu / window,
            generator_cpu=own_cpu / window,
            p50_ms=self._delays.percentile_ms(0.50),
            p99_ms=self._delays.percentile_ms(0.99),
            lost=int(sum(each.clip(min=0).sum() for each in missing)),
            unexpected=int(sum((-each).clip(min=0).sum() for each in missing)),
            overflows=sum(each.meter.overflows for each in load.subscribers),
            bad=sum(each.meter.bad for each in load.subscribers),
            behind_deadband=int(sum(got[_deadbands(own)].sum() for own, got in zip(self._all, counts, strict=True))),
            connections_lost=len(load.lost),
            kept_up=distinct >= KEPT_UP * nominal,
        )

    def _drain(self, quiet_s: float = 0.0) -> None:
        """Receive until nothing has come for some publishing intervals, and at least for so long."""
        wanted = max(1.0, quiet_s, 2.5 * self._publishing_ms / 1000.0) / ASK_S
        seen, quiet = -1, 0

        def is_quiet() -> bool:
            nonlocal seen, quiet
            quiet = quiet + 1 if self._load.records == seen else 0
            seen = self._load.records
            return quiet >= wanted

        self._load.run(DRAIN_S, until=is_quiet)

    def _produced(self) -> list[Counts]:
        """Return how often each subscriber's tags have changed, for each subscriber."""
        nodes = list({item.node: None for each in self._all for item in each.items})
        counts = dict(zip(nodes, self._server.produced(nodes), strict=True))
        writer = self._load.writer
        if writer is not None and not self._server.counts_writes:
            for (node, _), count in zip(self._server.tags.written, writer.counts.tolist(), strict=False):
                counts[node] = count
        return [np.array([counts[item.node] for item in each.items], np.int64) for each in self._all]

    def _compared(self, expected: list[Counts], counts: list[Counts]) -> list[tuple[Counts, Counts, Any]]:
        return [(wanted, got, ~_deadbands(own)) for own, wanted, got in zip(self._all, expected, counts, strict=True)]

    def _distinct(self, expected: list[Counts]) -> int:
        """Return the changes of all tags, each counted once."""
        pairs = zip(self._all, expected, strict=True)
        return sum(
            {item.node: int(n) for own, wanted in pairs for item, n in zip(own.items, wanted, strict=True)}.values()
        )


def _deadbands(own: Plan) -> Any:
    return np.array([item.deadband > 0 for item in own.items])
