"""The running plant, as its users and outside clients see it."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import os
import queue
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt
import psycopg2
import pytest
from asyncua import Client, ua
from influxdb_client.client.influxdb_client import InfluxDBClient

from plant.clock import seconds_from_duration, text_from_ticks, ticks_from_text, unix_ns_from_ticks
from runtime.opcua_link.filetime import ticks_of
from runtime.pki.own import own_identities
from timeseries.reader import Reader

from .conftest import Up, wait_until

pytestmark = [pytest.mark.system, pytest.mark.component]

PARTS = ("server", "controller", "historian", "detector", "mqtt", "postgres")


class Broker:
    """An outside MQTT client that keeps what arrives."""

    def __init__(self, plant: Up, *topics: str) -> None:
        url = urlsplit(plant.running["mqtt"]["url"])
        self.messages: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self.client.username_pw_set(unquote(url.username or ""), unquote(url.password or ""))
        self.client.on_message = lambda _client, _data, message: self.messages.put(message)
        subscribed: queue.Queue[int] = queue.Queue()
        self.client.on_subscribe = lambda _client, _data, mid, _codes, _properties: subscribed.put(mid)
        self.client.connect(url.hostname or "", url.port or 0)
        self.client.loop_start()
        for topic in topics:
            self.client.subscribe(topic, 1)
            subscribed.get(timeout=10)

    def next(self) -> dict[str, Any]:
        payload: dict[str, Any] = json.loads(self.messages.get(timeout=10).payload)
        return payload


@pytest.fixture
def broker(plant: Up, request: pytest.FixtureRequest) -> Iterator[Broker]:
    client = Broker(plant, *request.param)
    yield client
    client.client.disconnect()
    client.client.loop_stop()


def rows_in_database(plant: Up, sql: str) -> list[tuple[Any, ...]]:
    with psycopg2.connect(plant.running["postgres"]) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


async def call(plant: Up, method: str, *arguments: Any) -> Any:
    async with Client(plant.running["opcua"]) as client:
        parent = client.get_node(f"ns=2;s={method.rpartition('.')[0]}")
        return await parent.call_method(ua.NodeId(method, 2), *arguments)


Stored = list[tuple[str, str, int, int]]
"""Signal, epoch, SourceTimestamp (Unix ns) and seq, sorted."""


def in_store(plant: Up) -> Stored:
    with contextlib.closing(Reader(plant.data / "historian" / "history")) as reader:
        samples = [each for info in reader.signals() for each in reader.raw(info.name, 0, 2**62)]
        return sorted(
            (each.signal, str(each.epoch), unix_ns_from_ticks(each.source_time), each.seq) for each in samples
        )


def in_influxdb(plant: Up) -> Stored:
    where = plant.running["influxdb"]
    flux = f'''
        from(bucket: "{where["bucket"]}") |> range(start: 0) |> filter(fn: (r) => r._field == "seq")
        |> map(fn: (r) => ({{signal: r.reactor + "." + r.signal, epoch: r.epoch, ns: int(v: r._time), seq: r._value}}))
    '''
    token = Path(where["token_file"]).read_text().strip()
    with InfluxDBClient(where["url"], token, org=where["org"], timeout=60_000) as client:
        tables = client.query_api().query(flux)
    return sorted((row["signal"], row["epoch"], row["ns"], row["seq"]) for table in tables for row in table.records)


def numbers(stored: Stored) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name, _, _, seq in stored:
        found.setdefault(name.split(".")[0], []).append(seq)
    return {reactor: sorted(seqs) for reactor, seqs in found.items()}


def test_every_part_is_ready_and_says_so(plant: Up) -> None:
    rows = list(csv.DictReader(io.StringIO(plant.command("status", "--format", "csv"))))
    assert {row["part"] for row in rows} == {*PARTS, "influxdb", "telegraf"}
    assert {row["state"] for row in rows} == {"ready"}
    assert (plant.data / "run.json").stat().st_mode & 0o777 == 0o600


async def test_store_http_opcua_and_influxdb_hold_what_the_server_sent(plant: Up) -> None:
    wait_until("20 s of history", lambda: len(plant.query("raw", "R101.T", "--start", "-1h")) > 200, 60)
    await call(plant, "Plant.Simulation.Pause")
    try:
        names = ["R101.T", "R102.Ca", "R101.TIC101.WSP", "R102.TIC102.SP", "R101.Detector.Anomaly", "R101.X"]

        def settled() -> bool:
            produced = plant.counter("server", "cstr_values_produced", "signal")
            stored = plant.counter("historian", "cstr_samples_stored", "signal")
            return all(produced[name] == stored.get(name) for name in stored if not name.startswith("Plant."))

        wait_until("all that was produced is stored", settled)
        stored = plant.counter("historian", "cstr_samples_stored", "signal")
        for name in names:
            from_store = plant.query("raw", name, "--start", "-1h")
            assert len(from_store) == stored[name], name
            times = [row["source_time"] for row in from_store]
            assert times == sorted(set(times)), name
            assert plant.query("raw", name, "--start", "-1h", "--source", "opcua") == from_store
            wait_until(
                f"InfluxDB has {name}",
                lambda name=name, rows=from_store: (
                    plant.query("raw", name, "--start", "-1h", "--source", "influxdb") == rows
                ),
            )
            served = plant.history_over_http(name, times[0])
            assert [(ticks_from_text(each["t"]), each["status"]) for each in served] == [
                (ticks_from_text(row["source_time"]), row["status"]) for row in from_store
            ]
    finally:
        await call(plant, "Plant.Simulation.Resume")


@pytest.mark.parametrize("broker", [["plant/main/Area1/R102/anomaly"]], indirect=True)
def test_a_bias_is_seen_by_the_detector_on_mqtt_and_in_postgresql(plant: Up, broker: Broker) -> None:
    assert plant.last("R102.Detector.Anomaly")["value"] == "False"
    fault = plant.command("inject", "R102", "bias", "signal=T", "size=10", "for=20s").strip()
    assert fault.startswith("F")
    message = broker.next()
    assert (message["reactor"], message["state"], message["cause"]) == ("R102", "began", "T high")
    wait_until("Detector.Anomaly", lambda: plant.last("R102.Detector.Anomaly")["value"] == "True")
    assert plant.last("R102.Detector.Cause")["value"] == "T high"
    assert plant.last("R101.Detector.Anomaly")["value"] == "False"
    started = message["started_at"]

    def recorded() -> list[tuple[Any, ...]]:
        return rows_in_database(plant, "SELECT reactor, cause, method, started_at FROM cstr.anomaly")

    ((reactor, cause, method, at),) = wait_until("a row", recorded)
    assert (reactor, cause, method) == ("R102", "T high", "baseline")
    assert text_from_ticks(ticks_from_text(at.isoformat())) == started
    began = asyncio.run(newest_event(plant, "R102"))
    assert (began.Reactor, began.Cause, began.Active, began.Severity) == ("R102", "T high", True, 800)
    assert ticks_of(began.StartTime) // 10 == ticks_from_text(started) // 10
    plant.command("clear", "R102")


async def newest_event(plant: Up, reactor: str) -> Any:
    """Return the newest anomaly's event in the server's history."""
    async with Client(plant.running["opcua"]) as client:
        kind = client.get_node("ns=2;s=AnomalyEventType")
        (event,) = await client.get_node(f"ns=2;s={reactor}").read_event_history(None, datetime.now(UTC), 1, kind)
        return event


def test_the_summary_table_shows_the_running_plant_and_a_batch(plant: Up) -> None:
    plant.command("batch", "--rows", "200", "--abnormal", "0.3", "--seed", "5")

    def sources() -> bool:
        return {row[0] for row in rows_in_database(plant, "SELECT source FROM cstr.summary")} == {"batch", "stream"}

    wait_until("a summary of the stream", sources, 70)
    picture = plant.data / "distributions.png"
    shown = plant.command("summaries", "--plot", str(picture), "--format", "csv")
    found = list(csv.DictReader(io.StringIO(shown)))
    ours = [row for row in found if row["source"] == "batch"]
    assert all(int(row["n"]) + int(row["anomalies"]) in (200, 1000) for row in ours)
    assert picture.stat().st_size > 20_000


@pytest.mark.parametrize("broker", [["plant/main/Area1/R101/reply"]], indirect=True)
def test_commands_by_mqtt_are_checked_and_answered(plant: Up, broker: Broker) -> None:
    def send(payload: bytes) -> dict[str, Any]:
        broker.client.publish("plant/main/Area1/R101/cmd", payload, 1)
        return broker.next()

    before = plant.counter("historian", "cstr_samples_rejected", "reason").get("mqtt_payload", 0)
    assert send(b"\xff\x00 no json")["status"] == "BadDecodingError"
    assert plant.counter("historian", "cstr_samples_rejected", "reason")["mqtt_payload"] == before + 1
    good = {"id": 7, "signal": "R101.TIC101.SP", "value": 349.0}
    assert send(json.dumps(good).encode()) == {"id": 7, "status": "Good", "why": ""}
    assert send(json.dumps(good | {"value": 1e9}).encode())["status"] == "BadOutOfRange"
    assert send(json.dumps(good | {"signal": "R102.TIC102.SP"}).encode())["status"] == "BadNotWritable"
    assert send(json.dumps(good | {"value": "hot"}).encode())["status"] == "BadTypeMismatch"
    wait_until("the setpoint", lambda: plant.last("R101.TIC101.SP")["value"] == "349.0")


@pytest.mark.parametrize("part", [*PARTS, "telegraf", "influxdb"])
def test_what_is_killed_is_ready_again_and_the_others_go_on(plant: Up, part: str) -> None:
    before = plant.pids()
    scans = plant.counter("server", "cstr_values_produced", "signal")["R101.T"]
    os.kill(before[part], signal.SIGKILL)
    began = time.monotonic()

    def is_back() -> bool:
        if plant.pids()[part] == before[part]:
            return False
        return all(plant.get(service, "/readyz")[0] == 200 for service in plant.running["services"])

    wait_until(f"{part} is back and every service ready", is_back, 30)
    print(f"{part}: ready again after {time.monotonic() - began:.1f} s")
    after = plant.pids()
    assert {name: pid for name, pid in after.items() if name != part} == {
        name: pid for name, pid in before.items() if name != part
    }
    if part != "server":
        wait_until(
            "the plant goes on", lambda: plant.counter("server", "cstr_values_produced", "signal")["R101.T"] > scans, 5
        )
    newest = plant.last("R101.T")["source_time"]
    wait_until("history goes on", lambda: plant.last("R101.T")["source_time"] > newest, 10)


async def test_nothing_was_lost_or_doubled_by_the_kills(plant: Up) -> None:
    await call(plant, "Plant.Simulation.Pause")
    try:
        for reactor in ("R101", "R102"):
            for leaf in ("T", "Tc", "X", "Simulation.True.Ca", "Detector.Score"):
                served = plant.query("raw", f"{reactor}.{leaf}", "--start", "-1h", "--source", "opcua")
                start = served[0]["source_time"]
                wait_until(
                    f"the store has all of {reactor}.{leaf}",
                    lambda leaf=leaf, reactor=reactor, start=start, served=served: (
                        plant.query("raw", f"{reactor}.{leaf}", "--start", start) == served
                    ),
                )
        wait_until("InfluxDB has all that is stored, once", lambda: in_influxdb(plant) == in_store(plant), 60)
        for reactor, seqs in numbers(in_store(plant)).items():
            assert seqs == list(range(1, len(seqs) + 1)), f"{reactor}: holes in the numbering"
    finally:
        await call(plant, "Plant.Simulation.Resume")


def test_no_kill_raised_an_anomaly(plant: Up) -> None:
    verdicts = plant.query("raw", "R101.Detector.Anomaly", "--start", "-1h")
    assert {row["value"] for row in verdicts if row["status"] == "Good"} == {"False"}, verdicts


def test_bad_words_are_refused_with_what_is_allowed(plant: Up) -> None:
    plant.command("inject", "R109", "bias", "signal=T", "size=1", code=2)
    plant.command("inject", "R101", "gremlins", code=2)
    plant.command("query", "raw", "R101.T", "--start", "yesterday", code=2)
    plant.command("query", "raw", "R101.Nothing", code=2)
    plant.command("clear", "R101", "F99", code=2)
    assert seconds_from_duration("10min") == 600


async def test_an_outside_client_takes_the_loop_by_hand(plant: Up) -> None:
    async with Client(plant.running["opcua"]) as client:
        mode_target = client.get_node("ns=2;s=R101.TIC101.ModeTarget")
        out = client.get_node("ns=2;s=R101.TIC101.OUT")
        tc = client.get_node("ns=2;s=R101.Tc")
        with pytest.raises(ua.UaStatusCodeError) as refused:
            await tc.write_value(301.0)
        assert refused.value.code == ua.StatusCodes.BadUserAccessDenied
        await mode_target.write_value(ua.Variant(1, ua.VariantType.Int32))
        mode = client.get_node("ns=2;s=R101.TIC101.Mode")
        deadline = asyncio.get_running_loop().time() + 10
        while await mode.read_value() != 1:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
        await tc.write_value(301.0)
        assert await out.read_value() == 301.0
        await mode_target.write_value(ua.Variant(2, ua.VariantType.Int32))
        while await mode.read_value() != 2:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
        assert abs(await tc.read_value() - 301.0) < 5.0


def test_a_second_vendors_client_browses_reads_subscribes_and_writes(
    plant: Up, component: Callable[[str], Path], tmp_path: Path
) -> None:
    modules = component("node-opcua")
    trusted = own_identities(plant.data / "pki", application="outside")[0]
    script = Path(__file__).parent / "outside_client.js"
    done = subprocess.run(
        ["node", script, plant.running["opcua"], "R102", trusted.certificate, trusted.key],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={**os.environ, "NODE_PATH": str(modules), "HOME": str(tmp_path)},
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stdout + done.stderr
    result = json.loads(lines[0].removeprefix("RESULT "))
    assert {"T", "Tc", "TIC102", "Alarms", "Detector", "Simulation"} <= set(result["browsed"])
    assert (result["status"], result["unit"]) == ("Good", "K")
    assert 280 < result["t"] < 400
    assert result["subscribed"] == sorted(set(result["subscribed"]))
    assert result["history"] == result["subscribed"]
    assert result["refused"] == "BadUserAccessDenied"
    assert (result["wrongType"], result["outOfRange"]) == ("BadTypeMismatch", "BadOutOfRange")
    assert result["inMan"]
    assert result["written"] == "Good"
    assert result["mirrored"]
    assert result["backInAuto"]
