"""Asks InfluxDB what it has: a sample leaves the outbox only when it is there.

A time says nothing about holes, so numbers are counted: a range is there when InfluxDB has as many as the range.
What was counted waits a little longer, and is counted again where InfluxDB has been started anew meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from historian.influx import Influx, Range, Unanswered
from historian.lanes import Lane, Shipment
from historian.metrics import Metrics
from historian.publisher import Publisher
from runtime.health import Health

log = logging.getLogger("historian")

EVERY_S, REST = 0.5, 4.0
"""How often is asked, and how much longer InfluxDB is left in peace than it took to answer."""
AT_ONCE = 20
"""Ranges that one query asks of."""


class Confirmation:
    """Asks in turn about what was sent of each reactor."""

    def __init__(self, influx: Influx, publisher: Publisher, metrics: Metrics, health: Health) -> None:
        self._influx, self._publisher = influx, publisher
        self._metrics, self._health = metrics, health
        self._why = ""
        """Why InfluxDB does not answer."""
        self._started: str | None = None
        """When InfluxDB was, as it said last."""

    async def run(self) -> None:
        """Ask for ever."""
        try:
            took = 0.0
            while True:
                await asyncio.sleep(max(EVERY_S, REST * took))
                began = time.monotonic()
                has_answered = await self._ask()
                took = time.monotonic() - began
                if has_answered:
                    await self._believe(began)
                    self._publisher.wake()
        finally:
            await asyncio.to_thread(self._influx.close)

    async def _ask(self) -> bool:
        """Ask about every lane; tell whether InfluxDB has answered."""
        if all(lane.oldest is None for _, lane in self._publisher.lanes):
            return False
        try:
            await self._see_whether_started_anew()
            asked = [(reactor, lane, shipment) for reactor, lane in self._publisher.lanes if (shipment := lane.asked())]
            for start in range(0, len(asked), AT_ONCE):
                await self._ask_about(asked[start : start + AT_ONCE])
        except Unanswered as error:
            if not self._why:
                log.error("%s; samples wait in the outbox meanwhile", error)
                self._health.trouble("influxdb", str(error))
            self._why = str(error)
            return False
        if self._why:
            log.info("InfluxDB tells again what it has")
            self._why = ""
            self._health.trouble("influxdb", "")
        return True

    async def _see_whether_started_anew(self) -> None:
        """Have be counted again what may have been in InfluxDB's memory only."""
        started = await asyncio.to_thread(self._influx.started)
        if self._started is not None and started != self._started:
            log.info("InfluxDB was started anew; what it had counted last is counted again")
            for _, lane in self._publisher.lanes:
                lane.doubt(time.monotonic())
        self._started = started

    async def _believe(self, seen: float) -> None:
        """Have nothing wait any more that was counted long enough before InfluxDB was seen to be well."""
        if samples := sum(lane.believe(seen) for _, lane in self._publisher.lanes):
            self._metrics.confirmed(samples)
            await self._publisher.let_go()

    async def _ask_about(self, asked: Sequence[tuple[str, Lane, Shipment]]) -> None:
        counts = await self._counts([(reactor, shipment) for reactor, _, shipment in asked])
        lacking = []
        now = time.monotonic()
        for (reactor, lane, shipment), count in zip(asked, counts, strict=True):
            lane.answer(shipment, count, now)
            if count < shipment.count and (rest := lane.behind()) is not None:
                lacking.append((reactor, lane, rest))
        if lacking:
            await self._look_behind(lacking)
        for reactor, lane, _ in asked:
            if again := lane.send_again(time.monotonic()):
                log.warning("%s: %d samples are not in InfluxDB; they are sent again", reactor, again)
                self._metrics.sent_again(again)

    async def _look_behind(self, lacking: Sequence[tuple[str, Lane, Shipment]]) -> None:
        """Give up what InfluxDB has refused again and again, while it takes what was sent after it."""
        counts = await self._counts([(reactor, rest) for reactor, _, rest in lacking])
        now = time.monotonic()
        for (reactor, lane, _), count in zip(lacking, counts, strict=True):
            if not count:
                continue
            lane.passed(now)
            if (lost := lane.give_up(now)) is not None:
                log.error(
                    "%s: InfluxDB does not take all of the samples %d to %d, however often they are sent; "
                    "they are in the store only",
                    reactor,
                    *lost.seqs,
                )
                self._metrics.dropped(lost.count)

    async def _counts(self, ranges: Sequence[Range]) -> list[int]:
        return await asyncio.to_thread(self._influx.counts, ranges)
