"""From a server into the store: nothing missing, whenever the connection dies."""

from __future__ import annotations

import asyncio
import contextlib
import math

import pytest

from historian import collector, gaps
from plant import quality
from plant.clock import TICKS_PER_SECOND
from runtime.errors import LinkLost
from runtime.opcua_link.values import Notification, Reading, VariableInfo
from timeseries.reader import Reader

NAMES = ("R101.T", "R101.Ca")


async def test_a_gap_that_was_not_read_back_is_still_one_for_the_next_connection(plant, server) -> None:
    server.past = [server.measure(name, 1.0, 1) for name in NAMES]
    server.now = server.at(1)
    async with plant.collecting(server, lambda: plant.stored("R101.Ca") and not plant.gaps()):
        pass
    seconds = [float(second) for second in range(1, 11)]
    server.past = [server.measure(name, second, second) for name in NAMES for second in seconds]
    server.live = [server.measure(name, 10.0, 10) for name in NAMES]
    server.now, server.dies_at = server.at(10), "R101.Ca"
    with pytest.raises(LinkLost):
        async with plant.collecting(server, lambda: False):
            pass
    assert (plant.stored("R101.T"), plant.stored("R101.Ca")) == (seconds, [1.0, 10.0])
    server.dies_at = ""
    async with plant.collecting(server, lambda: not plant.gaps()):
        assert plant.stored("R101.Ca") == seconds


async def test_a_signal_whose_history_is_refused_spoils_no_other_and_is_asked_for_again(
    plant, server, monkeypatch, caplog
) -> None:
    monkeypatch.setattr(gaps, "FIRST_PATIENCE_S", 0.02)
    seconds = [float(second) for second in range(1, 11)]
    server.past = [server.measure(name, second, second) for name in NAMES for second in seconds]
    server.refuses = {"R101.Ca": quality.BAD_DATA_LOST}
    server.live = [server.measure(name, 10.0, 10) for name in NAMES]
    server.now = server.at(10)
    async with plant.collecting(server, lambda: plant.health.detail.get("gaps")):
        assert (plant.stored("R101.T"), plant.stored("R101.Ca")) == (seconds, [10.0])
        assert plant.gaps() == ["R101.Ca"]
        assert plant.registry.get_sample_value("cstr_refused_gaps") == 1.0
        assert plant.health.last_error == "gaps stay open: R101.Ca: BadDataLost"
        await server.send(Notification.of([server.measure("R101.Ca", 11.0, 11)], NAMES))
        assert plant.stored("R101.Ca")[-1] == 11.0
        server.asked.clear()
        async with asyncio.timeout(10):
            while "R101.Ca" not in server.asked:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        server.refuses = {}
        async with asyncio.timeout(10):
            while plant.health.last_error or plant.gaps():  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert plant.stored("R101.Ca") == [*seconds, 11.0]
    assert plant.health.detail["gaps"] == 0
    assert len([record for record in caplog.records if "BadDataLost" in record.message]) == 1


async def test_a_refused_gap_is_asked_for_at_the_next_connection(plant, server) -> None:
    server.past = [server.measure("R101.T", 1.0, 1)]
    server.refuses = dict.fromkeys((*NAMES, "Plant.Simulation.Epoch"), quality.BAD_USER_ACCESS_DENIED)
    server.now = server.at(1)
    async with plant.collecting(server, lambda: plant.health.detail.get("gaps") == 2):
        pass
    server.refuses = {}
    async with plant.collecting(server, lambda: not plant.gaps()):
        assert plant.stored("R101.T") == [1.0]


async def test_what_is_missed_later_is_read_back_though_an_older_gap_is_refused(plant, server) -> None:
    server.refuses, server.lost = {"R101.T": quality.BAD_DATA_LOST}, (0, server.at(5))
    server.live = [server.measure("R101.T", 10.0, 10)]
    server.now = server.at(10)
    async with plant.collecting(server, lambda: plant.health.detail.get("gaps") and plant.stored("R101.T")):
        assert plant.gaps() == ["R101.T"]
    server.past = [server.measure("R101.T", float(second), second) for second in range(1, 21)]
    server.live = [server.measure("R101.T", 20.0, 20)]
    server.now = server.at(20)
    async with plant.collecting(server, lambda: len(plant.stored("R101.T")) == 11):
        assert plant.stored("R101.T") == [float(second) for second in range(10, 21)]
        assert plant.gaps() == ["R101.T"]


async def test_what_a_queue_loses_is_read_back_though_an_older_gap_is_refused(plant, server) -> None:
    server.past = [server.measure("R101.T", float(second), second) for second in range(1, 11)]
    server.live, server.now = [server.measure("R101.T", 10.0, 10)], server.at(10)
    server.refuses, server.lost = {"R101.T": quality.BAD_DATA_LOST}, (0, server.at(5))
    async with plant.collecting(server, lambda: plant.health.detail.get("gaps")):
        pass
    server.asked.clear()
    async with plant.collecting(server, lambda: "R101.T" in server.asked):
        server.past += [server.measure("R101.T", float(second), second) for second in range(11, 21)]
        server.now = server.at(20)
        overflow = server.measure("R101.T", 20.0, 20, quality.GOOD | 0x480)
        await server.send(Notification.of([overflow], NAMES))
        async with asyncio.timeout(10):
            while len(plant.stored("R101.T")) < 11:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert plant.stored("R101.T") == [float(second) for second in range(10, 21)]
        assert plant.gaps() == ["R101.T"]


async def test_a_damaged_day_hides_no_other(plant, server) -> None:
    hours = range(1, 24 * 5)
    server.past = [server.measure(name, float(hour), 3600 * hour) for hour in hours for name in NAMES]
    server.live, server.now = [server.measure(name, 120.0, 3600 * 120) for name in NAMES], server.at(3600 * 120)
    day = TICKS_PER_SECOND * 86_400
    third = server.at(86_400 * 2.5) // day * day
    server.refuses, server.lost = {"R101.Ca": quality.BAD_DATA_LOST}, (third, third + day)
    async with plant.collecting(server, lambda: plant.health.detail.get("gaps")):
        lost = {float(hour) for hour in hours if third <= server.at(3600 * hour) < third + day}
        assert len(lost) == 24
        assert plant.stored("R101.T") == [*map(float, hours), 120.0]
        assert plant.stored("R101.Ca") == [hour for hour in plant.stored("R101.T") if hour not in lost]
        assert plant.gaps() == ["R101.Ca"]


@pytest.mark.parametrize(("lost_days", "most"), [((-9000, 9000), 61), ((-700, -699), 40), ((-9000, -100), 61)])
async def test_of_ten_years_few_parts_are_asked_for_and_what_is_not_refused_is_read(
    plant, server, lost_days: tuple[int, int], most: int
) -> None:
    day = 86_400
    server.is_plant = False
    server.past = [server.measure("R101.T", float(number), day * number) for number in range(-3600, 0, 40)]
    server.refuses, server.lost = {"R101.T": quality.BAD_DATA_LOST}, tuple(server.at(day * each) for each in lost_days)
    collector = plant.collector(retention_days=3650)
    async with plant.collecting(server, lambda: plant.health.detail.get("gaps"), collector=collector):
        assert server.reads["R101.T"] <= most
    values = [float(number) for number in range(-3600, 0, 40) if not lost_days[0] <= number < lost_days[1]]
    assert plant.stored("R101.T")[-3:] == values[-3:]
    assert lost_days[0] < -3650 or plant.stored("R101.T") == values


async def test_of_signals_without_history_one_line_says_that_what_was_missed_is_lost(plant, server, caplog) -> None:
    names = [f"Tank.Level{number}" for number in range(10)]
    server.is_plant, server.infos = False, [VariableInfo(name, 11, "", False) for name in names]
    server.live = [server.measure(name, 1.0, 1) for name in names]
    async with plant.collecting(server, lambda: plant.stored(names[-1]) and not plant.gaps()):
        pass
    assert "lost" not in caplog.text
    async with plant.collecting(server, lambda: not plant.gaps() and "lost" in caplog.text):
        pass
    (said,) = [record.message for record in caplog.records if "lost" in record.message]
    assert said.endswith("Tank.Level0, Tank.Level1, Tank.Level2 and 7 more")


async def test_what_was_read_back_is_not_asked_for_again(plant, server) -> None:
    server.now = server.at(5)
    server.past = [server.measure("R101.T", 1.0, second) for second in (1, 2, 3)]
    async with plant.collecting(server, lambda: plant.stored("R101.T") and not plant.gaps()):
        pass
    server.asked.clear()
    async with plant.collecting(server, lambda: len(server.asked) == 3):
        assert server.asked["R101.T"] == server.at(3) + 1


async def test_what_is_there_already_is_not_fetched_with_what_is_missing(plant, server) -> None:
    server.past = [server.measure("R101.T", float(second), second) for second in range(1, 10)]
    server.past += [server.measure("R101.Ca", 1.0, second) for second in (1, 4)]
    server.now = server.at(4)
    async with plant.collecting(server, lambda: plant.stored("R101.T") and not plant.gaps()):
        pass
    before, server.now = plant.count("received"), server.at(9)
    async with plant.collecting(server, lambda: len(plant.stored("R101.T")) == 9 and not plant.gaps()):
        assert plant.count("received") == before + 5


async def test_setpoints_are_kept_as_stepped_and_signals_of_others_by_their_type(plant, server) -> None:
    types = {"R101.T": 11, "R101.TIC101.SP": 11, "R101.TIC101.Mode": 6, "Tank.Level": 11, "Tank.Pump": 1}
    server.infos = [VariableInfo(name, data_type, "", True) for name, data_type in types.items()]
    async with plant.collecting(server, lambda: len(server.asked) > len(types)):
        stepped = {info.name for info in Reader(plant.path).signals() if info.stepped}
    assert stepped == {"R101.TIC101.SP", "R101.TIC101.Mode", "Tank.Pump"}


async def test_what_is_no_value_is_refused_and_a_bad_one_needs_none(plant, server) -> None:
    server.infos.append(VariableInfo("R101.Detector.Cause", 12, "", True))
    wrong = [None, math.nan, math.inf, -math.inf, "hot", 7, True]
    server.live = [server.measure("R101.T", value, second) for second, value in enumerate(wrong)]
    server.live += [
        server.measure("R101.Detector.Cause", "\udcff", 1),
        server.measure("R101.Detector.Cause", "zu heiß", 2),
    ]
    server.live += [
        server.measure("R101.T", math.nan, 20, quality.BAD_SENSOR_FAILURE),
        server.measure("R101.T", 1.0, 21),
    ]
    async with plant.collecting(server, lambda: len(plant.stored("R101.T")) == 2):
        assert plant.stored("R101.T") == [None, 1.0]
        assert plant.stored("R101.Detector.Cause") == ["zu heiß"]
    assert plant.count("rejected", reason="type") == len(wrong) + 1
    assert plant.health.last_error.startswith("values of R101.Detector.Cause, R101.T are not kept")


async def test_a_gap_is_filled_as_thinly_as_live_samples_are_kept(plant, server) -> None:
    server.now = server.at(100)
    server.past = [server.measure("R101.T", float(second), second) for second in range(1, 101)]
    server.live = [server.measure("R101.T", 100.0, 100), server.measure("R101.T", 100.5, 100.5)]
    async with plant.collecting(server, lambda: plant.stored("R101.T") and not plant.gaps(), sampling_s=10.0):
        assert plant.stored("R101.T") == [*(1.0 + 10 * place for place in range(10)), 100.0]


async def test_values_without_a_source_time_are_stored_live_and_read_back(plant, server) -> None:
    server.now = server.at(50)
    server.past = [Reading("R101.T", 1.0, quality.GOOD, 0, server.at(20))]
    server.live = [Reading("R101.T", 3.0, quality.GOOD, 0, server.at(50))]
    async with plant.collecting(server, lambda: len(plant.stored("R101.T")) == 2 and not plant.gaps()):
        assert plant.stored("R101.T") == [1.0, 3.0]


async def test_all_that_is_received_is_stored_or_rejected(plant, server) -> None:
    server.now = server.at(50)
    server.past = [server.measure("R101.T", float(second), second) for second in range(1, 51)]
    server.live = [server.measure("R101.T", 50.0, 50), server.measure("R101.T", math.nan, 51)]
    server.live.append(Reading("R101.Ca", None, quality.BAD_WAITING_FOR_INITIAL_DATA, 0, server.now))
    async with plant.collecting(server, lambda: plant.stored("R101.T") and not plant.gaps(), sampling_s=5.0):
        assert plant.count("received") == 53
        assert plant.count("stored") + plant.count("rejected") == 53


async def test_what_the_servers_queue_has_lost_is_read_back(plant, server) -> None:
    server.past = [server.measure("R101.T", float(second), second) for second in range(1, 20)]
    server.now = server.at(5)
    async with plant.collecting(server, lambda: plant.stored("R101.T") and not plant.gaps()):
        assert plant.stored("R101.T") == [1.0, 2.0, 3.0, 4.0, 5.0]
        server.now = server.at(19)
        lost_before = server.measure("R101.T", 17.0, 17, quality.GOOD | 0x480)
        await server.send(Notification.of([lost_before, server.measure("R101.Ca", 1.0, 17)], NAMES))
        async with asyncio.timeout(10):
            while plant.gaps() or len(plant.stored("R101.T")) < 19:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert plant.stored("R101.T") == [float(second) for second in range(1, 20)]
    assert plant.count("received") == plant.count("stored") + plant.count("rejected")


async def test_what_the_servers_queue_has_lost_is_counted_and_said_once_until_it_is_quiet(
    plant, server, monkeypatch, caplog
) -> None:
    overflow = quality.GOOD | 0x480
    server.live = [server.measure("R101.T", float(second), second, overflow) for second in range(3)]
    server.live += [server.measure("R101.Ca", 1.0, 1, status) for status in (quality.GOOD, 0x500, 0x80)]
    async with plant.collecting(server, lambda: len(plant.stored("R101.T")) == 3):
        await server.send(Notification.of(server.live[:1], NAMES))
        with contextlib.closing(Reader(plant.path)) as reader:
            assert {sample.quality for sample in reader.raw("R101.T", 0, 2**62)} == {overflow}
        monkeypatch.setattr(collector, "QUIET_S", -1.0)
        for _ in range(2):
            await server.send(Notification.of(server.live[:1], NAMES))
    assert plant.count("overflowed") == 6
    assert len([record for record in caplog.records if "overflowed" in record.message]) == 2


async def test_a_server_that_queues_nothing_is_told_of(plant, server, caplog) -> None:
    server.live, server.unqueued = [server.measure("R101.T", 1.0, 1)], {"R101.T"}
    async with plant.collecting(server, lambda: plant.health.last_error):
        assert "keeps one value of R101.T only" in plant.health.last_error
    server.unqueued = set()
    async with plant.collecting(server, lambda: not plant.health.last_error):
        pass
    assert len([record for record in caplog.records if "keeps one value" in record.message]) == 1
