"""The HTTP API over a store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pyarrow.ipc
import pytest

from detector.database import connect
from historian import media_types
from historian.api import _rows, make_app
from plant import quality
from plant.sample import Sample
from runtime.settings import Settings
from runtime.settings_file import load_settings
from timeseries.signals import SignalInfo

Get = Callable[..., Awaitable[httpx.Response]]
SPAN = {"signal": "R101.T", "start": "2026-11-22T04:00:00Z", "end": "2026-11-22T04:01:00Z"}


@pytest.fixture
def get(plant, server) -> Get:
    plant.store.declare([SignalInfo("R101.T", "K", 11), SignalInfo("R101.TIC101.SP", "K", 11)])
    plant.put(*[Sample(server.at(second), "R101.T", 300.0 + second) for second in range(6)])
    plant.put(*[Sample(server.at(second), "R101.T", 400.0 + second, epoch=1) for second in (2, 3)])
    plant.put(*[Sample(server.at(1), "R101.TIC101.SP", 350.0, epoch=1)])
    app = make_app(plant.path, Settings())

    async def ask(question: str, accept: str = "*/*", **parameters: object) -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://plant") as client:
            return await client.get(f"/api/v1/{question}", params=parameters, headers={"Accept": accept})  # type: ignore[arg-type]

    return ask


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
async def test_pages_drop_nothing_and_repeat_nothing_where_plant_time_was_there_twice(get: Get, limit: int) -> None:
    page = (await get("history/raw", **SPAN, limit=limit)).json()
    values = [sample["v"] for sample in page["samples"]]
    while page["next"] is not None:
        page = (await get("history/raw", **SPAN, limit=limit, next=page["next"])).json()
        values += [sample["v"] for sample in page["samples"]]
    assert values == [300.0, 301.0, 302.0, 402.0, 303.0, 403.0, 304.0, 305.0]


async def test_without_a_start_a_page_goes_on_where_the_one_before_ended(get: Get, plant, server) -> None:
    plant.put(Sample(server.at(3600), "R101.T", 500.0, epoch=1))
    page = (await get("history/raw", **SPAN, limit=6)).json()
    rest = (await get("history/raw", signal="R101.T", next=page["next"])).json()
    assert [sample["v"] for sample in rest["samples"]] == [304.0, 305.0, 500.0]
    (newest,) = (await get("history/raw", signal="R101.T")).json()["samples"]
    assert newest["v"] == 500.0


@pytest.mark.parametrize("token", ["9" * 23, "5", "1.", "x.1", "\u00b2.1", "1.99999999999"])
async def test_a_token_of_no_page_is_refused(get: Get, token: str) -> None:
    answer = await get("history/raw", **SPAN, next=token)
    assert answer.status_code == 422
    assert "next" in answer.json()["detail"]


async def test_the_database_is_read_with_the_rights_of_a_reader(database_server) -> None:
    dsn = database_server.component.dsn
    connect(dsn).close()
    settings = load_settings(None, {"postgres.dsn": dsn}, env={})
    assert _rows(settings, "SELECT current_user AS who LIMIT %s", 1) == [{"who": "cstr_reader"}]
    assert _rows(settings, "SELECT * FROM cstr.anomaly LIMIT %s", 1) == []


@pytest.mark.parametrize(
    ("question", "parameters"),
    [
        ("history/raw", {"start": "-99999999999d"}),
        ("history/raw", {"end": "+99999999999d"}),
        ("history/at", {"time": "-" + 400 * "9" + "d"}),
        ("history/aggregate", {"interval": 400 * "9" + "d"}),
    ],
)
async def test_times_out_of_range_are_refused(get: Get, question: str, parameters: dict[str, str]) -> None:
    answer = await get(question, **{"signal": "R101.T", **parameters})
    assert answer.status_code == 422
    assert "allowed" in answer.json()["detail"]


async def test_nanoseconds_of_arrow_do_not_reach_as_far(get: Get) -> None:
    answer = await get("history/at", media_types.ARROW, signal="R101.T", time="9000-01-01T00:00:00Z")
    assert (answer.status_code, "1678 to 2261" in answer.text) == (422, True)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("*/*", media_types.JSON),
        ("", media_types.JSON),
        ("text/csv", media_types.CSV),
        ("text/csv, application/json", media_types.CSV),
        ("text/csv;q=0.5, application/json", media_types.JSON),
        ("text/*;q=0.9, application/json;q=0.1", media_types.CSV),
        ("application/json;q=0, */*;q=0.1", media_types.CSV),
        ("text/html, application/xml", None),
        ("text/csv;q=0", None),
        ("TEXT/CSV; charset=utf-8; Q=1.000", media_types.CSV),
    ],
)
def test_the_media_type_that_is_liked_best(accept: str, chosen: str | None) -> None:
    assert media_types.chosen_media_type(accept) == chosen


async def test_aggregates_as_csv_say_which_and_how_long(get: Get) -> None:
    span = {**SPAN, "end": "2026-11-22T04:00:06Z"}
    answer = await get("history/aggregate", "text/csv", **span, interval="3s", aggregate="Count")
    assert answer.text.splitlines() == [
        "signal,source_time,value,status,aggregate,interval_s",
        "R101.T,2026-11-22T04:00:00.0000000Z,3,Good,Count,3.0",
        "R101.T,2026-11-22T04:00:03.0000000Z,3,Good,Count,3.0",
    ]


async def test_the_last_of_several_signals_comes_in_every_format(get: Get) -> None:
    names = ["R101.T", "R101.TIC101.SP"]
    rows = (await get("history/last", "text/csv", signal=names)).text.splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == names
    assert [each["signal"] for each in (await get("history/last", signal=names)).json()] == names
    assert (await get("history/last", signal=names[0])).json()["signal"] == names[0]
    table = pyarrow.ipc.open_stream((await get("history/last", media_types.ARROW, signal=names)).content).read_all()
    assert table["value"].to_pylist() == [403.0, 350.0]
    assert (await get("history/last", "text/csv;q=0", signal=names)).status_code == 406


@pytest.mark.parametrize(
    ("question", "parameters", "said"),
    [
        ("history/raw", {"strat": "-1s"}, "'strat': allowed are signal, start, end, limit, next"),
        ("history/raw", {"signal": ["R101.T", "R101.TIC101.SP"]}, "'signal': is there 2 times; allowed is once"),
        ("history/aggregate", {"treat_uncertain": "false"}, "treat_uncertain_as_bad"),
        ("history/aggregate", {"percent_data_bad": "101"}, "percent_data_bad 101: allowed is 0 to 100"),
        ("history/raw", {"start": "2026-11-22T04:00:00 02:00"}, "a + is written %2B in a URL"),
        ("history/aggregate", {"interval": "0.00001us"}, "allowed is 0 (one for all), or 100 ns and more"),
        ("signals", {"signal": "R101.T"}, "'signal': allowed are none"),
    ],
)
async def test_what_is_not_known_is_refused_with_what_is(
    get: Get, question: str, parameters: dict[str, object], said: str
) -> None:
    signal = {} if question == "signals" else {"signal": "R101.T"}
    answer = await get(question, **{**signal, **parameters})
    assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.text


@pytest.mark.parametrize(
    ("aggregate", "unit"),
    [
        ("TimeAverage", "K"),
        ("PercentGood", "%"),
        ("Count", ""),
        ("DurationBad", "ms"),
        ("VarianceSample", "K\u00b2"),
        ("Total2", "K\u00b7s"),
    ],
)
async def test_an_aggregate_has_its_own_unit(get: Get, aggregate: str, unit: str) -> None:
    assert (await get("history/aggregate", **SPAN, interval="0s", aggregate=aggregate)).json()["unit"] == unit


async def test_uncertain_samples_count_as_asked(get: Get, plant, server) -> None:
    plant.put(Sample(server.at(9), "R101.T", 309.0, quality.UNCERTAIN))
    count = {**SPAN, "interval": "0s", "aggregate": "PercentBad"}
    shares = [(await get("history/aggregate", **count, treat_uncertain_as_bad=each)).json() for each in (True, False)]
    assert shares[0]["samples"][0]["v"] > shares[1]["samples"][0]["v"] == 0.0
    at = {"signal": "R101.T", "time": "2026-11-22T04:00:08Z"}
    found = [
        (await get("history/at", **at, treat_uncertain_as_bad=each)).json()["samples"][0] for each in (True, False)
    ]
    assert [each["status"] for each in found] == ["UncertainDataSubNormal", "UncertainDataSubNormal"]
    assert [each["v"] for each in found] == [305.0, 308.0]


async def test_now_is_the_newest_sample_which_raw_has_in_it(get: Get) -> None:
    raw = (await get("history/raw", signal="R101.T", start="-2s")).json()["samples"]
    assert [sample["v"] for sample in raw] == [301.0, 302.0, 402.0, 303.0, 403.0]
    (held,) = (await get("history/aggregate", signal="R101.T", start="-2s", interval="0s")).json()["samples"]
    assert (held["t"], held["status"]) == ("2026-11-22T04:00:01.0000000Z", "Good")


async def test_the_reference_names_each_path_and_loads_nothing(get: Get) -> None:
    page = (await get("../../docs")).text
    assert "/api/v1/history/aggregate" in page
    assert "percent_data_good" in page
    assert "http:" not in page
    assert "https:" not in page
