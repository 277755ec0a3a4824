"""What is found in the end in each place that keeps samples: by its own means, sample by sample."""

from __future__ import annotations

import contextlib
import csv
import http.client
import io
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.components.influxdb import InfluxDB
from plant.clock import text_from_ticks, ticks_from_unix_ns
from runtime.running import secret
from timeseries.layout import ARCHIVE, LOG
from timeseries.reader import Reader

from .ledger import Key, Value

TRIES, TRY_AGAIN_S = 10, 1.0
ALL_TIME = "range(start: 1970-01-01T00:00:00Z, stop: 2262-01-01T00:00:00Z)"


@dataclass(slots=True)
class Found:
    """Samples of one place."""

    samples: dict[Key, Value] = field(default_factory=dict)
    seqs: dict[Key, int] = field(default_factory=dict)
    """The historian's numbers."""
    rows: int = 0
    """How many samples are stored: what is there twice counts twice."""


def in_store(folder: Path) -> Found:
    """Read a store."""
    found = Found(rows=_rows(folder))
    with contextlib.closing(Reader(folder)) as reader:
        for info in reader.signals():
            for sample in reader.raw(info.name, 0, 2**62):
                key = (info.name, sample.epoch, text_from_ticks(sample.source_time))
                plain = sample.value if sample.value is None or isinstance(sample.value, str) else float(sample.value)
                found.samples[key] = (plain, sample.quality)
                found.seqs[key] = sample.seq
    return found


def _rows(folder: Path) -> int:
    with (
        contextlib.closing(sqlite3.connect(folder / ARCHIVE.file)) as archive,
        contextlib.closing(sqlite3.connect(folder / LOG.file)) as log,
    ):
        (done,) = archive.execute("SELECT block FROM progress").fetchone()
        counts = [
            archive.execute("SELECT coalesce(sum(count), 0) FROM chunk"),
            archive.execute("SELECT coalesce(sum(count), 0) FROM piece"),
            log.execute("SELECT coalesce(sum(count), 0) FROM block WHERE id > ?", (done,)),
        ]
        return sum(cursor.fetchone()[0] for cursor in counts)


def in_influxdb(influxdb: InfluxDB, signals: Iterator[str] | list[str]) -> Found:
    """Read a bucket, a signal at a time."""
    found = Found()
    for name in signals:
        reactor, _, leaf = name.partition(".")
        flux = (
            f'from(bucket: "plant") |> {ALL_TIME}'
            f' |> filter(fn: (r) => r.reactor == "{reactor}" and r.signal == "{leaf}")'
            ' |> pivot(rowKey: ["_time", "epoch"], columnKey: ["_field"], valueColumn: "_value")'
            " |> map(fn: (r) => ({r with ns: int(v: r._time)}))"
        )
        for row in _whole_rows_of(influxdb, flux):
            when = text_from_ticks(ticks_from_unix_ns(int(row["ns"])))
            key, status = (name, int(row["epoch"]), when), int(row["q"])
            text = row.get("s", "")
            value = float(row["v"]) if row.get("v") else text if text or status < 0x80000000 else None
            found.samples[key] = (value, status)
            found.seqs[key] = int(row["seq"])
            found.rows += 1
    return found


def _whole_rows_of(influxdb: InfluxDB, flux: str) -> list[dict[str, str]]:
    """Return rows once each has its fields: while samples come again, InfluxDB may show a point without some."""
    for _ in range(TRIES):
        rows = _rows_of(influxdb, flux)
        if all(row.get("q") and row.get("seq") for row in rows):
            break
        time.sleep(TRY_AGAIN_S)
    return rows


def _rows_of(influxdb: InfluxDB, flux: str) -> list[dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", influxdb.port, timeout=120)
    headers = {"Authorization": f"Token {secret(influxdb.token_file)}", "Content-Type": "application/json"}
    body = json.dumps({"query": flux, "dialect": {"annotations": [], "header": True}})
    connection.request("POST", "/api/v2/query?org=plant", body, headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    assert response.status == 200, text
    rows: list[dict[str, str]] = []
    head: list[str] = []
    for row in csv.reader(io.StringIO(text)):
        if not row:
            head = []
        elif not head:
            head = row
        else:
            rows.append(dict(zip(head, row, strict=True)))
    return rows


def numbers_of(found: Found) -> dict[str, tuple[int, int]]:
    """Return of each reactor how many numbers are lacking between 1 and the highest, and how many are there twice."""
    by_reactor: dict[str, Counter[int]] = {}
    for (signal, _, _), seq in found.seqs.items():
        by_reactor.setdefault(signal.partition(".")[0], Counter())[seq] += 1
    return {
        reactor: (max(seqs) - len(seqs), sum(count - 1 for count in seqs.values()))
        for reactor, seqs in sorted(by_reactor.items())
    }
