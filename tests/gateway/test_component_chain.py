"""Broker, Telegraf and InfluxDB, all real: every sample published is in InfluxDB, once, as it was.

What broker or Telegraf are killed with is lost: the historian, which is not here, knows that InfluxDB lacks it.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import aiomqtt
import pytest

from gateway.components.influxdb import InfluxDB
from gateway.components.nats import MAX_ACK_PENDING, USER, Nats
from gateway.components.telegraf import CONNECTED, Telegraf
from runtime.ports import free_port

MESSAGES, PER_MESSAGE = 1000, 20
START_NS = 1_795_323_600_000_000_000
STEP_NS = 100_000_000
BAD_SENSOR_FAILURE = 0x808C0000
ALL_TIME = "range(start: 2026-01-01T00:00:00Z, stop: 2028-01-01T00:00:00Z)"

pytestmark = pytest.mark.component


def at(seq: int) -> int:
    return START_NS + seq * STEP_NS + seq


def status(seq: int) -> int:
    return BAD_SENSOR_FAILURE if seq % 100 == 0 else 0


def value(seq: int) -> float:
    return 300 + seq / 700


def message(number: int) -> bytes:
    """One message of samples in the line protocol of the gateway; a Bad sample has no value."""
    lines = []
    for seq in range(number * PER_MESSAGE + 1, (number + 1) * PER_MESSAGE + 1):
        fields = f"q={status(seq)}u" if status(seq) else f"v={value(seq)!r},q=0u"
        tags = "opc,site=main,reactor=R101,signal=TIC101.SP,epoch=0"
        lines.append(f"{tags} {fields},srv={at(seq) + 7}i,seq={seq}i {at(seq)}")
    return "\n".join(lines).encode()


class Halfway:
    """Tells when half of the messages are confirmed."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    def count(self, number: int) -> None:
        if number == MESSAGES // 2:
            self.reached.set()


async def publish(broker: Nats, first: int, last: int, on_message: Callable[[int], None] = lambda number: None) -> None:
    """Publish messages [first, last); one that was not confirmed again on the next connection."""
    number = first
    while number < last:
        try:
            async with aiomqtt.Client(
                "127.0.0.1", broker.port, username=USER, password=broker.password, identifier="pub", timeout=1
            ) as client:
                while number < last:
                    await client.publish("plant/main/Area1/R101/lp", message(number), qos=1)
                    on_message(number)
                    number += 1
        except aiomqtt.MqttError:
            await asyncio.sleep(0.02)


async def connected(telegraf: Telegraf, times: int) -> None:
    """Wait until Telegraf has been connected to the broker so often since its start."""
    log = telegraf.data / "telegraf" / "telegraf.log"
    async with asyncio.timeout(20):
        while log.read_text().count(CONNECTED) < times:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def ask(influx: InfluxDB, flux: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The columns' types and the rows that a Flux query on the bucket answers, as InfluxDB writes them."""
    query = f'from(bucket: "{influx.bucket}") |> {ALL_TIME} |> {flux}'
    request = urllib.request.Request(
        f"{influx.url}/api/v2/query?org={influx.org}",
        data=json.dumps({"query": query, "dialect": {"annotations": ["datatype"]}}).encode(),
        headers={
            "Authorization": f"Token {influx.token_file.read_text().strip()}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        types, _, table = response.read().decode().partition("\r\n")
    rows = list(csv.DictReader(io.StringIO(table)))
    return dict(zip(rows[0], types.split(","), strict=True)) if rows else {}, rows


def series(influx: InfluxDB, field: str) -> tuple[str, dict[int, str]]:
    """The type of the field and its values by time in ns; fails where two series hold the same time."""
    only = f'filter(fn: (r) => r._field == "{field}")'
    types, rows = ask(influx, f"{only} |> map(fn: (r) => ({{t: int(v: r._time), v: r._value}}))")
    values = {int(row["t"]): row["v"] for row in rows}
    assert len(values) == len(rows), f"{field}: {len(rows) - len(values)} samples are there twice"
    return types["v"], values


async def all_there(influx: InfluxDB, samples: int, within_s: float) -> None:
    def count() -> list[int]:
        _, rows = ask(influx, 'filter(fn: (r) => r._field == "seq") |> count()')
        return [int(row["_value"]) for row in rows]

    counts: list[int] = []
    try:
        async with asyncio.timeout(within_s):
            while (counts := await asyncio.to_thread(count)) != [samples]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"after {within_s} s InfluxDB holds {counts} of {samples} samples")


def check_values(influx: InfluxDB, samples: int) -> None:
    numbers = range(1, samples + 1)
    expected = {
        "seq": ("long", {at(n): str(n) for n in numbers}),
        "srv": ("long", {at(n): str(at(n) + 7) for n in numbers}),
        "q": ("unsignedLong", {at(n): str(status(n)) for n in numbers}),
    }
    for field, (kind, values) in expected.items():
        assert series(influx, field) == (kind, values), field
    kind, values = series(influx, "v")
    assert kind == "double"
    assert {t: float(v) for t, v in values.items()} == {at(n): value(n) for n in numbers if not status(n)}


@pytest.fixture
def chain(component, tmp_path: Path) -> tuple[Nats, InfluxDB, Telegraf]:
    component("telegraf")
    component("influxd")
    broker = Nats(tmp_path, free_port(), free_port(), password="secret")
    influx = InfluxDB(tmp_path, free_port())
    return broker, influx, Telegraf(tmp_path, broker.url, influx.url, influx.token_file)


async def test_every_sample_arrives_once_as_it_was_also_when_sent_again(chain, serving) -> None:
    broker, influx, telegraf = chain
    async with serving(broker), serving(influx), serving(telegraf):
        await publish(broker, 0, MESSAGES)
        await publish(broker, 0, 100)
        # Telegraf keeps the order: with this one the repeated ones are in, too.
        await publish(broker, MESSAGES, MESSAGES + 1)
        await all_there(influx, (MESSAGES + 1) * PER_MESSAGE, within_s=20)
        await asyncio.to_thread(check_values, influx, (MESSAGES + 1) * PER_MESSAGE)


@pytest.mark.parametrize("killed", ["mqtt", "telegraf", "influxdb"])
async def test_every_sample_arrives_once_over_a_sigkill(chain, serving, killed: str) -> None:
    broker, influx, telegraf = chain
    async with serving(broker) as first, serving(influx) as second, serving(telegraf) as third:
        victim = {"mqtt": first, "influxdb": second, "telegraf": third}[killed]
        async with asyncio.TaskGroup() as group:
            group.create_task(publish(broker, 0, MESSAGES, on_message=(halfway := Halfway()).count))
            await halfway.reached.wait()
            victim.kill()
            await victim.start()
        if killed != "influxdb":
            await connected(telegraf, 2 if killed == "mqtt" else 1)
            await publish(broker, 0, MESSAGES)
        await all_there(influx, MESSAGES * PER_MESSAGE, within_s=60)
        await asyncio.to_thread(check_values, influx, MESSAGES * PER_MESSAGE)


async def test_what_influxdb_refuses_holds_up_nothing(chain, serving) -> None:
    broker, influx, telegraf = chain
    async with serving(broker), serving(replace(influx, retention_s=3600)), serving(telegraf):
        tags = "opc,site=main,reactor=R101,signal=T,epoch=0"
        now = time.time_ns()
        async with aiomqtt.Client(
            "127.0.0.1", broker.port, username=USER, password=broker.password, identifier="pub", timeout=10
        ) as client:
            for seq in range(1, 3 * MAX_ACK_PENDING):
                line = f"{tags} v=1,q=0u,seq={seq}i {now - 2 * 3600 * 10**9 + seq}"
                await client.publish("plant/main/Area1/R101/lp", line, qos=1)
            await client.publish("plant/main/Area1/R101/lp", f"{tags} v=1,q=0u,seq=0i {now}", qos=1)
        await all_there(influx, 1, within_s=20)
