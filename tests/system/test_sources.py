"""The store, the server and InfluxDB give the same answers about a running plant."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from gateway.history import SOURCES, History, open_history
from gateway.plant_link import plant_link
from plant import quality
from plant.clock import TICKS_PER_SECOND
from plant.sample import Scalar
from timeseries.aggregates import FUNCTIONS, OF_TEXT
from timeseries.answers import Answer
from timeseries.reader import Reader

from .conftest import Up

pytestmark = [pytest.mark.system, pytest.mark.component]

T, SP, MODE = "R101.T", "R101.TIC101.SP", "R101.TIC101.Mode"
AGGREGATED = (T, "R101.Ca", "R101.Tc", SP, MODE, "R102.T", "R101.Detector.Anomaly", "R101.Detector.Cause")
SPAN_S = 30
Row = tuple[int, Scalar | None, int]


def rows(*answers: Answer) -> list[Row]:
    return [
        row for each in answers for row in zip(each.times.tolist(), each.plain, each.statuses.tolist(), strict=True)
    ]


async def raw(source: History, name: str, span: tuple[int, int]) -> list[Row]:
    return rows(*[page async for page in source.pages(name, *span)])


async def until(what: str, is_so: Callable[[], Awaitable[bool]], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not await is_so():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def sources(plant: Up) -> AsyncIterator[dict[str, History]]:
    async with contextlib.AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(open_history(name, plant.data)) for name in SOURCES}


def recorded(plant: Up) -> list[str]:
    """Signals with a sample that the server records, too."""
    with contextlib.closing(Reader(plant.data / "historian" / "history")) as reader:
        names = [info.name for info in reader.signals() if len(reader.newest(info.name))]
    return [name for name in names if name != "Plant.Simulation.Time"]


async def lively_span(plant: Up, every: dict[str, History]) -> tuple[int, int]:
    """Return a span that is over, with a setpoint change and a sensor that failed in it."""
    begun = await every["opcua"].now()
    async with plant_link(plant.data) as link:
        await link.write({SP: 352.0})
    await asyncio.to_thread(plant.command, "inject", "R101", "sensor-failure", "signal=T", "for=3s")

    async def is_over(source: History) -> bool:
        return await source.now() > begun + (SPAN_S + 3) * TICKS_PER_SECOND

    for name, source in every.items():
        await until(f"{name} is {SPAN_S} s further", lambda source=source: is_over(source), SPAN_S + 60.0)
    return begun, begun + SPAN_S * TICKS_PER_SECOND


async def test_raw_samples_values_at_times_and_all_aggregates_are_alike(plant: Up) -> None:
    async with sources(plant) as every:
        span = await lively_span(plant, every)
        names = recorded(plant)
        assert set(AGGREGATED) <= set(names)
        statuses = set()
        for name in names:
            found = {source: await raw(history, name, span) for source, history in every.items()}
            assert found["opcua"] == found["store"], name
            assert found["influxdb"] == found["store"], name
            statuses |= {status for _, _, status in found["store"]}
        assert len(statuses) > 1
        times = [span[0] + round(second * TICKS_PER_SECOND) for second in (-1, 0, 0.05, 4.03, 11.17, 29.99)]
        asked = {f"at: {name}": ("at", name, times) for name in AGGREGATED}
        asked |= {
            f"{function} of {name}": ("aggregate", name, *span, interval * TICKS_PER_SECOND, function)
            for name in AGGREGATED
            for function in (OF_TEXT if name.endswith("Cause") else FUNCTIONS)
            for interval in (4, 0)
        }
        different = []
        for what, (question, *arguments) in asked.items():
            found = {source: rows(await getattr(history, question)(*arguments)) for source, history in every.items()}
            if not found["store"] == found["opcua"] == found["influxdb"]:
                different.append((what, found))
        assert not different, f"{len(different)} of {len(asked)}, e.g. {different[:3]}"


async def are_alike_beyond_the_present(every: dict[str, History]) -> None:
    nows = {name: await source.now() for name, source in every.items()}
    assert len(set(nows.values())) == 1, nows
    now, second = nows["store"], TICKS_PER_SECOND
    for name in AGGREGATED:
        found = []
        for source in every.values():
            at = rows(await source.at(name, [now - second, now, now + 1, now + 3600 * second]))
            half = rows(await source.aggregate(name, now - 9 * second, now + 9 * second, 0, "DurationGood"))
            found.append([*at, *half, *rows(await source.aggregate(name, now + 1, now + second, 0, "PercentGood"))])
        assert all(each == found[0] for each in found), name
        beyond = [found[0][place] for place in (2, 3, -1)]
        assert [status for _, _, status in beyond] == [quality.BAD_NO_DATA] * 3, name


async def test_the_last_samples_of_a_plant_that_is_paused_are_alike(plant: Up) -> None:
    async with sources(plant) as every, plant_link(plant.data) as link:
        await link.call("Plant.Simulation", "Pause")
        try:
            names = recorded(plant)
            different: dict[str, dict[str, list[Row]]] = {}

            async def are_alike() -> bool:
                different.clear()
                for name in names:
                    found = {source: rows(await history.last(name)) for source, history in every.items()}
                    assert all(found.values()), name
                    if not found["store"] == found["opcua"] == found["influxdb"]:
                        different[name] = found
                return not different

            with contextlib.suppress(AssertionError):
                await until("the last samples are alike", are_alike, 30.0)
            assert not different
            await are_alike_beyond_the_present(every)
        finally:
            await link.call("Plant.Simulation", "Resume")
