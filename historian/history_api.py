"""Questions to history over HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from historian.media_types import JSON, MEDIA_TYPES, chosen_media_type, writer_of
from historian.readers import Readers
from historian.streams import Streams
from plant.clock import seconds_from_duration, text_from_ticks, ticks_from_time
from timeseries.aggregates import AggregateConfiguration, ticks_of_interval
from timeseries.answers import Answer, Extra
from timeseries.answers.writers import json_page
from timeseries.kinds import kind_of
from timeseries.reader import Place, Reader

MOST_SAMPLES = 50_000
"""Of a page."""
MOST_TIMES = 1_000
FEW_SIGNALS = 10
"""Of so many the newest samples are found in less time than it takes to change threads for it."""
_TOKEN = re.compile(r"^([0-9]{1,18})\.([0-9]{1,10})$", re.ASCII)

Signals = Annotated[list[str], Query(description="E.g. R101.T; may be given several times.")]
Signal = Annotated[str, Query(description="E.g. R101.T.")]
START = "ISO 8601, or relative to the newest sample, e.g. -1h."
Start = Annotated[str, Query(description=START)]
End = Annotated[str, Query(description="As `start`; `now` is the newest sample.")]
Accept = Annotated[str, Header(description=f"One of {', '.join(MEDIA_TYPES)}.")]
UncertainIsBad = Annotated[bool, Query(description="AggregateConfiguration (OPC 10000-13 §4.2.1.2).")]
Limit = Annotated[
    int | None,
    Query(ge=1, description=f"At most so many samples; of JSON a page, of {MOST_SAMPLES} at most. Without: all."),
]


def make_router(store: Path, readers: Readers) -> APIRouter:
    """Return the paths below `/api/v1/history`."""
    content: dict[str, Any] = {media_type: {} for media_type in MEDIA_TYPES}
    router = APIRouter(prefix="/api/v1/history", default_response_class=Response, responses={200: {"content": content}})
    streams = Streams(store)

    @router.get("/last")
    async def last(signal: Signals, accept: Accept = "*/*") -> Response:
        """The newest sample of a signal; of several signals, a list of answers."""
        if len(signal) > FEW_SIGNALS:
            return await run_in_threadpool(_last, readers, signal, accept)
        return _last(readers, signal, accept)

    @router.get("/raw")
    def raw(
        request: Request,
        signal: Signal,
        start: Annotated[str | None, Query(description=f"{START} Without: -5min, or where `next` goes on.")] = None,
        end: End = "now",
        limit: Limit = None,
        next: Annotated[str | None, Query(description="Of the page before.")] = None,  # noqa: A002
        accept: Accept = "*/*",
    ) -> Response:
        """The samples with start <= t < end, in order; `next` goes on where a page ended.

        JSON comes in pages. CSV, Arrow and Parquet are one answer, sent while it is read; with a `limit` of a page the
        header X-Next has its `next`. An answer that is broken off is no complete HTTP message.
        """
        media_type = _media_type(accept)
        with readers.lend() as reader:
            place = _place(next)
            if start is None:
                start = "-5min" if place is None else text_from_ticks(place[0])
            low, high = _span(reader, start, end, is_newest_in=True)
            if media_type == JSON or next is not None or (limit is not None and limit <= MOST_SAMPLES):
                most = min(limit or MOST_SAMPLES, MOST_SAMPLES)
                found = reader.page(signal, low, high, most + 1, place)
                following = _token(found, most - 1) if len(found) > most else None
                if media_type == JSON:
                    return _json(_page(reader, found[:most], following))
                return _written([found[:most]], media_type, {}, following)
        is_framed = request.scope.get("http_version") != "1.0"
        return streams.answer(signal, low, high, limit, media_type, is_framed=is_framed)

    @router.get("/at")
    def at(
        signal: Signal,
        time: Annotated[list[str], Query(description="One or more times.", max_length=MOST_TIMES)],
        treat_uncertain_as_bad: UncertainIsBad = True,
        accept: Accept = "*/*",
    ) -> Response:
        """The value at each time: interpolated, or held where the signal is stepped; nothing in a bad stretch."""
        configuration = AggregateConfiguration(treat_uncertain_as_bad)
        return _one(readers, accept, lambda reader: (reader.at(signal, _times(reader, time), configuration), {}))

    @router.get("/aggregate")
    def aggregate(
        signal: Signal,
        start: Start = "-1h",
        end: End = "now",
        interval: Annotated[str, Query(description="E.g. 10s.")] = "1min",
        aggregate: Annotated[str, Query(description="OPC 10000-13 name, e.g. TimeAverage.")] = "TimeAverage",
        treat_uncertain_as_bad: UncertainIsBad = True,
        percent_data_bad: Annotated[int, Query(description="From this share of bad data on a result is Bad.")] = 100,
        percent_data_good: Annotated[int, Query(description="From this share of good data on it is Good.")] = 100,
        use_sloped_extrapolation: Annotated[bool, Query(description="Behind the last value its line goes on.")] = False,
        accept: Accept = "*/*",
    ) -> Response:
        """One value for each interval, at its start (an `ActualTime` at its own); `0s` makes one of all."""

        def find(reader: Reader) -> tuple[Answer, Extra]:
            interval_s = seconds_from_duration(interval)
            configuration = AggregateConfiguration(
                treat_uncertain_as_bad, percent_data_bad, percent_data_good, use_sloped_extrapolation
            )
            span = _span(reader, start, end)
            found = reader.aggregated(signal, *span, ticks_of_interval(interval_s), aggregate, configuration)
            return found, {"aggregate": aggregate, "interval_s": interval_s}

        return _one(readers, accept, find)

    return router


def _last(readers: Readers, names: list[str], accept: str) -> Response:
    media_type = _media_type(accept)
    with readers.lend() as reader:
        found = [reader.newest(name) for name in names]
        if media_type != JSON:
            return _written(found, media_type, {})
        pages = [_page(reader, each) for each in found]
        return _json(pages[0] if len(pages) == 1 else b"[" + b",".join(pages) + b"]")


def _one(readers: Readers, accept: str, find: Callable[[Reader], tuple[Answer, Extra]]) -> Response:
    media_type = _media_type(accept)
    with readers.lend() as reader:
        found, extra = find(reader)
        if media_type != JSON:
            return _written([found], media_type, extra)
        info = reader.info(found.signal)
        kind = kind_of(str(extra["aggregate"]), info) if extra else info
        return _json(json_page(found, kind.unit, None))


def _media_type(accept: str) -> str:
    chosen = chosen_media_type(accept)
    if chosen is None:
        raise HTTPException(406, f"Accept: {accept!r}: allowed are {', '.join(MEDIA_TYPES)}")
    return chosen


def _page(reader: Reader, found: Answer, following: str | None = None) -> bytes:
    return json_page(found, reader.info(found.signal).unit, following)


def _json(content: bytes) -> Response:
    return Response(content, media_type=JSON)


def _written(found: list[Answer], media_type: str, extra: Extra, following: str | None = None) -> Response:
    writer = writer_of(media_type, extra)
    content = b"".join((writer.begin(), *(writer.rows(each) for each in found), writer.end()))
    return Response(content, media_type=media_type, headers={"X-Next": following} if following else None)


def _times(reader: Reader, texts: list[str]) -> list[int]:
    now = reader.newest_time()
    return [_time(text, now) for text in texts]


def _time(text: str, now: int) -> int:
    try:
        return ticks_from_time(text, now)
    except ValueError as error:
        if " " not in text.strip():
            raise
        message = f"{error}; a + is written %2B in a URL"
        raise ValueError(message) from None


def _span(reader: Reader, start: str, end: str, *, is_newest_in: bool = False) -> tuple[int, int]:
    """Return a span; where the newest sample is to be in it, `now` is an end behind that."""
    now = reader.newest_time()
    low = _time(start, now)
    high = now + 1 if is_newest_in and end.strip() == "now" else _time(end, now)
    if high <= low:
        message = f"end {end!r}: allowed is a time after start {start!r}"
        raise ValueError(message)
    return low, high


def _token(found: Answer, row: int) -> str:
    """Return the continuation token behind a row."""
    return f"{found.times[row]}.{found.epochs[row]}"


def _place(token: str | None) -> Place | None:
    if token is None:
        return None
    match = _TOKEN.match(token)
    if match is None:
        message = f"next {token!r}: allowed is the `next` of the page before"
        raise ValueError(message)
    return int(match[1]), int(match[2])
