"""What goes out by MQTT, to the letter of the contract."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from historian.messages.data_set import data_set_messages
from historian.messages.line_protocol import EARLIEST, LATEST, LineProtocol
from plant import quality
from plant.clock import ticks_from_text
from plant.sample import Sample, Scalar
from timeseries.columns import Columns
from timeseries.signals import SignalInfo
from timeseries.store import Store

TIME = ticks_from_text("2026-11-22T04:00:00Z")
TYPES = {
    "R101.T": 11, "R101.TIC101.SP": 11, "R101.TIC101.Mode": 6, "R101.Detector.Cause": 12, "R101.Detector.Anomaly": 1,
    "Plant.Simulation.Time": 13,
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.declare([SignalInfo(name, "", data_type) for name, data_type in TYPES.items()])
    return store


def lines(store: Store, samples: Sequence[Sample], site: str = "main") -> str:
    columns: Columns = store.columns(samples)
    return LineProtocol(site).lines(store.names_of(columns.signals), columns, store.values(columns)).decode()


def test_the_contracts_own_example(store: Store) -> None:
    sample = Sample(TIME, "R101.TIC101.SP", 350.0, quality.GOOD, TIME, 0, 17)
    assert lines(store, [sample]) == (
        "opc,site=main,reactor=R101,signal=TIC101.SP,epoch=0 "
        "v=350,q=0u,srv=1795320000000000000i,seq=17i 1795320000000000000"
    )


def test_bad_has_no_value_text_is_quoted_and_booleans_are_numbers(store: Store) -> None:
    samples = [
        Sample(TIME + 1, "R101.T", None, quality.BAD_SENSOR_FAILURE, TIME, 2, 1),
        Sample(TIME, "R101.Detector.Cause", 'a "b" \\ c', quality.GOOD, TIME, 0, 2),
        Sample(TIME, "R101.Detector.Anomaly", True, quality.GOOD, TIME, 0, 3),
        Sample(TIME, "R101.T", 350.01, quality.GOOD, TIME, 0, 4),
        Sample(TIME, "R101.TIC101.Mode", 3, quality.GOOD, TIME, 0, 5),
        Sample(TIME, "Plant.Simulation.Time", "2026-11-22T04:00:00.1234567Z", quality.GOOD, TIME, 0, 6),
    ]
    bad, text, flag, number, mode, when = lines(store, samples, "my site").split("\n")
    assert bad.startswith("opc,site=my\\ site,reactor=R101,signal=T,epoch=2 q=2156658688u,")
    assert bad.endswith(" 1795320000000000100")
    assert ' s="a \\"b\\" \\\\ c",q=0u' in text
    assert " v=1,q=0u" in flag
    assert " v=350.01,q=0u" in number
    assert " v=3,q=0u" in mode
    assert ' s="2026-11-22T04:00:00.1234567Z",q=0u' in when


def test_every_double_reads_back_as_it_was(store: Store) -> None:
    values = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 2.0**53, 2.0**53 + 2, -(2.0**60), 1 / 3, 1e22]
    samples = [Sample(TIME + place, "R101.T", value) for place, value in enumerate(values)]
    fields = [line.split(" ")[1].split(",")[0].removeprefix("v=") for line in lines(store, samples).split("\n")]
    assert [float(field) for field in fields] == values


def test_times_are_exact_as_far_as_they_go_and_an_unknown_one_is_left_out(store: Store) -> None:
    first, last = lines(store, [Sample(EARLIEST, "R101.T", 1.0), Sample(LATEST, "R101.T", 1.0, 0, LATEST - 1)]).split(
        "\n"
    )
    assert -(2**63) < int(first.split(" ")[2]) < -(2**63) + 1000
    assert 2**63 - 1000 < int(last.split(" ")[2]) < 2**63
    assert "srv" not in first
    assert f"srv={int(last.split(' ')[2]) - 100}i" in last


def data_set_message(store: Store, sample: Sample, *, is_historical: bool = False) -> Any:
    columns: Columns = store.columns([sample])
    names, types = store.names_of(columns.signals), store.types_of(columns.signals)
    values = store.values(columns)
    (message,) = data_set_messages(names, types, columns, values, is_historical=is_historical)
    return json.loads(message)


def test_a_data_set_message_carries_one_data_value(store: Store) -> None:
    good = data_set_message(store, Sample(TIME + 5, "R101.T", 350.01, quality.GOOD, TIME, 0, 9))
    assert good["Payload"]["T"]["Value"] == 350.01
    assert good["Payload"]["T"]["SourceTimestamp"] == "2026-11-22T04:00:00.0000005Z"
    assert "StatusCode" not in good["Payload"]["T"]
    assert "Historical" not in good
    assert good["Timestamp"] == good["Payload"]["T"]["ServerTimestamp"] == "2026-11-22T04:00:00.0000000Z"
    sample = Sample(TIME + 5, "R101.T", None, quality.BAD_SENSOR_FAILURE, 0, 0, 10)
    bad = data_set_message(store, sample, is_historical=True)
    assert bad["Timestamp"] == "2026-11-22T04:00:00.0000005Z"
    assert "ServerTimestamp" not in bad["Payload"]["T"]
    assert bad["Payload"]["T"]["Value"] is None
    assert bad["Payload"]["T"]["StatusCode"]["Symbol"] == "BadSensorFailure"
    assert bad["Historical"] is True
    unknown = data_set_message(store, Sample(TIME, "R101.T", None, 0x80FF0000, TIME, 0, 11))
    assert unknown["Payload"]["T"]["StatusCode"] == {"Code": 0x80FF0000}
    assert unknown["MessageType"] == "ua-keyframe"


@pytest.mark.parametrize(
    ("value", "data_type", "wanted"),
    [
        (7, 7, 7),
        (9007199254741223, 8, "9007199254741223"),
        (2**64 - 1, 9, "18446744073709551615"),
        (True, 1, True),
        (0.5, 10, 0.5),
        ("2026-11-22T04:00:00.0000000Z", 13, "2026-11-22T04:00:00.0000000Z"),
        ("zu hei\u00df", 21, {"Text": "zu hei\u00df"}),
    ],
)
def test_a_data_set_message_has_the_signals_own_type(
    store: Store, value: Scalar, data_type: int, wanted: object
) -> None:
    store.declare([SignalInfo("Tank.Count", "", data_type)])
    field = data_set_message(store, Sample(TIME, "Tank.Count", value))["Payload"]["Count"]
    assert (field["UaType"], field["Value"]) == (data_type, wanted)
