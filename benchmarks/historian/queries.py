"""How long questions to history take over HTTP, also while samples are stored.

    .venv/bin/python -m benchmarks.historian.queries [--days 30] [--ingest 10000] [--markdown docs/performance.md]

A store of 30 days with six signals at 1 sample a second is made by the real upkeep (under a minute, kept with --store),
and served by the real HTTP application in a process of its own; one client asks over one connection. Then it asks an
InfluxDB 2 that has the same samples what both can be asked.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.historian import in_influxdb
from benchmarks.historian.asking import Asker, Question
from benchmarks.historian.stored import CHANGING, DAY, SIGNALS, T0, make
from benchmarks.opcua.progress import say
from benchmarks.opcua.report import machine
from gateway.output import print_rows
from plant.clock import text_from_ticks
from runtime.ports import free_port

BEGIN, END = "<!-- queries: begin -->", "<!-- queries: end -->"
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
READY_S = 30.0


def questions(days: int) -> list[Question]:
    """Return what is asked of a store of so many days."""
    end = T0 + days * DAY
    hour = f"start={text_from_ticks(end - DAY // 24)}&end={text_from_ticks(end)}"
    old_hour = f"start={text_from_ticks(T0 + DAY)}&end={text_from_ticks(T0 + DAY + DAY // 24)}"
    span = f"start={text_from_ticks(T0)}&end={text_from_ticks(end)}"
    buckets = f"{span}&interval={days * 86_400 / 1000:.6f}s"
    history = "/api/v1/history"

    def aggregate(name: str, *signals: str) -> tuple[str, ...]:
        return tuple(f"{history}/aggregate?signal={each}&{buckets}&aggregate={name}" for each in signals)

    raw, last = f"{history}/raw?signal=R101.T&", f"{history}/last?"
    all_signals = "&".join(f"signal={info.name}" for info in SIGNALS)
    return [
        Question("last value", (f"{last}signal=R101.T",), "p99 <= 2 ms"),
        Question("last values of six signals", (last + all_signals,)),
        Question("value at a time", (f"{history}/at?signal=R101.T&time={text_from_ticks(end - DAY // 2)}",)),
        Question("an hour raw, JSON", (raw + hour,), "<= 20 ms", share=0.5),
        Question("an hour raw, sealed, JSON", (raw + old_hour,), "<= 20 ms", share=0.5),
        Question("an hour raw, CSV", (raw + hour,), accept="text/csv", share=0.5),
        Question("an hour raw, Arrow", (raw + hour,), accept=ARROW, share=0.5),
        Question(f"{days} days, 1,000 TimeAverage", aggregate("TimeAverage", "R101.T"), "<= 200 ms", share=0.05),
        Question("... five signals in turn", aggregate("TimeAverage", *CHANGING), "<= 200 ms", share=0.05),
        Question(f"{days} days, 1,000 Average", aggregate("Average", "R101.T"), share=0.05),
        Question(f"{days} days, 1,000 Maximum", aggregate("Maximum", "R101.T"), share=0.05),
        Question("... StandardDeviation", aggregate("StandardDeviation", "R101.T"), share=0.05),
        Question("... PercentGood", aggregate("PercentGood", "R101.T"), share=0.05),
        Question(f"{days} days raw, CSV", (raw + span,), accept="text/csv", share=0.005),
        Question(f"{days} days raw, Arrow", (raw + span,), accept=ARROW, share=0.005),
        Question(f"{days} days raw, Parquet", (raw + span,), accept=PARQUET, share=0.005),
    ]


@contextmanager
def serving(folder: Path, rate: int) -> Iterator[tuple[int, int]]:
    """Serve a store; return port and process."""
    port = free_port()
    argv = [sys.executable, "-P", "-m", "benchmarks.historian.served", str(folder), str(port), str(rate)]
    process = subprocess.Popen(argv, env={"PYTHONPATH": str(Path.cwd())})
    try:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                HTTPConnection("127.0.0.1", port, timeout=1).connect()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


def main(
    days: Annotated[int, typer.Option(min=2, help="Of the store.")] = 30,
    requests: Annotated[int, typer.Option(min=10, help="Of each question; of long ones fewer.")] = 1000,
    ingest: Annotated[int, typer.Option(min=0, help="Samples a second that are stored in the second run.")] = 10_000,
    store: Annotated[
        Path | None, typer.Option(help="Folder of the store; made, and kept, when it is not there.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Fill in the table of this file.")] = None,
) -> None:
    """Measure and print."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = store or Path(temporary) / "history"
        if not folder.exists():
            make(folder, days, say)

        def ask(asker: Asker, rate: int, asked: list[Question]) -> None:
            for question in asked:
                row = {"stored_per_s": rate, **asker.ask(question, requests).row()}
                say(f"{row['question']}: p50 {row['p50_ms']:.2f} ms, p99 {row['p99_ms']:.2f} ms")
                rows.append(row)

        for rate in dict.fromkeys((0, ingest)):
            with serving(folder, rate) as (port, process):
                ask(Asker(port, process), rate, questions(days))
        say("InfluxDB takes the same samples")
        with in_influxdb.holding(Path(temporary) / "influxdb", folder, days) as (port, process, headers):
            ask(Asker(port, process, headers), 0, in_influxdb.questions(days))
    print_rows(rows, tuple(rows[0]))
    if markdown is not None:
        _write(markdown, rows)


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    before, _, rest = path.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    facts = ", ".join(f"{name} {value}" for name, value in machine().items())
    lines = [
        f"Machine: {facts}.",
        "",
        "| " + " | ".join(rows[0]).replace("_", " ") + " |",
        "| --- " * len(rows[0]) + "|",
    ]
    lines += ["| " + " | ".join(map(_shown, row.values())) + " |" for row in rows]
    path.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}")


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.3g}" if isinstance(value, float) and value < 1000 else f"{value:,.0f}"


if __name__ == "__main__":
    typer.run(main)
