"""The same samples in InfluxDB 2, and the same questions to it in Flux."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.historian.asking import Question
from benchmarks.historian.stored import CHANGING, DAY, T0
from gateway.components.influxdb import InfluxDB
from plant.clock import text_from_ticks, unix_ns_from_ticks
from runtime.ports import free_port
from runtime.running import secret
from timeseries.reader import Reader

READY_S = 60.0


@contextlib.contextmanager
def holding(folder: Path, store: Path, days: int) -> Iterator[tuple[int, int, dict[str, str]]]:
    """Run an InfluxDB that has a store's samples; return port, process, and the headers that it asks for."""
    influxdb = InfluxDB(folder, free_port())
    asyncio.run(influxdb.prepare())
    spec = influxdb.spec()
    process = subprocess.Popen(spec.argv, cwd=spec.cwd, env={**os.environ, **spec.env}, stdout=subprocess.DEVNULL)
    try:
        asyncio.run(influxdb.wait_ready(READY_S))
        headers = {"Authorization": f"Token {secret(influxdb.token_file)}"}
        _fill(influxdb.port, headers, store, days)
        yield influxdb.port, process.pid, {**headers, "Content-Type": "application/vnd.flux"}
    finally:
        process.terminate()
        process.wait(30)


def questions(days: int) -> list[Question]:
    """Return what can be asked of both."""
    end = T0 + days * DAY

    def flux(name: str, start: int, rest: str) -> str:
        reactor, _, leaf = name.partition(".")
        span = f"start: {text_from_ticks(start)}, stop: {text_from_ticks(end)}"
        return (
            f'from(bucket: "plant") |> range({span})'
            f' |> filter(fn: (r) => r._measurement == "opc" and r.reactor == "{reactor}" and r.signal == "{leaf}"'
            f' and r._field == "v"){rest}'
        )

    def windows(function: str, name: str = "R101.T") -> str:
        every = f"{round(days * 86_400 / 1000 * 1e9)}ns"
        return flux(name, T0, f" |> aggregateWindow(every: {every}, fn: {function}, createEmpty: false)")

    def ask(name: str, *bodies: str, share: float = 1.0) -> Question:
        return Question(
            f"InfluxDB: {name}", ("/api/v2/query?org=plant",), accept="text/csv", share=share, bodies=bodies
        )

    weighted = "(column, tables=<-) => tables |> timeWeightedAvg(unit: 1s)"
    return [
        ask("last value", flux("R101.T", end - DAY // 24, " |> last()")),
        ask("an hour raw, CSV", flux("R101.T", end - DAY // 24, ""), share=0.5),
        ask(f"{days} days, 1,000 timeWeightedAvg", windows(weighted), share=0.001),
        ask(f"{days} days, 1,000 mean", windows("mean"), share=0.05),
        ask("... five signals in turn", *(windows("mean", name) for name in CHANGING), share=0.05),
        ask(f"{days} days, 1,000 max", windows("max"), share=0.05),
        ask(f"{days} days raw, CSV", flux("R101.T", T0, ""), share=0.005),
    ]


def _fill(port: int, headers: dict[str, str], store: Path, days: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    with contextlib.closing(Reader(store)) as reader, contextlib.closing(connection):
        for name in CHANGING:
            reactor, _, leaf = name.partition(".")
            head = f"opc,reactor={reactor},signal={leaf} v="
            for answer in reader.pages(name, T0, T0 + days * DAY):
                lines = [
                    f"{head}{value!r} {unix_ns_from_ticks(time)}"
                    for time, value, status in zip(
                        answer.times.tolist(), answer.values.tolist(), answer.statuses.tolist(), strict=True
                    )
                    if status == 0
                ]
                connection.request("POST", "/api/v2/write?org=plant&bucket=plant", "\n".join(lines), headers)
                response = connection.getresponse()
                told = response.read()
                if response.status != http.client.NO_CONTENT:
                    message = f"InfluxDB answers {response.status}: {told[:200]!r}"
                    raise RuntimeError(message)
