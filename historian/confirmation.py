"""Asks InfluxDB what it has: a sample leaves the outbox only when it is there.

A time says nothing about holes, so numbers are counted: a range is there when InfluxDB has as many as the range.
What was counted waits a little longer, and is counted again where InfluxDB has been started anew meanwhile. After it
could not write something to its log, a count tells nothing: what was sent until then is written to it from here.
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
from runtime.health import Health

log = logging.getLogger("historian")

EVERY_S, REST, LONGEST_S, AFTER_FAILURE_S = 0.5, 4.0, 10.0, 2.0
"""How often is asked, how much longer InfluxDB is left in peace than it took to answer, and at most, and else."""
AT_ONCE = 20
"""Ranges that one query asks of."""


class Confirmation:
    """Asks in turn about what was sent of each reactor."""

    def __init__(self, influx: Influx, publisher: Publisher, metrics: Metrics, health: Health) -> None:
        self._influx, self._publisher = influx, publisher
        self._metrics, self._health = metrics, health
        self._why = ""
        """Why InfluxDB does not answer."""
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
                await self._write_doubtful(reactor, lane)
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

    async def _write_doubtful(self, reactor: str, lane: Lane) -> None:
        """Write what was sent when a count tells nothing."""
        while (shipment := lane.doubtful(self._publisher.lanes.doubtful_to)) is not None:
            if not await asyncio.to_thread(self._influx.write, await self._publisher.lines(reactor, shipment)):
                return
            lane.forget(shipment.seqs[1])
            self._metrics.confirmed(shipment.count)

    async def _believe(self, seen: float) -> None:
        """Have nothing wait any more that was counted long enough before InfluxDB was seen to be well."""
        self._metrics.confirmed(sum(lane.believe(seen) for _, lane in self._publisher.lanes))
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
