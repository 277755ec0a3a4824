"""What clients store: NodeIds, browse paths, types, ranges, units."""

from __future__ import annotations

from asyncua import Client, ua

from plant.names import browse_path
from plant.signals import PLANT_SIGNALS, DataType, Writer, reactor_signals

from .conftest import step


async def test_every_signal_is_where_the_contract_says(client: Client) -> None:
    for reactor, signals in (("R101", reactor_signals("R101")), ("Plant", PLANT_SIGNALS)):
        for signal in signals:
            name = f"{reactor}.{signal.name}"
            by_path = await client.nodes.root.get_child("0:" + browse_path(name)[1:].replace("/", "/"))
            assert by_path.nodeid == ua.NodeId(name, 2)
            data_type = await by_path.read_data_type()
            assert data_type.Identifier == signal.data_type.value, name
            if signal.eu_range is not None:
                eu_range = await (await by_path.get_child("0:EURange")).read_value()
                assert (eu_range.Low, eu_range.High) == signal.eu_range
            if signal.unit is not None:
                unit = await (await by_path.get_child("0:EngineeringUnits")).read_value()
                assert unit.DisplayName.Text == signal.unit.symbol
                assert (unit.UnitId == -1) == (signal.unit.code == "")
            access = await by_path.get_access_level()
            assert (ua.AccessLevel.HistoryRead in access) == signal.recorded, name
            assert (ua.AccessLevel.HistoryWrite in access) == signal.recorded, name
            assert (ua.AccessLevel.CurrentWrite in access) == (signal.writer is not Writer.NOBODY), name
            if signal.enumeration:
                assert signal.data_type is DataType.INT32
                texts = await (await by_path.get_child("0:EnumValues")).read_value()
                assert [each.DisplayName.Text for each in texts] == list(signal.enumeration)


async def test_namespace_and_flat_tags(client: Client) -> None:
    assert await client.get_namespace_index("urn:cstr-gateway:plant") == 2
    tags = await client.get_node("ns=2;s=Tags.R102").get_children()
    assert ua.NodeId("R102.TIC102.SP", 2) in [node.nodeid for node in tags]
    names = [(await node.read_display_name()).Text for node in tags]
    assert "TIC102_SP" in names
    assert len(set(names)) == len(names)
    assert not any("." in name for name in names)


async def test_values_carry_plant_time_and_status(client: Client) -> None:
    clock = client.get_node("ns=2;s=Plant.Simulation.Time")
    before = await clock.read_value()
    await step(client, 1.5)
    assert (await clock.read_value() - before).total_seconds() == 1.5
    data = await client.get_node("ns=2;s=R101.T").read_data_value()
    assert data.SourceTimestamp == await clock.read_value()
    assert data.StatusCode.is_good()
    waiting = await client.get_node("ns=2;s=R101.Detector.Anomaly").read_data_value(raise_on_bad_status=False)
    assert waiting.StatusCode.name == "BadWaitingForInitialData"
    assert waiting.Value.Value is None
