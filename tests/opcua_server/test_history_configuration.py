"""What the server tells of its history is what it does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asyncua import Client, ua

from opcua_server.historical_access.event_history import MAX_EVENTS_PER_READ
from opcua_server.historical_access.processed import AGGREGATES
from opcua_server.services.attribute_history import MAX_VALUES_PER_READ
from plant.signals import PLANT_SIGNALS, reactor_signals
from runtime.opcua_link.filetime import FileTime, ticks_of
from timeseries.aggregates import AggregateConfiguration

from .conftest import Serving, step

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDS = ua.ObjectIds
CONFIGURED_BY = ua.NodeId(IDS.HasHistoricalConfiguration)
CAPABILITIES = ua.NodeId(IDS.HistoryServerCapabilities)
SIGNALS = {f"R101.{signal.name}": signal for signal in reactor_signals("R101")}
SIGNALS |= {f"Plant.{signal.name}": signal for signal in PLANT_SIGNALS}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(serving: Serving) -> AsyncIterator[Client]:
    async with serving({"plant.reactors": 2}) as endpoint, Client(endpoint) as client:
        await step(client, 1.0)
        yield client


async def by_path(client: Client, name: str, *below: str) -> Any:
    """Return a value of a node's configuration, found as clients find it: by BrowseNames."""
    elements = [ua.RelativePathElement(CONFIGURED_BY, False, False, ua.QualifiedName("HA Configuration", 0))]
    elements += [
        ua.RelativePathElement(ua.NodeId(IDS.Aggregates), False, True, ua.QualifiedName(each, 0)) for each in below
    ]
    path = ua.BrowsePath(ua.NodeId(name, 2), ua.RelativePath(elements))
    (result,) = await client.uaclient.translate_browsepaths_to_nodeids([path])
    result.StatusCode.check()
    (target,) = result.Targets
    return await client.get_node(target.TargetId).read_value()


async def test_every_recorded_node_has_one_configuration_and_no_other_has(client: Client) -> None:
    for name, signal in SIGNALS.items():
        found = await client.get_node(f"ns=2;s={name}").get_references(CONFIGURED_BY, ua.BrowseDirection.Forward)
        assert len(found) == signal.recorded, name
        for reference in found:
            assert reference.BrowseName == ua.QualifiedName("HA Configuration", 0)
            assert reference.TypeDefinition == ua.NodeId(IDS.HistoricalDataConfigurationType)
            assert await by_path(client, name, "Stepped") == signal.stepped


async def test_measured_values_have_the_scan_for_the_least_interval(client: Client) -> None:
    assert await by_path(client, "R102.T", "MinTimeInterval") == 100.0
    with pytest.raises(ua.uaerrors.BadNoMatch):
        await by_path(client, "R102.TIC102.SP", "MinTimeInterval")


async def test_the_archive_starts_with_its_oldest_sample(client: Client) -> None:
    details = ua.ReadRawModifiedDetails(False, FileTime.of(10**15), FileTime.of(2**61), 1, False)
    firsts = []
    for name, signal in SIGNALS.items():
        if signal.recorded:
            node = ua.HistoryReadValueId(NodeId=ua.NodeId(name, 2))
            params = ua.HistoryReadParameters(details, ua.TimestampsToReturn.Both, False, [node])
            (result,) = await client.uaclient.history_read(params)
            firsts += [ticks_of(each.SourceTimestamp) for each in result.HistoryData.DataValues]
    for name in ("R101.T", "R102.TIC102.SP"):
        for start in ("StartOfArchive", "StartOfOnlineArchive"):
            assert ticks_of(await by_path(client, name, start)) == min(firsts)


async def test_aggregates_have_the_defaults_that_are_used(client: Client) -> None:
    used = AggregateConfiguration()
    wanted = {
        "TreatUncertainAsBad": used.treat_uncertain_as_bad,
        "PercentDataBad": used.percent_data_bad,
        "PercentDataGood": used.percent_data_good,
        "UseSlopedExtrapolation": used.use_sloped_extrapolation,
    }
    for name in ("R101.T", "R101.TIC101.SP"):
        assert {each: await by_path(client, name, "AggregateConfiguration", each) for each in wanted} == wanted


async def test_the_aggregates_that_are_computed_are_listed_and_no_others(client: Client) -> None:
    folders = (IDS.HistoryServerCapabilities_AggregateFunctions, IDS.Server_ServerCapabilities_AggregateFunctions)
    for folder in folders:
        listed = await client.get_node(ua.NodeId(folder)).get_children()
        assert {node.nodeid for node in listed} == set(AGGREGATES)
    (configuration,) = await client.get_node("ns=2;s=R101.T").get_references(CONFIGURED_BY)
    below = await client.get_node(configuration.NodeId).get_children()
    assert ua.NodeId(folders[0]) in {node.nodeid for node in below}


async def test_capabilities_are_those_there_are(client: Client) -> None:
    told = {
        (await node.read_browse_name()).Name: await node.read_value()
        for node in await client.get_node(CAPABILITIES).get_children(ua.ObjectIds.HasProperty)
    }
    changes = ["InsertData", "ReplaceData", "UpdateData", "DeleteRaw", "DeleteAtTime"]
    yes = ["AccessHistoryData", "AccessHistoryEvents", *changes]
    no = ["InsertEvent", "ReplaceEvent", "UpdateEvent", "DeleteEvent", "InsertAnnotation"]
    assert told == {
        **{f"{each}Capability": True for each in yes},
        **{f"{each}Capability": False for each in no},
        "ServerTimestampSupported": True,
        "MaxReturnDataValues": MAX_VALUES_PER_READ,
        "MaxReturnEventValues": MAX_EVENTS_PER_READ,
    }
