"""Flux questions to InfluxDB 2, answered as columns."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from runtime.errors import CouldNotRun

COLUMNS = ("ns", "epoch", "q", "v", "s")
"""Time, tag, and fields of a sample."""
SILENCE_S = 60.0
"""Without an octet; what stalls for longer is not waited for."""


class Flux:
    """A client; `where` is what run.json says of InfluxDB."""

    def __init__(self, where: Mapping[str, str]) -> None:
        from influxdb_client.client.influxdb_client import InfluxDBClient

        self._url = where["url"]
        token = Path(where["token_file"]).read_text(encoding="utf-8").strip()
        self._client: Any = InfluxDBClient(self._url, token, org=where["org"], timeout=SILENCE_S * 1000)

    def close(self) -> None:
        """Close it."""
        self._client.close()

    async def answer(self, flux: str) -> dict[str, Any]:
        """Ask in a thread that nobody waits for at a signal, as for one of asyncio's own: InfluxDB may be stalled."""
        found: Future[dict[str, Any]] = Future()

        def ask() -> None:
            found.set_running_or_notify_cancel()
            try:
                found.set_result(self.ask(flux))
            except BaseException as error:  # noqa: BLE001 - told to who waits
                found.set_exception(error)

        threading.Thread(target=ask, name="InfluxDB", daemon=True).start()
        return await asyncio.wrap_future(found)

    def ask(self, flux: str) -> dict[str, Any]:
        """Return the columns of one table, each as an Arrow array; nothing where it has no rows.

        Raises:
            CouldNotRun: with what InfluxDB says, or that it says nothing.
        """
        import pyarrow as pa
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        try:
            octets = self._csv(flux)
            if octets.lstrip(b"\r\n,").startswith(b"error"):
                reason = octets.decode(errors="replace").strip().splitlines()[-1]
            else:
                return _columns(octets)
        except ReadTimeoutError:
            reason = (
                f"nothing came for {SILENCE_S:g} s: it is stalled or overloaded; restart it or ask for less at once, "
                "or have the same history with --source store"
            )
        except (ApiException, HTTPError, OSError, pa.ArrowInvalid) as error:
            reason = str(error)
        message = f"InfluxDB at {self._url}: {reason}"
        raise CouldNotRun(message)

    def _csv(self, flux: str) -> bytes:
        from influxdb_client.domain import dialect

        plain: Any = dialect.Dialect
        without = plain(header=True, annotations=[], delimiter=",", date_time_format="RFC3339")
        answer = self._client.query_api().query_raw(flux, dialect=without)
        octets: bytes = answer.read()
        return octets


def _columns(octets: bytes) -> dict[str, Any]:
    import pyarrow as pa
    from pyarrow import csv

    if not octets.strip():
        return {}
    kinds = (pa.int64(), pa.uint32(), pa.uint64(), pa.float64(), pa.string())
    options = csv.ConvertOptions(
        column_types=dict(zip(COLUMNS, kinds, strict=True)), include_columns=COLUMNS, include_missing_columns=True
    )
    parsing = csv.ParseOptions(newlines_in_values=True)
    table = csv.read_csv(pa.BufferReader(octets), parse_options=parsing, convert_options=options)
    if table["ns"].null_count:
        message = f"its answer has no times: {octets[:100].decode(errors='replace')!r}"
        raise pa.ArrowInvalid(message)
    return {name: table[name] for name in COLUMNS}
