"""InfluxDB, as the historian asks it: how many samples it has, and whether that may be believed."""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple

from influxdb_client.client.flux_csv_parser import FluxCsvParserException, FluxQueryException
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from influxdb_client.service.metrics_service import MetricsService
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as NoAnswer

from historian.lanes import Shipment
from plant.clock import unix_ns_from_ticks
from runtime.errors import BadInput
from runtime.influx_refusals import refusals
from runtime.settings import InfluxSettings

log = logging.getLogger("historian")

TIMEOUT_MS = 30_000
_TELLS_NOTHING = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)

_REFUSES_THESE = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)
_RETENTION = re.compile(r"outside retention policy of duration (\w+)")
_MOST_TOLD = 300
"""Characters of an InfluxDB's own words."""
_READ_ONLY = "the historian's token has to be one that may write, too, or InfluxDB be started anew"
_ADVICE: dict[int, str] = {HTTPStatus.UNAUTHORIZED: _READ_ONLY, HTTPStatus.FORBIDDEN: _READ_ONLY}

_NO_ANSWERS = (ValueError, TypeError, LookupError, FluxQueryException, FluxCsvParserException)
"""What becomes of bytes that are no answer, and of an error that stands within one."""

Range = tuple[str, Shipment]
"""Of a reactor's numbers."""


class Unanswered(Exception):  # noqa: N818
    """Why InfluxDB did not do what it was asked."""


class State(NamedTuple):
    """When InfluxDB was started, and how often it could not write to its log since: what it then has in memory only."""

    started: str
    refused: int


def _start_of(ready: object) -> str:
    started = getattr(ready, "started", None)
    if not isinstance(started, datetime):
        message = "/ready does not say since when"
        raise TypeError(message)
    return str(started)


def _why_refused(error: ApiException) -> str:
    told = str(error.message)
    retention = _RETENTION.search(told)
    if retention is not None:
        return f"older than the bucket's retention of {retention[1]}"
    return f"{error.status} {told[:_MOST_TOLD]}"


class Influx:
    """One bucket; used from one thread at a time."""

    def __init__(self, settings: InfluxSettings, site: str) -> None:
        self._settings, self._site = settings, site
        self._client: InfluxDBClient | None = None
        self._tells_of_itself: bool | None = None
        """None until it was asked."""

    def state(self) -> State:
        """Return what it says of itself; one that keeps its metrics to itself is taken for one that is always well.

        Raises:
            Unanswered: when it cannot be asked.
        """
        if self._tells_of_itself is False:
            return State("", 0)
        try:
            client = self._connected()
            refused = refusals(MetricsService(client.api_client).get_metrics())  # type: ignore[no-untyped-call]
            started = _start_of(client.ready())
        except ApiException as error:
            if self._tells_of_itself or error.status not in _TELLS_NOTHING:
                raise self._unanswered(error) from None
            log.warning(
                "InfluxDB at %s answers %s to /metrics: what it counts is believed, though it counts what it "
                "could not write, too",
                self._settings.url,
                error.status,
            )
            self._tells_of_itself = False
            return State("", 0)
        except (BadInput, HTTPError, OSError, *_NO_ANSWERS) as error:
            raise self._unanswered(error) from None
        self._tells_of_itself = True
        return State(started, refused)

    def write(self, messages: Sequence[bytes]) -> str:
        """Write line protocol, and return why it refuses some of it for good; what it takes is then on its disk.

        Raises:
            Unanswered: when it cannot be asked, or does not take anything.
        """
        return next(filter(None, [self._write(lines) for lines in messages]), "")

    def _write(self, lines: bytes) -> str:
        try:
            self._connected().write_api(SYNCHRONOUS).write(self._settings.bucket, record=lines)
        except ApiException as error:
            if error.status in _REFUSES_THESE:
                return _why_refused(error)
            advice = _ADVICE.get(error.status or 0, "make room on its disk, and start it anew where that does not help")
            raise Unanswered(f"{self._unanswered(error)} to a write: {advice}") from None
        except (BadInput, HTTPError, OSError, *_NO_ANSWERS) as error:
            raise self._unanswered(error) from None
        return ""

    def counts(self, ranges: Sequence[Range]) -> list[int]:
        """Return how many samples there are of each range.

        Raises:
            Unanswered: when it cannot be asked.
        """
        flux = "\n".join(self._count(place, *asked) for place, asked in enumerate(ranges))
        try:
            tables = self._connected().query_api().query(flux)
            found = [0] * len(ranges)
            for record in itertools.chain.from_iterable(table.records for table in tables):
                found[int(record.values["result"])] = int(record.values["_value"])
        except (BadInput, ApiException, HTTPError, OSError, *_NO_ANSWERS) as error:
            raise self._unanswered(error) from None
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
        # Counting each series by itself is fast, but of one before 1970 InfluxDB 2.7 takes minutes, and gigabytes.
        counted = "count() |> group() |> sum()" if start >= 0 else "group() |> count()"
        return (
            f'from(bucket: "{self._settings.bucket}") |> range(start: time(v: {start}), stop: time(v: {stop}))'
            f' |> filter(fn: (r) => r._measurement == "opc" and r.site == "{self._site}" and r.reactor == "{reactor}"'
            f' and r._field == "seq" and r._value >= {first} and r._value <= {last})'
            f' |> {counted} |> yield(name: "{place}")'
        )

    def _unanswered(self, error: Exception) -> Unanswered:
        """Return why, without what was asked and with what."""
        if isinstance(error, BadInput):
            return Unanswered(str(error))
        if isinstance(error, ApiException):
            why = f"{error.status} {error.reason}"
        elif isinstance(error, NoAnswer) or isinstance(getattr(error, "reason", None), NoAnswer):
            why = f"no answer within {TIMEOUT_MS // 1000} s"
        else:
            why = str(getattr(error, "reason", None) or error).split(" object at ")[0]
            why = f"no answer that can be read: {why}" if isinstance(error, _NO_ANSWERS) else why
        return Unanswered(f"InfluxDB at {self._settings.url}: {why}")
