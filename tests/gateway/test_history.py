"""Store, server and InfluxDB answer alike, also where a signal rarely changes."""

from __future__ import annotations

import asyncio
import contextlib
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from prometheus_client import CollectorRegistry

from gateway.components.influxdb import InfluxDB
from gateway.history import History, flux
from gateway.history.influx import InfluxHistory, _whole
from gateway.history.server import ServerHistory
from gateway.history.store import STORE, StoreHistory
from historian.messages.line_protocol import LineProtocol
from opcua_server.access.policies import Policies
from opcua_server.access.rights import Rights
from opcua_server.access.roles import OBSERVER
from opcua_server.historical_access.event_history import EventHistory
from opcua_server.historical_access.points import Seals
from opcua_server.recorder import Recorder
from opcua_server.services.attribute_history import HistoryReader
from opcua_server.tags import Tags
from opcua_server.wire.messages import array_of, response
from plant import quality
from plant.clock import TICKS_PER_SECOND, ticks_from_text
from plant.sample import Sample, Scalar
from runtime.errors import CouldNotRun
from runtime.health import Health
from runtime.opcua_link.filetime import FileTime
from runtime.opcua_link.limits import Limits
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.nodes import PlantNodes
from runtime.ports import free_port
from timeseries.aggregates import FUNCTIONS, OF_TEXT
from timeseries.answers import Answer
from timeseries.reading import History as RecordedHistory
from timeseries.signals import SignalInfo
from timeseries.store import Store

HOUR = 3600
T0 = ticks_from_text("2031-11-22T04:00:00Z")
"""A plant may run ahead of the wall clock."""
SP, T, CAUSE, MODE = "R101.TIC101.SP", "R101.T", "R101.Detector.Cause", "R101.TIC101.Mode"
INFOS = {name: SignalInfo(name, "", number, name != T) for name, number in {SP: 11, T: 11, CAUSE: 12, MODE: 6}.items()}


def time(second: float) -> int:
    return T0 + round(second * TICKS_PER_SECOND)


def sample(name: str, second: float, value: Scalar | None, status: int = quality.GOOD) -> Sample:
    return Sample(time(second), name, value, status, time(second))


SAMPLES = sorted(
    [
        sample(SP, 0, 350.0),
        sample(SP, 5 * HOUR, 360.0),
        sample(CAUSE, 0, "T high"),
        sample(CAUSE, 10, ""),
        sample(CAUSE, 20, 'T "high",\nand Ca low\n'),
        sample(CAUSE, 30, None, quality.BAD_SENSOR_FAILURE),
        sample(CAUSE, 40, "\r\none\rtwo\n\rthree\r\n \\r \\s \\\r\\"),
        sample(MODE, 3, 2),
        *(sample(T, 0.5 + second, 300.0 + second % 7) for second in range(0, 3 * HOUR, 60)),
        sample(T, 2 * HOUR + 1, None, quality.BAD_SENSOR_FAILURE),
        sample(T, 6 * HOUR, 400.0),
    ],
    key=lambda each: each.source_time,
)
NOW = SAMPLES[-1].source_time


@pytest.fixture
def store(tmp_path: Path) -> History:
    with contextlib.closing(Store(tmp_path / STORE)) as store:
        store.declare(INFOS.values())
        store.append(store.columns(SAMPLES))
    return StoreHistory(tmp_path)


@pytest.fixture
def server(tmp_path: Path) -> History:
    """The link's own HistoryRead, and the server's own answer, as bytes without a wire."""
    tags = Tags(["R101"], CollectorRegistry())
    folder = tmp_path / "server" / "history"
    recorder = Recorder(tags, Store(folder), Health("server"), CollectorRegistry())
    for each in SAMPLES:
        tags[each.signal].set(each.value, each.source_time, each.server_time, each.quality)
    reader = HistoryReader(tags, recorder, RecordedHistory(folder), Mock(EventHistory), lambda node: True)
    rights, seals = Rights(frozenset({OBSERVER}), None, Policies(tags)), Seals()

    async def answer(request: ua.HistoryReadRequest, timeout: float | None) -> Buffer:
        parts = await reader.read(rights, request.Parameters, seals)
        return Buffer(
            response(ua.ObjectIds.HistoryReadRequest_Encoding_DefaultBinary, 0)
            + array_of(len(request.Parameters.NodesToRead), parts)
        )

    async def read(params: ua.ReadParameters) -> list[ua.DataValue]:
        """Return plant time, which of a plant that is paused is that of its newest samples."""
        return [ua.DataValue(SourceTimestamp=FileTime.of(NOW)) for _ in params.NodesToRead]

    session = SimpleNamespace(_send_request=answer, read=read)
    url = SimpleNamespace(geturl=lambda: "opc.tcp://plant")
    client = SimpleNamespace(uaclient=SimpleNamespace(session=session), server_url=url)
    link = OpcuaLink(client, PlantNodes(2), Limits())  # type: ignore[arg-type]
    return ServerHistory(link, INFOS.__getitem__)


@pytest.fixture
async def influxdb(component: Callable[[str], Path], serving, tmp_path: Path) -> AsyncIterator[History]:
    """The real one, holding another site's samples too."""
    component("influxd")
    database = InfluxDB(tmp_path / "influx", free_port())
    where = {"url": database.url, "org": "plant", "bucket": "plant", "token_file": str(database.token_file)}
    store = Store(tmp_path / "sent")
    store.declare(INFOS.values())

    def write(samples: list[Sample], site: str) -> None:
        columns = store.columns(samples)
        written = LineProtocol(site).lines([each.signal for each in samples], columns, store.values(columns))
        lines = written.replace(b's="",', b"")
        headers = {"Authorization": f"Token {database.token_file.read_text().strip()}"}
        request = urllib.request.Request(f"{database.url}/api/v2/write?org=plant&bucket=plant", lines, headers)
        urllib.request.urlopen(request, timeout=10).close()

    async with serving(database):
        await asyncio.to_thread(write, SAMPLES, "main")
        elsewhere = [sample(T, 1 + second, 1.0) for second in range(0, 7 * HOUR, 600)]
        await asyncio.to_thread(write, [*elsewhere, sample(SP, 4 * HOUR, 1.0)], "elsewhere")
        with contextlib.closing(InfluxHistory(where, "main", INFOS.__getitem__)) as history:
            yield history


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nns"], ids=["all", "rest"])
async def test_an_influxdb_that_stalls_is_not_waited_for(
    said: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flux, "SILENCE_S", 0.2)
    (tmp_path / "token").write_text("token")
    is_over = asyncio.Event()

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await is_over.wait()
        writer.close()

    async with await asyncio.start_server(stall, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        where = {"url": url, "org": "plant", "bucket": "plant", "token_file": str(tmp_path / "token")}
        with (
            contextlib.closing(InfluxHistory(where, "main", INFOS.__getitem__)) as history,
            pytest.raises(CouldNotRun, match=rf"{url}: nothing came for 0.2 s.*--source store"),
        ):
            await history.last(T)
        is_over.set()


Row = tuple[int, Scalar | None, int]


def rows(*answers: Answer) -> list[Row]:
    return [
        row for each in answers for row in zip(each.times.tolist(), each.plain, each.statuses.tolist(), strict=True)
    ]


async def raw(source: History, name: str) -> list[Row]:
    return rows(*[page async for page in source.pages(name, time(0), time(7 * HOUR))])


async def alike(one: History, other: History) -> None:
    seconds = [-5, 0, 1, 30.5, HOUR, 2 * HOUR + 10, 4 * HOUR, 5 * HOUR, 5.5 * HOUR, 6 * HOUR, 9 * HOUR, 99 * HOUR]
    for name in INFOS:
        times = [time(second) for second in seconds]
        assert rows(await one.at(name, times)) == rows(await other.at(name, times)), name
        spans = [
            (-HOUR, 0),
            (600, 1200),
            (HOUR, 5.5 * HOUR),
            (3 * HOUR, 4 * HOUR),
            (6 * HOUR, 8 * HOUR),
            (30 * HOUR, 40 * HOUR),
        ]
        spans += [(2 * HOUR + 10, 2 * HOUR + 20), (HOUR, 2 * HOUR + 2), (2 * HOUR + 1, 2 * HOUR + 20)]
        every = [(start, end, 600, "TimeAverage") for start, end in spans]
        every += [(end, start, 0, "TimeAverage2") for start, end in spans]
        every = [each for each in every if name != CAUSE or each[3] in OF_TEXT]
        functions = OF_TEXT if name == CAUSE else FUNCTIONS
        every += [
            (start * HOUR, end * HOUR, 600, function)
            for start, end in ((1, 5.5), (5.5, 6.5), (7, 8))
            for function in functions
        ]
        for start, end, interval, function in every:
            asked = (name, time(start), time(end), interval * TICKS_PER_SECOND, function)
            assert rows(await one.aggregate(*asked)) == rows(await other.aggregate(*asked)), asked
        found = await raw(one, name)
        assert found == await raw(other, name)
        assert len(found) == sum(each.signal == name for each in SAMPLES)
    for source in (one, other):
        await holds_up_to_the_present(source)
    assert rows(await one.at(SP, [time(4 * HOUR)])) == [(time(4 * HOUR), 350.0, quality.INTERPOLATED)]


async def holds_up_to_the_present(source: History) -> None:
    """What is set holds up to the newest sample of any signal; behind it, it is not known."""
    assert await source.now() == NOW
    whole = await source.aggregate(SP, time(5 * HOUR), time(8 * HOUR), HOUR * TICKS_PER_SECOND, "TimeAverage2")
    assert [(value, quality.name_of(status)) for _, value, status in rows(whole)] == [
        (360.0, "Good"),
        (360.0, "Good"),
        (None, "BadNoData"),
    ]
    for name in (SP, CAUSE, MODE):
        found = await source.at(name, [NOW - 1, NOW, NOW + 1, time(99 * HOUR)])
        held, nothing = quality.INTERPOLATED, quality.BAD_NO_DATA
        assert found.statuses.tolist() == [held, held, nothing, nothing]


async def test_the_server_answers_as_the_store_does(store: History, server: History) -> None:
    await alike(store, server)


@pytest.mark.component
async def test_influxdb_answers_as_the_store_does(store: History, influxdb: History) -> None:
    await alike(store, influxdb)
    for name in INFOS:
        found = [await source.last(name) for source in (store, influxdb)]
        assert rows(found[0]) == rows(found[1]), name
        assert len(found[0]) == 1
    assert await influxdb.now() == await store.now()


@pytest.mark.parametrize(
    ("info", "stored", "shown"),
    [
        (SignalInfo("R101.Int", "", 8), [2**63 - 1, -(2**63), 5], [2**63 - 1, -(2**63), 5]),
        (SignalInfo("R101.UInt", "", 9), [2**64 - 1, 2**63 + 4096, 5], [2**64 - 1, 2**63 + 4096, 5]),
        (SignalInfo("R101.Int", "", 8), [2**53 + 1], [2**53]),
    ],
)
def test_from_influxdb_whole_numbers_are_as_near_as_a_double_is(
    info: SignalInfo, stored: list[int], shown: list[int]
) -> None:
    found = _whole(info, np.array(stored, np.float64))
    assert [info.scalar(word) for word in found.tolist()] == shown
