"""Long answers, sent while they are read: memory holds a page, however long the answer is."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Generator
from pathlib import Path

from fastapi import HTTPException, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from historian.media_types import CSV, writer_of
from historian.readers import Readers
from timeseries.answers import Writer
from timeseries.unpacked import Unpacked

AT_ONCE = 50_000
"""Rows of a piece."""
MOST_STREAMS = 8
"""Being sent at one time."""
UNPACKED_BYTES = 20_000_000
"""What a stream has read it does not read again."""

_log = logging.getLogger("historian.http")


class Streams:
    """Raw samples of any number, some at a time."""

    def __init__(self, store: Path) -> None:
        self._readers = Readers(store, Unpacked(UNPACKED_BYTES))
        self._free = threading.BoundedSemaphore(MOST_STREAMS)

    def answer(
        self, signal: str, low: int, high: int, limit: int | None, media_type: str, *, is_framed: bool
    ) -> Response:
        """Return the samples of a span; what fits two pieces with its length, the rest as it is read.

        `is_framed`: the client can tell an answer that was broken off (HTTP/1.1, RFC 9112 §8); Arrow and Parquet can by
        themselves.

        Raises:
            HTTPException: before anything is sent.
        """
        pieces = self._pieces(signal, low, high, limit, writer_of(media_type, {}))
        try:
            first = list(itertools.islice(pieces, 3))
            if len(first) < 3:
                return Response(b"".join(first), media_type=media_type)
            if media_type == CSV and not is_framed:
                raise HTTPException(422, f"a long answer as CSV: allowed with HTTP/1.1, or with a limit of {AT_ONCE}")
            if not self._free.acquire(blocking=False):
                message = f"{MOST_STREAMS} long answers are being sent; try again"
                raise HTTPException(503, message, {"Retry-After": "1"})
        except BaseException:
            pieces.close()
            raise
        return _Streamed(first, pieces, media_type, f"{signal} as {media_type}", self._free.release)

    def _pieces(self, signal: str, low: int, high: int, limit: int | None, writer: Writer) -> Generator[bytes]:
        with self._readers.lend() as reader:
            head, left = writer.begin(), limit
            for page in reader.pages(signal, low, high, most=AT_ONCE):
                for rows in page[:left].slices(AT_ONCE):
                    yield head + writer.rows(rows)
                    head = b""
                    left = None if left is None else left - len(rows)
                if left == 0:
                    break
            yield head + writer.end()


class _Streamed(StreamingResponse):
    """Is left unfinished when reading fails: the connection ends within the answer, and the client sees that."""

    def __init__(
        self, first: list[bytes], rest: Generator[bytes], media_type: str, about: str, on_end: Callable[[], None]
    ) -> None:
        super().__init__(itertools.chain(first, rest), media_type=media_type)
        self._rest = rest
        self._about, self._on_end = about, on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except HTTPException as error:
            _log.error("an answer was broken off (%s): %s", self._about, error.detail)
        finally:
            self._rest.close()
            self._on_end()
