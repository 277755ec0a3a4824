"""Values go to a node in its own type, whatever its DataType leaves open; what that cannot hold is refused here."""

from __future__ import annotations

from asyncua import ua

from plant import quality

KINDS, TYPES = ua.VariantType, ua.ObjectIds


async def test_a_type_that_is_left_open_is_the_widest_of_the_present_values_kind(vendor) -> None:
    some = [
        await vendor.add("Any", 1.0, KINDS.Float, TYPES.BaseDataType),
        await vendor.add("Number", 1, KINDS.UInt16, TYPES.Number),
    ]
    async with vendor.link() as link:
        kinds = {info.name: info.data_type for info in await link.variables()}
        assert kinds == {"Tank.Any": KINDS.Double.value, "Tank.Number": KINDS.Int64.value}
        written = await link.write({"Tank.Any": 2.5, "Tank.Number": 3.0})
    assert written == {"Tank.Any": quality.GOOD, "Tank.Number": quality.GOOD}
    values = [(await node.read_data_value()).Value for node in some]
    assert values == [ua.Variant(2.5, KINDS.Float), ua.Variant(3, KINDS.UInt16)]


async def test_a_type_that_is_derived_is_that_from_which_it_is(vendor) -> None:
    real = await vendor.server.get_node(ua.NodeId(ua.Int32(TYPES.Float))).add_data_type(ua.NodeId("REAL", 2), "REAL")
    dint = await vendor.server.get_node(ua.NodeId(ua.Int32(TYPES.Int32))).add_data_type(ua.NodeId("DINT", 2), "DINT")
    time = await dint.add_data_type(ua.NodeId("TIME", 2), "TIME")
    kinds = {
        "Real": (real.nodeid, KINDS.Float, 2.5),
        "Time": (time.nodeid, KINDS.Int32, 3),
        "Duration": (TYPES.Duration, KINDS.Double, 2.5),
        "UtcTime": (TYPES.UtcTime, KINDS.DateTime, 3),
        "State": (TYPES.ServerState, KINDS.Int32, 3),
        "Nowhere": (ua.NodeId("Nowhere", 2), KINDS.Null, 2.5),
    }
    for leaf, (data_type, _, _) in kinds.items():
        await vendor.add(leaf, None, KINDS.Null, data_type)
    async with vendor.link() as link:
        assert {info.name: info.data_type for info in await link.variables()} == {
            f"Tank.{leaf}": kind.value for leaf, (_, kind, _) in kinds.items()
        }
        written = await link.write({f"Tank.{leaf}": value for leaf, (_, _, value) in kinds.items()})
        assert written == dict.fromkeys(vendor.nodes, quality.GOOD)
    kinds["Nowhere"] = (0, KINDS.Double, 2.5)
    for leaf, (_, kind, _) in kinds.items():
        assert (await vendor.nodes[f"Tank.{leaf}"].read_data_value()).Value.VariantType == kind, leaf


async def test_a_type_that_cannot_be_written_is_no_end_of_the_link(vendor) -> None:
    for number, (present, kind) in enumerate(
        [
            (ua.LocalizedText("off"), KINDS.LocalizedText),
            (b"off", KINDS.ByteString),
            (ua.Range(0, 1), KINDS.ExtensionObject),
        ]
    ):
        await vendor.add(f"Any{number}", present, kind, TYPES.BaseDataType)
        await vendor.add(f"Own{number}", present, kind)
    async with vendor.link() as link:
        assert await link.write(dict.fromkeys(vendor.nodes, 2.5)) == dict.fromkeys(
            vendor.nodes, quality.BAD_TYPE_MISMATCH
        )
