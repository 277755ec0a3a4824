"""Asks InfluxDB what it has: a sample leaves the outbox only when it is there.

A time says nothing about holes, so numbers are counted: a range is there when InfluxDB has as many as the range.
What was counted waits a little longer, and is counted again where InfluxDB has been started anew meanwhile. What is not
there in time is written to it from here, and what it then refuses is given up. After it could not write something to
its log, a count tells nothing: what was sent until then is written to it from here, too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from historian.influx import Influx, Range, State, Unanswered
from historian.lanes import Lane, Shipment
from historian.metrics import Metrics
from historian.publisher import Publisher
from plant.clock import text_from_ticks
from runtime.health import Health

log = logging.getLogger("historian")

EVERY_S, REST, LONGEST_S, AFTER_FAILURE_S = 0.5, 4.0, 10.0, 2.0
"""How often is asked, how much longer InfluxDB is left in peace than it took to answer, and at most, and else."""
PATIENCE_S = 10.0
"""How long MQTT may take to bring it what was sent."""
AT_ONCE = 20
"""Ranges that one query asks of."""


class Confirmation:
    """Asks in turn about what was sent of each reactor."""

    def __init__(self, influx: Influx, publisher: Publisher, metrics: Metrics, health: Health) -> None:
        self._influx, self._publisher = influx, publisher
        self._metrics, self._health = metrics, health
        self._why = ""
        """Why InfluxDB does not answer."""
        self._late: set[str] = set()
        """Reactors of which MQTT does not bring all."""
        self._refused: dict[str, int] = {}
        """Reactors of which InfluxDB has taken nothing since it refused some; how many samples."""
        self._state: State | None = None
        """Of InfluxDB, as it said last."""

    async def run(self) -> None:
        """Ask for ever."""
        try:
            rest = EVERY_S
            while True:
                await asyncio.sleep(rest)
                began = time.monotonic()
                if await self._ask():
                    await self._believe(began)
                    self._publisher.wake()
                    rest = min(max(EVERY_S, REST * (time.monotonic() - began)), LONGEST_S)
                else:
                    rest = AFTER_FAILURE_S if self._why else EVERY_S
        finally:
            await asyncio.to_thread(self._influx.close)

    async def _ask(self) -> bool:
        """Ask about every lane; tell whether InfluxDB has answered."""
        if all(lane.oldest is None for _, lane in self._publisher.lanes):
            return False
        try:
            await self._look()
            for reactor, lane in self._publisher.lanes:
                await self._write(reactor, lane, self._publisher.lanes.doubtful_to)
            asked = [(reactor, lane, shipment) for reactor, lane in self._publisher.lanes if (shipment := lane.asked())]
            for start in range(0, len(asked), AT_ONCE):
                await self._ask_about(asked[start : start + AT_ONCE])
        except Unanswered as error:
            self._say(str(error))
            return False
        self._say("")
        return True

    def _say(self, why: str) -> None:
        """Tell why InfluxDB does not answer, each reason once; or nothing."""
        if why == self._why:
            return
        self._why = why
        self._health.trouble("influxdb", why)
        if why:
            log.error("%s; samples wait in the outbox meanwhile", why)
        else:
            log.info("InfluxDB tells again what it has")

    async def _look(self) -> None:
        """Have all be asked of again that InfluxDB may have had in memory only."""
        before, lanes = self._state, self._publisher.lanes
        state = await asyncio.to_thread(self._influx.state)
        self._state = state
        is_new = before is not None and state.started != before.started
        if is_new:
            log.info("InfluxDB was started anew; what it had counted last is counted again")
            lanes.doubtful_to = 0
        if state.refused > (before.refused if before is not None and not is_new else 0):
            if not self._why:
                log.warning("InfluxDB counts what it could not write to its disk; what it may lack is written again")
            lanes.doubtful_to = lanes.offered if before is not None else await self._publisher.newest()
        elif not is_new:
            return
        for _, lane in lanes:
            lane.doubt(time.monotonic())

    async def _write(self, reactor: str, lane: Lane, through: int) -> int:
        """Write what was sent of the blocks up to a number, and return how many samples InfluxDB then has of it.

        What it refuses is in the store only.
        """
        taken = 0
        while (shipment := lane.sent_to(through)) is not None:
            lines = await self._publisher.lines(reactor, shipment)
            why = await asyncio.to_thread(self._influx.write, lines)
            there = (await self._counts([(reactor, shipment)]))[0] if why else shipment.count
            lane.written(shipment, time.monotonic())
            self._metrics.confirmed(there)
            taken += there
            if there < shipment.count:
                self._refuses(reactor, shipment, shipment.count - there, why)
            else:
                self._takes(reactor)
        return taken

    def _refuses(self, reactor: str, shipment: Shipment, samples: int, why: str) -> None:
        """Tell what is given up, in the log once until something is taken again."""
        first, last = map(text_from_ticks, shipment.times)
        told = f"{reactor}: InfluxDB refuses samples from {first} to {last}, which are in the store only: {why}"
        self._health.trouble(f"influxdb {reactor}", told)
        if reactor not in self._refused:
            log.error("%s", told)
        self._refused[reactor] = self._refused.get(reactor, 0) + samples
        self._metrics.dropped(samples)

    def _takes(self, reactor: str) -> None:
        if samples := self._refused.pop(reactor, 0):
            log.warning("%s: InfluxDB takes samples again; %d are in the store only", reactor, samples)
            self._health.trouble(f"influxdb {reactor}", "")

    async def _write_late(self, reactor: str, lane: Lane, through: int) -> None:
        """Write what MQTT should have brought, and tell of it once until MQTT brings all again."""
        samples = await self._write(reactor, lane, through)
        self._metrics.sent_again(samples)
        if samples and reactor not in self._late:
            self._late.add(reactor)
            told = f"{reactor}: {samples} samples have not come to InfluxDB over MQTT; they are written to it from here"
            log.warning("%s", told)
            self._health.trouble(f"mqtt {reactor}", told)

    def _is_brought(self, reactor: str) -> None:
        if reactor in self._late:
            self._late.remove(reactor)
            log.info("%s: all samples come to InfluxDB over MQTT again", reactor)
            self._health.trouble(f"mqtt {reactor}", "")

    async def _believe(self, seen: float) -> None:
        """Have nothing wait any more that was counted long enough before InfluxDB was seen to be well."""
        self._metrics.confirmed(sum(lane.believe(seen) for _, lane in self._publisher.lanes))
        await self._publisher.let_go()

    async def _ask_about(self, asked: Sequence[tuple[str, Lane, Shipment]]) -> None:
        counts = await self._counts([(reactor, shipment) for reactor, _, shipment in asked])
        now = time.monotonic()
        for (reactor, lane, shipment), count in zip(asked, counts, strict=True):
            lane.answer(shipment, count, now)
            if count >= shipment.count:
                self._takes(reactor)
                self._is_brought(reactor)
            elif through := lane.overdue(now, 0.0 if reactor in self._refused else PATIENCE_S):
                await self._write_late(reactor, lane, through)

    async def _counts(self, ranges: Sequence[Range]) -> list[int]:
        return await asyncio.to_thread(self._influx.counts, ranges)
