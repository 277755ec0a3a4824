"""Long answers over real HTTP: whole, in bounded memory, and never whole in looks only."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet
import pytest

from historian import media_types, streams
from historian.api import make_app
from historian.http import serve_http
from plant.clock import TICKS_PER_SECOND, text_from_ticks, ticks_from_text
from runtime.ports import free_port
from runtime.settings import Settings
from timeseries.columns import Columns
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

T0 = ticks_from_text("2026-11-22T04:00:00Z")
DAY, DAYS = 86_400, 4
SPAN = {"signal": "R101.T", "start": text_from_ticks(T0), "end": text_from_ticks(T0 + DAYS * DAY * TICKS_PER_SECOND)}
BROKEN = (httpx.RemoteProtocolError, httpx.ReadError)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four days at 1 s, a Parquet file for each but the last."""
    folder = tmp_path_factory.mktemp("store") / "history"
    with contextlib.closing(Store(folder)) as store, contextlib.closing(Upkeep(folder)) as upkeep:
        store.declare([SignalInfo("R101.T", "K", 11)])
        for day in range(DAYS):
            times = T0 + (day * DAY + np.arange(DAY)) * TICKS_PER_SECOND
            words = (300.0 + np.arange(DAY) / 1000).view(np.int64)
            store.append(Columns.of(DAY, signals=int(store.numbers(["R101.T"])[0]), times=times, words=words))
            upkeep.take_in()
            upkeep.seal(int(times[0]))
    return folder


@contextlib.asynccontextmanager
async def served(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    task = asyncio.create_task(serve_http(make_app(folder, Settings()), "127.0.0.1", port))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1/history", timeout=60) as client:
            async with asyncio.timeout(20):
                while True:
                    with contextlib.suppress(httpx.ConnectError):
                        await client.get("/last", params={"signal": "R101.T"})
                        break
                    await asyncio.sleep(0.01)
            yield client
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def values(octets: bytes, media_type: str) -> list[float]:
    if media_type == media_types.CSV:
        return [float(row["value"]) for row in csv.DictReader(io.StringIO(octets.decode()))]
    source = pa.BufferReader(octets)
    table = (
        pyarrow.parquet.read_table(source)
        if media_type == media_types.PARQUET
        else pa.ipc.open_stream(source).read_all()
    )
    found: list[float] = table["value"].to_pylist()
    return found


@pytest.mark.parametrize("media_type", media_types.MEDIA_TYPES[1:])
async def test_all_of_a_span_comes_in_one_answer(sealed: Path, media_type: str) -> None:
    async with served(sealed) as client:
        answer = await client.get("/raw", params=SPAN, headers={"Accept": media_type})
        assert answer.headers["transfer-encoding"] == "chunked"
        found = values(answer.content, media_type)
        assert len(found) == DAYS * DAY
        assert found[:DAY] == (300.0 + np.arange(DAY) / 1000).tolist()
        some = await client.get("/raw", params={**SPAN, "limit": 123_456}, headers={"Accept": media_type})
        assert values(some.content, media_type) == found[:123_456]
        few = await client.get("/raw", params={**SPAN, "limit": 7}, headers={"Accept": media_type})
        assert values(few.content, media_type) == found[:7]
        more = {**SPAN, "limit": 7, "next": few.headers["x-next"]}
        assert (
            values((await client.get("/raw", params=more, headers={"Accept": media_type})).content, media_type)
            == found[7:14]
        )


async def test_json_comes_in_pages_whatever_the_limit(sealed: Path) -> None:
    async with served(sealed) as client:
        page = (await client.get("/raw", params={**SPAN, "limit": 10**9})).json()
        count = len(page["samples"])
        assert count == 50_000
        while page["next"]:
            page = (await client.get("/raw", params={**SPAN, "next": page["next"]})).json()
            count += len(page["samples"])
        assert count == DAYS * DAY


@pytest.mark.parametrize("media_type", media_types.MEDIA_TYPES[1:])
async def test_an_answer_that_breaks_off_is_seen_to_be_broken(
    sealed: Path, tmp_path: Path, media_type: str, caplog: pytest.LogCaptureFixture
) -> None:
    import shutil

    folder = shutil.copytree(sealed, tmp_path / "history")
    damaged = sorted((folder / "segments").glob("*.parquet"))[2]
    damaged.write_bytes(damaged.read_bytes()[:1000])
    async with served(folder) as client:
        with pytest.raises(BROKEN):
            await client.get("/raw", params=SPAN, headers={"Accept": media_type})
        assert [record.message for record in caplog.records if str(damaged) in record.message]
        whole = await client.get("/raw", params={**SPAN, "limit": DAY}, headers={"Accept": media_type})
        assert len(values(whole.content, media_type)) == DAY
        early = {**SPAN, "start": text_from_ticks(T0 + 2 * DAY * TICKS_PER_SECOND)}
        assert (await client.get("/raw", params=early, headers={"Accept": media_type})).status_code == 500


async def test_a_client_of_http_1_0_gets_long_csv_by_pages_only(sealed: Path) -> None:
    async with served(sealed) as client:

        async def ask(limit: str) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
            path = f"/api/v1/history/raw?signal=R101.T&start={SPAN['start']}&end={SPAN['end']}{limit}"
            writer.write(f"GET {path} HTTP/1.0\r\nAccept: text/csv\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            return answer

        refused = await ask("")
        assert b" 422 " in refused.splitlines()[0]
        assert b"limit" in refused
        assert (await ask("&limit=10")).count(b"R101.T") == 10


async def test_memory_does_not_grow_with_the_answer(sealed: Path) -> None:
    async with served(sealed) as client:
        process = psutil.Process()

        async def ask(times: int) -> int:
            most = 0
            for _ in range(times):
                async with client.stream("GET", "/raw", params=SPAN, headers={"Accept": media_types.CSV}) as answer:
                    async for _ in answer.aiter_raw():
                        most = max(most, process.memory_info().rss)
            return most

        before = await ask(2)
        assert await ask(2) - before < 8e6
        octets = DAYS * DAY * 46
        assert octets > 15e6


async def test_who_does_not_read_holds_no_more_than_a_few_pieces_and_leaves_room_for_others(
    sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_STREAMS", 2)
    async with served(sealed) as client, contextlib.AsyncExitStack() as stack:
        accept = {"Accept": media_types.CSV}
        for _ in range(2):
            lazy = httpx.AsyncClient(base_url=client.base_url)
            await stack.enter_async_context(lazy)
            await stack.enter_async_context(lazy.stream("GET", "/raw", params=SPAN, headers=accept))
        refused = await client.get("/raw", params=SPAN, headers=accept)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert (await client.get("/raw", params={**SPAN, "limit": 10}, headers=accept)).status_code == 200
        await stack.aclose()
        async with asyncio.timeout(20):
            while (await client.get("/raw", params=SPAN, headers=accept)).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
