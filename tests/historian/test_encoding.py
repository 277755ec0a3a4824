"""What goes out by MQTT, to the letter of the contract."""

from __future__ import annotations

import json

from historian.encoding import data_set_message, line_protocol
from plant import quality
from plant.clock import ticks_from_text
from plant.sample import Sample

TIME = ticks_from_text("2026-11-22T04:00:00Z")


def test_the_contracts_own_example() -> None:
    sample = Sample(TIME, "R101.TIC101.SP", 350.0, quality.GOOD, TIME, 0, 17)
    assert line_protocol([sample], "main") == (
        b"opc,site=main,reactor=R101,signal=TIC101.SP,epoch=0 "
        b"v=350,q=0u,srv=1795320000000000000i,seq=17i 1795320000000000000"
    )


def test_bad_has_no_value_text_is_quoted_and_booleans_are_numbers() -> None:
    lines = line_protocol(
        [
            Sample(TIME + 1, "R101.T", None, quality.BAD_SENSOR_FAILURE, TIME, 2, 1),
            Sample(TIME, "R101.Detector.Cause", 'a "b" \\ c', quality.GOOD, TIME, 0, 2),
            Sample(TIME, "R101.Detector.Anomaly", True, quality.GOOD, TIME, 0, 3),
            Sample(TIME, "R101.T", 350.01, quality.GOOD, TIME, 0, 4),
        ],
        "my site",
    ).decode()
    bad, text, flag, number = lines.split("\n")
    assert bad.startswith("opc,site=my\\ site,reactor=R101,signal=T,epoch=2 q=2156658688u,")
    assert bad.endswith(" 1795320000000000100")
    assert ' s="a \\"b\\" \\\\ c",q=0u' in text
    assert " v=1,q=0u" in flag
    assert " v=350.01,q=0u" in number


def test_a_data_set_message_carries_one_data_value() -> None:
    good = json.loads(data_set_message(Sample(TIME + 5, "R101.T", 350.01, quality.GOOD, TIME, 0, 9)))
    assert good["Payload"]["T"]["Value"] == 350.01
    assert good["Payload"]["T"]["SourceTimestamp"] == "2026-11-22T04:00:00.0000005Z"
    assert "StatusCode" not in good["Payload"]["T"]
    bad = json.loads(data_set_message(Sample(TIME, "R101.T", None, quality.BAD_SENSOR_FAILURE, TIME, 0, 10)))
    assert bad["Payload"]["T"]["Value"] is None
    assert bad["Payload"]["T"]["StatusCode"]["Symbol"] == "BadSensorFailure"
