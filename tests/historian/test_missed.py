"""What was missed is read back wherever plant time has been, and a gap is closed by nothing else."""

from __future__ import annotations

import asyncio

import pytest

from plant import quality
from plant.sample import Sample
from runtime.errors import LinkLost
from runtime.opcua_link.values import Notification, Reading, VariableInfo
from timeseries.signals import SignalInfo

T = "R101.T"


async def test_an_epoch_that_began_and_ended_while_the_historian_was_away(plant, server) -> None:
    server.jump(0, 0)
    server.past += [server.measure(T, float(second), second) for second in range(90, 101)]
    server.now = server.at(100)
    async with plant.collecting(server, lambda: len(plant.stored(T)) == 11 and not plant.gaps()):
        pass
    server.jump(1, 51)
    server.past += [server.measure(T, 1000.0 + second, second) for second in range(51, 71)]
    server.jump(2, 71)
    server.past += [server.measure(T, 2000.0 + second, second) for second in range(71, 82)]
    server.now = server.at(81)
    wanted = {each.value for each in server.past if each.name == T}
    async with plant.collecting(server, lambda: len(plant.stored(T)) > 11 and not plant.gaps()):
        assert set(plant.stored(T)) == wanted


async def test_the_present_epoch_is_the_latest_though_it_began_at_an_earlier_time(plant, server) -> None:
    server.jump(0, 0)
    server.jump(1, 100)
    server.past += [server.measure(T, 1000.0 + second, second) for second in range(100, 131)]
    server.now = server.at(130)
    async with plant.collecting(server, lambda: len(plant.stored(T)) == 31 and not plant.gaps()):
        pass
    server.jump(2, 51)
    server.now, server.send = server.at(120), None
    async with plant.collecting(server, lambda: server.send is not None and not plant.gaps()):
        again = [server.measure(T, 2000.0 + second, second) for second in range(121, 126)]
        await server.send(Notification.of(again, [T]))
    assert {each.value for each in again} <= set(plant.stored(T))
    assert plant.count("rejected", reason="duplicate") == 0


async def test_what_was_written_since_the_last_scan(plant, server) -> None:
    server.past, server.now = [server.measure(T, 1.0, 1)], server.at(1)
    async with plant.collecting(server, lambda: plant.stored(T) and not plant.gaps()):
        pass
    server.now = server.at(2)
    server.past += [Reading(T, 20.0 + tick, quality.GOOD, server.now + tick, server.now) for tick in range(4)]
    server.live = server.past[-1:]
    async with plant.collecting(server, lambda: len(plant.stored(T)) > 1 and not plant.gaps()):
        assert plant.stored(T) == [1.0, 20.0, 21.0, 22.0, 23.0]


async def test_values_of_another_server_that_are_ahead_of_its_clock(plant, server) -> None:
    server.is_plant, server.infos = False, [VariableInfo(T, 11, "K", True)]
    server.past, server.now = [server.measure(T, 1.0, 1)], server.at(1)
    async with plant.collecting(server, lambda: plant.stored(T) and not plant.gaps()):
        pass
    server.past += [Reading(T, float(minute), quality.GOOD, server.at(60 * minute), server.now) for minute in (2, 3)]
    async with plant.collecting(server, lambda: len(plant.stored(T)) > 1 and not plant.gaps()):
        assert plant.stored(T) == [1.0, 2.0, 3.0]


async def test_a_gap_that_opens_while_the_one_before_is_closed_outlives_the_connection(
    plant, server, monkeypatch
) -> None:
    server.past, server.now = [server.measure(T, float(second), second) for second in range(1, 11)], server.at(10)
    sending: list[asyncio.Task[object]] = []
    pages = server.history_pages

    async def overflowing(names, start, end, *, on_refusal):
        if sending:
            raise LinkLost("the server went away before the second gap was read back")
        async for page in pages(names, start, end, on_refusal=on_refusal):
            yield page
        if T in names:
            server.past += [server.measure(T, float(second), second) for second in range(11, 21)]
            server.now = server.at(20)
            overflow = server.measure(T, 20.0, 20, quality.GOOD | 0x480)
            sending.append(asyncio.create_task(server.send(Notification.of([overflow], names))))
            await asyncio.sleep(0)

    monkeypatch.setattr(server, "history_pages", overflowing)
    with pytest.raises(LinkLost):
        async with plant.collecting(server, lambda: False):
            pass
    await sending[0]
    assert T in plant.gaps()
    monkeypatch.setattr(server, "history_pages", pages)
    async with plant.collecting(server, lambda: not plant.gaps()):
        assert plant.stored(T) == [float(second) for second in range(1, 21)]


@pytest.mark.parametrize(("before", "after"), [(4, 6), (10, 11), (6, 11)])
async def test_a_node_that_has_changed_its_type_has_no_sample_twice(plant, server, before: int, after: int) -> None:
    plant.store.outbox.begin()
    server.is_plant, server.now = False, server.at(11)
    for kind, until in ((before, 11), (after, 14)):
        server.infos = [VariableInfo(T, kind, "K", True)]
        number = float if kind in (10, 11) else int
        server.past = [server.measure(T, number(second), second) for second in range(1, until)]
        server.now = server.at(until)
        async with plant.collecting(server, lambda: not plant.gaps() and len(plant.stored(T)) >= until - 1):  # noqa: B023
            assert plant.stored(T) == list(range(1, until))
    assert plant.store.outbox.waiting.samples == 13


async def test_what_another_server_refuses_of_one_day_is_asked_for_once(plant, server, monkeypatch) -> None:
    server.is_plant, server.infos, server.now = False, [VariableInfo(T, 11, "K", True)], server.at(600)
    server.refuses = {T: quality.BAD_DATA_LOST}
    plant.store.declare([SignalInfo(T, "K", 11)])
    plant.put(Sample(server.at(1), T, 1.0))
    asked, pages = [], server.history_pages

    def history_pages(names, start, end, *, on_refusal):
        asked.append((names, start, end))
        return pages(names, start, end, on_refusal=on_refusal)

    monkeypatch.setattr(server, "history_pages", history_pages)
    async with plant.collecting(server, lambda: plant.health.detail.get("gaps")):
        assert len(asked) == 1


async def test_what_another_server_gets_while_it_is_asked_comes_live_only(plant, server) -> None:
    server.is_plant, server.infos, server.now = False, [VariableInfo(T, 11, "K", True)], server.at(3)
    server.past = [server.measure(T, float(second), second) for second in (1, 2, 3, 4, 5)]
    server.live = server.past[2:3]
    async with plant.collecting(server, lambda: plant.stored(T) and not plant.gaps()):
        assert plant.stored(T) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("tells", [False, True])
async def test_what_another_server_had_whatever_its_clock_says(plant, server, tells: bool) -> None:
    server.is_plant, server.infos, server.now = False, [VariableInfo(T, 11, "K", True)], server.at(1)
    told = server.now if tells else 0
    server.past = [Reading(T, float(second), quality.GOOD, server.at(second), told) for second in (1, 2, 3)]
    server.live = server.past[2:]
    async with plant.collecting(server, lambda: plant.stored(T) and not plant.gaps()):
        assert plant.stored(T) == [1.0, 2.0, 3.0]


async def test_before_something_is_measured_history_is_read_back(plant, server) -> None:
    server.is_plant, server.infos, server.now = False, [VariableInfo(T, 11, "K", True)], server.at(3)
    server.past = [server.measure(T, float(second), second) for second in (1, 2, 3)]
    server.live = [Reading(T, None, quality.BAD_WAITING_FOR_INITIAL_DATA, 0, server.now)]
    async with plant.collecting(server, lambda: plant.stored(T) and not plant.gaps()):
        assert plant.stored(T) == [1.0, 2.0, 3.0]


async def test_what_another_server_had_after_its_clock_was_set_back(plant, server) -> None:
    server.is_plant = False
    ahead = 7200
    server.past, server.now = [server.measure(T, 1.0, ahead)], server.at(ahead)
    async with plant.collecting(server, lambda: plant.stored(T) and not plant.gaps()):
        pass
    server.live, server.now = [server.measure(T, 2.0, 1)], server.at(1)
    async with plant.collecting(server, lambda: len(plant.stored(T)) == 2 and not plant.gaps()):
        pass
    server.past += [server.measure(T, 100.0 + second, second) for second in range(2, 601)]
    server.live, server.now = [server.measure(T, 700.0, 600)], server.at(600)
    async with plant.collecting(server, lambda: len(plant.stored(T)) > 3 and not plant.gaps()):
        assert len(plant.stored(T)) == 601


async def test_what_another_server_had_after_its_clock_was_days_ahead(plant, server) -> None:
    server.is_plant, server.infos = False, [VariableInfo(T, 11, "K", True)]
    ahead = 3 * 86_400
    server.past, server.now = [server.measure(T, 1.0, ahead)], server.at(ahead)
    async with plant.collecting(server, lambda: plant.stored(T) and not plant.gaps()):
        pass
    for first, last in ((2, 10), (20, 30)):
        server.past += [server.measure(T, float(second), second) for second in range(first, last + 1)]
        server.live, server.now = server.past[-1:], server.at(last)
        stored = len(server.past)
        async with plant.collecting(server, lambda: len(plant.stored(T)) == stored and not plant.gaps()):  # noqa: B023
            pass
        assert set(plant.stored(T)) == {each.value for each in server.past}


async def test_a_server_in_an_earlier_epoch_than_history_is_told_of(plant, server) -> None:
    server.jump(2, 0)
    server.past, server.now = [*server.past, server.measure(T, 1.0, 1)], server.at(1)
    async with plant.collecting(server, lambda: plant.stored(T) and not plant.gaps()):
        assert plant.health.last_error == ""
    server.past = []
    server.jump(0, 3600)
    server.past, server.now = [*server.past, server.measure(T, 2.0, 3601)], server.at(3601)
    async with plant.collecting(server, lambda: len(plant.stored(T)) == 2 and not plant.gaps()):
        assert "the server is in epoch 0, and what is stored has epoch 2" in plant.health.last_error
    server.jump(3, 7200)
    async with plant.collecting(server, lambda: plant.health.last_error == ""):
        pass


@pytest.mark.parametrize("present_s", [3600, -1_000_000_000])
async def test_what_a_device_had_whose_clock_was_set_back_meanwhile(plant, server, present_s: int) -> None:
    server.is_plant, server.infos = False, [VariableInfo(T, 11, "K", True)]
    server.past, server.now = [server.measure(T, 1.0, 1)], server.at(1)
    server.live = server.past[-1:]
    async with plant.collecting(server, lambda: plant.stored(T) and not plant.gaps()):
        pass
    server.past += [server.measure(T, float(second), second) for second in range(10, 7201, 10)]
    server.now = server.at(7205)
    server.live = [Reading(T, -1.0, quality.GOOD, server.at(present_s), server.now)]
    async with plant.collecting(server, lambda: len(plant.stored(T)) > 1 and not plant.gaps()):
        assert len(plant.stored(T)) == 722
