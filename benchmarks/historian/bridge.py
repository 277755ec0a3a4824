"""What the whole bridge carries, beside asyncua's client with influxdb-client, and how late it is.

    .venv/bin/python -m benchmarks.historian.bridge [--reactors 50] [--seconds 60] [--publish lp] [--publish json]

Server, historian, broker, Telegraf and InfluxDB run in processes of their own. A bridge's capacity is samples by its
own processor time: with one core it carries no more. That it kept up is seen by what waits at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer
from influxdb_client.client.influxdb_client import InfluxDBClient

from benchmarks.historian.chain import Chain
from benchmarks.opcua.progress import say
from gateway.output import FormatOption, print_rows
from plant.clock import TICKS_PER_SECOND, ticks_from_unix_ns
from timeseries.reader import Reader

SIGNAL = "R101.T"
SETTLE_S = 10.0
FORMATS = ["lp"]
STORE_EVERY_S, INFLUX_EVERY_S = 0.005, 0.2
FIGURES = ("figure", "product", "asyncua + influxdb-client", "target")

Row = dict[str, Any]


class Lateness:
    """How old the newest sample is when somebody first sees it."""

    def __init__(self) -> None:
        self._newest = 0
        self.seconds: list[float] = []

    def saw(self, sent: int) -> None:
        """Take when the newest was sent, ticks."""
        if sent > self._newest:
            if self._newest:
                self.seconds.append((ticks_from_unix_ns(time.time_ns()) - sent) / TICKS_PER_SECOND)
            self._newest = sent

    def __str__(self) -> str:
        if not self.seconds:
            return "-"
        middle, high = np.percentile(self.seconds, (50, 99)) * 1000
        return f"{middle:.0f} / {high:.0f} ms ({len(self.seconds)})"


async def watch_store(chain: Chain, late: Lateness) -> None:
    """Look for the newest sample of a signal again and again, for ever."""
    with contextlib.closing(Reader(chain.store)) as reader:
        while True:
            sample = reader.last(SIGNAL)
            if sample is not None:
                late.saw(sample.server_time)
            await asyncio.sleep(STORE_EVERY_S)


async def _watch_influxdb(chain: Chain, late: Lateness) -> None:
    reactor, _, leaf = SIGNAL.partition(".")
    flux = (
        f'from(bucket: "plant") |> range(start: -1m) |> filter(fn: (r) => r.reactor == "{reactor}" and '
        f'r.signal == "{leaf}" and r._field == "srv") |> last()'
    )
    token = chain.influxdb.token_file.read_text().strip()
    with InfluxDBClient(chain.influxdb.url, token, org="plant") as client:
        api = client.query_api()
        while True:
            for table in await asyncio.to_thread(api.query, flux):
                late.saw(ticks_from_unix_ns(int(table.records[0].values["_value"])))
            await asyncio.sleep(INFLUX_EVERY_S)


async def product(data: Path, reactors: int, seconds: float, formats: list[str]) -> dict[str, str]:
    """Return the product's figures."""
    chain = Chain(data, reactors, 0.1, has_historian=True, formats=formats)
    stored, confirmed = Lateness(), Lateness()
    async with chain.running():
        say(f"the product's bridge, {reactors} reactors: all is running")
        await asyncio.sleep(SETTLE_S)
        before, cpu, began = await chain.totals("historian"), chain.cpu_s("historian"), time.monotonic()
        watching = [
            asyncio.create_task(watch_store(chain, stored)),
            asyncio.create_task(_watch_influxdb(chain, confirmed)),
        ]
        await asyncio.sleep(seconds)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        after, cpu, took = await chain.totals("historian"), chain.cpu_s("historian") - cpu, time.monotonic() - began
        count = after["cstr_samples_stored_total"] - before["cstr_samples_stored_total"]
        there = after["cstr_samples_confirmed_total"] - before["cstr_samples_confirmed_total"]
    return {
        "samples/s carried": f"{count / took:,.0f} stored, {there / took:,.0f} confirmed",
        "its processor time": f"{cpu / took:.2f} s a second",
        "samples/s of one core": f"{count / cpu:,.0f}",
        "source to store, p50 / p99": str(stored),
        "source to InfluxDB, p50 / p99": str(confirmed),
    }


async def stock(data: Path, reactors: int, seconds: float) -> dict[str, str]:
    """Return the figures of asyncua's client with influxdb-client."""
    chain = Chain(data, reactors, 0.1, has_historian=False)
    async with chain.running():
        endpoint, token_file = chain.settings.server.local_endpoint, str(chain.influxdb.token_file)
        argv = [sys.executable, "-m", "benchmarks.historian.stock_bridge", endpoint, chain.influxdb.url, token_file]
        with _started(argv) as process:
            try:
                assert process.stdout is not None
                await asyncio.to_thread(_line, process, "ready")
                say("asyncua's client is subscribed")
                await asyncio.sleep(SETTLE_S)
                first = await asyncio.to_thread(_newest_line, process)
                cpu, began = _cpu_s(process.pid), time.monotonic()
                await asyncio.sleep(seconds)
                last = await asyncio.to_thread(_newest_line, process)
                cpu, took = _cpu_s(process.pid) - cpu, time.monotonic() - began
            finally:
                process.kill()
    count = last[0] - first[0]
    return {
        "samples/s carried": f"{count / took:,.0f}, {last[1]:,} wait",
        "its processor time": f"{cpu / took:.2f} s a second",
        "samples/s of one core": f"{count / cpu:,.0f}",
    }


def _started(argv: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def _line(process: subprocess.Popen[str], first: str) -> list[str]:
    assert process.stdout is not None
    for line in process.stdout:
        words = line.split()
        if words[:1] == [first]:
            return words[1:]
    message = f"it ended with {process.wait()}"
    raise RuntimeError(message)


def _newest_line(process: subprocess.Popen[str]) -> tuple[int, int]:
    """Return how many were written, and how many wait, by what is said from now on."""
    began = time.monotonic()
    while True:
        words = _line(process, "written")
        if time.monotonic() - began > 0.2:
            return int(words[0]), int(words[1])


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


TARGETS = {
    "samples/s of one core": ">= 20,000",
    "source to store, p50 / p99": "p99 <= 150 ms",
    "source to InfluxDB, p50 / p99": "p99 <= 1.5 s",
}


def main(
    reactors: Annotated[int, typer.Option(help="Each some 190 samples a second.")] = 50,
    seconds: Annotated[float, typer.Option(help="Of each measurement.")] = 60.0,
    formats: Annotated[list[str], typer.Option("--publish", help="What is published on MQTT: lp, json.")] = FORMATS,
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Measure both, one after the other."""
    with tempfile.TemporaryDirectory(prefix="bridge-") as folder:
        ours = asyncio.run(product(Path(folder) / "product", reactors, seconds, formats))
        theirs = asyncio.run(stock(Path(folder) / "stock", reactors, seconds))
    rows: list[Row] = [
        dict(zip(FIGURES, (name, text, theirs.get(name, ""), TARGETS.get(name, "")), strict=True))
        for name, text in ours.items()
    ]
    print_rows(rows, FIGURES, format)


if __name__ == "__main__":
    typer.run(main)
