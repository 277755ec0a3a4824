"""Births, data and deaths of an edge node, as a host sees them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from historian.messages.size import MOST_SAMPLES
from historian.sparkplug.bdseq import SessionNumber
from historian.sparkplug.edge_node import EdgeNode
from historian.sparkplug.present import Last, Present
from plant import quality
from plant.clock import ticks_from_text
from timeseries.columns import Columns
from timeseries.signals import SignalInfo

T0 = ticks_from_text("2026-11-22T04:00:00Z")
T0_MS = 1795320000000
SIGNALS = {
    1: SignalInfo("R101.T", "K", 11),
    2: SignalInfo("R101.TIC101.Mode", "", 6),
    5: SignalInfo("Plant.Simulation.Epoch", "", 7),
    6: SignalInfo("R102.T", "K", 11),
}


@pytest.fixture
def node() -> EdgeNode:
    node = EdgeNode("main", "cstr-gateway")
    node.devices(SIGNALS)
    return node


def columns(rows: list[tuple[int, int, int]]) -> Columns:
    """Rows of signal, second, status."""
    return Columns.of(
        len(rows),
        signals=[signal for signal, _, _ in rows],
        times=[T0 + 10_000_000 * second for _, second, _ in rows],
        statuses=[status for *_, status in rows],
    )


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("data_type", "least", "most"), [(3, 0, 255), (6, -(2**31), 2**31 - 1), (9, 0, 2**64 - 1)])
def test_an_integer_that_is_bad_or_beyond_its_type_is_null(host, data_type: int, least: int, most: int) -> None:
    node = EdgeNode("main", "cstr-gateway")
    node.devices({1: SignalInfo("R101.N", "", data_type)})
    present = Present()
    present.note(1, Last(0, T0, quality.BAD_SENSOR_FAILURE, None))
    for message in [node.birth(0, 1), *node.device_births(present, 42)]:
        host.take(*message)
    assert host.devices["R101"][1]["value"] is None
    values = [None, least - 1, least, most, most + 1]
    rows = columns([(1, second, quality.BAD_SENSOR_FAILURE if second == 0 else quality.GOOD) for second in range(5)])
    for message in node.data("R101", rows, values, np.zeros(5, np.bool_), 43):
        host.take(*message)
    sent = [value for (_, time, value, _) in sorted(host.samples, key=lambda key: key[1])]
    assert sent == [None, None, least, most, None]


def test_a_birth_tells_all_of_a_device(node, host) -> None:
    present = Present()
    present.note(1, Last(0, T0, quality.GOOD, 350.5))
    present.note(2, Last(0, T0, quality.UNCERTAIN, 2))
    host.take(*node.birth(7, 1))
    assert not node.is_alive
    for message in node.device_births(present, 42):
        host.take(*message)
    assert host.heard == ["NBIRTH", "DBIRTH/R101", "DBIRTH/Plant", "DBIRTH/R102"]
    assert host.bdseq == 7
    assert host.devices["R101"][1] == {
        "name": "T", "alias": 1, "timestamp": T0_MS, "datatype": 10, "is_historical": False, "value": 350.5,
        "properties": {"Quality": (3, 192), "StatusCode": (4, 0), "engUnit": (12, "K")},
    }  # fmt: skip
    mode = host.devices["R101"][2]
    assert (mode["name"], mode["value"], mode["datatype"]) == ("TIC101/Mode", 2, 3)
    assert mode["properties"] == {"Quality": (3, 500), "StatusCode": (4, quality.UNCERTAIN)}
    nothing = host.devices["R102"][6]
    assert (nothing["value"], nothing["timestamp"]) == (None, 42)
    assert nothing["properties"]["Quality"] == (3, 0)


def test_quality_is_told_where_it_is_not_good_and_when_it_is_again(node, host, read_fields, read_metric) -> None:
    present = Present()
    for signal in SIGNALS:
        present.note(signal, Last(0, T0, quality.GOOD, 0))
    bad = quality.BAD_NO_DATA
    list(node.device_births(present, 1))
    rows = columns([(1, 1, 0), (1, 2, bad), (1, 3, bad), (1, 4, 0), (1, 5, 0)])
    ((topic, octets),) = node.data("R101", rows, [1.0, None, None, 4.0, 5.0], np.zeros(5, np.bool_), 1)
    metrics = [read_metric(each, 10) for number, each in read_fields(octets) if number == 2]
    assert topic == "spBv1.0/main/DDATA/cstr-gateway/R101"
    assert [each["properties"].get("Quality", (3, None))[1] for each in metrics] == [None, 0, 0, 192, None]
    assert [each["value"] for each in metrics] == [1.0, None, None, 4.0, 5.0]


def test_what_was_not_born_is_not_sent_and_a_long_one_goes_in_parts(node, host) -> None:
    host.take(*node.birth(0, 1))
    for message in node.device_births(Present(), 1):
        host.take(*message)
    count = 2 * MOST_SAMPLES + 1
    rows = columns([(1, second, 0) for second in range(count)] + [(99, 0, 0)])
    for message in node.data("R101", rows, [1.0] * (count + 1), np.ones(count + 1, np.bool_), 1):
        host.take(*message)
    assert host.heard.count("DDATA/R101") == 3
    assert len(host.samples) == count
    assert not any(host.samples.values())


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["birth", "births", "data", "deaths"]), max_size=400))
def test_messages_are_numbered_from_the_nbirth_on(read_fields, steps) -> None:
    node = EdgeNode("main", "cstr-gateway")
    node.devices(SIGNALS)
    expected = 0
    for step in steps:
        if step == "birth":
            messages, expected = [node.birth(3, 1)], 0
        elif step == "births":
            messages = list(node.device_births(Present(), 1))
        elif step == "data":
            messages = list(node.data("R101", columns([(1, 0, 0)]), [1.0], np.zeros(1, np.bool_), 1))
        else:
            messages = list(node.device_deaths(1))
        for _, octets in messages:
            assert dict(read_fields(octets))[3] == expected
            expected = (expected + 1) % 256


def test_a_death_has_the_sessions_number_and_none_of_a_message(node, host) -> None:
    host.take(*node.birth(9, 1))
    host.take(*node.death(9, 1))
    assert host.deaths == [9]
    assert host.bdseq is None


@given(
    st.lists(st.tuples(st.sampled_from(list(SIGNALS)), st.integers(0, 2), st.integers(0, 5)), min_size=1, max_size=30)
)
def test_the_present_is_the_newest_of_the_newest_epoch(rows) -> None:
    present, values = Present(), [float(place) for place in range(len(rows))]
    all_of_it = Columns.of(
        len(rows),
        signals=[signal for signal, _, _ in rows],
        epochs=[epoch for _, epoch, _ in rows],
        times=[time for *_, time in rows],
        words=np.array(values).view(np.int64),
    )
    for start in range(0, len(rows), 4):
        piece = all_of_it.take(np.arange(start, min(start + 4, len(rows))))
        present.learn(piece, lambda some: some.words.view(np.float64).tolist())
    for signal in {signal for signal, _, _ in rows}:
        newest = max((epoch, time) for number, epoch, time in rows if number == signal)
        last = present.of(signal)
        assert last is not None
        assert (last.epoch, last.time) == newest
        assert rows[int(last.value)] == (signal, *newest)  # type: ignore[arg-type]


def test_sessions_are_counted_over_restarts_and_around(tmp_path) -> None:
    file = tmp_path / "new" / "bdseq"
    assert SessionNumber(file).next == 0
    for number in range(300):
        sessions = SessionNumber(file)
        assert sessions.next == number % 256
        assert sessions.next == number % 256  # one that was never born is not counted
        sessions.born(sessions.next)
    file.write_text("nonsense")
    assert SessionNumber(file).next == 0
