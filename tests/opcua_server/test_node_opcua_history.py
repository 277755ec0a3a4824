"""A second opinion on history: node-opcua's client changes it and reads it in every way, and sees what ours sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asyncua import Client, ua

from opcua_server.historical_access.processed import AGGREGATES
from plant import quality
from plant.clock import TICKS_PER_SECOND, UNIX_EPOCH_TICKS
from runtime.opcua_link.filetime import FileTime, ticks_of
from timeseries.kinds import is_sensible
from timeseries.signals import SignalInfo

from .conftest import Serving, step, value
from .node import start
from .test_node_opcua import output

SCRIPT = Path(__file__).with_name("node_opcua_history.js")
MS = TICKS_PER_SECOND // 1000
T = ua.NodeId("R101.T", 2)
AVERAGE = ua.NodeId(ua.ObjectIds.AggregateFunction_Average)


SP, MODE = "ns=2;s=R101.TIC101.SP", "ns=2;s=R101.TIC101.Mode"
OWN = {
    "useServerCapabilitiesDefaults": False,
    "treatUncertainAsBad": False,
    "percentDataBad": 60,
    "percentDataGood": 60,
    "useSlopedExtrapolation": True,
}


def questions() -> list[dict[str, Any]]:
    """Of measured and stepped signals, either way, with bounds, at times, and each aggregate; milliseconds."""
    spans = [{"from": start, "to": end} for start, end in ((0, 1000), (1000, 0), (-50, 730))]
    found: list[dict[str, Any]] = []
    for node in (T.to_string(), SP, MODE):
        found += [
            {"nodeId": node, "kind": "raw", "bounds": bounds, **span} for span in spans for bounds in (True, False)
        ]
        times = [187, -5000, 500, 500, 901, 10**7]
        found += [{"nodeId": node, "kind": "at", "times": times, "simple": simple} for simple in (True, False)]
        info = SignalInfo(node, "", 6 if node == MODE else 11, node != T.to_string())
        found += [
            {
                "nodeId": node,
                "kind": "processed",
                "interval": 300,
                "aggregate": aggregate.to_string(),
                "configuration": configuration,
                **span,
            }
            for aggregate, name in AGGREGATES.items()
            if is_sensible(name, info)
            for configuration, span in (({"useServerCapabilitiesDefaults": True}, spans[0]), (OWN, spans[1]))
        ]
    return found


def details_of(asked: dict[str, Any], first: int) -> Any:
    """Return the same question as ours."""

    def time(ms: int) -> Any:
        return FileTime.of((first + ms) * MS)

    if asked["kind"] == "raw":
        return ua.ReadRawModifiedDetails(False, time(asked["from"]), time(asked["to"]), 0, asked["bounds"])
    if asked["kind"] == "at":
        return ua.ReadAtTimeDetails([time(ms) for ms in asked["times"]], asked["simple"])
    given = {name[0].upper() + name[1:]: each for name, each in asked["configuration"].items()}
    configuration = ua.AggregateConfiguration(**{"UseServerCapabilitiesDefaults": False, **given})
    aggregate = ua.NodeId.from_string(asked["aggregate"])
    return ua.ReadProcessedDetails(
        time(asked["from"]), time(asked["to"]), asked["interval"], [aggregate], configuration
    )


async def read(client: Client, details: Any, first: int, node: ua.NodeId = T) -> list[list[Any]]:
    """Return all pages as the other client shows them: in whole milliseconds."""
    found: list[list[Any]] = []
    point: bytes | None = None
    while True:
        nodes = [ua.HistoryReadValueId(NodeId=node, ContinuationPoint=point)]
        params = ua.HistoryReadParameters(details, ua.TimestampsToReturn.Both, False, nodes)
        (result,) = await client.uaclient.history_read(params)
        infos = getattr(result.HistoryData, "ModificationInfos", [])
        for place, each in enumerate(result.HistoryData.DataValues):
            time = ticks_of(each.SourceTimestamp) // MS - first
            found.append(
                [
                    time,
                    getattr(each.Value.Value, "value", each.Value.Value),
                    each.StatusCode.value,
                    *[each.UpdateType.name for each in infos[place : place + 1]],
                ]
            )
        point = result.ContinuationPoint
        if not point:
            return found


async def test_a_second_vendors_client_changes_history_and_reads_the_same(
    serving: Serving, component: Callable[[str], Path], tmp_path: Path
) -> None:
    modules = component("node-opcua")
    async with serving() as endpoint, Client(endpoint) as client:
        await step(client, 2.0)
        first = ticks_of(await value(client, "Plant.Simulation.Time")) // MS - 1500
        last = first + 1000
        unix = UNIX_EPOCH_TICKS // MS
        asked = questions()
        times = (str(first - unix), str(last - unix))
        argv = (str(SCRIPT), endpoint, T.to_string(), *times, AVERAGE.to_string(), json.dumps(asked))
        printed = await output(await start(tmp_path, modules, *argv))
        lines = [line for line in printed.splitlines() if line.startswith("RESULT ")]
        assert lines, printed
        seen = json.loads(lines[0].removeprefix("RESULT "))
        low, high = FileTime.of(first * MS), FileTime.of(last * MS)
        raw, modified = (ua.ReadRawModifiedDetails(wanted, low, high, 0, False) for wanted in (False, True))
        at = ua.ReadAtTimeDetails([FileTime.of((first + ms) * MS) for ms in (187, 137, 500)], True)
        processed = ua.ReadProcessedDetails(
            low, high, 250.0, [AVERAGE], ua.AggregateConfiguration(UseServerCapabilitiesDefaults=True)
        )
        assert seen.pop("codes") == [
            "GoodEntryInserted",
            "GoodEntryInserted",
            "BadEntryExists",
            "GoodEntryReplaced",
            "BadNoEntryExists",
            "GoodEntryInserted",
        ]
        for question, answer in zip(asked, seen.pop("answers"), strict=True):
            node = ua.NodeId.from_string(question["nodeId"])
            assert answer == await read(client, details_of(question, first), first, node), question
            assert answer or question["kind"] == "raw", question
        assert seen == {
            "raw": await read(client, raw, first),
            "modified": await read(client, modified, first),
            "atTime": await read(client, at, first),
            "processed": await read(client, processed, first),
        }
    assert [row[1::2] for row in seen["modified"]] == [
        [300.5, "Replace"],
        [300.5, "Insert"],
        [301.5, "Insert"],
        [303.5, "Insert"],
    ]
    assert len(seen["raw"]) >= 10
    assert [row[1] for row in seen["atTime"][1:2]] == [302.5]
    assert [row[2] for row in seen["processed"]] == [quality.GOOD | 0x0401] * 4
