"""Asks InfluxDB what it has: a sample leaves the outbox only when it is there.

A time says nothing about holes, so numbers are counted: a range is there when InfluxDB has as many as the range.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Sequence

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from historian.lanes import Lane, Shipment
from historian.metrics import Metrics
from historian.publisher import Publisher
from plant.clock import unix_ns_from_ticks
from runtime.errors import BadInput
from runtime.health import Health
from runtime.settings import InfluxSettings

log = logging.getLogger("historian")

EVERY_S, REST = 0.5, 4.0
"""How often is asked, and how much longer InfluxDB is left in peace than it took to answer."""
AT_ONCE = 20
"""Ranges that one query asks of."""
TIMEOUT_MS = 30_000

Range = tuple[str, Shipment]
"""Of a reactor's numbers."""


class Unanswered(Exception):  # noqa: N818
    """Why InfluxDB did not tell."""


class Influx:
    """One bucket; used from one thread at a time."""

    def __init__(self, settings: InfluxSettings, site: str) -> None:
        self._settings, self._site = settings, site
        self._client: InfluxDBClient | None = None

    def counts(self, ranges: Sequence[Range]) -> list[int]:
        """Return how many samples there are of each range.

        Raises:
            Unanswered: when it cannot be asked.
        """
        flux = "\n".join(self._count(place, *asked) for place, asked in enumerate(ranges))
        try:
            tables = self._connected().query_api().query(flux)
        except BadInput as error:
            raise Unanswered(str(error)) from None
        except (ApiException, HTTPError, OSError) as error:
            raise Unanswered(f"InfluxDB at {self._settings.url}: {_reason(error)}") from None
        found = [0] * len(ranges)
        for record in itertools.chain.from_iterable(table.records for table in tables):
            found[int(record.values["result"])] = int(record.values["_value"])
        return found

    def close(self) -> None:
        """Close it."""
        if self._client is not None:
            self._client.close()  # type: ignore[no-untyped-call]

    def _connected(self) -> InfluxDBClient:
        if self._client is None:
            token = self._settings.token()
            self._client = InfluxDBClient(str(self._settings.url), token, org=self._settings.org, timeout=TIMEOUT_MS)
        return self._client

    def _count(self, place: int, reactor: str, asked: Shipment) -> str:
        first, last = asked.seqs
        start, stop = (unix_ns_from_ticks(ticks) for ticks in (asked.times[0], asked.times[1] + 1))
        return (
            f'from(bucket: "{self._settings.bucket}") |> range(start: time(v: {start}), stop: time(v: {stop}))'
            f' |> filter(fn: (r) => r._measurement == "opc" and r.site == "{self._site}" and r.reactor == "{reactor}"'
            f' and r._field == "seq" and r._value >= {first} and r._value <= {last})'
            f' |> count() |> group() |> sum() |> yield(name: "{place}")'
        )


class Confirmation:
    """Asks in turn about what was sent of each reactor."""

    def __init__(self, influx: Influx, publisher: Publisher, metrics: Metrics, health: Health) -> None:
        self._influx, self._publisher = influx, publisher
        self._metrics, self._health = metrics, health
        self._why = ""
        """Why InfluxDB does not answer."""

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
                    await self._publisher.let_go()
                    self._publisher.wake()
        finally:
            await asyncio.to_thread(self._influx.close)

    async def _ask(self) -> bool:
        """Ask about every lane; tell whether InfluxDB has answered."""
        asked = [(reactor, lane, shipment) for reactor, lane in self._publisher.lanes if (shipment := lane.asked())]
        try:
            for start in range(0, len(asked), AT_ONCE):
                await self._ask_about(asked[start : start + AT_ONCE])
        except Unanswered as error:
            if not self._why:
                log.error("%s; samples wait in the outbox until it answers", error)
                self._health.trouble("influxdb", str(error))
            self._why = str(error)
            return False
        if self._why:
            log.info("InfluxDB answers again")
            self._why = ""
            self._health.trouble("influxdb", "")
        return bool(asked)

    async def _ask_about(self, asked: Sequence[tuple[str, Lane, Shipment]]) -> None:
        counts = await self._counts([(reactor, shipment) for reactor, _, shipment in asked])
        lacking = []
        now = time.monotonic()
        for (reactor, lane, shipment), count in zip(asked, counts, strict=True):
            lane.answer(shipment, count, now)
            if count >= shipment.count:
                self._metrics.confirmed(shipment.count)
            elif (rest := lane.behind()) is not None:
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


def _reason(error: Exception) -> str:
    """Return why, without what was asked and with what."""
    if isinstance(error, ApiException):
        return f"{error.status} {error.reason}"
    return str(getattr(error, "reason", None) or error).split(" object at ")[0]
