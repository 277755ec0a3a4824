"""The HTTP API and the page (commands.md, "HTTP"); questions share a few read-only connections."""

from __future__ import annotations

import contextlib
import queue
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import psycopg2
import psycopg2.extras
from fastapi import FastAPI, Header, HTTPException, Query, Response
from fastapi.responses import HTMLResponse, JSONResponse

from historian import answers
from plant.clock import seconds_from_duration, text_from_ticks, ticks_from_seconds, ticks_from_time
from plant.sample import Sample
from runtime.database_role import READER, take_role
from runtime.settings import Settings
from timeseries.reader import Reader, UnknownSignal
from timeseries.reading import Damaged
from timeseries.unpacked import Unpacked

MOST_SAMPLES = 50_000
_TOKEN = re.compile(r"^([0-9]{1,18})\.([0-9]{1,10})$")
PAGE = Path(__file__).parent / "page" / "index.html"

Signal = Annotated[list[str], Query(description="E.g. R101.T; may be given several times for `last`.")]
Start = Annotated[str, Query(description="ISO 8601, or relative to the newest sample, e.g. -1h.")]
End = Annotated[str, Query(description="As `start`; `now` is the newest sample.")]
Accept = Annotated[str, Header()]


def make_app(store: Path, settings: Settings) -> FastAPI:
    """Return the application over one store."""
    app = FastAPI(
        title="cstr-gateway history",
        version="1",
        description="History of the simulated plant. Times are plant time, UTC, with seven digits of a second.",
    )

    unpacked = Unpacked()
    idle: queue.SimpleQueue[Reader] = queue.SimpleQueue()

    @contextlib.contextmanager
    def reading() -> Iterator[Reader]:
        try:
            reader = idle.get_nowait()
        except queue.Empty:
            reader = Reader(store, unpacked)
        try:
            yield reader
        except UnknownSignal as error:
            raise HTTPException(404, str(error)) from None
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        except Damaged as error:
            raise HTTPException(500, str(error)) from None
        finally:
            idle.put(reader)

    def answer(
        samples: list[Sample],
        accept: str,
        as_json: Callable[[], Any],
        following: str | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> Response:
        media_type = answers.chosen_media_type(accept)
        if media_type is None:
            raise HTTPException(406, f"Accept: {accept!r}: allowed are {', '.join(answers.MEDIA_TYPES)}")
        headers = {"X-Next": following} if following else {}
        if media_type == answers.JSON:
            return JSONResponse(as_json())
        if media_type == answers.CSV:
            return Response(answers.as_csv(samples, extra), media_type=answers.CSV, headers=headers)
        return Response(answers.as_table(samples, media_type), media_type=media_type, headers=headers)

    def shown(reader: Reader, name: str, samples: list[Sample], following: str | None = None) -> dict[str, Any]:
        return answers.as_json(name, reader.info(name).unit, samples, following)

    @app.get("/api/v1/signals")
    def signals() -> list[dict[str, Any]]:
        """List every signal of the history."""
        with reading() as reader:
            return [{"signal": info.name, "unit": info.unit, "stepped": info.stepped} for info in reader.signals()]

    @app.get("/api/v1/history/last")
    def last(signal: Signal, accept: Accept = "*/*") -> Response:
        """The newest sample of a signal; of several signals, a list of answers."""
        with reading() as reader:
            found = {name: [sample for sample in [reader.last(name)] if sample is not None] for name in signal}
            samples = [sample for group in found.values() for sample in group]

            def as_json() -> Any:
                each = [shown(reader, name, found[name]) for name in signal]
                return each if len(each) > 1 else each[0]

            return answer(samples, accept, as_json)

    @app.get("/api/v1/history/raw")
    def raw(
        signal: str,
        start: Start = "-5min",
        end: End = "now",
        limit: Annotated[int, Query(ge=1, le=MOST_SAMPLES)] = MOST_SAMPLES,
        next: Annotated[str | None, Query(description="Of the page before.")] = None,  # noqa: A002
        accept: Accept = "*/*",
    ) -> Response:
        """The samples with start <= t < end, in order; `next` goes on where a page ended."""
        with reading() as reader:
            low, high = _span(reader, start, end)
            samples = reader.raw(signal, low, high, limit + 1, _place(next))
            following = _token(samples[limit - 1]) if len(samples) > limit else None
            page = samples[:limit]
            return answer(page, accept, lambda: shown(reader, signal, page, following), following)

    @app.get("/api/v1/history/at")
    def at(
        signal: str,
        time: Annotated[list[str], Query(description="One or more times.")],
        accept: Accept = "*/*",
    ) -> Response:
        """The value at each time: interpolated, or held where the signal is stepped."""
        with reading() as reader:
            now = reader.newest_time()
            samples = [reader.at(signal, ticks_from_time(text, now)) for text in time]
            return answer(samples, accept, lambda: shown(reader, signal, samples))

    @app.get("/api/v1/history/aggregate")
    def aggregate(
        signal: str,
        start: Start = "-1h",
        end: End = "now",
        interval: Annotated[str, Query(description="E.g. 10s.")] = "1min",
        aggregate: Annotated[str, Query(description="OPC 10000-13 name, e.g. TimeAverage.")] = "TimeAverage",
        accept: Accept = "*/*",
    ) -> Response:
        """One value for each interval, at its start (an `ActualTime` at its own); `0s` makes one of all."""
        with reading() as reader:
            low, high = _span(reader, start, end)
            interval_s = seconds_from_duration(interval)
            results = reader.aggregated(signal, low, high, ticks_from_seconds(interval_s), aggregate)
            samples = [Sample(result.time, signal, result.value, result.status) for result in results]
            extra = {"aggregate": aggregate, "interval_s": interval_s}
            return answer(samples, accept, lambda: shown(reader, signal, samples), extra=extra)

    @app.get("/api/v1/anomalies")
    def anomalies(limit: Annotated[int, Query(ge=1, le=10_000)] = 100) -> list[dict[str, Any]]:
        """The newest anomalies."""
        return _rows(settings, "SELECT * FROM cstr.anomaly ORDER BY started_at DESC LIMIT %s", limit)

    @app.get("/api/v1/summaries")
    def summaries(limit: Annotated[int, Query(ge=1, le=10_000)] = 100) -> list[dict[str, Any]]:
        """The newest summaries."""
        return _rows(settings, "SELECT * FROM cstr.summary ORDER BY window_start DESC LIMIT %s", limit)

    @app.get("/api/v1/plant", include_in_schema=False)
    def plant() -> dict[str, Any]:
        """Say what the page shows beside the trend."""
        with reading() as reader:
            newest = reader.newest_time()
        return {
            "endpoint": settings.server.endpoint,
            "reactors": settings.reactors,
            "now": text_from_ticks(newest) if newest else None,
        }

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def page() -> str:
        """Return the live page."""
        return PAGE.read_text(encoding="utf-8")

    return app


def _span(reader: Reader, start: str, end: str) -> tuple[int, int]:
    now = reader.newest_time() + 1
    low, high = ticks_from_time(start, now), ticks_from_time(end, now)
    if high <= low:
        message = f"end {end!r}: allowed is a time after start {start!r}"
        raise ValueError(message)
    return low, high


def _token(sample: Sample) -> str:
    """Return the continuation token behind a sample: time and epoch, which no two samples of a signal share."""
    return f"{sample.source_time}.{sample.epoch}"


def _place(token: str | None) -> tuple[int, int] | None:
    if token is None:
        return None
    match = _TOKEN.match(token)
    if match is None:
        message = f"next {token!r}: allowed is the `next` of the page before"
        raise ValueError(message)
    return int(match[1]), int(match[2])


def _rows(settings: Settings, query: str, limit: int) -> list[dict[str, Any]]:
    if settings.postgres.dsn is None:
        raise HTTPException(503, "no PostgreSQL: set postgres.dsn, or run `cstr-gateway up`")
    try:
        connection = psycopg2.connect(settings.postgres.dsn.get_secret_value(), connect_timeout=3)
        with contextlib.closing(connection):
            take_role(connection, READER)
            with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                cursor.execute(query, (limit,))
                return [dict(row) for row in cursor.fetchall()]
    except psycopg2.errors.UndefinedTable:
        return []
    except psycopg2.Error as error:
        raise HTTPException(503, f"PostgreSQL: {str(error).strip().splitlines()[0]}") from None
