"""The real InfluxDB: our token opens it, no other does, and a foreign one in DATA is named at the start."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS

from gateway.components.component import ComponentError
from gateway.components.influxdb import InfluxDB
from gateway.components.influxdb_log import begin_new_segments
from historian.influx import Influx
from historian.lanes import Shipment
from historian.messages.line_protocol import LineProtocol
from plant.clock import ticks_from_text
from runtime.ports import free_port
from runtime.settings import InfluxSettings
from timeseries.columns import Columns

pytestmark = pytest.mark.component


def buckets(influx: InfluxDB, token: str) -> int:
    """The HTTP status that listing the bucket answers."""
    request = urllib.request.Request(
        f"{influx.url}/api/v2/buckets?name={influx.bucket}", headers={"Authorization": f"Token {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def write(influx: InfluxDB, numbers: range) -> None:
    """Write a point each."""
    lines = "\n".join(f"numbers value={number}i {1_800_000_000_000_000_000 + number}" for number in numbers)
    with InfluxDBClient(influx.url, influx.token_file.read_text().strip(), org=influx.org) as client:
        client.write_api(SYNCHRONOUS).write(influx.bucket, record=lines)


def count(influx: InfluxDB) -> int:
    """How many points there are."""
    flux = f'from(bucket: "{influx.bucket}") |> range(start: 0, stop: 2100-01-01T00:00:00Z) |> count()'
    with InfluxDBClient(influx.url, influx.token_file.read_text().strip(), org=influx.org) as client:
        ((record,),) = (table.records for table in client.query_api().query(flux))
    return record.get_value()


def tear(data: Path) -> None:
    """Leave the beginning of an entry in the log."""
    (segment,) = data.rglob("*.wal")
    with segment.open("ab") as file:
        file.write(b"\x01\x00\x00\x10\x00 not all of the 4096 octets that it tells of")


async def test_only_the_token_made_at_first_start_opens_it(
    component: Callable[[str], Path], tmp_path: Path, serving
) -> None:
    component("influxd")
    influx = InfluxDB(tmp_path, free_port())
    async with serving(influx) as child:
        token = influx.token_file.read_text().strip()
        assert influx.token_file.stat().st_mode & 0o777 == 0o600
        assert buckets(influx, token) == 200
        assert buckets(influx, "guess") == 401
        child.kill()
        await child.start()
        assert influx.token_file.read_text().strip() == token
        assert buckets(influx, token) == 200
        influx.token_file.write_text("another\n")
        with pytest.raises(ComponentError, match=r"influxdb has another token, organisation or bucket"):
            await influx.wait_ready(5)


def test_a_log_goes_on_in_a_new_segment_once(tmp_path: Path) -> None:
    shard = tmp_path / "wal" / "bucket" / "autogen" / "7"
    shard.mkdir(parents=True)
    (shard / "_00009.wal").write_bytes(b"entries")
    (shard.parent / "8").mkdir()
    for _ in range(2):
        begin_new_segments(tmp_path)
        assert sorted(each.name for each in tmp_path.rglob("*.wal")) == ["_00009.wal", "_00010.wal"]
    assert (shard / "_00010.wal").read_bytes() == b""


async def test_what_is_written_after_a_kill_in_the_midst_of_a_write_is_there_after_the_next(
    component: Callable[[str], Path], tmp_path: Path, serving
) -> None:
    component("influxd")
    influx = InfluxDB(tmp_path, free_port())
    async with serving(influx) as child:
        write(influx, range(500))
        child.kill()
        tear(tmp_path)
        for kills in range(2):
            await child.start()
            write(influx, range(500 * (kills + 1), 500 * (kills + 2)))
            assert count(influx) == 500 * (kills + 2)
            child.kill()
        await child.start()
        assert count(influx) == 1500


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1899-12-30T00:00:00Z"])
async def test_samples_of_long_ago_are_counted_like_others(component, serving, tmp_path: Path, text: str) -> None:
    component("influxd")
    database, tank = InfluxDB(tmp_path / "influx", free_port()), ["Tank.Level", "Tank.Level"]
    async with serving(database):
        settings = InfluxSettings(url=database.url, token_file=database.token_file, org="plant", bucket="plant")
        influx, first = Influx(settings, "main"), ticks_from_text(text)
        some = Columns.of(2, times=[first, first + 36_000_000_000], seqs=[1, 2], words=1)
        assert influx.write([LineProtocol("main").lines(tank, some, [1.0, 2.0])]) == ""
        asked = Shipment.of([(1, some)])
        assert influx.counts([("Tank", asked), ("Mixer", asked)]) == [2, 0]
        influx.close()
